package check

import "github.com/dbferry/dbferry/internal/names"

var backupRole = Check{
	Name: "backup-role", Side: Production, Scope: Deployed, Needs: []Source{FromBackupRole},
	Proves:      "the role that AWS Backup works with in production exists and AWS Backup may assume it",
	NotPromised: "that its permissions suffice; the first backup shows that",
	Run: func(f Facts) []Finding {
		return one(roleFinding(f.BackupRole, f.Config.Production.Account, names.BackupRole, f.stack(Production)))
	},
}
