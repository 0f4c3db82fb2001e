package migrate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/assemblytest"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

// assembly is the cdk.out of the shipped configuration.
var assembly string

func TestMain(m *testing.M) {
	sqlserver.RunWatcherIfAsked()
	dir, err := os.MkdirTemp("", "dbferry-migrate")
	if err == nil {
		assembly = filepath.Join(dir, "cdk.out")
		err = assemblytest.Write(assembly)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

const (
	cluster    = "shop-orders"
	newVersion = "8.0.mysql_aurora.3.10.1"
)

var upgrade = migrate.Input{Cluster: cluster, TargetEngineVersion: newVersion}

func in(mode migrate.Mode) migrate.Input {
	wish := upgrade
	wish.Mode = mode
	return wish
}

// migrated rehearses one scenario under a client. Nothing may be refused by a
// policy, no secret may leak and no acknowledged row be lost, however it ends.
func migrated(t *testing.T, sc rehearsal.Scenario) *rehearsal.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if sc.Assembly == "" {
		sc.Assembly = assembly
	}
	all, err := rehearsal.RunMigration(ctx, sc)
	if err != nil {
		t.Fatal(err)
	}
	r := all[0]
	m := r.Migration
	t.Logf("%s, %s, after %s: %s\npath %v\nnext %s", r.Verdict, m.Record.Phase, r.Duration, m.Cause, m.Execution.Path, string(m.Execution.Output))
	for _, d := range r.Denials {
		t.Errorf("refused: %s, %s on %s: %s", d.Who, d.Action, d.Resource, d.Why)
	}
	if len(r.SecretsLeaked) > 0 {
		t.Errorf("leaked: %v", r.SecretsLeaked)
	}
	ours := 1.0
	if m.Record.Plan.Lane == migrate.LaneDetach {
		ours = 240 // AWS's deployment has to end before a proxy is put back
	}
	if c := m.Client; c.Lost != 0 || c.Probes != c.Acknowledged+c.Failed || c.OursSeconds > ours {
		t.Errorf("client: %+v", c)
	}
	return r
}

// world plays a script in a world with a cluster to migrate.
func world(t *testing.T, sc rehearsal.MigrationScenario, script func(o *rehearsal.Operator) error) {
	t.Helper()
	worldOf(t, assembly, sc, script)
}

// variants are the assemblies of other configurations that were synthesised, by
// the configuration: it takes seconds.
var variants = map[string]string{}

// variant synthesises another configuration.
func variant(t *testing.T, change func(*config.Config)) (made string) {
	t.Helper()
	c, err := config.Load("../../dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	change(&c)
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if made = variants[string(raw)]; made != "" {
		return made
	}
	dir, err := os.MkdirTemp(filepath.Dir(assembly), "variant")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "dbferry.json")
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	made = filepath.Join(dir, "cdk.out")
	if err := assemblytest.Write(made, `CDK_CONTEXT_JSON={"config":"`+file+`"}`); err != nil {
		t.Fatal(err)
	}
	variants[string(raw)] = made
	return made
}

// worldOf is a world of an assembly.
func worldOf(t *testing.T, assembly string, sc rehearsal.MigrationScenario, script func(o *rehearsal.Operator) error) {
	t.Helper()
	limit := 3 * time.Minute
	if sweeping() {
		limit = 20 * time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if sc.Input.Cluster == "" {
		sc.Input = upgrade
	}
	r, err := rehearsal.OpenMigration(ctx, rehearsal.Scenario{Assembly: assembly, Migrate: &sc})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := r.Play(ctx, script); err != nil {
		t.Fatal(err)
	}
}

// ends checks a verdict, a phase, and that what still costs is told.
func ends(t *testing.T, m *rehearsal.Migrated, verdict string, phase migrate.Phase) {
	t.Helper()
	if m.Verdict != verdict || m.Record.Phase != phase {
		t.Errorf("%s, %s: %s; want %s, %s; path %v", m.Verdict, m.Record.Phase, m.Cause, verdict, phase, m.Execution.Path)
	}
	costs := strings.Join(m.Costs, "\n")
	want, blue := "", m.Record.Plan.Blue
	switch m.Record.Phase {
	case migrate.Settling, migrate.Verified, migrate.Building:
		want = fmt.Sprintf("green, until the switchover or {\"mode\":\"abandon\"}: as many instances as blue has (%d)", len(blue.Members))
	case migrate.Returning:
		want = "delete neither before"
	case migrate.Returned:
		want = "the cluster that is left (resource " + m.Record.Green.ResourceID + ", named " + cluster + "-new1)"
	case migrate.Proved:
		want = "the old cluster (resource " + blue.ResourceID
	case migrate.Retired:
		want = "--db-cluster-snapshot-identifier " + m.Record.Snapshot
	}
	if want == "" && costs != "" || !strings.Contains(costs, want) {
		t.Errorf("%s: what still costs is told as %q, want %q", phase, costs, want)
	}
}
