package check

import (
	"fmt"
	"time"
)

var readyFresh = Check{
	Name: "ready-fresh", Side: Production, Scope: Deployed, Needs: []Source{FromReady},
	Proves:      "the target was checked within the last 24 hours, by a dbferry of the same version",
	NotPromised: "that nothing changed there since",
	Run: func(f Facts) []Finding {
		return withReady(f, func(r Ready) Finding {
			name := "ready.json of " + f.Target.Name
			switch {
			case r.Schema != ReadySchema:
				return wrong(name, fmt.Sprintf("it was written by another version of dbferry (schema %d, not %d)", r.Schema, ReadySchema),
					"`npx cdk deploy "+f.stack(Target)+"`, then "+readyFix(f))
			case f.Now.Sub(r.CheckedAt) > ReadyAge:
				return wrong(name, "it was written at "+r.CheckedAt.Format(time.RFC3339)+", more than 24 hours ago", readyFix(f))
			}
			return proved(name, "it was written at %s", r.CheckedAt.Format(time.RFC3339))
		})
	},
}
