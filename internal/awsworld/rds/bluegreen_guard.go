package rds

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// guard are the switchover guardrails (docs/migration.md §1.11); it names the
// first that is not met. The texts are ours.
func (s *Service) guard(d *deployment, timeout time.Duration) string {
	for _, rail := range []func(*deployment, time.Duration) string{
		s.guardReplication, s.guardLag, s.guardGreenWrites, s.guardExternal, s.guardBlueWork, s.guardProxies,
	} {
		if why := rail(d, timeout); why != "" {
			return why
		}
	}
	return ""
}

func (s *Service) guardReplication(d *deployment, _ time.Duration) string {
	ok, why := s.replicates(d.green)
	switch {
	case ok:
		return ""
	case why == "":
		return fmt.Sprintf("replication from %s to %s not being active", d.blue.ID, d.green.ID)
	}
	return fmt.Sprintf("replication from %s to %s not being healthy (%s)", d.blue.ID, d.green.ID, why)
}

// guardLagShare is how much of SwitchoverTimeout the lag may be.
const guardLagShare = 0.1

// guardLag: the limit follows from the timeout; by how much is not published.
func (s *Service) guardLag(d *deployment, timeout time.Duration) string {
	limit := timeout.Seconds() * guardLagShare
	if l := s.behindBy(d.green); l > limit {
		return fmt.Sprintf("the replication lag of %.0f seconds being above the limit of %.0f seconds for a switchover timeout of %.0f", l, limit, timeout.Seconds())
	}
	return ""
}

func (s *Service) guardGreenWrites(d *deployment, _ time.Duration) string {
	if s.work(d.green).Writing > 0 {
		return fmt.Sprintf("active writes on the green DB cluster %s", d.green.ID)
	}
	return ""
}

func (s *Service) guardExternal(d *deployment, _ time.Duration) string {
	if d.blue.external {
		return fmt.Sprintf("the blue DB cluster %s being an external binary log replica that replicates", d.blue.ID)
	}
	var state ReplicaState
	s.rows("replication into "+d.blue.ID, func(r Replicas) (err error) {
		state, err = r.Replica(context.Background(), d.blue.dbKey())
		return err
	})
	if state.Following && state.Healthy {
		return fmt.Sprintf("the blue DB cluster %s being an external binary log replica that replicates", d.blue.ID)
	}
	return ""
}

func (s *Service) guardBlueWork(d *deployment, _ time.Duration) string {
	w := s.work(d.blue)
	switch {
	case w.Changing > 0:
		return fmt.Sprintf("long-running DDL statements on the blue DB cluster %s", d.blue.ID)
	case w.Writing > 0:
		return fmt.Sprintf("long-running active writes on the blue DB cluster %s", d.blue.ID)
	}
	return ""
}

func (s *Service) guardProxies(d *deployment, _ time.Duration) string {
	for _, p := range s.proxiesOf(d.blue) {
		switch {
		case s.ProxiesBlock:
			return fmt.Sprintf("RDS Proxy %s having the blue DB cluster as its target", p)
		case !slices.Contains(d.proxies, p):
			return fmt.Sprintf("RDS Proxy %s, which was registered after the deployment was created, not reaching the green DB cluster", p)
		case !s.Proxies.Reaches(d.account.id, p, d.blue.ID) || !s.Proxies.Reaches(d.account.id, p, d.green.ID):
			return fmt.Sprintf("RDS Proxy %s not reaching both the blue and the green DB cluster", p)
		}
	}
	return ""
}

// Proxies is RDS Proxy towards Blue/Green deployments. The target of a proxy
// is known by the cluster's identifier, which belongs to green after the
// switchover.
type Proxies interface {
	// Targeting names the proxies that have a cluster as their target.
	Targeting(account, cluster string) []string
	// Reaches tells whether a proxy's network lets it through to a cluster.
	Reaches(account, proxy, cluster string) bool
	// Moved tells that a cluster's identifier now belongs to another cluster:
	// traffic and connections follow at once, the list of targets only when
	// the switchover is over.
	Moved(account, cluster string)
}

func (s *Service) proxiesOf(c *cluster) []string {
	if s.Proxies == nil {
		return nil
	}
	return s.Proxies.Targeting(c.account.id, c.ID)
}

func (s *Service) moveProxies(d *deployment) {
	if s.Proxies != nil {
		s.Proxies.Moved(d.account.id, d.green.ID)
	}
}

// MayRegister refuses a cluster as the target of a proxy while a Blue/Green
// deployment exists for it (docs/migration.md §1.7).
func (s *Service) MayRegister(account, cluster string) error {
	c := s.account(account).clusters[strings.ToLower(cluster)]
	if c == nil || c.deployment == nil {
		return nil
	}
	return clusterState("DB cluster %s can't be registered with a proxy while it belongs to blue/green deployment %s.", c.ID, c.deployment.id)
}
