package check

import "strings"

var parameterGroupFamily = Check{
	Name: "parameter-group-family", Side: Both, Scope: Ground, Needs: []Source{FromClusters, FromGroups, FromOffers, FromReceives},
	Proves:      "the target's parameter groups are of the family of each cluster's engine version; RDS refuses the restore otherwise",
	NotPromised: "that their parameters suit the data",
	Run: func(f Facts) []Finding {
		var out []Finding
		for _, c := range f.Clusters {
			if set, err := f.Target.ClusterSettings(c.ID); err == nil && !c.Missing {
				for _, group := range []string{set.ParameterGroup, set.InstanceParameterGroup} {
					if group != "" {
						out = append(out, familyFinding(f, c, group))
					}
				}
			}
		}
		return out
	},
}

func familyFinding(f Facts, c ClusterFacts, group string) Finding {
	has, wants := f.Receives.Families[strings.ToLower(group)], f.Receives.Versions[c.Engine+" "+c.EngineVersion]
	switch {
	case has == "":
		return unproved(c.ID, "parameter group "+group+" is not there; see parameter-groups")
	case wants == "":
		return unproved(c.ID, "the family of "+c.Engine+" "+c.EngineVersion+" is not known in the target; see engine-version-offered")
	case has != wants:
		return wrong(c.ID, "parameter group "+group+" is of family "+has+", its engine version wants "+wants,
			"name a group of family "+wants+" in targets[].clusters[] of dbferry.json and deploy both stacks")
	}
	return proved(c.ID, "parameter group %s is of its family, %s", group, has)
}
