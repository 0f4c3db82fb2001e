package migrate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/sns"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// TestWayBack: an hour after the switchover one command returns to the old
// cluster, in every lane, under a client that never stops writing: no row is lost.
func TestWayBack(t *testing.T) {
	for lane, x := range map[migrate.Lane]struct {
		assembly string
		proxied  bool
	}{migrate.LaneNone: {"", false}, migrate.LaneNative: {"", true}, migrate.LaneDetach: {detaching(t, config.ProxiesDetach), true}} {
		t.Run(string(lane), func(t *testing.T) {
			r := migrated(t, rehearsal.Scenario{Assembly: x.assembly, Migrate: &rehearsal.MigrationScenario{Input: in(migrate.ModeBack), Proxy: x.proxied}})
			m := r.Migration
			ends(t, m, rehearsal.VerdictSucceeded, migrate.Returned)
			if m.Record.WayBack == nil || !m.Record.WayBack.Complete || m.Client.Acknowledged < 100 {
				t.Errorf("%+v %+v", m.Record.WayBack, m.Client)
			}
			t.Logf("%+v", m.Client)
			var kinds []string
			entries, _, err := migrate.VerifyBundle(strings.NewReader(string(m.Evidence)))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				kinds = append(kinds, e.Kind)
			}
			if got := strings.Join(kinds, " "); !strings.Contains(got, "way-back-opened") || !strings.Contains(got, "way-back-complete") || !strings.Contains(got, "returned") {
				t.Error(got)
			}
			if !strings.Contains(strings.Join(m.Mails, "|"), "the way back of shop-orders is open") {
				t.Errorf("mails %q", m.Mails)
			}
		})
	}
}

// TestWayBackCloses: left alone it is closed when the soak is over, and cannot be
// taken any more.
func TestWayBackCloses(t *testing.T) {
	world(t, rehearsal.MigrationScenario{Silent: migrate.GateRetire}, func(o *rehearsal.Operator) error {
		arn, err := o.Start(o.MigrateMachine(), in(migrate.ModeAll))
		if err != nil {
			return err
		}
		o.ApproveAt(arn, cluster, migrate.GateSwitch)
		if err := o.Sleep(12 * time.Hour); err != nil {
			return err
		}
		m, err := o.MigrationOf(cluster)
		if err != nil {
			return err
		}
		if m.WayBack == nil || m.WayBack.ClosedAt.Before(m.WayBack.Until) || m.WayBack.Replica.Error != "" || m.WayBack.Replica.Behind != 0 {
			t.Errorf("%+v", m.WayBack)
		}
		back, err := o.Migrate(in(migrate.ModeBack))
		if err != nil {
			return err
		}
		if !strings.Contains(back.Cause, "would lose everything written since then") || back.Record.Phase != migrate.Proved {
			t.Errorf("%s, %s: %s", back.Verdict, back.Record.Phase, back.Cause)
		}
		return nil
	})
}

// TestKeepingDisturbed: a way back that cannot be opened or kept changes nothing
// about the migration, and is told.
func TestKeepingDisturbed(t *testing.T) {
	world(t, rehearsal.MigrationScenario{Input: migrate.Input{Cluster: cluster}, Proxy: true}, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		n := 0
		for _, s := range y.sites() {
			if s.State != "Keep the way back" {
				continue
			}
			for _, kind := range []awsworld.FaultKind{awsworld.FaultDeny, awsworld.FaultLost, awsworld.FaultCrash} {
				if n++; !sweeping() && n%6 != 0 {
					continue
				}
				f := awsworld.Fault{Site: s, Kind: kind}
				if kind == awsworld.FaultCrash {
					f.Nth = 1
				}
				o.World().Inject(f)
				m := y.run(migrate.Input{Cluster: cluster})
				told := strings.Contains(string(m.Execution.Output), "There is no way back")
				t.Logf("%s=%s: %s, %s, told %t", s, kind, m.Verdict, m.Record.Phase, told)
				if m.Verdict != rehearsal.VerdictSucceeded || m.Record.Phase != migrate.Retired {
					t.Errorf("%s=%s: %s, %s: %s", s, kind, m.Verdict, m.Record.Phase, m.Cause)
				}
				if closed := m.Record.WayBack != nil && !m.Record.WayBack.ClosedAt.IsZero(); !closed && !told {
					t.Errorf("%s=%s: the way back was not closed, and nobody was told", s, kind)
				}
				o.Heal()
			}
		}
		return nil
	})
}

