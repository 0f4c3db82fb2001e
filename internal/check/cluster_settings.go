package check

var clusterSettings = Check{
	Name: "cluster-settings", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "the target says for each cluster which secret replaces production's master password",
	NotPromised: "that the secret is there; secrets-exist does, in the target",
	Run: func(f Facts) []Finding {
		return each(f.Clusters, func(c ClusterFacts) Finding {
			set, err := f.Target.ClusterSettings(c.ID)
			if err != nil {
				return wrong(c.ID, err.Error(), "edit dbferry.json and deploy both stacks again")
			}
			return proved(c.ID, "entry %q holds for it; the master password comes from %s", set.Match, set.MasterSecret)
		})
	},
}
