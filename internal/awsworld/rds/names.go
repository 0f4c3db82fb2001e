package rds

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// staleName is a host name that DNS still answers as before a renaming.
type staleName struct {
	host  string
	to    *cluster
	until time.Time
}

// cached answers a host name from the time before its renaming; what is not
// renamed is not found.
func (s *Service) cached(host string) (*cluster, bool) {
	s.stale = slices.DeleteFunc(s.stale, func(n staleName) bool { return !s.w.Now().Before(n.until) })
	for _, n := range s.stale {
		if n.host == host {
			if s.writerOf(n.to) == nil {
				return nil, true
			}
			return n.to, true
		}
	}
	return nil, false
}

// hostsOf are all names of a cluster and its instances.
func (s *Service) hostsOf(c *cluster) []string {
	out := []string{s.endpoint(c), s.readerEndpoint(c)}
	for _, e := range c.account.endpointsOf(c) {
		out = append(out, s.customHost(e))
	}
	for _, id := range c.members {
		out = append(out, s.instanceEndpoint(c.account.instances[id]))
	}
	return out
}

// keepNames lets DNS answer a cluster's present names for d longer.
func (s *Service) keepNames(c *cluster, d time.Duration) {
	for _, h := range s.hostsOf(c) {
		s.stale = slices.DeleteFunc(s.stale, func(n staleName) bool { return n.host == h })
		s.stale = append(s.stale, staleName{host: h, to: c, until: s.w.Now().Add(d)})
	}
}

// forgetNames undoes keepNames for a cluster.
func (s *Service) forgetNames(c *cluster) {
	s.stale = slices.DeleteFunc(s.stale, func(n staleName) bool { return n.to == c })
}

// renameCluster gives a cluster another identifier; its resource id, rows and
// instances stay.
func (s *Service) renameCluster(c *cluster, to string) {
	from := c.dbKey()
	delete(c.account.clusters, c.ID)
	for _, id := range c.members {
		c.account.instances[id].Cluster = to
	}
	for _, e := range c.account.endpointsOf(c) {
		e.cluster = to
	}
	c.ID, c.arn = to, s.clusterARN(c.account.id, to)
	c.account.clusters[to] = c
	if c.rowless {
		return
	}
	s.rows("rename "+from, func(r Replicas) error { return r.Rename(context.Background(), from, c.dbKey()) })
}

// renameInstance gives an instance another identifier.
func (s *Service) renameInstance(i *instance, to string) {
	c, from := i.cluster(), i.ID
	delete(i.account.instances, from)
	i.ID, i.arn = to, s.w.ARN("rds", i.account.id, "db:"+to)
	i.account.instances[to] = i
	if n := slices.Index(c.members, from); n >= 0 {
		c.members[n] = to
	}
	if c.writer == from {
		c.writer = to
	}
	for _, e := range c.account.endpointsOf(c) {
		if n := slices.Index(e.members, from); n >= 0 {
			e.members[n] = to
		}
	}
}

// place is where a cluster's own connections come from.
func (c *cluster) place() NetworkPlace {
	g := c.account.subnetGroups[c.SubnetGroup]
	return NetworkPlace{Account: c.account.id, VPC: g.VPC, Subnets: g.Subnets, SecurityGroups: c.activeGroups}
}

// tellHosts lets the databases of an account know which names lead where, as
// DNS answers now, and through which the security groups let them.
func (s *Service) tellHosts(a *account) {
	if s.Databases == nil {
		return
	}
	type host struct {
		Host
		to *cluster
	}
	var known []host
	all := sorted(a.clusters)
	for _, c := range all {
		for _, h := range s.hostsOf(c) {
			if to := s.behind(h); to != nil && !to.rowless {
				known = append(known, host{Host{Name: h, Port: int(to.Port), Key: to.dbKey()}, to})
			}
		}
	}
	for _, c := range all {
		if c.Engine == AuroraMySQL && !c.rowless {
			var hosts []Host
			for _, h := range known {
				if s.unreachable(h.to, c.place(), h.to.Port) == "" {
					hosts = append(hosts, h.Host)
				}
			}
			s.rows("host names for "+c.ID, func(r Replicas) error { return r.Hosts(context.Background(), c.dbKey(), hosts) })
		}
	}
}

// viewStanding adds what replication and renaming show of a cluster.
func (s *Service) viewStanding(c *cluster, v *types.DBCluster) {
	if c.follows != nil {
		v.ReplicationSourceIdentifier = aws.String(c.follows.arn)
	}
	for _, o := range sorted(c.account.clusters) {
		if o.follows == c {
			v.ReadReplicaIdentifiers = append(v.ReadReplicaIdentifiers, o.arn)
		}
	}
	for _, e := range c.account.endpointsOf(c) {
		v.CustomEndpoints = append(v.CustomEndpoints, s.customHost(e))
	}
	if c.ManagedSecretARN != "" {
		v.MasterUserSecret = &types.MasterUserSecret{SecretArn: aws.String(c.ManagedSecretARN), SecretStatus: aws.String("active")}
	}
	c.shown.view(v)
}
