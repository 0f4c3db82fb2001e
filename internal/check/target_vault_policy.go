package check

import (
	"fmt"

	"github.com/dbferry/dbferry/internal/iam"
)

var targetVaultPolicy = Check{
	Name: "target-vault-policy", Side: Target, Scope: Deployed, Needs: []Source{FromVault, FromVaultPolicy},
	Proves:      "the vault's policy allows backup:CopyIntoBackupVault to production's backup role, as an account of the configured organization",
	NotPromised: "that no service control policy forbids it; only a copy shows that",
	Run: func(f Facts) []Finding {
		return withVault(f, func(v VaultFacts) Finding {
			d, err := vaultAdmits(f)
			switch {
			case err != nil:
				return unproved(v.ARN, fmt.Sprintf("its policy cannot be evaluated: %v", err))
			case d.Allowed:
				return proved(v.ARN, "its policy allows %s to account %s of organization %s", iam.CopyIntoVault, f.Config.Production.Account, f.Config.OrganizationID)
			}
			return wrong(v.ARN, "its policy does not allow "+iam.CopyIntoVault+" to account "+f.Config.Production.Account+" of organization "+f.Config.OrganizationID,
				"`npx cdk deploy "+f.stack(Target)+"` puts the statement back")
		})
	},
}
