package check

import (
	"strings"

	"github.com/dbferry/dbferry/internal/names"
)

var clusterNameFits = Check{
	Name: "cluster-name-fits", Side: Production,
	Proves:      "no two clusters of the data set get the same restored name once cut to RDS's 63 characters",
	NotPromised: "that the name is free in the target",
	Run: func(f Facts) []Problem {
		seen := map[string]string{}
		return each(f.Clusters, func(c ClusterFacts) *Problem {
			name := names.RestoredCluster(c.ID, "000000000000-000000")
			other, taken := seen[name]
			seen[name] = c.ID
			if !taken && !strings.Contains(name, "--") {
				return nil
			}
			return &Problem{Resource: c.ID, What: "its restored name " + name + " is not usable or is also that of " + other, Fix: "rename one of the clusters"}
		})
	},
}
