package migrate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

const ordersProxy = "production-orders"

// detaching is a configuration with another way for proxies.
func detaching(t *testing.T, how string) string {
	t.Helper()
	return variant(t, func(c *config.Config) { c.Production.Migrate.Clusters[0].Proxies = how })
}

// finally is a configuration that detaches and has no way back.
func finally(t *testing.T) string {
	t.Helper()
	return variant(t, func(c *config.Config) {
		m := &c.Production.Migrate.Clusters[0]
		m.Proxies, m.WayBack = config.ProxiesDetach, nil
	})
}

// leads is where the proxy of production leads: the resource id of a cluster, or
// nothing; and whether clients get through.
func (y *yard) leads() (resource string, available bool) {
	y.t.Helper()
	out, err := y.rds.DescribeDBProxyTargets(y.t.Context(), &rds.DescribeDBProxyTargetsInput{DBProxyName: aws.String(ordersProxy)})
	if err != nil {
		y.t.Error(err)
		return "", false
	}
	available = true
	for _, x := range out.Targets {
		if x.TargetHealth != nil && x.TargetHealth.State != "AVAILABLE" {
			available = false
		}
		if x.TrackedClusterId == nil {
			continue
		}
		c, err := y.rds.DescribeDBClusters(y.t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: x.TrackedClusterId})
		if err != nil {
			y.t.Error(err)
			return "", false
		}
		resource = aws.ToString(c.DBClusters[0].DbClusterResourceId)
	}
	return resource, available && resource != ""
}

// through checks that the proxy leads to what serves.
func (y *yard) through(what string) {
	y.t.Helper()
	if resource, ok := y.leads(); resource != y.serves() || !ok {
		y.t.Errorf("%s: the proxy leads to %q (available: %t), and %s serves", what, resource, ok, y.serves())
	}
}

// TestDetach: the proxy is taken off for the switchover and put on the new
// production; clients who come through it lose minutes, and nothing else.
func TestDetach(t *testing.T) {
	r := migrated(t, rehearsal.Scenario{Assembly: detaching(t, config.ProxiesDetach), Migrate: &rehearsal.MigrationScenario{Input: upgrade, Proxy: true}})
	m := r.Migration
	ends(t, m, rehearsal.VerdictSucceeded, migrate.Retired)
	if c := m.Client; c.LongestOutageSeconds < 30 || c.LongestOutageSeconds > 900 {
		t.Errorf("%+v", c)
	}
	t.Logf("%+v", m.Client)
	entries, _, err := migrate.VerifyBundle(strings.NewReader(string(m.Evidence)))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range entries[:len(entries)-1] {
		kinds = append(kinds, e.Kind)
	}
	want := []string{"input", "plan", "green-built", "settled", "verified", "proxies-detached", "switchover-asked-1", "switched", "old-refuses-writes", "proxies-attached", "proved", "way-back-opened", "way-back-closed", "old-quarantined", "retired"}
	if !slices.Equal(kinds, want) {
		t.Errorf("evidence of %v", kinds)
	}
	if !strings.Contains(strings.Join(m.Record.Plan.Warnings, "\n"), "[proxy-lane] production-orders will be taken off") {
		t.Errorf("warned of %q", m.Record.Plan.Warnings)
	}
	if m.Record.Plan.Lane != migrate.LaneDetach || len(m.Plan) == 0 || !strings.Contains(strings.Join(m.Plan, "\n"), "detach production-orders right before") {
		t.Errorf("%v", m.Plan)
	}
}

// TestDetachRolledBack: AWS rolls the switchover back, and takes no target beside
// the deployment: green goes, the proxy leads to blue again, and the same input
// begins anew.
func TestDetachRolledBack(t *testing.T) {
	sc := rehearsal.MigrationScenario{Proxy: true}
	if err := sc.Plan("switchover-timeout"); err != nil {
		t.Fatal(err)
	}
	worldOf(t, detaching(t, config.ProxiesDetach), sc, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		m, err := o.Migrate(upgrade)
		if err != nil {
			return err
		}
		ends(t, m, refresh.RolledBack, migrate.Abandoned)
		y.through("rolled back")
		y.finish("after the way back")
		y.through("at the end")
		return nil
	})
}

// TestDetachFirst: where AWS makes no deployment for a cluster with a proxy, it is
// off from before green is created until the switchover, or until green goes.
func TestDetachFirst(t *testing.T) {
	worldOf(t, detaching(t, config.ProxiesDetachFirst), rehearsal.MigrationScenario{Proxy: true, ProxiesBlock: true}, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		for _, x := range []struct {
			mode  migrate.Mode
			phase migrate.Phase
			off   bool
		}{{migrate.ModePlan, migrate.Planned, false}, {migrate.ModeCreate, migrate.Verified, true}, {migrate.ModeAbandon, migrate.Abandoned, false},
			{migrate.ModeCreate, migrate.Verified, true}, {migrate.ModeSwitch, migrate.Retired, false}} {
			m, err := o.Migrate(in(x.mode))
			if err != nil {
				return err
			}
			ends(t, m, rehearsal.VerdictSucceeded, x.phase)
			if x.off {
				if resource, _ := y.leads(); resource != "" {
					t.Errorf("%s: the proxy leads to %s", x.mode, resource)
				}
				if !strings.Contains(m.Next, "RDS Proxy production-orders is off the cluster") {
					t.Errorf("%s: %s", x.mode, m.Next)
				}
			} else {
				y.through(string(x.mode))
			}
		}
		return nil
	})
}

