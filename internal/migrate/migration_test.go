package migrate_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/golden"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// TestMigration: the whole way of a minor upgrade under a client that never
// stops writing, in both lanes.
func TestMigration(t *testing.T) {
	for lane, outage := range map[migrate.Lane]float64{migrate.LaneNone: 45, migrate.LaneNative: 5} {
		t.Run(string(lane), func(t *testing.T) {
			r := migrated(t, rehearsal.Scenario{Migrate: &rehearsal.MigrationScenario{Input: upgrade, Proxy: lane == migrate.LaneNative}})
			m := r.Migration
			ends(t, m, rehearsal.VerdictSucceeded, migrate.Retired)
			if c := m.Client; c.Acknowledged < 100 || c.Failed == 0 || c.LongestOutageSeconds > outage {
				t.Errorf("%+v", c)
			}
			if m.Record.Plan.Lane != lane || m.Record.Green.Version != newVersion || m.Record.Snapshot == "" {
				t.Errorf("%+v", m.Record)
			}
			entries, head, err := migrate.VerifyBundle(strings.NewReader(string(m.Evidence)))
			if err != nil || head != m.Record.Evidence.Head {
				t.Fatalf("evidence: %v", err)
			}
			var kinds []string
			for _, e := range entries[:len(entries)-1] {
				kinds = append(kinds, e.Kind)
			}
			want := []string{"input", "plan", "green-built", "settled", "verified", "switchover-asked-1", "switched", "proved", "way-back-opened", "way-back-closed", "old-quarantined", "retired"}
			if !slices.Equal(kinds, want) {
				t.Errorf("evidence of %v", kinds)
			}
			if !slices.Equal(m.Mails, []string{"dbferry: approval needed, switch of shop-orders", "dbferry: the way back of shop-orders is open", "dbferry: approval needed, retire of shop-orders", "dbferry Succeeded: migration of shop-orders"}) {
				t.Errorf("mails %q", m.Mails)
			}
		})
	}
}

// troubles are how each named trouble ends.
var troubles = map[string]struct {
	verdict string
	phase   migrate.Phase
	says    string
}{
	"build-fails":        {refresh.Failed, migrate.Abandoned, "could not be cloned"},
	"lag":                {refresh.Failed, migrate.Settling, "s behind, the limit is 5 s"},
	"write-on-green":     {refresh.Failed, migrate.Settling, "AuroraBinlogReplicaLag is -1"},
	"long-transaction":   {refresh.RolledBack, migrate.Verified, "long-running active writes"},
	"ddl":                {refresh.RolledBack, migrate.Verified, "long-running DDL"},
	"late-proxy":         {rehearsal.VerdictSucceeded, migrate.Retired, ""},
	"later-proxy":        {refresh.RolledBack, migrate.Verified, "was registered with shop-orders after the approval"},
	"proxy-refused":      {refresh.Failed, migrate.Abandoned, "which is the target of RDS Proxy production-orders"},
	"switchover-timeout": {refresh.RolledBack, migrate.Verified, "did not finish within its timeout"},
	"refused":            {refresh.RolledBack, migrate.Abandoned, "refused by arn:aws:sts::111111111111:assumed-role/database-owner"},
	"expired":            {refresh.RolledBack, migrate.Abandoned, "nobody has answered by"},
	"late-member":        {rehearsal.VerdictSucceeded, migrate.Retired, ""},
	"pending-reboot":     {rehearsal.VerdictSucceeded, migrate.Retired, ""},
	"retire-refused":     {rehearsal.VerdictSucceeded, migrate.Proved, ""},
	"retire-expired":     {rehearsal.VerdictSucceeded, migrate.Proved, ""},
}

// TestTroubles: each named trouble ends as its cause demands, and by the same
// path.
func TestTroubles(t *testing.T) {
	if got := rehearsal.Troubles(); len(got) != len(troubles) {
		t.Errorf("there are troubles %v", got)
	}
	var paths strings.Builder
	for _, name := range rehearsal.Troubles() {
		t.Run(name, func(t *testing.T) {
			want := troubles[name]
			sc := rehearsal.MigrationScenario{Input: upgrade, Proxy: true}
			if err := sc.Plan(name); err != nil {
				t.Fatal(err)
			}
			r := migrated(t, rehearsal.Scenario{Migrate: &sc})
			ends(t, r.Migration, want.verdict, want.phase)
			if !strings.Contains(r.Migration.Cause, want.says) {
				t.Errorf("it says %s", r.Migration.Cause)
			}
			if name == "late-proxy" && (r.Migration.Record.Plan.Lane != migrate.LaneDetach || !strings.Contains(strings.Join(r.Migration.Plan, "\n"), "detach production-orders right before the switchover")) {
				t.Errorf("plan %v", r.Migration.Plan)
			}
			if name == "pending-reboot" && len(r.Migration.Record.Rebooted) != 2 {
				t.Errorf("rebooted %v", r.Migration.Record.Rebooted)
			}
			fmt.Fprintf(&paths, "%s: %s\n  %s\n", name, r.Verdict, strings.Join(r.Migration.Execution.Path, "\n  "))
		})
	}
	// How often a loop was gone round depends on modelled durations.
	story := regexp.MustCompile(`×\d+`).ReplaceAllString(paths.String(), "×n")
	golden.Equal(t, "testdata/troubles.path.golden", []byte(story))
}

