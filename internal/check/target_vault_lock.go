package check

var targetVaultLock = Check{
	Name: "target-vault-lock", Side: Target, Scope: Deployed, Needs: []Source{FromVault},
	Proves:      "limits.retentionDays lies within the lock of the target's vault, if it has one; AWS Backup fails a copy outside it",
	NotPromised: "that the lock is not changed before the copy",
	Run: func(f Facts) []Finding {
		return withVault(f, func(v VaultFacts) Finding { return lockFinding(v, int64(f.Config.Limits.Retention())) })
	},
}
