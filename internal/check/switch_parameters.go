package check

import (
	"maps"
	"slices"
)

var switchParameters = Check{
	Name: "switch-parameters", Side: Target, Scope: Ground, Needs: []Source{FromParameters},
	Proves:      "every parameter of the switch is there and is no SecureString, which a switch would have to record",
	NotPromised: "that the application reads it; one that is not there is made by the switch and removed on the way back",
	Run: func(f Facts) []Finding {
		return each(slices.Sorted(maps.Keys(f.Parameters)), func(name string) Finding {
			switch p := f.Parameters[name]; {
			case p.Missing:
				return unproved(name, "it is not there; the first switch would make it: see whether its name is what the application reads")
			case p.Type == "SecureString":
				return hinders(name, "it is a SecureString", "`aws ssm delete-parameter --name "+name+"` and make it anew as String; secrets belong into Secrets Manager")
			default:
				return proved(name, "it is a %s", p.Type)
			}
		})
	},
}