// TestModes: plan, create, switch days later; what does not fit an open
// migration is refused and changes nothing.
func TestModes(t *testing.T) {
	world(t, rehearsal.MigrationScenario{}, func(o *rehearsal.Operator) error {
		step := func(wish migrate.Input, verdict string, phase migrate.Phase) *rehearsal.Migrated {
			m, err := o.Migrate(wish)
			if err != nil {
				t.Fatal(err)
			}
			ends(t, m, verdict, phase)
			return m
		}
		if m := step(in(migrate.ModeSwitch), refresh.Refused, ""); !strings.Contains(m.Cause, "no migration of this cluster is open") {
			t.Error(m.Cause)
		}
		first := step(in(migrate.ModePlan), rehearsal.VerdictSucceeded, migrate.Planned)
		second := step(in(migrate.ModePlan), rehearsal.VerdictSucceeded, migrate.Planned)
		if first.Record.ID == second.Record.ID {
			t.Error("a plan that was not begun is made anew")
		}
		created := step(in(migrate.ModeCreate), rehearsal.VerdictSucceeded, migrate.Verified)
		if mails := o.Mails(); !strings.Contains(mails[len(mails)-1].Body, "What still costs:\n  "+created.Costs[0]) {
			t.Errorf("the mail does not tell what still costs: %s", mails[len(mails)-1].Body)
		}
		other := in(migrate.ModeAll)
		other.TargetEngineVersion = "8.0.mysql_aurora.3.08.2"
		if m := step(other, refresh.Refused, migrate.Verified); !strings.Contains(m.Cause, "leads to version "+newVersion) {
			t.Error(m.Cause)
		}
		step(in(migrate.ModePlan), refresh.Refused, migrate.Verified)
		step(in(migrate.ModeRetire), refresh.Refused, migrate.Verified)
		if err := o.Sleep(72 * time.Hour); err != nil {
			return err
		}
		done := step(in(migrate.ModeSwitch), rehearsal.VerdictSucceeded, migrate.Retired)
		if done.Record.ID != created.Record.ID || done.Record.PlanHash != created.Record.PlanHash {
			t.Error("the switch was of another plan")
		}
		return nil
	})
}

// TestAbandon: green goes, production stays, and a new migration may begin.
func TestAbandon(t *testing.T) {
	world(t, rehearsal.MigrationScenario{}, func(o *rehearsal.Operator) error {
		for _, x := range []struct {
			mode  migrate.Mode
			phase migrate.Phase
		}{{migrate.ModeCreate, migrate.Verified}, {migrate.ModeAbandon, migrate.Abandoned}, {migrate.ModeCreate, migrate.Verified}} {
			m, err := o.Migrate(in(x.mode))
			if err != nil {
				return err
			}
			ends(t, m, rehearsal.VerdictSucceeded, x.phase)
		}
		return nil
	})
}

// TestRetryAfterRollback: AWS rolls a switchover back; the same input continues
// with the same green and succeeds.
func TestRetryAfterRollback(t *testing.T) {
	sc := rehearsal.MigrationScenario{}
	if err := sc.Plan("switchover-timeout"); err != nil {
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
		if second.Record.Attempts != 2 || second.Record.Green.ResourceID != first.Record.Green.ResourceID {
			t.Errorf("%+v", second.Record)
		}
		return nil
	})
}

// TestAnswers: who may answer, to what, and until when.
func TestAnswers(t *testing.T) {
	world(t, rehearsal.MigrationScenario{Silent: migrate.GateSwitch}, func(o *rehearsal.Operator) error {
		arn, err := o.Start(o.MigrateMachine(), in(migrate.ModeAll))
		if err != nil {
			return err
		}
		if err := o.Sleep(3 * time.Hour); err != nil {
			return err
		}
		m, err := o.MigrationOf(cluster)
		if err != nil {
			return err
		}
		right := migrate.AnswerInput{Cluster: cluster, Migration: m.ID, Gate: migrate.GateSwitch, PlanHash: m.PlanHash, Approve: true}
		wrongPlan, wrongGate, wrongID := right, right, right
		wrongPlan.PlanHash, wrongGate.Gate, wrongID.Migration = strings.Repeat("0", 64), migrate.GateRetire, "202601010000-abcdef"
		stranger, err := o.PutCaller("somebody-else")
		if err != nil {
			return err
		}
		for name, x := range map[string]struct {
			role   string
			in     migrate.AnswerInput
			status int
			says   string
		}{
			"another plan":      {"", wrongPlan, http.StatusConflict, "is of plan " + m.PlanHash},
			"another gate":      {"", wrongGate, http.StatusConflict, "is asked for"},
			"another migration": {"", wrongID, http.StatusConflict, "is asked for"},
			"not an approver":   {stranger, right, http.StatusForbidden, "none of production.migrate.approvers"},
		} {
			status, body, err := o.AnswerWith(x.role, x.in)
			if err != nil {
				return err
			}
			if status != x.status || !strings.Contains(body, x.says) {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
		for range 2 { // the second, equal one finds nobody who waits, and says so
			if status, body, err := o.AnswerWith("", right); err != nil || status != http.StatusOK && status != http.StatusConflict {
				t.Errorf("%d %s %v", status, body, err)
			}
		}
		r, err := o.Await(arn)
		if err != nil {
			return err
		}
		if r.Status != "SUCCEEDED" && !strings.Contains(strings.Join(r.Path, " "), "Prove the switchover") {
			t.Errorf("%s %s %v", r.Status, r.Cause, r.Path)
		}
		return nil
	})
}
