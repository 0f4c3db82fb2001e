package check

import (
	"maps"
	"slices"
)

var parameterGroups = Check{
	Name: "parameter-groups", Side: Target, Scope: Ground, Needs: []Source{FromGroups},
	Proves:      "every configured parameter group exists in the target",
	NotPromised: "that its family is the cluster's; parameter-group-family does",
	Run: func(f Facts) []Finding {
		return each(slices.Sorted(maps.Keys(f.Groups)), func(name string) Finding {
			if f.Groups[name].Missing {
				return wrong(name, "there is no such parameter group in account "+f.Target.Account, "create it, or correct targets[].clusters[] in dbferry.json")
			}
			return proved(name, "it is there, of family %s", f.Groups[name].Family)
		})
	},
}
