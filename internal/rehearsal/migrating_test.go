package rehearsal_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

const newVersion = "8.0.mysql_aurora.3.10.1"

func migrateOnce(t *testing.T, sc rehearsal.MigrationScenario) *rehearsal.Result {
	t.Helper()
	all, err := rehearsal.RunMigration(t.Context(), rehearsal.Scenario{Assembly: assembly, Migrate: &sc})
	if err != nil {
		t.Fatal(err)
	}
	r := all[0]
	tell(t, r)
	if len(r.Denials) > 0 {
		t.Errorf("%d refusals", len(r.Denials))
	}
	if len(r.SecretsLeaked) > 0 {
		t.Errorf("leaked: %v", r.SecretsLeaked)
	}
	return r
}

// TestMigration: the whole way of a minor upgrade under a client that never
// stops writing.
func TestMigration(t *testing.T) {
	for _, proxy := range []bool{false, true} {
		r := migrateOnce(t, rehearsal.MigrationScenario{Input: migrate.Input{TargetEngineVersion: newVersion}, Proxy: proxy})
		m := r.Migration
		if r.Verdict != rehearsal.VerdictSucceeded || m.Record.Phase != migrate.Retired {
			t.Fatalf("%s: %s; %s; path %v", r.Verdict, r.Cause, m.Record.Phase, m.Execution.Path)
		}
		if c := m.Client; c.Lost != 0 || c.Acknowledged < 100 || c.Failed == 0 || c.OursSeconds > 1 {
			t.Errorf("%+v", c)
		}
		entries, head, err := migrate.VerifyBundle(strings.NewReader(string(m.Evidence)))
		if err != nil || head != m.Record.Evidence.Head {
			t.Errorf("evidence: %v", err)
		}
		var kinds []string
		for _, e := range entries {
			kinds = append(kinds, e.Kind)
		}
		t.Log(kinds, m.Mails, m.Client, r.Duration)
		if !slices.Contains(kinds, "retired") {
			t.Errorf("%v", kinds)
		}
	}
}
