package check

import (
	"encoding/json"
	"strings"
)

var productionVault = Check{
	Name: "production-vault", Side: Production,
	Proves:      "production's vault is there",
	NotPromised: "that AWS Backup may use its key",
	Run:         func(f Facts) []Problem { return vaultThere(f.Vault, f.Config.Production.Account, "dbferry-production") },
}

var targetVault = Check{
	Name: "target-vault", Side: Target,
	Proves:      "the target's vault is there",
	NotPromised: "that production may copy into it; target-vault-policy does",
	Run: func(f Facts) []Problem {
		return vaultThere(f.Vault, f.Target.Account, f.Config.Place(f.Target).Stack())
	},
}

func vaultThere(v *VaultFacts, account, stack string) []Problem {
	if v != nil {
		return nil
	}
	return one(&Problem{Resource: "account " + account, What: "its backup vault is missing", Fix: "`npx cdk deploy " + stack + "`"})
}

var targetVaultKey = Check{
	Name: "target-vault-key", Side: Target,
	Proves:      "the target's vault is under an enabled customer managed key; AWS Backup refuses copies into a vault under aws/backup",
	NotPromised: "that the key's policy admits AWS Backup's service-linked role; the first copy shows that",
	Run: func(f Facts) []Problem {
		if f.Vault == nil || f.Vault.KeyManager == "CUSTOMER" && f.Vault.KeyEnabled {
			return nil
		}
		return one(&Problem{Resource: f.Vault.ARN, What: "its key " + f.Vault.KeyARN + " is not an enabled customer managed key",
			Fix: "`aws kms enable-key --key-id " + f.Vault.KeyARN + "`, or `npx cdk deploy " + f.Config.Place(f.Target).Stack() + "`"})
	},
}

var targetVaultPolicy = Check{
	Name: "target-vault-policy", Side: Target,
	Proves:      "the vault's policy has a statement that allows backup:CopyIntoBackupVault for production",
	NotPromised: "that no service control policy forbids it; only a copy shows that",
	Run: func(f Facts) []Problem {
		if f.Vault == nil || allowsCopy(f.Vault.Policy, f.Config.Production.Account) {
			return nil
		}
		return one(&Problem{Resource: f.Vault.ARN, What: "its policy does not allow backup:CopyIntoBackupVault to account " + f.Config.Production.Account,
			Fix: "`npx cdk deploy " + f.Config.Place(f.Target).Stack() + "` puts the statement back"})
	},
}

// allowsCopy looks for the statement; it does not evaluate conditions, which
// only AWS can.
func allowsCopy(policy, account string) bool {
	var doc struct {
		Statement []struct {
			Effect    string
			Principal any
			Action    any
		}
	}
	if json.Unmarshal([]byte(policy), &doc) != nil {
		return false
	}
	for _, s := range doc.Statement {
		who, _ := json.Marshal(s.Principal)
		what, _ := json.Marshal(s.Action)
		if s.Effect == "Allow" && strings.Contains(string(what), `"backup:CopyIntoBackupVault"`) &&
			(strings.Contains(string(who), account) || strings.Contains(string(who), `"*"`)) {
			return true
		}
	}
	return false
}
