package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
		o, err := parse([]string{"-load", c.given})
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%q: %v, want %q", c.given, err, c.wrong)
		}
		if diff := cmp.Diff(c.want, o.Load); diff != "" {
			t.Errorf("%q: %s", c.given, diff)
		}
	}
}
