package rds

import (
	"fmt"
	"strings"
	"time"
)

// Trouble is what goes wrong with the next Blue/Green deployments of a
// cluster. Durations run from the moment at which green is available.
type Trouble struct {
	CreateFails     string        // a reason: green cannot be built
	Lag             time.Duration // green applies nothing for so long, falling behind a second a second
	LongTransaction time.Duration // a transaction that has written stays open on blue
	DDL             time.Duration // a statement that changes a table runs on blue
	Broken          string        // an error that stops replication for good, as after a write on green
	LateMember      time.Duration // the last instance is not available though the deployment is
	PendingReboot   bool          // green's instances come up without its parameter groups
	Stalls          int           // so many switchovers run into their timeout
}

// PutTrouble plans it.
func (s *Service) PutTrouble(account, cluster string, t Trouble) error {
	c, err := s.groundCluster(account, cluster)
	if err == nil {
		c.trouble = t
	}
	return err
}

func (s *Service) groundCluster(account, id string) (*cluster, error) {
	c := s.account(account).clusters[strings.ToLower(id)]
	if c == nil {
		return nil, fmt.Errorf("cluster %s does not exist in account %s", id, account)
	}
	return c, nil
}

// beginTrouble lets the planned troubles of a green that is ready begin.
func (s *Service) beginTrouble(d *deployment) {
	t := d.blue.trouble
	now := s.w.Now()
	if t.Lag > 0 {
		s.holdFor(d.green, t.Lag)
	}
	if t.LongTransaction > 0 {
		d.blue.writing = now.Add(t.LongTransaction)
	}
	if t.DDL > 0 {
		s.runDDL(d.blue, t.DDL)
	}
	if t.Broken != "" {
		s.breakReplication(d.green, t.Broken)
	}
}

func (s *Service) holdFor(c *cluster, d time.Duration) {
	s.hold(c, true)
	if d > 0 {
		s.later(c, d, func() { s.hold(c, false) })
	}
}

// HoldReplica keeps a green cluster from applying what it receives for a
// while, as one does that is too small or works with one thread; for ever when
// d is 0, until ReleaseReplica.
func (s *Service) HoldReplica(account, green string, d time.Duration) error {
	c, err := s.groundCluster(account, green)
	if err == nil {
		s.holdFor(c, d)
	}
	return err
}

// ReleaseReplica lets it go on.
func (s *Service) ReleaseReplica(account, green string) error {
	c, err := s.groundCluster(account, green)
	if err == nil {
		s.hold(c, false)
	}
	return err
}

// BreakReplication stops replication into a green cluster for good, as a row
// does that somebody wrote there. With databases, a real conflict does it.
func (s *Service) BreakReplication(account, green, why string) error {
	c, err := s.groundCluster(account, green)
	if err == nil {
		s.breakReplication(c, why)
	}
	return err
}

func (s *Service) breakReplication(c *cluster, why string) {
	c.broken, c.brokenAt = why, s.w.Now()
	if i := c.account.instances[c.writer]; i != nil {
		s.emit(c.account.id, i.arn, event{"RDS-EVENT-0045", "read replica", "Replication has stopped."})
	}
}

// LongTransaction keeps a transaction with changed rows open on a cluster.
func (s *Service) LongTransaction(account, cluster string, d time.Duration) error {
	c, err := s.groundCluster(account, cluster)
	if err == nil {
		c.writing = s.w.Now().Add(d)
	}
	return err
}

// RunDDL lets a statement that changes a table run on a cluster. On Aurora
// PostgreSQL it degrades the replication to green for good.
func (s *Service) RunDDL(account, cluster string, d time.Duration) error {
	c, err := s.groundCluster(account, cluster)
	if err == nil {
		s.runDDL(c, d)
	}
	return err
}

func (s *Service) runDDL(c *cluster, d time.Duration) {
	c.changing = s.w.Now().Add(d)
	if dep := c.deployment; dep != nil && c.Engine == AuroraPostgreSQL && dep.blue == c && dep.green != nil {
		s.breakReplication(dep.green, "Replication degraded: DDL on the blue DB cluster")
	}
}

// FeedFromOutside makes a cluster a replica of a source outside AWS, or ends
// that.
func (s *Service) FeedFromOutside(account, cluster string, on bool) error {
	c, err := s.groundCluster(account, cluster)
	if err == nil {
		c.external = on
	}
	return err
}

// MemberLate shows an instance as not available for a while.
func (s *Service) MemberLate(account, id string, d time.Duration) error {
	i := s.account(account).instances[strings.ToLower(id)]
	if i == nil {
		return fmt.Errorf("instance %s does not exist in account %s", id, account)
	}
	i.status = modifying
	s.laterInstance(i, d, func() { s.instanceReady(i) })
	return nil
}

// StallSwitchover makes the next switchovers of a cluster run into their
// timeout: green never gets everything.
func (s *Service) StallSwitchover(account, blue string, times int) error {
	c, err := s.groundCluster(account, blue)
	if err == nil {
		c.trouble.Stalls = times
	}
	return err
}
