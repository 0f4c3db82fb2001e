package scale_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/dbferry/dbferry/internal/assemblytest"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/scale"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

const root = "../.."

// assembly is the cdk.out of the shipped configuration with a prefix selector
// for tables.
var assembly string

// What benchmarks found, for the tables at the end.
var (
	rows   []scale.Row
	ratios []scale.Ratio
)

func TestMain(m *testing.M) {
	sqlserver.RunWatcherIfAsked()
	dir, err := os.MkdirTemp("", "dbferry-scale")
	if err == nil {
		assembly = filepath.Join(dir, "cdk.out")
		err = synthesise(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "synthesise:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	if len(ratios) > 0 {
		fmt.Printf("\nOne cluster and ten tables, end to end and beside AWS's own jobs:\n\n")
		scale.Waiting(os.Stdout, ratios)
	}
	if len(rows) > 0 {
		fmt.Printf("\nOne cluster and many tables, one refresh:\n\n")
		scale.Sizes(os.Stdout, rows)
	}
	os.Exit(code)
}

func synthesise(dir string) error {
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		return err
	}
	c.DataSet.Tables = []config.Selector{{Prefix: "shop-"}}
	file := filepath.Join(dir, "dbferry.json")
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		return err
	}
	return assemblytest.Write(assembly, `CDK_CONTEXT_JSON={"config":"`+file+`"}`)
}

func rehearse(t testing.TB, sc rehearsal.Scenario) *rehearsal.Result {
	t.Helper()
	sc.Assembly, sc.RefreshOnly = assembly, true
	all, err := rehearsal.Run(t.Context(), sc)
	if err != nil {
		t.Fatal(err)
	}
	r := all[0]
	if r.Verdict != rehearsal.VerdictSucceeded {
		t.Fatalf("%d tables: %s: %s", sc.Tables, r.Verdict, r.Cause)
	}
	return r
}
