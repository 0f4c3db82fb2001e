package check

import (
	"strings"

	"github.com/dbferry/dbferry/internal/names"
)

var clusterNameFits = Check{
	Name: "cluster-name-fits", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "no two clusters of the data set get the same restored name once cut to RDS's 63 characters",
	NotPromised: "that the name is free in the target: it holds the refresh's id, and a stranger's resource of that name ends the restore in Ferry.NameTaken",
	Run: func(f Facts) []Finding {
		seen := map[string]string{}
		return each(f.Clusters, func(c ClusterFacts) Finding {
			name := names.RestoredCluster(c.ID, "000000000000-000000")
			other, taken := seen[name]
			seen[name] = c.ID
			switch {
			case taken:
				return wrong(c.ID, "its restored name "+name+" is also that of "+other, "rename one of the clusters")
			case strings.Contains(name, "--"):
				return wrong(c.ID, "its restored name "+name+" is not usable", "rename the cluster")
			}
			return proved(c.ID, "its restored name %s fits and is its own", name)
		})
	},
}
