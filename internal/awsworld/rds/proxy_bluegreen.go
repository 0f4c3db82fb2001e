package rds

import "slices"

// ownProxies answers for the simulated proxies when a Blue/Green deployment
// asks (docs/migration.md §1.7).
type ownProxies struct{ s *Service }

func (o ownProxies) Targeting(account, cluster string) []string {
	var out []string
	for _, p := range sorted(o.s.account(account).proxies) {
		if p.target != nil && p.target.cluster.ID == cluster {
			out = append(out, p.Name)
		}
	}
	return out
}

// Reaches is about the network alone: a password that does not fit shows only
// when a client comes.
func (o ownProxies) Reaches(account, proxy, cluster string) bool {
	a := o.s.account(account)
	p, cl := a.proxies[proxy], a.clusters[cluster]
	return p != nil && cl != nil && o.s.unreachable(cl, p.place(), cl.Port) == ""
}

// Moved leads every proxy of a deployment's blue cluster to its green one. The
// proxy itself makes the change, so it does not wait for DNS; sessions at the
// old writer end.
func (o ownProxies) Moved(account, cluster string) {
	a := o.s.account(account)
	cl := a.clusters[cluster]
	for _, p := range sorted(a.proxies) {
		if p.target == nil || p.target.cluster == cl || p.target.cluster.deployment == nil || p.target.cluster.deployment != cl.deployment {
			continue
		}
		p.target.cluster = cl
		p.stale()
		for _, v := range slices.Clone(p.visits) {
			v.dropped()
		}
		p.visits = nil
	}
}
