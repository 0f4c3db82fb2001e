package stack

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/config"
)

// TestFunctionsAreFolders: what is deployed has a folder, and every folder is
// deployed.
func TestFunctionsAreFolders(t *testing.T) {
	found, err := filepath.Glob("../../functions/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, f := range found {
		folders = append(folders, filepath.Base(filepath.Dir(f)))
	}
	slices.Sort(folders)
	c, _, _ := places(t)
	c.Targets[0].Switch = &config.Switch{} // its functions are deployed where it is asked for
	if d := cmp.Diff(folders, Functions(c)); d != "" {
		t.Errorf("folders of functions/ and rows of the tables: %s", d)
	}
}

// TestAppRefuses what only shows when the context is read.
func TestAppRefuses(t *testing.T) {
	if _, err := NewApp(filepath.Join(t.TempDir(), "cdk.json"), ""); err == nil {
		t.Error("a folder without cdk.json was accepted")
	}
	bad := filepath.Join(t.TempDir(), "cdk.json")
	if err := os.WriteFile(bad, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := NewApp(bad, ""); err == nil {
		t.Error("a cdk.json that is not JSON was accepted")
	}
}
