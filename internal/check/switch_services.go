package check

import (
	"maps"
	"slices"
	"strings"
)

var switchServices = Check{
	Name: "switch-services", Side: Target, Scope: Ground, Needs: []Source{FromServices},
	Proves:      "every service of the switch is an active one whose deployments ECS itself controls",
	NotPromised: "that its tasks read the parameters when they start, or that they would become healthy with other data",
	Run: func(f Facts) []Finding {
		return each(slices.Sorted(maps.Keys(f.Services)), func(name string) Finding {
			cluster, service, _ := strings.Cut(name, "/")
			switch s := f.Services[name]; {
			case s.Status != "ACTIVE":
				return hinders(name, "there is no such active service", "`aws ecs list-services --cluster "+cluster+"` lists them; correct targets[].switch.services")
			case s.Controller != "" && s.Controller != "ECS":
				return hinders(name, "its deployments are controlled by "+s.Controller, "roll "+service+" by a hook (targets[].switch.hooks) instead")
			case !s.Breaker:
				return proved(name, "it is active; without a deployment circuit breaker, tasks that do not start are noticed at the time limit only")
			}
			return proved(name, "it is active, with a deployment circuit breaker")
		})
	},
}
