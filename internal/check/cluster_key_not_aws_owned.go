package check

var clusterKeyNotAWSOwned = Check{
	Name: "cluster-key-not-aws-owned", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "no cluster is under a key that AWS owns (sse-rds, the default of new Aurora clusters since February 2026); nothing says that its copies can be shared",
	NotPromised: "that the key is the customer's; cluster-key-customer does",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding {
			switch {
			case !c.Encrypted:
				return unproved(c.ID, "it is not encrypted at all; see cluster-encrypted")
			case c.KeyARN == "":
				return wrong(c.ID, "it is encrypted with a key that AWS owns, which cannot be shared with "+f.Target.Account,
					"rebuild the cluster from a snapshot with a customer managed key; a cluster's key cannot be changed in place")
			}
			return proved(c.ID, "it is under key %s", c.KeyARN)
		})
	},
}
