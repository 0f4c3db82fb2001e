package rehearsal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/assemblytest"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

const root = "../.."

// assembly is the cdk.out of the shipped configuration.
var assembly string

func TestMain(m *testing.M) {
	sqlserver.RunWatcherIfAsked()
	dir, err := os.MkdirTemp("", "dbferry-cdk")
	if err == nil {
		assembly = filepath.Join(dir, "cdk.out")
		err = assemblytest.Write(assembly)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "synthesise:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// run rehearses the refresh of one target.
func run(t *testing.T, sc rehearsal.Scenario) *rehearsal.Result {
	t.Helper()
	return runAll(t, sc)[0]
}

func runAll(t *testing.T, sc rehearsal.Scenario) []*rehearsal.Result {
	t.Helper()
	sc.RefreshOnly = true
	return rehearsed(t, sc)
}

// rehearsed runs a scenario to its end and logs how it went.
func rehearsed(t testing.TB, sc rehearsal.Scenario) []*rehearsal.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if sc.Assembly == "" {
		sc.Assembly = assembly
	}
	all, err := rehearsal.Run(ctx, sc)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		tell(t, r)
	}
	return all
}

// tell logs a result for the reader of a failed test.
func tell(t testing.TB, r *rehearsal.Result) {
	t.Helper()
	for _, e := range r.Executions {
		t.Logf("%s in %s: %s %s %s", e.Machine, e.Account, e.Status, e.Error, e.Cause)
	}
	t.Logf("%s after %s, %d calls, path %v: %s", r.Verdict, r.Duration, r.Calls, r.CriticalPath, r.Cause)
	for _, d := range r.Denials {
		t.Logf("denied: account %s, %s: %s on %s: %s\n  missing %s\n  fix %s", d.Account, d.Who, d.Action, d.Resource, d.Why, d.Missing, d.Fix)
	}
}

// patience is how long a script may take in real time.
func patience() time.Duration {
	if os.Getenv("DBFERRY_SWEEP") != "" {
		return 20 * time.Minute
	}
	return 3 * time.Minute
}

// play opens a rehearsal, lets the script act, and closes it.
func play(t *testing.T, sc rehearsal.Scenario, script func(*rehearsal.Rehearsal, *rehearsal.Operator) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience())
	defer cancel()
	if sc.Assembly == "" {
		sc.Assembly = assembly
	}
	sc.RefreshOnly = sc.SwitchTo == ""
	r, err := rehearsal.Open(ctx, sc)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := r.Play(ctx, func(o *rehearsal.Operator) error { return script(r, o) }); err != nil {
		t.Fatal(err)
	}
}

func TestRefreshSucceeds(t *testing.T) {
	for name, reversed := range map[string]bool{"targets deployed first": false, "production deployed first": true} {
		t.Run(name, func(t *testing.T) {
			r := run(t, rehearsal.Scenario{StacksReversed: reversed})
			if r.Verdict != rehearsal.VerdictSucceeded {
				t.Fatalf("verdict %s: %s", r.Verdict, r.Cause)
			}
			if len(r.Items) != 5 {
				t.Errorf("%d items, want four SQL tables and one of DynamoDB: %+v", len(r.Items), r.Items)
			}
			for _, i := range r.Items {
				if !i.Same() || i.RowsSource == 0 {
					t.Errorf("not the same as at the cut-off: %+v", i)
				}
			}
			if len(r.SecretsLeaked) > 0 {
				t.Errorf("secrets leaked: %q", r.SecretsLeaked)
			}
			if len(r.Border) < 2 || r.CriticalPath == 0 || r.CriticalPath > r.Duration || r.Permissions.Used == 0 || r.Permissions.Used > r.Permissions.Granted {
				t.Errorf("border %+v, critical path %s of %s, permissions %d of %d", r.Border, r.CriticalPath, r.Duration, r.Permissions.Used, r.Permissions.Granted)
			}
			t.Logf("unused: %q", r.Permissions.Unused)
		})
	}
}

