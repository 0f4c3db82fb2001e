package check

var clusterExists = Check{
	Name: "cluster-exists", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "every configured cluster is an Aurora cluster of the production account and Region",
	NotPromised: "that it is still there when its backup begins",
	Run: func(f Facts) []Finding {
		return each(f.Clusters, func(c ClusterFacts) Finding {
			if !c.Missing {
				return proved(c.ID, "it is there: %s", c.ARN)
			}
			return wrong(c.ID, "there is no such cluster in account "+f.Config.Production.Account+", "+f.Config.Region,
				"correct dataSet.clusters in dbferry.json; `aws rds describe-db-clusters --query 'DBClusters[].DBClusterIdentifier'` lists what is there")
		})
	},
}
