package check

var clusterKeyEnabled = Check{
	Name: "cluster-key-enabled", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "each cluster's key is enabled",
	NotPromised: "that it stays so until the copy is done",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding {
			k := f.key(c.KeyARN)
			switch {
			case k.Unread != "":
				return unproved(c.ID, k.Unread)
			case c.KeyARN == "" || k.Missing:
				return unproved(c.ID, "there is no key to ask; see cluster-key-not-aws-owned and cluster-key-customer")
			case k.State == "PendingDeletion":
				return wrong(c.ID, "its key "+c.KeyARN+" is to be deleted", "`aws kms cancel-key-deletion --key-id "+c.KeyARN+"`, then `aws kms enable-key --key-id "+c.KeyARN+"`")
			case k.State != "Enabled":
				return wrong(c.ID, "its key "+c.KeyARN+" is "+k.State, "`aws kms enable-key --key-id "+c.KeyARN+"`")
			}
			return proved(c.ID, "its key %s is enabled", c.KeyARN)
		})
	},
}