// TestWayBackCannotBegin: where the soaking execution cannot be stopped the command
// says so and changes nothing; that execution ends by itself, says how, and a
// mail does. Nor is the command too late once it is allowed.
func TestWayBackCannotBegin(t *testing.T) {
	for what, again := range map[string]bool{"left alone": false, "asked again": true} {
		world(t, rehearsal.MigrationScenario{}, func(o *rehearsal.Operator) error {
			arn, err := o.SwitchedFor(upgrade, 20*time.Minute)
			if err != nil {
				return err
			}
			o.ApproveAt(arn, cluster, migrate.GateRetire)
			role := roleOf(o, "plan-migration")
			giveBack := take(o, role, slices.IndexFunc(role.Policies[0].Doc.Statements, func(st iam.Statement) bool { return st.Sid == "TakeOver" }))
			back, err := o.Start(o.MigrateMachine(), in(migrate.ModeBack))
			if err != nil {
				return err
			}
			refused, err := o.Await(back)
			if err != nil {
				return err
			}
			giveBack()
			if refused.Status == "SUCCEEDED" || !strings.Contains(refused.Cause, "stop the execution that keeps the way back") {
				t.Errorf("%s: %s: %s", what, refused.Status, refused.Cause)
			}
			if again {
				m, err := o.Migrate(in(migrate.ModeBack))
				if err != nil {
					return err
				}
				ends(t, m, rehearsal.VerdictSucceeded, migrate.Returned)
				return nil
			}
			soaked, err := o.Await(arn)
			if err != nil {
				return err
			}
			m, err := o.MigrationOf(cluster)
			if err != nil {
				return err
			}
			if out := string(soaked.Output); soaked.Status != "SUCCEEDED" || !strings.Contains(out, `"verdict":"Succeeded"`) || m.Phase != migrate.Retired {
				t.Errorf("%s: %s, %s: %s", what, soaked.Status, m.Phase, soaked.Cause)
			}
			if mails := o.Mails(); mails[len(mails)-1].Subject != "dbferry Succeeded: migration of "+cluster {
				t.Errorf("%s: the last mail is %q", what, mails[len(mails)-1].Subject)
			}
			return nil
		})
	}
}

