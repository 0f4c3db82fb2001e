package check

var clusterAvailable = Check{
	Name: "cluster-available", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "AWS Backup can begin: Aurora must be available to be backed up",
	NotPromised: "that no maintenance begins in the meantime",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding {
			if c.Status == "available" || c.Status == "backing-up" {
				return proved(c.ID, "its status is %s", c.Status)
			}
			return wrong(c.ID, "its status is "+c.Status, "wait until it is available: `aws rds wait db-cluster-available --db-cluster-identifier "+c.ID+"`")
		})
	},
}
