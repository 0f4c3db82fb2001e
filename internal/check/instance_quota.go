package check

var instanceQuota = Check{
	Name: "instance-quota", Side: Both, Scope: Ground, Needs: []Source{FromClusters, FromQuotas, FromReceives},
	Proves:      "the target's quota of DB instances leaves room for every instance of this refresh",
	NotPromised: "room for what others create meanwhile, and AWS's capacity for the class",
	Run: func(f Facts) []Finding {
		need := 0
		for _, c := range f.Clusters {
			if set, err := f.Target.ClusterSettings(c.ID); err == nil {
				need += set.Instances
			}
		}
		if need == 0 {
			return nil
		}
		return one(quotaFinding(f, "DB instances", f.Receives.Instances, need, "L-7B6409FD"))
	},
}
