package check

var clusterAvailable = Check{
	Name: "cluster-available", Side: Production,
	Proves:      "AWS Backup can begin: Aurora must be available to be backed up",
	NotPromised: "that no maintenance begins in the meantime",
	Run: func(f Facts) []Problem {
		return each(f.Clusters, func(c ClusterFacts) *Problem {
			if c.Missing || c.Status == "available" || c.Status == "backing-up" {
				return nil
			}
			return &Problem{Resource: c.ID, What: "its status is " + c.Status,
				Fix: "wait until it is available: `aws rds wait db-cluster-available --db-cluster-identifier " + c.ID + "`"}
		})
	},
}
