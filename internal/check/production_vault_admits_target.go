package check

import (
	"github.com/dbferry/dbferry/internal/keypolicy"
	"github.com/dbferry/dbferry/internal/names"
)

var productionVaultAdmitsTarget = Check{
	Name: "production-vault-admits-target", Side: Production, Scope: Deployed, Needs: []Source{FromVault},
	Proves:      "the policy of production's vault key lets the target's AWS Backup read DynamoDB's recovery points, which are under that key",
	NotPromised: "that AWS asks for it: the documentation is silent, and the stack grants it to be safe",
	Run: func(f Facts) []Finding {
		if len(f.Config.DataSet.Tables) == 0 {
			return nil
		}
		return withVault(f, func(v VaultFacts) Finding {
			found := keyFinding(f, v.ARN, f.key(v.KeyARN), f.Config.Place(f.Target), names.BackupServiceLinkedRole, keypolicy.VaultKeyTargetStatements(f.Config, f.Target))
			if found.Outcome == Wrong {
				found.Fix = "`npx cdk deploy " + f.stack(Production) + "` puts the statements back"
			}
			return found
		})
	},
}
