package template

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/golden"
)

var bootstrapped = Given{SSM: map[string]string{BootstrapVersion: "21"}}

func load(t *testing.T) *Assembly {
	t.Helper()
	a, err := Load("testdata/assembly")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func resolve(t *testing.T, name string) *Deployment {
	t.Helper()
	s, err := load(t).Stack(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Resolve(s, bootstrapped)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLoad(t *testing.T) {
	a := load(t)
	var names []string
	for _, s := range a.Stacks {
		names = append(names, s.Name+" "+s.Account+" "+s.Region+" "+s.Tags["app"])
	}
	want := "demo-production 111111111111 eu-west-1 dbferry, demo-staging 222222222222 eu-west-1 dbferry"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("stacks are %s, want %s", got, want)
	}
	if !a.Stacks[0].TerminationProtection || a.Stacks[1].TerminationProtection {
		t.Error("termination protection is not read")
	}
	asset := a.Stacks[0].Assets[0]
	if asset.Bucket != "cdk-hnb659fds-assets-111111111111-eu-west-1" || asset.Packaging != "zip" {
		t.Errorf("asset is %+v", asset)
	}
	if _, err := os.Stat(filepath.Join(asset.Path, "bootstrap")); err != nil {
		t.Errorf("the asset's path does not lead to its code: %v", err)
	}
}

func TestStackUnknown(t *testing.T) {
	_, err := load(t).Stack("demo")
	if err == nil || !strings.Contains(err.Error(), "it has demo-production, demo-staging") {
		t.Errorf("got %v", err)
	}
}

// TestDeployment shows everything that becomes of every type and function.
func TestDeployment(t *testing.T) {
	for _, name := range []string{"demo-production", "demo-staging"} {
		t.Run(name, func(t *testing.T) {
			d := resolve(t, name)
			for _, r := range d.Resources { // the view tells it all
				r.Properties = nil
			}
			d.Views = Views{DefaultBus: d.DefaultBus}
			var all any
			if err := decode(encode(d), &all); err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(prune(all)); err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, "testdata/"+name+".golden.json", golden.HideHashes(b.Bytes()))
		})
	}
}

// prune leaves out what is empty, so that the golden can be read.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			if v[k] = prune(item); v[k] == nil || v[k] == "" {
				delete(v, k)
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}

func TestDeploymentCoversEveryType(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range resolve(t, "demo-production").Resources {
		seen[r.Type] = true
		for name, v := range r.Attributes {
			if strings.ContainsAny(v, "{}") || strings.Contains(v, "::/") {
				t.Errorf("%s.%s is %q", r.LogicalID, name, v)
			}
		}
	}
	for _, kind := range SupportedTypes() {
		if !seen[kind] {
			t.Errorf("testdata/assembly has no %s", kind)
		}
	}
}

func TestOrderPutsEachAfterWhatItNeeds(t *testing.T) {
	d := resolve(t, "demo-production")
	place := map[string]int{}
	for i, r := range d.Resources {
		place[r.LogicalID] = i
		for _, dep := range r.DependsOn {
			if at, done := place[dep]; !done || at >= i {
				t.Errorf("%s comes before %s, which it needs", r.LogicalID, dep)
			}
		}
	}
	if d.Resource("Vault") == nil || d.Resource("OnlyStrict") != nil {
		t.Error("Resource finds what it should not, or does not find what it should")
	}
}

func TestResolveTwiceGivesTheSame(t *testing.T) {
	one, two := resolve(t, "demo-production"), resolve(t, "demo-production")
	if a, b := encode(one), encode(two); !bytes.Equal(a, b) {
		t.Errorf("the same stack resolves differently:\n%s\n%s", a, b)
	}
}

// edit copies the sample assembly and changes one file of it.
func edit(t *testing.T, file, from, to string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/assembly")); err != nil {
		t.Fatal(err)
	}
	if file == "" {
		return dir
	}
	path := filepath.Join(dir, file)
	if from == "" {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	raw, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(raw, []byte(from)) {
		t.Fatalf("%s has no %q: %v", file, from, err)
	}
	raw = bytes.ReplaceAll(raw, []byte(from), []byte(to))
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLoadRefuses(t *testing.T) {
	hash := strings.Repeat("1a", 32)
	for name, c := range map[string]struct{ file, from, to, want string }{
		"no manifest":          {"manifest.json", "", "", "manifest.json is not there; run `make ready`"},
		"manifest not JSON":    {"manifest.json", `{`, `[`, "run `make ready`"},
		"manifest of none":     {"manifest.json", `"version"`, `"v"`, "not a CDK manifest"},
		"stage":                {"manifest.json", `"cdk:tree"`, `"cdk:cloud-assembly"`, `artifact Tree has type "cdk:cloud-assembly"`},
		"context missing":      {"manifest.json", `"version": "54.0.0"`, `"version": "54.0.0", "missing": [{"key": "vpc-provider"}]`, "context vpc-provider is missing"},
		"no environment":       {"manifest.json", "aws://111111111111/eu-west-1", "aws://unknown-account/unknown-region", "explicit account and Region"},
		"no stack":             {"manifest.json", "aws:cloudformation:stack", "cdk:tree", "it holds no stack"},
		"template gone":        {"demo-staging.template.json", "", "", "load stack demo-staging"},
		"template not JSON":    {"demo-staging.template.json", "{\n", "{,", "not a JSON object"},
		"asset manifest gone":  {"demo-staging.assets.json", "", "", "demo-staging.assets.json is not there"},
		"container image":      {"demo-staging.assets.json", `"dockerImages": {`, `"dockerImages": {"x": {}`, "1 container images"},
		"asset folder gone":    {"asset." + hash, "", "", "asset " + hash},
		"asset from a command": {"demo-staging.assets.json", `"path"`, `"executable": ["make"], "path"`, "not a plain file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(edit(t, c.file, c.from, c.to))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant an error with %q", err, c.want)
			}
		})
	}
}

func TestEditedCopyLoads(t *testing.T) {
	a, err := Load(edit(t, "demo-production.template.json", "backup:CopyIntoBackupVault", "backup:Nothing"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := Resolve(a.Stacks[0], bootstrapped)
	if err != nil {
		t.Fatal(err)
	}
	if p := string(d.Vaults[0].AccessPolicy); !strings.Contains(p, "backup:Nothing") {
		t.Errorf("vault policy is %s", p)
	}
}

func TestResolveNeedsTheBootstrapStack(t *testing.T) {
	s := load(t).Stacks[1]
	for name, c := range map[string]struct {
		given Given
		want  string
	}{
		"missing": {Given{}, "run `npx cdk bootstrap`"},
		"too old": {Given{SSM: map[string]string{BootstrapVersion: "5"}}, "CDK bootstrap stack version 6 required"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Resolve(s, c.given)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant an error with %q", err, c.want)
			}
		})
	}
}
