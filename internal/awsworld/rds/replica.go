package rds

import (
	"context"
	"time"
)

// Access is who may write to a database.
type Access int

// The levels of access.
const (
	ReadWrite Access = iota
	ReadOnly         // nobody but the master user, whom read_only does not bind
	Frozen           // not even the master user: AWS has stopped writes
)

// Replicas is the part of Databases that moves rows between clusters while
// both live. No call takes simulated time; waits are bounded in real time.
type Replicas interface {
	// Rename makes a database known by another key.
	Rename(ctx context.Context, from, to string) error
	// Replicate makes replica, which was restored from an image of source,
	// follow it from that image on.
	Replicate(ctx context.Context, source, replica string) error
	// Replica tells how a database stands towards its source, whoever made it
	// follow one.
	Replica(ctx context.Context, key string) (ReplicaState, error)
	// Apply lets a replica apply what arrives, or holds that up.
	Apply(ctx context.Context, replica string, on bool) error
	// CatchUp waits until the replica has all that its source acknowledged;
	// false when it does not get there.
	CatchUp(ctx context.Context, replica string) (done bool, err error)
	// StopReplica ends the replication that Replicate began, and tells where in
	// the replica's own log comes what is written from now on.
	StopReplica(ctx context.Context, replica string) (LogPosition, error)
	// SetAccess says who may write, and ends every session.
	SetAccess(ctx context.Context, key string, a Access, masterUser string) error
	// Disconnect ends every session.
	Disconnect(ctx context.Context, key string) error
	// OpenWork tells what clients have open at this moment.
	OpenWork(ctx context.Context, key string) (OpenWork, error)
	// Hosts tells a database which others are behind the host names that are
	// given to its replication procedures.
	Hosts(ctx context.Context, key string, hosts []Host) error
}

// ReplicaState is how a replica stands.
type ReplicaState struct {
	Following bool   // it has a source
	Healthy   bool   // rows arrive and are applied
	Error     string // of what broke
}

// LogPosition is a place in a binary log.
type LogPosition struct {
	File     string
	Position uint64
}

// OpenWork is what clients have open on a database. The simulated clock stands
// still while a client works, so what is open when RDS looks has been open for
// longer than one call.
type OpenWork struct {
	Writing  int // transactions with changed rows
	Changing int // statements that change tables
}

// Host is a name with its port, and the key of the database that it leads to.
type Host struct {
	Name string
	Port int
	Key  string
}

// standing is what replication and Blue/Green deployments add to a cluster.
type standing struct {
	deployment *deployment // it is a member of; nil for none
	follows    *cluster    // whose rows it receives, by AWS's own replication
	lags       []lag       // how far it was behind, the present last
	broken     string      // why replication stopped for good, as the ground wants it
	brokenAt   time.Time
	rowless    bool // its database is not there yet
	frozen     bool // nobody may write
	refusing   bool // no connection is taken
	external   bool // a source outside AWS feeds it
	writing    time.Time
	changing   time.Time // until when the ground keeps a transaction or DDL open
	trouble    Trouble
}

// lag is how far a replica is behind, in simulated seconds.
type lag struct {
	at      time.Time
	seconds float64
	held    bool
}

// now: a held replica falls behind a second a second; otherwise it gains rate
// seconds a second until it is there.
func (l lag) now(t time.Time, rate float64) float64 {
	passed := t.Sub(l.at).Seconds()
	if l.held {
		return l.seconds + passed
	}
	return max(0, l.seconds-passed*rate)
}

// behindBy is how far a replica is behind.
func (s *Service) behindBy(c *cluster) float64 {
	if len(c.lags) == 0 {
		return 0
	}
	return c.lags[len(c.lags)-1].now(s.w.Now(), s.Timing.CatchUpRate)
}

func (c *cluster) held() bool { return len(c.lags) > 0 && c.lags[len(c.lags)-1].held }

// hold stops the replica from applying, or lets it go on.
func (s *Service) hold(c *cluster, held bool) {
	if c.follows == nil || c.held() == held {
		return
	}
	c.lags = append(c.lags, lag{at: s.w.Now(), seconds: s.behindBy(c), held: held})
	s.rows("replication into "+c.ID, func(r Replicas) error { return r.Apply(context.Background(), c.dbKey(), !held) })
}

// rows does something with the databases, if there are any.
func (s *Service) rows(what string, do func(Replicas) error) {
	if s.Databases == nil {
		return
	}
	if err := do(s.Databases); err != nil {
		s.broke(what, err)
	}
}

// replicates tells whether rows still move into a replica, and why not.
func (s *Service) replicates(c *cluster) (ok bool, why string) {
	if c.broken != "" {
		return false, c.broken
	}
	state := ReplicaState{Following: c.follows != nil, Healthy: c.follows != nil}
	if c.held() {
		return state.Healthy, "" // the rehearsal holds its applying thread
	}
	s.rows("replication into "+c.ID, func(r Replicas) (err error) {
		state, err = r.Replica(context.Background(), c.dbKey())
		return err
	})
	return state.Following && state.Healthy, state.Error
}

