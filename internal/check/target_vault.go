package check

var targetVault = Check{
	Name: "target-vault", Side: Target, Scope: Deployed, Needs: []Source{FromVault},
	Proves:      "the target's vault is there",
	NotPromised: "that production may copy into it; target-vault-policy does",
	Run:         func(f Facts) []Finding { return one(vaultThere(f.Vault, f.Target.Account, f.stack(Target))) },
}
