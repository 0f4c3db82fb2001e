package check

var targetVaultKey = Check{
	Name: "target-vault-key", Side: Target, Scope: Deployed, Needs: []Source{FromVault},
	Proves:      "the target's vault is under an enabled customer managed key; AWS Backup refuses copies into a vault under aws/backup",
	NotPromised: "that the key's policy admits AWS Backup's service-linked role; the first copy shows that",
	Run: func(f Facts) []Finding {
		return withVault(f, func(v VaultFacts) Finding { return vaultKeyFinding(v, f.key(v.KeyARN), f.stack(Target)) })
	},
}
