// Package golden compares output with a file kept beside the test. The file is
// what a reader reviews: run the tests with -update to rewrite it, then read
// the difference like code.
package golden

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files instead of comparing with them")

// Equal fails the test, showing the difference, unless the file at path holds
// exactly got. With -update it writes the file, folders included, instead.
func Equal(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		write(t, path, got)
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("golden: %v; run the test with -update to write it", err)
		return
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s differs; if the change is meant, run the test with -update (-want +got):\n%s",
			path, cmp.Diff(string(want), string(got)))
	}
}

func write(t testing.TB, path string, got []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatalf("golden: %v", err)
	}
	if err := os.WriteFile(path, got, 0o644); err != nil {
		t.Fatalf("golden: %v", err)
	}
}

var hexRun = regexp.MustCompile(`[0-9a-f]+`)

// HideHashes replaces every run of exactly 64 hexadecimal digits, the name of
// a CDK asset, by "<hash>", so that goldens outlive a change of code.
func HideHashes(b []byte) []byte {
	return hexRun.ReplaceAllFunc(b, func(run []byte) []byte {
		if len(run) == 64 {
			return []byte("<hash>")
		}
		return run
	})
}
