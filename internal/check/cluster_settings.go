package check

var clusterSettings = Check{
	Name: "cluster-settings", Side: Production,
	Proves:      "the target says for each cluster which secret replaces production's master password",
	NotPromised: "that the secret is there; secrets-exist does, in the target",
	Run: func(f Facts) []Problem {
		return each(f.Clusters, func(c ClusterFacts) *Problem {
			if _, err := f.Target.ClusterSettings(c.ID); err != nil {
				return &Problem{Resource: c.ID, What: err.Error(), Fix: "edit dbferry.json and deploy both stacks again"}
			}
			return nil
		})
	},
}
