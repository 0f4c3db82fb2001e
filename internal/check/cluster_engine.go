package check

var clusterEngine = Check{
	Name: "cluster-engine", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "each cluster is Aurora MySQL or Aurora PostgreSQL",
	NotPromised: "that the target's Region offers its version; engine-version-offered does",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding {
			if c.Engine == "aurora-mysql" || c.Engine == "aurora-postgresql" {
				return proved(c.ID, "its engine is %s %s", c.Engine, c.EngineVersion)
			}
			return wrong(c.ID, "its engine is "+c.Engine+", which dbferry does not refresh", "take it out of dataSet.clusters")
		})
	},
}