// TestLaterProxy: a proxy that comes after the approval ends the try before
// anything is cut off; the next one asks for another plan, which detaches it.
func TestLaterProxy(t *testing.T) {
	sc := rehearsal.MigrationScenario{}
	if err := sc.Plan("later-proxy"); err != nil {
		t.Fatal(err)
	}
	world(t, sc, func(o *rehearsal.Operator) error {
		first, err := o.Migrate(upgrade)
		if err != nil {
			return err
		}
		ends(t, first, refresh.RolledBack, migrate.Verified)
		second, err := o.Migrate(upgrade)
		if err != nil {
			return err
		}
		ends(t, second, rehearsal.VerdictSucceeded, migrate.Retired)
		if second.Record.Plan.Lane != migrate.LaneDetach || second.Record.PlanHash == first.Record.PlanHash || second.Record.Green.ResourceID != first.Record.Green.ResourceID {
			t.Errorf("%+v", second.Record.Plan)
		}
		newYard(t, o).through("at the end")
		return nil
	})
}

// TestDetachDisturbed: each call about proxies and deployments is refused for
// good or loses every reply, and an operator stops the machine at each state
// about proxies; what the verdict says is true, and the same input leads to the
// end with the proxy on what serves.
func TestDetachDisturbed(t *testing.T) {
	worldOf(t, finally(t), rehearsal.MigrationScenario{Input: migrate.Input{Cluster: cluster}, Proxy: true}, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		n := 0
		for _, s := range y.sites() {
			if !strings.Contains(s.Operation, "DBProxyTargets") && !strings.Contains(s.Operation, "DeleteBlueGreen") {
				continue
			}
			for _, kind := range []awsworld.FaultKind{awsworld.FaultDeny, awsworld.FaultLost} {
				if n++; !sweeping() && n%5 != 0 {
					continue
				}
				what := s.String() + "=" + string(kind)
				before := y.serves()
				o.World().Inject(awsworld.Fault{Site: s, Kind: kind})
				m := y.run(migrate.Input{Cluster: cluster})
				y.truthful(what, before, m)
				t.Logf("%s: %s, %s", what, m.Verdict, m.Record.Phase)
				y.finish(what)
				y.through(what)
			}
		}
		role := roleOf(o, "set-proxies")
		for i, st := range role.Policies[0].Doc.Statements {
			// Not needed where the switchover does not fail, or AWS's own side's.
			spare := slices.Contains([]string{"OwnLog", "LambdaNetworkInterfaces", "LedgerList", "RemoveGreen"}, st.Sid)
			if n++; !sweeping() && n%6 != 0 {
				continue
			}
			what := "without " + st.Sid
			giveBack := take(o, role, i)
			before := y.serves()
			m := y.run(migrate.Input{Cluster: cluster})
			giveBack()
			y.truthful(what, before, m)
			t.Logf("%s: %s, %s", what, m.Verdict, m.Record.Phase)
			if m.Verdict == rehearsal.VerdictSucceeded && !spare {
				t.Errorf("%s: nobody notices", what)
			}
			y.finish(what)
			y.through(what)
		}
		for _, state := range []string{"Detach proxies", "Switch over", "Attach proxies", "Prove the switchover"} {
			if !sweeping() && state != "Switch over" {
				continue
			}
			before, root := y.serves(), ""
			o.OnEnter(func(s states.Step) bool {
				if s.Machine != names.ProductionMigrate || s.Event.Name != state {
					return false
				}
				root = s.Root
				return true
			}, func() {
				if err := o.Stop(root, "an operator has stopped it"); err != nil {
					t.Error(err)
				}
			})
			m := y.run(migrate.Input{Cluster: cluster})
			if err := o.Sleep(20 * time.Minute); err != nil {
				return err
			}
			closed, err := o.EndOf(m.Execution.ARN)
			if err != nil {
				return err
			}
			if _, ok := y.leads(); !ok && closed != refresh.NeedsOperator {
				t.Errorf("%s: nobody gets through the proxy, and the ledger says %s", state, closed)
			}
			if now := y.serves(); now != before && closed != refresh.NeedsOperator {
				t.Errorf("%s: the ledger says %s and the new cluster serves", state, closed)
			}
			y.finish("stopped at " + state)
			y.through("stopped at " + state)
		}
		return nil
	})
}
