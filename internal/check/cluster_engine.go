package check

var clusterEngine = Check{
	Name: "cluster-engine", Side: Production,
	Proves:      "each cluster is Aurora MySQL or Aurora PostgreSQL",
	NotPromised: "that the target's Region offers its version",
	Run: func(f Facts) []Problem {
		return each(f.Clusters, func(c ClusterFacts) *Problem {
			if c.Missing || c.Engine == "aurora-mysql" || c.Engine == "aurora-postgresql" {
				return nil
			}
			return &Problem{Resource: c.ID, What: "its engine is " + c.Engine + ", which dbferry does not refresh", Fix: "take it out of dataSet.clusters"}
		})
	},
}
