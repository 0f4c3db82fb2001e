package check

import (
	"maps"
	"slices"
)

var endpointsReachable = Check{
	Name: "endpoints-reachable", Side: Target, Scope: Deployed, Needs: []Source{FromEndpoints},
	Proves:      "the functions' subnets reach the AWS APIs that they need, within three seconds, from inside",
	NotPromised: "that they reach a database that does not exist yet; its quarantine group admits them",
	Run: func(f Facts) []Finding {
		return each(slices.Sorted(maps.Keys(f.Endpoints)), func(name string) Finding {
			if f.Endpoints[name] == "" {
				return proved(name, "its API answered from the function subnets")
			}
			if name == ParameterAPI || name == RecordAPI || name == ServiceAPI {
				return hinders(name, f.Endpoints[name], "give the function subnets a NAT gateway or VPC endpoints for it")
			}
			return wrong(name, f.Endpoints[name], "give the function subnets a NAT gateway or VPC endpoints for it")
		})
	},
}
