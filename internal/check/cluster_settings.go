package check

var clusterSettings = Check{
	Name: "cluster-settings", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "the target says for each cluster which secret replaces production's master password, and leads applications to passwords that rotate",
	NotPromised: "that the secret is there; secrets-exist does, in the target",
	Run: func(f Facts) []Finding {
		return each(f.Clusters, func(c ClusterFacts) Finding {
			set, err := f.Target.ClusterSettings(c.ID)
			if err != nil {
				return wrong(c.ID, err.Error(), "edit dbferry.json and deploy both stacks again")
			}
			for _, l := range set.Logins {
				if l.Rotates() && !f.Target.Switch.LeadsToSecret(c.ID, l.User) {
					return wrong(c.ID, "its login "+l.User+" gets a new password with each refresh, and no parameter leads applications to it",
						"add a parameter with ${secret:"+c.ID+"/"+l.User+"} to targets[].switch, or give the cluster an entry without rotate")
				}
			}
			return proved(c.ID, "entry %q holds for it; the master password comes from %s", set.Match, set.MasterSecret)
		})
	},
}
