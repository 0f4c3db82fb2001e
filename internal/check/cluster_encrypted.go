package check

var clusterEncrypted = Check{
	Name: "cluster-encrypted", Side: Production,
	Proves:      "the copy in the target is encrypted; a copy of an unencrypted cluster stays unencrypted",
	NotPromised: "anything about the key; cluster-key-customer does",
	Run: func(f Facts) []Problem {
		return each(f.Clusters, func(c ClusterFacts) *Problem {
			if c.Missing || c.Encrypted {
				return nil
			}
			return &Problem{Resource: c.ID, What: "it is not encrypted, so its copy would not be either",
				Fix: "restore it from a snapshot with a customer managed key; encryption cannot be switched on in place"}
		})
	},
}
