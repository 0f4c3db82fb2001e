package check

var crossAccountBackup = Check{
	Name: "cross-account-backup", Side: Organization, Scope: Ground, Needs: []Source{FromGlobalSetting},
	Proves:      "the organization's management account has switched cross-account backup on; without it AWS Backup refuses every copy",
	NotPromised: "that no service control policy forbids the copy",
	Run: func(f Facts) []Finding {
		if f.CrossAccount == "true" {
			return one(proved("organization "+f.Config.OrganizationID, "isCrossAccountBackupEnabled is true"))
		}
		return one(wrong("organization "+f.Config.OrganizationID, "cross-account backup is off",
			"in the management account: `aws backup update-global-settings --global-settings isCrossAccountBackupEnabled=true`"))
	},
}
