package check

import (
	"github.com/dbferry/dbferry/internal/config"
)

var configurationFilledIn = Check{
	Name: "configuration-filled-in", Side: Production, Scope: Ground,
	Proves:      "no placeholder that `dbferry init` wrote is left in the configuration",
	NotPromised: "that what stands there exists; the other checks do",
	Run: func(f Facts) []Finding {
		left := f.Config.Placeholders()
		if len(left) == 0 {
			return one(proved("dbferry.json", "it has no placeholder"))
		}
		return each(left, func(p config.Placeholder) Finding {
			return wrong("dbferry.json, "+p.Field, "it still says "+p.Value+", which `dbferry init` wrote because it found nothing", "put the right value there; docs/configuration.md says what it is")
		})
	},
}
