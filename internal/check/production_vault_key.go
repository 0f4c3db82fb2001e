package check

var productionVaultKey = Check{
	Name: "production-vault-key", Side: Production, Scope: Deployed, Needs: []Source{FromVault},
	Proves:      "production's vault is under an enabled customer managed key, so that its DynamoDB recovery points can be shared",
	NotPromised: "that the key's policy admits the target; production-vault-admits-target does",
	Run: func(f Facts) []Finding {
		return withVault(f, func(v VaultFacts) Finding { return vaultKeyFinding(v, f.key(v.KeyARN), f.stack(Production)) })
	},
}
