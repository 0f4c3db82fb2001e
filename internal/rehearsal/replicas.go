package rehearsal

import (
	"context"
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

// catchUpWithin is how long, in real time, a replica may take to get what its
// source has; it takes milliseconds.
const catchUpWithin = 30 * time.Second

// following is a replica as databases keeps it. MariaDB replicates for real.
// PostgreSQL does not: its replica gets the source's rows at once when
// somebody connects or it has to catch up.
type following struct {
	source string
	held   bool
	at     string // position in a PostgreSQL source's log of the rows it has
}

// Rename implements rds.Databases.
func (d *databases) Rename(_ context.Context, from, to string) error {
	s, err := d.server(from)
	if err != nil {
		return err
	}
	if d.servers[to] != nil {
		return fmt.Errorf("cluster %s has a database server already", to)
	}
	delete(d.servers, from)
	d.servers[to] = s
	for key, f := range d.following {
		if f.source == from {
			f.source = to
		}
		if key == from {
			delete(d.following, from)
			d.following[to] = f
		}
	}
	return nil
}

// Replicate implements rds.Databases. Both servers run from now on, so that
// no connection between them is cut to let others run.
func (d *databases) Replicate(ctx context.Context, source, replica string) error {
	from, err := d.server(source)
	if err != nil {
		return err
	}
	to, err := d.server(replica)
	if err != nil {
		return err
	}
	d.following[replica] = &following{source: source}
	if to.Engine() == sqlserver.Postgres {
		return nil
	}
	from.Pin()
	to.Pin()
	return to.Follow(context.WithoutCancel(ctx), from)
}

// Replica implements rds.Databases: AWS's own replication, or one that was set
// up by the procedures.
func (d *databases) Replica(ctx context.Context, key string) (rds.ReplicaState, error) {
	s, err := d.server(key)
	if err != nil {
		return rds.ReplicaState{}, err
	}
	if s.Engine() == sqlserver.Postgres {
		return rds.ReplicaState{Following: d.following[key] != nil, Healthy: d.following[key] != nil}, nil
	}
	r, err := s.Replica(context.WithoutCancel(ctx))
	if err != nil {
		return rds.ReplicaState{}, err
	}
	state := rds.ReplicaState{Following: r.Configured, Healthy: r.Healthy()}
	if r.ErrorNumber != 0 {
		state.Error = fmt.Sprintf("Error %d: %s", r.ErrorNumber, r.Error)
	}
	return state, nil
}

// pair is a replica and its source.
func (d *databases) pair(replica string) (to, from *sqlserver.Server, f *following, err error) {
	if f = d.following[replica]; f == nil {
		return nil, nil, nil, fmt.Errorf("cluster %s follows nobody", replica)
	}
	if to, err = d.server(replica); err == nil {
		from, err = d.server(f.source)
	}
	return to, from, f, err
}

// Apply implements rds.Databases.
func (d *databases) Apply(ctx context.Context, replica string, on bool) error {
	to, _, f, err := d.pair(replica)
	if err != nil {
		return err
	}
	f.held = !on
	if to.Engine() == sqlserver.Postgres {
		return nil
	}
	return to.Apply(context.WithoutCancel(ctx), on)
}

// CatchUp implements rds.Databases.
func (d *databases) CatchUp(ctx context.Context, replica string) (bool, error) {
	to, from, f, err := d.pair(replica)
	if err != nil || f.held {
		return false, err
	}
	if to.Engine() == sqlserver.Postgres {
		return true, d.replace(ctx, replica, from)
	}
	state, err := d.Replica(ctx, replica)
	if err != nil || !state.Healthy {
		return false, err
	}
	return to.CatchUp(context.WithoutCancel(ctx), from, catchUpWithin)
}

// refresh lets a PostgreSQL replica that somebody connects to have the rows of
// its source, unless it is held or has them.
func (d *databases) refresh(ctx context.Context, key string) error {
	f := d.following[key]
	if f == nil || f.held || d.servers[key] == nil || d.servers[key].Engine() != sqlserver.Postgres {
		return nil
	}
	source, err := d.server(f.source)
	if err != nil {
		return err
	}
	at, err := logPosition(context.WithoutCancel(ctx), source)
	if err != nil || at == f.at {
		return err
	}
	f.at = at
	return d.replace(ctx, key, source)
}

// logPosition is where PostgreSQL's log ends.
func logPosition(ctx context.Context, s *sqlserver.Server) (at string, err error) {
	db, err := s.Superuser(ctx, "")
	if err != nil {
		return "", err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT pg_current_wal_lsn()::text").Scan(&at)
	return at, err
}

// replace gives a replica the present rows of its source.
func (d *databases) replace(ctx context.Context, replica string, source *sqlserver.Server) error {
	ctx = context.WithoutCancel(ctx)
	image, err := d.farm.Snapshot(ctx, source, d.fresh("image", replica))
	if err != nil {
		return err
	}
	defer image.Remove()
	fresh, err := d.farm.Restore(ctx, image, d.fresh("db", replica))
	if err != nil {
		return err
	}
	old := d.servers[replica]
	d.servers[replica] = fresh
	return old.Remove()
}

// StopReplica implements rds.Databases.
func (d *databases) StopReplica(ctx context.Context, replica string) (rds.LogPosition, error) {
	to, from, _, err := d.pair(replica)
	if err != nil {
		return rds.LogPosition{}, err
	}
	delete(d.following, replica)
	if to.Engine() == sqlserver.Postgres {
		return rds.LogPosition{}, nil
	}
	p, err := to.Unfollow(context.WithoutCancel(ctx), from)
	return rds.LogPosition{File: p.File, Position: p.Position}, err
}

// SetAccess implements rds.Databases.
func (d *databases) SetAccess(ctx context.Context, key string, a rds.Access, master string) error {
	s, err := d.server(key)
	if err != nil {
		return err
	}
	level := map[rds.Access]sqlserver.Access{rds.ReadWrite: sqlserver.ReadWrite, rds.ReadOnly: sqlserver.ReadOnly, rds.Frozen: sqlserver.Frozen}[a]
	return s.SetAccess(context.WithoutCancel(ctx), level, master)
}

// Disconnect implements rds.Databases.
func (d *databases) Disconnect(ctx context.Context, key string) error {
	s, err := d.server(key)
	if err != nil {
		return err
	}
	_, err = s.Disconnect(context.WithoutCancel(ctx))
	return err
}

// OpenWork implements rds.Databases.
func (d *databases) OpenWork(ctx context.Context, key string) (rds.OpenWork, error) {
	s, err := d.server(key)
	if err != nil {
		return rds.OpenWork{}, err
	}
	w, err := s.Work(context.WithoutCancel(ctx))
	return rds.OpenWork{Writing: w.Writing, Changing: w.Changing}, err
}

// Hosts implements rds.Databases.
func (d *databases) Hosts(ctx context.Context, key string, hosts []rds.Host) error {
	s, err := d.server(key)
	if err != nil {
		return err
	}
	var known []sqlserver.Host
	for _, h := range hosts {
		to, err := d.server(h.Key)
		if err != nil {
			return err
		}
		if to.Engine() == s.Engine() {
			known = append(known, sqlserver.Host{Name: h.Name, Port: h.Port, To: to})
		}
	}
	return s.SetHosts(context.WithoutCancel(ctx), known)
}
