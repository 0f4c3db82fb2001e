package check

var productionVaultLock = Check{
	Name: "production-vault-lock", Side: Production, Scope: Deployed, Needs: []Source{FromVault},
	Proves:      "limits.retentionDays lies within the lock of production's vault, if it has one; AWS Backup fails a backup outside it",
	NotPromised: "that the lock is not changed before the backup",
	Run: func(f Facts) []Finding {
		return withVault(f, func(v VaultFacts) Finding { return lockFinding(v, int64(f.Config.Limits.Retention())) })
	},
}
