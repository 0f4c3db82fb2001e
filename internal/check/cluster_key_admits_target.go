package check

import (
	"github.com/dbferry/dbferry/internal/keypolicy"
	"github.com/dbferry/dbferry/internal/names"
)

var clusterKeyAdmitsTarget = Check{
	Name: "cluster-key-admits-target", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "the policy of each cluster's key lets AWS Backup's service-linked role in the target read the copy and create grants for AWS's services, through RDS",
	NotPromised: "that no service control policy forbids it, and that AWS asks for nothing else; a key policy that cannot be read or evaluated is not proved",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding {
			return clusterKeyFinding(f, c, func(k KeyFacts) Finding {
				return keyFinding(f, c.ID, k, f.Config.Place(f.Target), names.BackupServiceLinkedRole, keypolicy.TargetStatements(f.Config, f.Target))
			})
		})
	},
}
