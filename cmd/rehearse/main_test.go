package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/rehearsal"
)

func TestLoadOption(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dump.sql")
	if err := os.WriteFile(file, []byte("SELECT 1;"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		given, wrong string
		want         map[string]string
	}{
		{"", "", nil},
		{"mysql=" + file, "", map[string]string{"mysql": file}},
		{"mysql=" + file + ",postgres=" + file, "", map[string]string{"mysql": file, "postgres": file}},
		{file, "want mysql=FILE", nil},
		{"oracle=" + file, "want mysql=FILE", nil},
		{"mysql=" + file + ",mysql=" + file, "want mysql=FILE", map[string]string{"mysql": file}},
		{"postgres=" + file + ".missing", "no such file", nil},
	} {
		o, err := parse("refresh", []string{"-load", c.given})
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%q: %v, want %q", c.given, err, c.wrong)
		}
		if diff := cmp.Diff(c.want, o.Load); diff != "" {
			t.Errorf("%q: %s", c.given, diff)
		}
	}
}

// TestJobs: each job has the options that mean something for it, and a bad one
// is told before anything runs.
func TestJobs(t *testing.T) {
	for _, c := range []struct {
		args  []string
		wrong string
		to    string
	}{
		{[]string{"switch"}, "", rehearsal.ToPrevious},
		{[]string{"switch", "-to", "latest"}, "", rehearsal.ToLatest},
		{[]string{"switch", "-to", "yesterday"}, "want previous or latest", "yesterday"},
		{[]string{"switch", "-only", "shop-carts"}, "flag provided but not defined: -only", rehearsal.ToPrevious},
		{[]string{"refresh", "-to", "previous"}, "flag provided but not defined: -to", ""},
		{[]string{"refresh", "-refresh-only"}, "", ""},
		{[]string{"refresh", "now"}, `unexpected argument "now"`, ""},
		{[]string{"switch", "-fault", "staging-switch/-/Write the parameters/SSM.PutParameter=deny"}, "", rehearsal.ToPrevious},
		{[]string{"switch", "-fault", "nonsense"}, "nonsense", rehearsal.ToPrevious},
	} {
		o, err := parse(c.args[0], c.args[1:])
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%q: %v, want %q", c.args, err, c.wrong)
		}
		if o.SwitchTo != c.to {
			t.Errorf("%q: leads to %q, want %q", c.args, o.SwitchTo, c.to)
		}
	}
}