// The preflight sees a statement that is not there, so nothing is begun.
func TestMissingVaultStatement(t *testing.T) {
	r := run(t, rehearsal.Scenario{Assembly: without(t, "dbferry-staging.template.json", "ProductionCopiesIn")})
	if r.Verdict != rehearsal.VerdictRefused {
		t.Fatalf("verdict %s, want %s", r.Verdict, rehearsal.VerdictRefused)
	}
	for _, want := range []string{"222222222222", "backup:CopyIntoBackupVault", "npx cdk deploy dbferry-staging"} {
		if !strings.Contains(r.Cause, want) {
			t.Errorf("the cause does not name %q: %s", want, r.Cause)
		}
	}
}

// A condition that does not hold is seen by the preflight, as it evaluates the
// vault's policy.
func TestVaultStatementOfAnotherOrganization(t *testing.T) {
	r := run(t, rehearsal.Scenario{Assembly: edited(t, "dbferry-staging.template.json", func(doc any) int {
		return each(doc, "ProductionCopiesIn", func(st map[string]any) {
			st["Condition"] = map[string]any{"StringEquals": map[string]any{"aws:PrincipalOrgID": "o-otherorg"}}
		})
	})})
	if r.Verdict != rehearsal.VerdictRefused || !strings.Contains(r.Cause, "[target-vault-policy]") || !strings.Contains(r.Cause, "o-exampleorg") {
		t.Fatalf("verdict %s, want %s by target-vault-policy: %s", r.Verdict, rehearsal.VerdictRefused, r.Cause)
	}
}

