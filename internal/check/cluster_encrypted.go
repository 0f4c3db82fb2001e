package check

var clusterEncrypted = Check{
	Name: "cluster-encrypted", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "the copy in the target is encrypted; a copy of an unencrypted cluster stays unencrypted",
	NotPromised: "anything about the key; the cluster-key checks do",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding {
			if c.Encrypted {
				return proved(c.ID, "its storage is encrypted")
			}
			return wrong(c.ID, "it is not encrypted, so its copy would not be either",
				"restore it from a snapshot with a customer managed key; encryption cannot be switched on in place")
		})
	},
}
