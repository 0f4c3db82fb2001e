package check

import (
	"maps"
	"slices"
)

var secretsExist = Check{
	Name: "secrets-exist", Side: Target, Scope: Ground, Needs: []Source{FromSecrets},
	Proves:      "every secret that replaces a production password exists in the target",
	NotPromised: "that its value is a usable password; reset-credentials refuses that before it changes anything",
	Run: func(f Facts) []Finding {
		return each(slices.Sorted(maps.Keys(f.Secrets)), func(name string) Finding {
			if f.Secrets[name].Missing {
				return wrong(name, "there is no such secret in account "+f.Target.Account, "`aws secretsmanager create-secret --name "+name+" --secret-string file://…` with {\"username\",\"password\"}")
			}
			return proved(name, "it is there; its value was not read")
		})
	},
}
