package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/names"
)

// MigrationScenario is which migration is rehearsed, and what goes wrong.
type MigrationScenario struct {
	Input migrate.Input // an empty cluster is the first of the data set
	// Proxy puts an RDS proxy before the cluster, through which the client writes.
	Proxy bool
	// Trouble is planned for the cluster's deployment.
	Trouble rds.Trouble
	// ApproveAfter is how long after each request an approver answers; 0: half an
	// hour.
	ApproveAfter time.Duration
	// Refuse and Silent are gates at which the approver refuses, or does nothing.
	Refuse, Silent migrate.Gate
	// HookFails is how often a maintenance hook fails, by name, and "on" or "off"
	// after a slash for one direction alone.
	HookFails map[string]int
	// LateProxy is the state at whose entry somebody registers a proxy with the
	// cluster, though green is there already.
	LateProxy string
	// ProxiesBlock says that AWS makes no deployment for a cluster with a proxy.
	ProxiesBlock bool
}

// cluster is the one that is migrated.
func (m MigrationScenario) cluster(c config.Config) string {
	if m.Input.Cluster != "" {
		return m.Input.Cluster
	}
	for _, s := range c.DataSet.Clusters {
		if s.ID != "" {
			return s.ID
		}
	}
	return ""
}

// Migrated is how a migration went.
type Migrated struct {
	Cluster   string
	Verdict   string
	Cause     string
	Plan      []string
	Checks    []migrate.Checked
	Record    migrate.Migration // as the ledger has it at the end
	Evidence  []byte            // the bundle
	Client    AppReport         // what a client that kept writing noticed
	Mails     []string          // subjects, in order
	Execution states.Report
	Costs     []string // what is left that AWS charges for
	Next      string
	Trouble   []string // in closing it, which never changes the verdict
}

// RunMigration rehearses one execution of production-migrate: a client writes to
// the cluster throughout, and an approver answers by the function URL.
func RunMigration(ctx context.Context, sc Scenario) (results []*Result, err error) {
	started := sc.wall()
	r, err := OpenMigration(ctx, sc)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var out Outcome
	var m *Migrated
	err = r.Play(ctx, func(o *Operator) error {
		client, err := o.Client()
		if err != nil {
			return err
		}
		client.Start(context.Background())
		out = Outcome{Target: names.ProductionSide, Asked: o.Now(), Began: o.Now()}
		if m, err = o.MigrateInMode(sc.Migrate.Input); err != nil {
			return err
		}
		out.Verdict, out.Cause, out.Ended = m.Verdict, m.Cause, m.Execution.Stop
		if err := o.Sleep(10 * time.Minute); err != nil {
			return err
		}
		m.Client, err = client.Finish(context.Background())
		return err
	})
	if err != nil {
		return nil, err
	}
	result := r.collectMigration(out, m)
	result.Wall = sc.wall().Sub(started)
	results = []*Result{result}
	if hit := r.w.FaultsHit(); hit < len(sc.Faults) {
		return results, fmt.Errorf("%d of %d faults were never reached; --details prints the sites of a run", len(sc.Faults)-hit, len(sc.Faults))
	}
	return results, nil
}

// OpenMigration sets the scene of a migration; Close it.
func OpenMigration(ctx context.Context, sc Scenario) (*Rehearsal, error) {
	if sc.Migrate == nil {
		return nil, errors.New("the scenario has no migration")
	}
	fill := func(s *stage) error { return s.fill(ctx) }
	prepare := func(s *stage) error { return s.prepareMigration(ctx) }
	return open(ctx, sc, (*stage).setScene, (*stage).deploy, fill, prepare)
}

// collectMigration makes the result.
func (r *Rehearsal) collectMigration(o Outcome, m *Migrated) *Result {
	out := &Result{Target: o.Target, Verdict: m.Verdict, Cause: m.Cause, Migration: m, Duration: o.Ended.Sub(o.Began)}
	for _, x := range r.states.Executions(r.config.Production.Account) {
		if !x.Start.Before(o.Began) && x.MachineARN == m.Execution.MachineARN {
			out.Executions = append(out.Executions, execution(x))
		}
	}
	r.account(out, o)
	return out
}
