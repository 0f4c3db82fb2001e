package check

var clusterKeyCustomer = Check{
	Name: "cluster-key-customer", Side: Production,
	Proves:      "each cluster is under an enabled customer managed key; snapshots under an AWS managed key (aws/rds) cannot leave the account",
	NotPromised: "that the key's policy admits the target; the first copy shows that, and the stack prints the statements",
	Run: func(f Facts) []Problem {
		return each(f.Clusters, func(c ClusterFacts) *Problem {
			switch {
			case c.Missing || !c.Encrypted:
				return nil
			case c.KeyManager == "":
				return &Problem{Resource: c.ID, What: "its key " + c.KeyARN + " cannot be read", Fix: "check that the key exists in this account: `aws kms describe-key --key-id " + c.KeyARN + "`"}
			case c.KeyManager != "CUSTOMER":
				return &Problem{Resource: c.ID, What: "it is encrypted with an AWS managed key, which cannot be shared with " + f.Target.Account,
					Fix: "rebuild the cluster from a snapshot with a customer managed key; a cluster's key cannot be changed in place"}
			case !c.KeyEnabled:
				return &Problem{Resource: c.ID, What: "its key " + c.KeyARN + " is not enabled", Fix: "`aws kms enable-key --key-id " + c.KeyARN + "`"}
			}
			return nil
		})
	},
}
