package rehearsal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
		err = synthesise(assembly)
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

func synthesise(dir string) error {
	cmd := exec.Command("go", "run", "./infra")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "DBFERRY_STUB_ASSETS=1", "CDK_OUTDIR="+dir, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20")
	out, err := cmd.CombinedOutput()
	if _, statErr := os.Stat(filepath.Join(dir, "manifest.json")); statErr != nil {
		return fmt.Errorf("%v: %s", err, out)
	}
	return nil
}

func run(t *testing.T, sc rehearsal.Scenario) *rehearsal.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if sc.Assembly == "" {
		sc.Assembly = assembly
	}
	r, err := rehearsal.Run(ctx, sc)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Executions {
		t.Logf("%s in %s: %s %s %s", e.Machine, e.Account, e.Status, e.Error, e.Cause)
	}
	t.Logf("%s after %s, %d calls, path %v: %s", r.Verdict, r.Duration, r.Calls, r.CriticalPath, r.Cause)
	for _, d := range r.Denials {
		t.Logf("denied: account %s, %s: %s on %s: %s\n  missing %s\n  fix %s", d.Account, d.Who, d.Action, d.Resource, d.Why, d.Missing, d.Fix)
	}
	return r
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

func TestMissingVaultStatement(t *testing.T) {
	r := run(t, rehearsal.Scenario{Assembly: without(t, "dbferry-staging.template.json", "ProductionCopiesIn")})
	if r.Verdict == rehearsal.VerdictSucceeded {
		t.Fatal("succeeded without permission to copy")
	}
	for _, d := range r.Denials {
		if d.Account == "222222222222" && d.Action == "backup:CopyIntoBackupVault" && strings.Contains(d.Missing, "backup:CopyIntoBackupVault") && strings.Contains(d.Fix, "dbferry-staging") {
			return
		}
	}
	// The preflight may have seen it before AWS could refuse.
	if !strings.Contains(r.Cause, "target-vault-policy") || !strings.Contains(r.Cause, "222222222222") && !strings.Contains(r.Cause, "dbferry-staging") {
		t.Errorf("neither a denial nor the preflight names the account and the statement: %s", r.Cause)
	}
}

func TestClusterKeyWithoutGrants(t *testing.T) {
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	g, err := ground.ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := g.Clusters[0].Key.KeyPolicy(c)
	if err != nil {
		t.Fatal(err)
	}
	g.Clusters[0].Key.Policy = json.RawMessage(strings.ReplaceAll(string(policy), `"kms:CreateGrant",`, ""))
	r := run(t, rehearsal.Scenario{Ground: &g})
	if r.Verdict != rehearsal.VerdictFailed && r.Verdict != rehearsal.VerdictRefused {
		t.Fatalf("verdict %s, want Failed or Refused", r.Verdict)
	}
	for _, d := range r.Denials {
		if d.Action == "kms:CreateGrant" && strings.Contains(d.Fix, "aws kms put-key-policy") && d.Missing != "" {
			return
		}
	}
	t.Error("no denial of kms:CreateGrant with its statement and command")
}

// without copies the assembly and removes the statements of a Sid from one
// template.
func without(t *testing.T, file, sid string) string {
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
	if n := remove(doc, sid); n != 1 {
		t.Fatalf("%d statements have the Sid %s", n, sid)
	}
	if raw, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// remove drops the statement from every list in a JSON value, together with a
// policy that it leaves empty.
func remove(v any, sid string) int {
	n := 0
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			n += remove(e, sid)
		}
	case map[string]any:
		for key, e := range x {
			n += remove(e, sid)
			doc, _ := e.(map[string]any)
			list, _ := doc["Statement"].([]any)
			for i, st := range list {
				if m, _ := st.(map[string]any); m["Sid"] == sid {
					doc["Statement"] = append(list[:i:i], list[i+1:]...)
					if n++; len(list) == 1 {
						delete(x, key)
					}
					break
				}
			}
		}
	}
	return n
}
