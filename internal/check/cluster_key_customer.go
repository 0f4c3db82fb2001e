package check

var clusterKeyCustomer = Check{
	Name: "cluster-key-customer", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "each cluster is under a customer managed key; snapshots under an AWS managed key (aws/rds) cannot leave the account",
	NotPromised: "that the key's policy admits the target; cluster-key-admits-target does",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding {
			k := f.key(c.KeyARN)
			switch {
			case c.KeyARN == "":
				return unproved(c.ID, "it is under no key of an account")
			case k.Unread != "":
				return unproved(c.ID, k.Unread)
			case k.Missing:
				return wrong(c.ID, "its key "+c.KeyARN+" is not to be found", "check that the key exists in this account: `aws kms describe-key --key-id "+c.KeyARN+"`")
			case k.Manager != "CUSTOMER":
				return wrong(c.ID, "it is encrypted with an AWS managed key, which cannot be shared with "+f.Target.Account,
					"rebuild the cluster from a snapshot with a customer managed key; a cluster's key cannot be changed in place")
			}
			return proved(c.ID, "its key %s is customer managed", c.KeyARN)
		})
	},
}
