package check

import (
	"maps"
	"slices"
	"time"
)

var secretsKept = Check{
	Name: "secrets-kept", Side: Target, Scope: Ground, Needs: []Source{FromSecrets},
	Proves:      "no secret that replaces a production password is scheduled for deletion, in which state nobody can read it",
	NotPromised: "that nobody deletes it before the restore",
	Run: func(f Facts) []Finding {
		var there []string
		for _, name := range slices.Sorted(maps.Keys(f.Secrets)) {
			if !f.Secrets[name].Missing {
				there = append(there, name)
			}
		}
		return each(there, func(name string) Finding {
			if at := f.Secrets[name].DeletesAt; !at.IsZero() {
				return wrong(name, "it is scheduled for deletion, asked for at "+at.UTC().Format(time.RFC3339), "`aws secretsmanager restore-secret --secret-id "+name+"`")
			}
			return proved(name, "it is not scheduled for deletion")
		})
	},
}