// TestReturningDisturbed: each call of the way back is refused, loses its reply or
// kills its function, or an operator stops it; the verdict is true, no row is
// lost, and the same command leads to the end.
func TestReturningDisturbed(t *testing.T) {
	var sites []awsworld.Site
	sc := rehearsal.MigrationScenario{Input: in(migrate.ModeBack), Proxy: true}
	world(t, sc, func(o *rehearsal.Operator) error {
		if _, err := o.MigrateInMode(sc.Input); err != nil {
			return err
		}
		for s := range o.World().Sites() {
			if s.Machine == names.ProductionMigrate && (s.State == "Go back" || s.Operation == "SFN.StopExecution") {
				sites = append(sites, s)
			}
		}
		return nil
	})
	slices.SortFunc(sites, func(a, b awsworld.Site) int { return strings.Compare(a.String(), b.String()) })
	if len(sites) < 8 {
		t.Fatalf("sites %v", sites)
	}
	n := 0
	for _, s := range sites {
		for _, kind := range []awsworld.FaultKind{awsworld.FaultDeny, awsworld.FaultLost, awsworld.FaultCrash} {
			if n++; !sweeping() && n%7 != 0 {
				continue
			}
			what := s.String() + "=" + string(kind)
			f := awsworld.Fault{Site: s, Kind: kind}
			if kind == awsworld.FaultCrash {
				f.Nth = 1
			}
			returns(t, sc, what, func(o *rehearsal.Operator) { o.World().Inject(f) })
		}
	}
	var statements []string
	world(t, sc, func(o *rehearsal.Operator) error {
		for _, st := range roleOf(o, "go-back").Policies[0].Doc.Statements {
			statements = append(statements, st.Sid)
		}
		return nil
	})
	for i, sid := range statements {
		if n++; !sweeping() && n%7 != 0 {
			continue
		}
		spare := slices.Contains([]string{"OwnLog", "LambdaNetworkInterfaces", "LedgerList", "LookAtInstances"}, sid)
		var giveBack func()
		returns(t, sc, "without "+sid, func(o *rehearsal.Operator) { giveBack = take(o, roleOf(o, "go-back"), i) }, func(m *rehearsal.Migrated) {
			giveBack()
			if m.Verdict == rehearsal.VerdictSucceeded && !spare {
				t.Errorf("without %s: nobody notices", sid)
			}
		})
	}
	for state, entry := range map[string]int{"Maintenance on (back)": 1, "Go back": 1, "Maintenance off": 2} {
		returns(t, sc, "stopped at "+state, func(o *rehearsal.Operator) {
			root, entered := "", 0
			o.OnEnter(func(s states.Step) bool {
				if s.Machine != names.ProductionMigrate || s.Event.Name != state {
					return false
				}
				entered++
				root = s.Root
				return entered == entry
			}, func() {
				if err := o.Stop(root, "an operator has stopped it"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// returns disturbs one way back, and lets an operator repeat the command.
func returns(t *testing.T, sc rehearsal.MigrationScenario, what string, disturb func(*rehearsal.Operator), mend ...func(*rehearsal.Migrated)) {
	t.Helper()
	world(t, sc, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		client, err := o.Client()
		if err != nil {
			return err
		}
		client.Start(t.Context())
		blue := y.serves()
		disturb(o)
		m, err := o.MigrateInMode(sc.Input)
		if err != nil {
			return err
		}
		t.Logf("%s: %s, %s: %s", what, m.Verdict, m.Record.Phase, m.Cause)
		if m.Verdict == rehearsal.VerdictSucceeded && (y.serves() != blue || m.Record.Phase != migrate.Returned) {
			t.Errorf("%s: succeeded, %s, and the new cluster serves", what, m.Record.Phase)
		}
		o.Heal()
		for _, f := range mend {
			f(m)
		}
		for range 3 {
			if m.Record.Phase == migrate.Returned {
				break
			}
			if m, err = o.Migrate(in(migrate.ModeBack)); err != nil {
				return err
			}
		}
		if m.Record.Phase != migrate.Returned || y.serves() != blue {
			t.Errorf("%s: at the end %s, %s: %s", what, m.Verdict, m.Record.Phase, m.Cause)
		}
		y.through(what)
		if err := o.Sleep(10 * time.Minute); err != nil {
			return err
		}
		r, err := client.Finish(t.Context())
		if err != nil {
			return err
		}
		if r.Lost > 0 {
			t.Errorf("%s: %+v", what, r)
		}
		return nil
	})
}

// TestStoppedInMaintenanceOfAWayBack: the old cluster serves again, users may be
// kept out, and the same command lets them in.
func TestStoppedInMaintenanceOfAWayBack(t *testing.T) {
	worldOf(t, withHooks(t), rehearsal.MigrationScenario{Input: in(migrate.ModeBack), Proxy: true}, func(o *rehearsal.Operator) error {
		n, root := 0, ""
		o.OnEnter(func(s states.Step) bool {
			if s.Machine == names.ProductionMigrate && s.Event.Name == "Maintenance off" {
				n++
				root = s.Root
			}
			return n == 2
		}, func() {
			if err := o.Stop(root, "an operator has stopped it"); err != nil {
				t.Error(err)
			}
		})
		m, err := o.MigrateInMode(in(migrate.ModeBack))
		if err != nil {
			return err
		}
		if verdict, err := o.EndOf(m.Execution.ARN); err != nil || verdict != refresh.NeedsOperator || !m.Record.KeptOut {
			t.Errorf("%s, kept out %t: %v", verdict, m.Record.KeptOut, err)
		}
		if m, err = o.Migrate(in(migrate.ModeBack)); err != nil {
			return err
		}
		ends(t, m, rehearsal.VerdictSucceeded, migrate.Returned)
		if got := ran(o, 0); !strings.HasSuffix(got, "site on, page on, jobs on, jobs off, page off, site off") || desired(t, o) != 3 || m.Record.KeptOut {
			t.Errorf("ran %s, desired %d", got, desired(t, o))
		}
		return nil
	})
}

// onHalf runs statements as the master user on one of the two clusters.
func onHalf(t *testing.T, o *rehearsal.Operator, id string, statements ...string) {
	t.Helper()
	b := newBlue(o, t, migrate.Input{Cluster: id}, dbconn.AuroraMySQL)
	b.sql(statements...)
}

// TestReturnThatCannotBe: the old cluster does not get the last rows, so that the
// new production goes on and takes writes; once it can, the same command returns.
func TestReturnThatCannotBe(t *testing.T) {
	world(t, rehearsal.MigrationScenario{Input: in(migrate.ModeBack)}, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		blue := y.serves()
		if _, err := o.SwitchedFor(upgrade, 18*time.Minute); err != nil {
			return err
		}
		onHalf(t, o, cluster+"-old1", "CALL mysql.rds_stop_replication")
		onHalf(t, o, cluster, "CREATE DATABASE later", "CREATE TABLE later.rows (id INT PRIMARY KEY)")
		m, err := o.Migrate(in(migrate.ModeBack))
		if err != nil {
			return err
		}
		if m.Verdict != refresh.NeedsOperator || m.Record.Phase != migrate.Proved || !strings.Contains(m.Cause, "takes writes again") || y.serves() == blue {
			t.Errorf("%s, %s: %s", m.Verdict, m.Record.Phase, m.Cause)
		}
		db := newBlue(o, t, upgrade, dbconn.AuroraMySQL).session()
		var readOnly string
		if err := db.QueryRow("SELECT @@global.read_only").Scan(&readOnly); err != nil || readOnly != "0" {
			t.Errorf("the new production: read_only %s: %v", readOnly, err)
		}
		db.Close()
		onHalf(t, o, cluster+"-old1", "CALL mysql.rds_start_replication")
		if m, err = o.Migrate(in(migrate.ModeBack)); err != nil {
			return err
		}
		ends(t, m, rehearsal.VerdictSucceeded, migrate.Returned)
		if y.serves() != blue {
			t.Error("the new cluster serves")
		}
		if err := o.Sleep(5 * time.Minute); err != nil {
			return err
		}
		onHalf(t, o, cluster, "INSERT INTO later.rows VALUES (1)") // the table came with the last rows
		return nil
	})
}

// TestWritesAfterTheLastRow: somebody lets the new production take writes after the
// old cluster had every row; returning would lose them, and is refused.
func TestWritesAfterTheLastRow(t *testing.T) {
	world(t, rehearsal.MigrationScenario{Input: in(migrate.ModeBack)}, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		blue := y.serves()
		o.World().Inject(awsworld.Fault{Site: awsworld.Site{Machine: names.ProductionMigrate, State: "Go back", Operation: "RDS.DeleteBlueGreenDeployment"}, Kind: awsworld.FaultDeny})
		m, err := o.MigrateInMode(in(migrate.ModeBack))
		if err != nil {
			return err
		}
		ends(t, m, refresh.NeedsOperator, migrate.Returning)
		if !m.Record.WayBack.Complete || !slices.ContainsFunc(o.Mails(), func(m sns.Message) bool { return strings.Contains(m.Body, `"mode":"back"} goes on where it stopped`) }) {
			t.Errorf("%+v, and no mail says how to go on", m.Record.WayBack)
		}
		o.Heal()
		onHalf(t, o, cluster, "CALL mysql.rds_set_read_only(0)", "CREATE DATABASE later")
		if m, err = o.Migrate(in(migrate.ModeBack)); err != nil {
			return err
		}
		if m.Verdict != refresh.NeedsOperator || !strings.Contains(m.Cause, "has taken writes after the old cluster had every row") || y.serves() == blue {
			t.Errorf("%s, %s: %s", m.Verdict, m.Record.Phase, m.Cause)
		}
		return nil
	})
}
