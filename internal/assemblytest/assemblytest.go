// Package assemblytest synthesises the templates for tests that rehearse.
package assemblytest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Write synthesises into a folder what `npx cdk deploy` would ship, with the
// handlers in process instead of compiled ones. More is added to the
// environment, such as the configuration file to take.
func Write(dir string, more ...string) error {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return fmt.Errorf("assemblytest: the source's own place is not known")
	}
	cmd := exec.Command("go", "run", "./infra")
	cmd.Dir = filepath.Join(filepath.Dir(file), "..", "..")
	cmd.Env = append(os.Environ(), "DBFERRY_STUB_ASSETS=1", "CDK_OUTDIR="+dir, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20")
	cmd.Env = append(cmd.Env, more...)
	out, err := cmd.CombinedOutput()
	if _, statErr := os.Stat(filepath.Join(dir, "manifest.json")); statErr != nil {
		return fmt.Errorf("synthesise: %v: %s", err, out)
	}
	return nil
}
