package check

var clusterExists = Check{
	Name: "cluster-exists", Side: Production,
	Proves:      "every configured cluster is an Aurora cluster of the production account and Region",
	NotPromised: "that it is still there when its backup begins",
	Run: func(f Facts) []Problem {
		return each(f.Clusters, func(c ClusterFacts) *Problem {
			if !c.Missing {
				return nil
			}
			return &Problem{Resource: c.ID, What: "there is no such cluster in account " + f.Config.Production.Account + ", " + f.Config.Region,
				Fix: "correct dataSet.clusters in dbferry.json; `aws rds describe-db-clusters --query 'DBClusters[].DBClusterIdentifier'` lists what is there"}
		})
	},
}
