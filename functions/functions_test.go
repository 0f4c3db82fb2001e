// Package functions holds one folder for each Lambda function. This test keeps
// each folder, its main and the rehearsal's map of handlers together.
package functions

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/switchover"
)

func TestEveryMainStartsItsOwnStep(t *testing.T) {
	dirs, err := filepath.Glob("*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	steps := maps.Clone(refresh.Steps)
	maps.Copy(steps, switchover.Steps)
	maps.Copy(steps, migrate.Steps)
	if len(dirs) != len(steps) {
		t.Errorf("%d folders, %d steps", len(dirs), len(steps))
	}
	for _, file := range dirs {
		folder := filepath.Dir(file)
		t.Run(folder, func(t *testing.T) {
			name, constructor := started(t, file)
			if name != folder {
				t.Errorf("main starts %q", name)
			}
			step, ok := steps[folder]
			if !ok {
				t.Fatal("no package of steps has it")
			}
			full := runtime.FuncForPC(reflect.ValueOf(step).Pointer()).Name()
			if got := full[strings.LastIndex(full, ".")+1:]; got != constructor {
				t.Errorf("main builds %s, its row in Steps %s", constructor, got)
			}
		})
	}
}

// started reads lambdafn.Start("name", refresh.Constructor) out of a main.
func started(t *testing.T, file string) (name, constructor string) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return true
		}
		lit, isText := call.Args[0].(*ast.BasicLit)
		sel, isStep := call.Args[1].(*ast.SelectorExpr)
		if isText && isStep {
			name, _ = strconv.Unquote(lit.Value)
			constructor = sel.Sel.Name
		}
		return true
	})
	return name, constructor
}
