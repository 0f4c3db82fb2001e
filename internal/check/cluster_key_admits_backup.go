package check

import (
	"github.com/dbferry/dbferry/internal/keypolicy"
	"github.com/dbferry/dbferry/internal/names"
)

var clusterKeyAdmitsBackup = Check{
	Name: "cluster-key-admits-backup", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "the policy of each cluster's key lets production's backup role, or the account for it, describe the key and create grants for AWS's services",
	NotPromised: "that no service control policy forbids it",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding {
			return clusterKeyFinding(f, c, func(k KeyFacts) Finding {
				return keyFinding(f, c.ID, k, f.Config.ProductionPlace(), names.BackupRole, keypolicy.BackupRoleNeeds(f.Config))
			})
		})
	},
}

// clusterKeyFinding leaves to the other checks what they complain about.
func clusterKeyFinding(f Facts, c ClusterFacts, ask func(KeyFacts) Finding) Finding {
	k := f.key(c.KeyARN)
	if c.KeyARN == "" || !k.Missing && k.Unread == "" && k.Manager != "CUSTOMER" {
		return unproved(c.ID, "it is not under a customer managed key, and no other key has a policy that can be changed")
	}
	return ask(k)
}
