package migrate_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// yard is a world in which one cluster is migrated again and again.
type yard struct {
	t   *testing.T
	o   *rehearsal.Operator
	rds *rds.Client
}

func newYard(t *testing.T, o *rehearsal.Operator) *yard {
	return &yard{t, o, rds.NewFromConfig(o.AWS(o.Config().Production.Account))}
}

// serves is the resource id of the cluster that has production's name.
func (y *yard) serves() string {
	y.t.Helper()
	out, err := y.rds.DescribeDBClusters(context.Background(), &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String(cluster)})
	if err != nil {
		y.t.Fatal(err)
	}
	return aws.ToString(out.DBClusters[0].DbClusterResourceId)
}

// clusters are all of the account, by name.
func (y *yard) clusters() (all []string) {
	y.t.Helper()
	out, err := y.rds.DescribeDBClusters(context.Background(), &rds.DescribeDBClustersInput{})
	if err != nil {
		y.t.Fatal(err)
	}
	for _, c := range out.DBClusters {
		all = append(all, aws.ToString(c.DBClusterIdentifier))
	}
	return all
}

func (y *yard) deployments() int {
	y.t.Helper()
	out, err := y.rds.DescribeBlueGreenDeployments(context.Background(), &rds.DescribeBlueGreenDeploymentsInput{})
	if err != nil {
		y.t.Fatal(err)
	}
	return len(out.BlueGreenDeployments)
}

func (y *yard) run(wish migrate.Input) *rehearsal.Migrated {
	y.t.Helper()
	m, err := y.o.Migrate(wish)
	if err != nil {
		y.t.Fatal(err)
	}
	return m
}

// truthful compares a verdict with what there is: before is what served when the
// execution began.
func (y *yard) truthful(what, before string, m *rehearsal.Migrated) {
	y.t.Helper()
	now := y.serves()
	bad := func(format string, args ...any) {
		y.t.Helper()
		y.t.Errorf("%s: %s, %s: %s: %s\npath %v", what, m.Verdict, m.Record.Phase, fmt.Sprintf(format, args...), m.Cause, m.Execution.Path)
	}
	switch m.Verdict {
	case rehearsal.VerdictSucceeded:
		if now == before {
			bad("the old cluster serves")
		}
		if left := m.Record.Phase != migrate.Retired; left != (y.deployments() > 0 || len(y.clusters()) > 1) && !left {
			bad("there are %v and %d deployments", y.clusters(), y.deployments())
		}
	case refresh.Refused, refresh.Failed, refresh.RolledBack:
		if now != before {
			bad("the new cluster serves")
		}
		if m.Record.Phase == migrate.Abandoned && (y.deployments() > 0 || len(y.clusters()) > 1) {
			bad("there are %v and %d deployments", y.clusters(), y.deployments())
		}
	case refresh.NeedsOperator:
	default:
		bad("no verdict")
	}
	if m.Verdict != rehearsal.VerdictSucceeded && !strings.Contains(m.Cause, "Ferry.") && m.Cause == "" {
		bad("no cause")
	}
	if n := len(m.Mails); n == 0 && m.Verdict != refresh.Refused {
		bad("nobody was told")
	}
}

// finish heals and lets an operator go on until the migration is over; what is
// left at the end is one cluster, and nothing of any deployment.
func (y *yard) finish(what string) {
	y.t.Helper()
	y.o.Heal()
	for range 3 {
		m := y.run(migrate.Input{Cluster: cluster})
		if m.Verdict == rehearsal.VerdictSucceeded && m.Record.Phase == migrate.Retired {
			if all := y.clusters(); !slices.Equal(all, []string{cluster}) || y.deployments() > 0 {
				y.t.Errorf("%s: at the end there are %v and %d deployments", what, all, y.deployments())
			}
			return
		}
		y.t.Logf("%s, healed: %s, %s: %s", what, m.Verdict, m.Record.Phase, m.Cause)
	}
	y.t.Fatalf("%s: it cannot be finished", what)
}

// sweeping runs everything; otherwise a sample is enough to find what broke.
func sweeping() bool { return os.Getenv("DBFERRY_SWEEP") != "" }