// A service control policy is what the preflight cannot read; AWS refuses the
// copy.
func TestServiceControlPolicyForbidsCopies(t *testing.T) {
	g := shipped(t)
	g.Account("111111111111").ServiceControlPolicies = []json.RawMessage{json.RawMessage(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"NoCopies","Effect":"Deny","Action":"backup:CopyFromBackupVault","Resource":"*"}]}`)}
	r := run(t, rehearsal.Scenario{Ground: &g})
	if r.Verdict != rehearsal.VerdictFailed {
		t.Fatalf("verdict %s, want %s", r.Verdict, rehearsal.VerdictFailed)
	}
	for _, d := range r.Denials {
		if d.Action == "backup:CopyFromBackupVault" && strings.Contains(d.Why, "NoCopies") {
			if len(r.Left) == 0 {
				t.Error("a failed run does not say what it left")
			}
			return
		}
	}
	t.Errorf("no denial names the service control policy: %+v", r.Denials)
}

func TestClusterKeyWithoutGrants(t *testing.T) {
	g := shipped(t)
	noGrants(t, &g, "")
	r := run(t, rehearsal.Scenario{Ground: &g})
	if r.Verdict != rehearsal.VerdictRefused {
		t.Fatalf("verdict %s, want %s", r.Verdict, rehearsal.VerdictRefused)
	}
	for _, want := range []string{"[cluster-key-admits-target]", "account 111111111111", "kms:CreateGrant", "DbferryToStagingGrant", "aws kms put-key-policy"} {
		if !strings.Contains(r.Cause, want) {
			t.Errorf("the cause does not name %q: %s", want, r.Cause)
		}
	}
}

// A key that keeps its policy to itself proves nothing; the copy shows what is
// missing.
func TestUnreadableClusterKeyWithoutGrants(t *testing.T) {
	g := shipped(t)
	noGrants(t, &g, `{"Sid":"Hidden","Effect":"Deny","Principal":"*","Action":"kms:GetKeyPolicy","Resource":"*"},`)
	r := run(t, rehearsal.Scenario{Ground: &g})
	if r.Verdict != rehearsal.VerdictFailed {
		t.Fatalf("verdict %s, want %s", r.Verdict, rehearsal.VerdictFailed)
	}
	for _, d := range r.Denials {
		if d.Action == "kms:CreateGrant" && strings.Contains(d.Fix, "aws kms put-key-policy") && d.Missing != "" {
			return
		}
	}
	t.Error("no denial of kms:CreateGrant with its statement and command")
}

// shipped is the ground of the shipped configuration.
func shipped(t *testing.T) ground.Ground {
	t.Helper()
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	g, err := ground.ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	g = g.WithoutApplications()
	return g
}

// noGrants takes kms:CreateGrant out of the cluster's key policy, and puts a
// statement in.
func noGrants(t *testing.T, g *ground.Ground, statement string) {
	t.Helper()
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	policy, err := g.Clusters[0].Key.KeyPolicy(c)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(policy), `"kms:CreateGrant",`, "")
	g.Clusters[0].Key.Policy = json.RawMessage(strings.Replace(text, `"Statement":[`, `"Statement":[`+statement, 1))
}

// variant synthesises the shipped configuration with a change.
func variant(t testing.TB, change func(*config.Config)) string {
	t.Helper()
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	change(&c)
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "dbferry.json")
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := assemblytest.Write(filepath.Join(dir, "cdk.out"), `CDK_CONTEXT_JSON={"config":"`+file+`"}`); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "cdk.out")
}

// without removes the statement of a Sid from one template.
func without(t *testing.T, file, sid string) string {
	t.Helper()
	return edited(t, file, func(doc any) int { return each(doc, sid, nil) })
}

// edited copies the assembly and changes one statement of one template.
func edited(t *testing.T, file string, edit func(doc any) int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cdk.out")
	if err := os.CopyFS(dir, os.DirFS(assembly)); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if n := edit(doc); n != 1 {
		t.Fatalf("%d statements were changed, want 1", n)
	}
	if raw, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// each changes the statements of a Sid anywhere in a JSON value, or removes
// them, together with a policy that this leaves empty.
func each(v any, sid string, change func(map[string]any)) int {
	n := 0
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			n += each(e, sid, change)
		}
	case map[string]any:
		for key, e := range x {
			n += each(e, sid, change) + one(x, key, sid, change)
		}
	}
	return n
}

func one(holder map[string]any, key, sid string, change func(map[string]any)) int {
	doc, _ := holder[key].(map[string]any)
	list, _ := doc["Statement"].([]any)
	for i, st := range list {
		m, _ := st.(map[string]any)
		switch {
		case m["Sid"] != sid:
			continue
		case change != nil:
			change(m)
		case len(list) == 1:
			delete(holder, key)
		default:
			doc["Statement"] = append(list[:i:i], list[i+1:]...)
		}
		return 1
	}
	return 0
}

// Two runs of one scenario have the same history.
func TestSameTwice(t *testing.T) {
	if diff := cmp.Diff(run(t, rehearsal.Scenario{Seed: 3}), run(t, rehearsal.Scenario{Seed: 3})); diff != "" {
		t.Error("two runs differ (-first +second):\n" + diff)
	}
}

// Both engines, several items, tables found by prefix.
func TestBothEngines(t *testing.T) {
	assembly := variant(t, func(c *config.Config) {
		c.DataSet.Clusters = append(c.DataSet.Clusters, config.Selector{ID: "ledger-pg"})
		c.DataSet.Tables = []config.Selector{{Prefix: "shop-"}}
		c.Targets[0].Clusters = append(c.Targets[0].Clusters, config.ClusterSettings{Match: "ledger-*", InstanceClass: "db.r6g.large", MasterSecret: "staging/ledger/master"})
	})
	r := run(t, rehearsal.Scenario{Assembly: assembly, Tables: 6})
	if r.Verdict != rehearsal.VerdictSucceeded || len(r.Items) != 4+4+6 {
		t.Errorf("verdict %s with %d items: %s", r.Verdict, len(r.Items), r.Cause)
	}
	if len(r.SecretsLeaked) > 0 {
		t.Errorf("secrets leaked: %q", r.SecretsLeaked)
	}
}
