package stack

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/statemachines"
)

// template is one synthesized template.
type template struct {
	raw       []byte
	Resources map[string]resource
	Outputs   map[string]struct{ Value any }
}

type resource struct {
	Type                string
	Properties          map[string]any
	Metadata            map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
}

// synthesized synthesizes the shipped configuration once for all tests.
var synthesized = sync.OnceValues(func() (map[string]template, error) {
	c, err := config.Load("../../dbferry.json")
	if err != nil {
		return nil, err
	}
	return synthesize(c)
})

// synthesize keeps nothing on disk but a stub's folder, which jsii's process
// reads until the end.
func synthesize(c config.Config) (map[string]template, error) {
	dir, err := os.MkdirTemp("", "dbferry-infra-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	stub := filepath.Join(dir, "stub")
	if err := os.Mkdir(stub, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(stub, "bootstrap"), []byte("stub\n"), 0o755); err != nil {
		return nil, err
	}
	app, err := NewApp("../../cdk.json", filepath.Join(dir, "cdk.out"))
	if err != nil {
		return nil, err
	}
	Add(app, Options{Config: c, Code: func(string) string { return stub }, Definition: statemachines.Definition})
	return readTemplates(app, c, filepath.Join(dir, "cdk.out"))
}

func readTemplates(app awscdk.App, c config.Config, dir string) (map[string]template, error) {
	app.Synth(nil)
	out := map[string]template{}
	stacks := []string{c.ProductionPlace().Stack()}
	for _, t := range c.Targets {
		stacks = append(stacks, c.Place(t).Stack())
	}
	for _, name := range stacks {
		raw, err := os.ReadFile(filepath.Join(dir, name+".template.json"))
		if err != nil {
			return nil, err
		}
		t := template{raw: raw}
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, err
		}
		out[name] = t
	}
	return out, nil
}

func load(t *testing.T, stack string) template {
	t.Helper()
	all, err := synthesized()
	if err != nil {
		t.Fatal(err)
	}
	found, ok := all[stack]
	if !ok {
		t.Fatalf("no stack %s", stack)
	}
	return found
}

// bothStacks runs a test on each stack of the shipped configuration.
func bothStacks(t *testing.T, f func(t *testing.T, tpl template)) {
	for _, stack := range []string{"dbferry-production", "dbferry-staging"} {
		t.Run(stack, func(t *testing.T) { f(t, load(t, stack)) })
	}
}

// ofType lists the logical ids of a type, sorted.
func (t template) ofType(typ string) []string {
	var out []string
	for id, r := range t.Resources {
		if r.Type == typ {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// the finds the only resource of a type whose property has a value.
func (t template) the(tb testing.TB, typ, property string, value any) resource {
	tb.Helper()
	var found []resource
	for _, id := range t.ofType(typ) {
		if r := t.Resources[id]; property == "" || r.Properties[property] == value {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		tb.Fatalf("%d resources of type %s have %s = %v, want 1", len(found), typ, property, value)
	}
	return found[0]
}

// policyStatement is a statement as the template has it, with lists for single
// values.
type policyStatement struct {
	where     string // logical id
	typ       string
	Sid       string
	Effect    string
	Principal any
	Actions   []string
	Resources []any
	Condition map[string]map[string]any
	why       string
}

// statements are all statements of all policies, trusts included.
func (t template) statements() []policyStatement {
	var out []policyStatement
	for _, id := range sortedKeys(t.Resources) {
		r := t.Resources[id]
		for _, doc := range documentsIn(r.Properties) {
			for _, s := range doc {
				out = append(out, newStatement(id, r, s))
			}
		}
	}
	return out
}

func (t template) statement(tb testing.TB, where, sid string) policyStatement {
	tb.Helper()
	for _, s := range t.statements() {
		if s.where == where && s.Sid == sid {
			return s
		}
	}
	tb.Fatalf("%s has no statement %s", where, sid)
	return policyStatement{}
}

// documentsIn finds every list of statements, and single ones (a bus policy's).
func documentsIn(v any) [][]map[string]any {
	var out [][]map[string]any
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			switch {
			case k == "Statement":
				out = append(out, statementList(v[k]))
			default:
				out = append(out, documentsIn(v[k])...)
			}
		}
	case []any:
		for _, x := range v {
			out = append(out, documentsIn(x)...)
		}
	}
	return out
}

func statementList(v any) []map[string]any {
	if one, ok := v.(map[string]any); ok {
		return []map[string]any{one}
	}
	var out []map[string]any
	for _, x := range v.([]any) {
		out = append(out, x.(map[string]any))
	}
	return out
}

func newStatement(id string, r resource, m map[string]any) policyStatement {
	s := policyStatement{where: id, typ: r.Type, Principal: m["Principal"]}
	s.Sid, _ = m["Sid"].(string)
	s.Effect, _ = m["Effect"].(string)
	for _, a := range asList(m["Action"]) {
		s.Actions = append(s.Actions, a.(string))
	}
	s.Resources = asList(m["Resource"])
	s.Condition = map[string]map[string]any{}
	conditions, _ := m["Condition"].(map[string]any)
	for op, keys := range conditions {
		s.Condition[op] = keys.(map[string]any)
	}
	if why, ok := r.Metadata[whyKey].(map[string]any); ok {
		s.why, _ = why[s.Sid].(string)
	}
	return s
}

func asList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func sortedKeys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// functionRef is a logical id in {"Fn::GetAtt":["Id","Arn"]}.
func functionRef(v any) string {
	m, _ := v.(map[string]any)
	if get, ok := m["Fn::GetAtt"].([]any); ok && len(get) == 2 && get[1] == "Arn" {
		return get[0].(string)
	}
	return ""
}

var definitionString = regexp.MustCompile(`"DefinitionString": "(?:[^"\\]|\\.)*"`)
