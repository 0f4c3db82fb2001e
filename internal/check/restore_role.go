package check

import "github.com/dbferry/dbferry/internal/names"

var restoreRole = Check{
	Name: "restore-role", Side: Target, Scope: Deployed, Needs: []Source{FromRestoreRole},
	Proves:      "the role that AWS Backup restores with exists in the target and AWS Backup may assume it",
	NotPromised: "that its permissions suffice; the first restore shows that",
	Run: func(f Facts) []Finding {
		return one(roleFinding(f.RestoreRole, f.Target.Account, names.RestoreRole, f.stack(Target)))
	},
}