// sites are where an undisturbed migration makes calls.
func (y *yard) sites() []awsworld.Site {
	y.finish("undisturbed")
	var out []awsworld.Site
	for s := range y.o.World().Sites() {
		if s.Machine == names.ProductionMigrate {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b awsworld.Site) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// TestEveryCallFails: each call of the machine is refused for good, or loses
// every reply; the verdict is true, and once the cause is gone the same input
// leads to the end.
func TestEveryCallFails(t *testing.T) {
	world(t, rehearsal.MigrationScenario{Input: migrate.Input{Cluster: cluster}, Proxy: true}, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		n := 0
		for _, s := range y.sites() {
			for _, kind := range []awsworld.FaultKind{awsworld.FaultDeny, awsworld.FaultLost} {
				n++
				if !sweeping() && n%18 != 0 {
					continue
				}
				what := fmt.Sprintf("%s=%s", s, kind)
				before := y.serves()
				o.World().Inject(awsworld.Fault{Site: s, Kind: kind})
				m := y.run(migrate.Input{Cluster: cluster})
				y.truthful(what, before, m)
				t.Logf("%s: %s, %s", what, m.Verdict, m.Record.Phase)
				y.finish(what)
			}
		}
		t.Logf("%d disturbances", n)
		return nil
	})
}

// TestEveryFunctionCrashes: each function dies once before its first call, and
// the retry goes on.
func TestEveryFunctionCrashes(t *testing.T) {
	world(t, rehearsal.MigrationScenario{Input: migrate.Input{Cluster: cluster}, Proxy: true}, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		seen := map[string]bool{}
		for _, s := range y.sites() {
			if seen[s.State] {
				continue
			}
			if seen[s.State] = true; !sweeping() && len(seen)%3 != 0 {
				continue
			}
			last := s
			last.Operation = "S3.PutObject" // dies when it has done its work and wants to write it down
			for _, f := range []awsworld.Fault{{Site: s, Kind: awsworld.FaultCrash, Nth: 1}, {Site: last, Kind: awsworld.FaultCrash, Nth: 1}} {
				before := y.serves()
				o.World().Inject(f)
				m := y.run(migrate.Input{Cluster: cluster})
				if m.Verdict != rehearsal.VerdictSucceeded || m.Record.Phase != migrate.Retired || y.serves() == before {
					t.Errorf("%s: %s, %s: %s", f.Site, m.Verdict, m.Record.Phase, m.Cause)
				}
				o.Heal()
				if !sweeping() {
					break
				}
			}
		}
		return nil
	})
}

// TestStoppedAnywhere: an operator stops the execution when a state is entered;
// the rule on ended executions records a true verdict, and the same input goes on.
func TestStoppedAnywhere(t *testing.T) {
	world(t, rehearsal.MigrationScenario{Input: migrate.Input{Cluster: cluster}, Proxy: true}, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		var entered []string
		arnOf := ""
		o.AtEntry(func(s states.Step) bool {
			if s.Machine == names.ProductionMigrate && !slices.Contains(entered, s.Event.Name) {
				entered = append(entered, s.Event.Name)
			}
			return false
		}, func(states.Step) {})
		y.finish("undisturbed")
		for i, state := range slices.Clone(entered) {
			if strings.HasSuffix(state, "?") || state == "Done" || !sweeping() && i%4 != 0 {
				continue
			}
			before := y.serves()
			o.OnEnter(func(s states.Step) bool {
				if s.Machine == names.ProductionMigrate && s.Event.Name == state {
					arnOf = s.Root
					return true
				}
				return false
			}, func() {
				if err := o.Stop(arnOf, "an operator has stopped it"); err != nil {
					t.Error(err)
				}
			})
			m := y.run(migrate.Input{Cluster: cluster})
			if err := o.Sleep(20 * time.Minute); err != nil { // a switchover that AWS has begun ends by itself
				return err
			}
			closed, err := o.EndOf(m.Execution.ARN)
			if err != nil {
				return fmt.Errorf("%s: %w", state, err)
			}
			t.Logf("%s: %s, ledger %s, %s", state, m.Verdict, closed, m.Record.Phase)
			if m.Verdict != "ABORTED" && m.Verdict != rehearsal.VerdictSucceeded {
				t.Errorf("%s: %s: %s", state, m.Verdict, m.Cause)
			}
			if now := y.serves(); now != before && closed != refresh.NeedsOperator && closed != rehearsal.VerdictSucceeded {
				t.Errorf("%s: the ledger says %s and the new cluster serves", state, closed)
			}
			y.finish("stopped at " + state)
		}
		return nil
	})
}
