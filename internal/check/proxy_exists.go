package check

import (
	"strings"

	"github.com/dbferry/dbferry/internal/config"
)

var proxyExists = Check{
	Name: "proxy-exists", Side: Target, Scope: Ground, Needs: []Source{FromProxies},
	Proves:      "every proxy of the switch is there and available, with the one target group default and a cluster or nothing in it",
	NotPromised: "that applications use it, or that its target is healthy",
	Run: func(f Facts) []Finding {
		var out []Finding
		for _, c := range f.pointers() {
			out = append(out, each(c.Proxies, func(name string) Finding { return proxyIsThere(f, c, name) })...)
		}
		return out
	},
}

func proxyIsThere(f Facts, c config.ClusterPointer, name string) Finding {
	switch p := f.Proxies[name]; {
	case p.Missing:
		return hinders(name, "there is no such RDS proxy in account "+f.Target.Account, "create it (`aws rds create-db-proxy --db-proxy-name "+name+" …`), or correct targets[].switch.clusters[].proxies of "+c.Cluster)
	case p.Status != "available":
		return hinders(name, "it is "+p.Status, "`aws rds describe-db-proxies --db-proxy-name "+name+"` says more; it must be available")
	case strings.Join(p.TargetGroups, " ") != "default":
		return hinders(name, "its target groups are "+strings.Join(p.TargetGroups, ", "), "use a proxy with the target group default alone")
	case len(p.Instances) > 0:
		leads := strings.Join(p.Instances, " ")
		return hinders(name, "it leads to the instance "+leads, "`aws rds deregister-db-proxy-targets --db-proxy-name "+name+" --db-instance-identifiers "+leads+"`; a switch registers clusters")
	case p.Cluster == "":
		return proved(name, "it is available and leads to nothing yet")
	default:
		return proved(name, "it is available and leads to %s", p.Cluster)
	}
}
