package check

var productionVault = Check{
	Name: "production-vault", Side: Production, Scope: Deployed, Needs: []Source{FromVault},
	Proves:      "production's vault is there",
	NotPromised: "that AWS Backup may use its key; production-vault-key looks at the key",
	Run: func(f Facts) []Finding {
		return one(vaultThere(f.Vault, f.Config.Production.Account, f.stack(Production)))
	},
}

func vaultThere(v *VaultFacts, account, stack string) Finding {
	if v == nil {
		return wrong("account "+account, "its backup vault is missing", "`npx cdk deploy "+stack+"`")
	}
	return proved(v.ARN, "it is there")
}

// withVault asks about a vault that is there; the other checks complain of one
// that is not.
func withVault(f Facts, ask func(VaultFacts) Finding) []Finding {
	if f.Vault == nil {
		return one(unproved("backup vault", "it is missing"))
	}
	return one(ask(*f.Vault))
}
