// Package layout holds no code: its tests keep the tree as CONTRIBUTING.md
// describes it.
package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/dbferry/dbferry"

// rule forbids packages to reach others, with the reason as text.
type rule struct {
	from, to []string // path prefixes inside the module, or of other modules
	except   []string // prefixes of from that may
	why      string
}

var rules = []rule{
	{from: []string{""}, except: []string{"infra"}, to: []string{"github.com/aws/aws-cdk-go", "github.com/aws/jsii-runtime-go", "github.com/aws/constructs-go"},
		why: "only infra imports the CDK: it needs Node and a minute to compile"},
	{from: []string{"functions"}, to: []string{"internal/rehearsal", "internal/awsworld", "internal/sim", "internal/asl", "internal/jsonata", "internal/sqlserver", "internal/dump", "internal/template", "internal/ground", "internal/report", "internal/iam/awsmanaged", "internal/dbproxy", "internal/simnet", "internal/stagingapp"},
		why: "what is deployed must not carry the rehearsal"},
	{from: []string{"internal/awsworld"}, to: []string{"internal/refresh", "internal/lambdafn", "internal/rehearsal", "internal/template", "internal/sqlserver", "internal/dbproxy"},
		why: "the simulated AWS takes executor and databases as interfaces: it knows AWS, not dbferry"},
	{from: []string{"internal/iam", "internal/eventpattern", "internal/jsonata", "internal/names", "internal/fault"}, to: []string{"internal/awsworld", "internal/refresh", "internal/rehearsal", "internal/sim"},
		why: "these are pure"},
	{from: []string{"internal/template"}, to: []string{"internal/awsworld", "internal/iam", "github.com/aws/aws-sdk-go-v2"},
		why: "the template loader reads CloudFormation and simulates nothing"},
	{from: []string{"cmd", "internal", "functions"}, to: []string{"github.com/aws/aws-sdk-go-v2/service/ec2"},
		why: "service/ec2 is large, and no step needs it"},
}

func TestImportRules(t *testing.T) {
	imports := readImports(t)
	for _, r := range rules {
		for _, pkg := range slices.Sorted(maps.Keys(imports)) {
			if !under(pkg, r.from) || under(pkg, r.except) && len(r.except) > 0 {
				continue
			}
			for _, dep := range reach(imports, pkg) {
				if under(dep, r.to) {
					t.Errorf("%s reaches %s: %s", pkg, dep, r.why)
				}
			}
		}
	}
}

func under(pkg string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return p == "" || pkg == p || strings.HasPrefix(pkg, p+"/") })
}

// reach lists everything that a package imports, directly or through packages
// of this module.
func reach(imports map[string][]string, pkg string) []string {
	seen := map[string]bool{}
	var walk func(string)
	walk = func(p string) {
		for _, d := range imports[p] {
			if !seen[d] {
				seen[d] = true
				walk(d)
			}
		}
	}
	walk(pkg)
	return slices.Sorted(maps.Keys(seen))
}

// sources calls visit for every Go file of the module.
func sources(t *testing.T, visit func(dir, file string)) {
	t.Helper()
	root := "../.."
	for _, top := range []string{"cmd", "internal", "functions", "infra", "events", "statemachines"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(p, ".go") {
				rel, _ := filepath.Rel(root, filepath.Dir(p))
				visit(filepath.ToSlash(rel), p)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func readImports(t *testing.T) map[string][]string {
	imports := map[string][]string{}
	sources(t, func(dir, file string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			p, _ := strconv.Unquote(i.Path.Value)
			imports[dir] = append(imports[dir], strings.TrimPrefix(p, module+"/"))
		}
	})
	if len(imports) < 40 {
		t.Fatalf("only %d packages found", len(imports))
	}
	return imports
}

// realTime may look at the machine's clock: real processes, the Lambda edge,
// commands, and what measures itself.
var realTime = []string{"internal/sqlserver", "internal/dump", "internal/lambdafn", "internal/dbconn", "cmd", "infra", "internal/jsonata"}

// TestNoRealTime: domain and simulation live on the kernel's clock. A hidden
// time.Now would make two runs differ.
func TestNoRealTime(t *testing.T) {
	banned := []string{"Now", "Sleep", "After", "Since", "Until", "NewTimer", "NewTicker", "Tick", "AfterFunc"}
	sources(t, func(dir, file string) {
		if under(dir, realTime) || strings.HasSuffix(file, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == "time" && id.Obj == nil && slices.Contains(banned, sel.Sel.Name) {
				t.Errorf("%s uses time.%s; take the time from the kernel or from Runtime.Now", path.Join(dir, filepath.Base(file)), sel.Sel.Name)
			}
			return true
		})
	})
}
