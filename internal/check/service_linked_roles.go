package check

// The services whose service-linked roles a target needs.
const (
	BackupService = "backup.amazonaws.com"
	RDSService    = "rds.amazonaws.com"
)

var serviceLinkedRoles = Check{
	Name: "service-linked-roles", Side: Target, Scope: Ground, Needs: []Source{FromLinkedRoles},
	Proves:      "the service-linked roles of AWS Backup and RDS exist; a virgin account may lack them, and copies and restores then fail",
	NotPromised: "that no service control policy binds what they do",
	Run: func(f Facts) []Finding {
		need := []string{BackupService}
		if len(f.Config.DataSet.Clusters) > 0 {
			need = append(need, RDSService)
		}
		return each(need, func(service string) Finding {
			if f.Roles[service] {
				return proved("account "+f.Target.Account, "the service-linked role of %s is there", service)
			}
			return wrong("account "+f.Target.Account, "the service-linked role of "+service+" is missing", "`aws iam create-service-linked-role --aws-service-name "+service+"`")
		})
	},
}
