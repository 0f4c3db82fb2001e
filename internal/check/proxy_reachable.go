package check

import (
	"strings"

	"github.com/dbferry/dbferry/internal/config"
)

var proxyReachable = Check{
	Name: "proxy-reachable", Side: Target, Scope: Deployed, Needs: []Source{FromProxies, FromDoors},
	Proves:      "dbferry's functions reach each proxy's port within three seconds, from inside, by the security groups of targets[].switch.proxySecurityGroups",
	NotPromised: "that the application does, or that the proxy reaches its database; RDS says the latter when a cluster is registered (UNREACHABLE)",
	Run: func(f Facts) []Finding {
		return eachProxy(f, func(_ config.ClusterPointer, name string, p ProxyFacts) Finding {
			switch groups := f.Target.Switch.ProxySecurityGroups; {
			case !hasAny(p.Groups, groups):
				return hinders(name, "it wears "+strings.Join(p.Groups, ", ")+", none of which is in targets[].switch.proxySecurityGroups", "list one of them there, and deploy the target's stack")
			case p.NotReached != "":
				return hinders(name, p.NotReached, "let the functions' security group, or their subnets, in on the port of its engine at "+strings.Join(groups, ", "))
			case !p.ReachedFromInside:
				return unproved(name, "it was not asked from inside")
			}
			return proved(name, "its port answered from the function subnets")
		})
	},
}
