package check

import "slices"

var instanceClassOffered = Check{
	Name: "instance-class-offered", Side: Both, Scope: Ground, Needs: []Source{FromClusters, FromOffers, FromReceives},
	Proves:      "the configured instance class can be had for each cluster's engine version in the target",
	NotPromised: "AWS's capacity at that moment, and anything where instanceClass is empty: then production's class is used, which the target does not know",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding {
			set, err := f.Target.ClusterSettings(c.ID)
			switch {
			case err != nil:
				return unproved(c.ID, "no settings match it; see cluster-settings")
			case set.InstanceClass == "":
				return unproved(c.ID, "targets[].clusters[].instanceClass is empty, so production's class is used, which was not asked for")
			case slices.Contains(f.Receives.Classes[c.Engine+" "+set.InstanceClass], c.EngineVersion):
				return proved(c.ID, "%s can be had for %s %s", set.InstanceClass, c.Engine, c.EngineVersion)
			}
			return wrong(c.ID, "RDS does not offer "+set.InstanceClass+" for "+c.Engine+" "+c.EngineVersion+" in account "+f.Target.Account,
				"choose an instanceClass of `aws rds describe-orderable-db-instance-options --engine "+c.Engine+" --engine-version "+c.EngineVersion+" --query 'OrderableDBInstanceOptions[].DBInstanceClass'`")
		})
	},
}
