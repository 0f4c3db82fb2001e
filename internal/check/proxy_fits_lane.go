package check

import "github.com/dbferry/dbferry/internal/config"

var proxyFitsLane = Check{
	Name: "proxy-fits-lane", Side: Target, Scope: Ground, Needs: []Source{FromProxies},
	Proves:      "the proxies of a cluster are in the VPC of its databases, and those of a pair are of one engine family",
	NotPromised: "that the family is that of production's cluster; registering it shows that, before anything that serves moves",
	Run: func(f Facts) []Finding {
		return eachProxy(f, func(c config.ClusterPointer, name string, p ProxyFacts) Finding {
			first, known := f.Proxies[c.Proxies[0]]
			switch {
			case p.VPC != f.Target.Network.VPC:
				return hinders(name, "it is in "+p.VPC+", restored databases are in "+f.Target.Network.VPC, "make a proxy in that VPC: AWS does not move one")
			case known && !first.Missing && first.Family != p.Family:
				return hinders(name, "its engine family is "+p.Family+", that of "+c.Proxies[0]+" is "+first.Family, "give both proxies of "+c.Cluster+" the family of its engine")
			}
			return proved(name, "lane %s, %s, in %s", c.Lane, p.Family, p.VPC)
		})
	},
}
