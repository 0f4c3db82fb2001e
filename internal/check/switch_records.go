package check

import (
	"maps"
	"slices"
	"strings"
)

var switchRecords = Check{
	Name: "switch-records", Side: Target, Scope: Ground, Needs: []Source{FromRecords},
	Proves:      "every record of the switch is a plain CNAME in its hosted zone",
	NotPromised: "that the application's resolver sees the zone; one that is not there is made by the switch and removed on the way back",
	Run: func(f Facts) []Finding {
		return each(slices.Sorted(maps.Keys(f.Records)), func(name string) Finding {
			zone, host, _ := strings.Cut(name, "/")
			switch r := f.Records[name]; {
			case r.NoZone:
				return hinders(name, "account "+f.Target.Account+" has no hosted zone "+zone, "`aws route53 list-hosted-zones` lists them; correct targets[].switch.records[].zone")
			case len(r.Types) == 0:
				return unproved(name, "it is not there; the first switch would make it: see whether its name is what the application uses")
			case !slices.Equal(r.Types, []string{"CNAME"}) || !r.Plain:
				return hinders(name, "it is not one plain CNAME but "+strings.Join(r.Types, ", ")+", or weighted, or an alias", "give the name "+host+" to a CNAME with one value and nothing else")
			}
			return proved(name, "it is a plain CNAME")
		})
	},
}