// work is what clients have open on a cluster.
func (s *Service) work(c *cluster) OpenWork {
	var w OpenWork
	s.rows("open transactions of "+c.ID, func(r Replicas) (err error) {
		w, err = r.OpenWork(context.Background(), c.dbKey())
		return err
	})
	if s.w.Now().Before(c.writing) {
		w.Writing++
	}
	if s.w.Now().Before(c.changing) {
		w.Changing++
	}
	return w
}

// accessOf is who may write to a cluster: nobody while AWS holds it, the
// master user alone on a replica, else as the parameter read_only says.
func (s *Service) accessOf(c *cluster) Access {
	value, set := s.clusterParameter(c, "read_only")
	switch {
	case c.frozen:
		return Frozen
	case c.follows != nil && !(set && value == "0"), value == "1":
		return ReadOnly
	}
	return ReadWrite
}

// applyAccess brings it about.
func (s *Service) applyAccess(c *cluster) {
	if c.rowless {
		return
	}
	s.rows("access to "+c.ID, func(r Replicas) error {
		return r.SetAccess(context.Background(), c.dbKey(), s.accessOf(c), c.MasterUser)
	})
}

// unfollow ends AWS's own replication into a cluster.
func (s *Service) unfollow(c *cluster) (p LogPosition) {
	p = LogPosition{File: "mysql-bin-changelog.000003", Position: 4}
	if !c.rowless {
		s.rows("end of replication into "+c.ID, func(r Replicas) (err error) {
			p, err = r.StopReplica(context.Background(), c.dbKey())
			return err
		})
	}
	c.follows, c.lags, c.broken, c.brokenAt = nil, nil, "", time.Time{}
	return p
}

// ReplicaLag is the metric AuroraBinlogReplicaLag of a cluster's writer at a
// time: how many seconds it is behind its source, -1 when replication is
// broken. There is none for a cluster that follows nobody. Of a replica that
// was set up by the procedures only the present is known.
func (s *Service) ReplicaLag(account string, dimensions map[string]string, at time.Time) (seconds float64, ok bool) {
	c, now := s.account(account).byDimensions(dimensions), s.w.Now()
	present := now.Sub(at) < time.Minute
	switch {
	case c == nil || c.Engine != AuroraMySQL:
		return 0, false
	case c.follows == nil && !present:
		return 0, false
	case c.follows == nil:
		return s.foreignLag(c)
	case present:
		at = now
		s.lookWhetherBroken(c)
	}
	if !c.brokenAt.IsZero() && !at.Before(c.brokenAt) {
		return -1, true
	}
	l, ok := c.lagAt(at)
	return float64(int(l.now(at, s.Timing.CatchUpRate))), ok
}

// lookWhetherBroken notes when replication was first seen to be broken.
func (s *Service) lookWhetherBroken(c *cluster) {
	healthy, _ := s.replicates(c)
	if healthy {
		c.brokenAt = time.Time{}
	} else if c.brokenAt.IsZero() {
		c.brokenAt = s.w.Now()
	}
}

// lagAt is the stretch that a time falls into.
func (c *cluster) lagAt(at time.Time) (lag, bool) {
	for i := len(c.lags) - 1; i >= 0; i-- {
		if !at.Before(c.lags[i].at) {
			return c.lags[i], true
		}
	}
	return lag{}, false
}

// foreignLag is that of a replica which the procedures made: 0 while it is
// healthy, for the rows of one simulated moment arrive in no time.
func (s *Service) foreignLag(c *cluster) (seconds float64, ok bool) {
	var state ReplicaState
	s.rows("replication into "+c.ID, func(r Replicas) (err error) {
		state, err = r.Replica(context.Background(), c.dbKey())
		return err
	})
	if state.Following && !state.Healthy {
		return -1, true
	}
	return 0, state.Following
}

// byDimensions finds the cluster that CloudWatch's dimensions name: by itself,
// for its writer, or by its writing instance.
func (a *account) byDimensions(d map[string]string) *cluster {
	if role := d["Role"]; role != "" && role != "WRITER" {
		return nil
	}
	if id := d["DBClusterIdentifier"]; id != "" {
		return a.clusters[id]
	}
	if i := a.instances[d["DBInstanceIdentifier"]]; i != nil && i.cluster() != nil && i.cluster().writer == i.ID {
		return i.cluster()
	}
	return nil
}

// walRate is how much write-ahead log a source makes, for the metric below.
const walRate = 64 << 10

// SlotLag is the metric OldestReplicationSlotLag of a source, in bytes.
func (s *Service) SlotLag(account string, dimensions map[string]string, at time.Time) (bytes float64, ok bool) {
	c := s.account(account).byDimensions(dimensions)
	if c == nil || c.Engine != AuroraPostgreSQL {
		return 0, false
	}
	for _, r := range sorted(c.account.clusters) {
		if r.follows == c {
			l, ok := r.lagAt(at)
			return l.now(at, s.Timing.CatchUpRate) * walRate, ok
		}
	}
	return 0, false
}
