package statemachines

import (
	"testing"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/jsonata"
)

// TestEveryMachineIsSound asks the lint: reachable states, bounded loops, each
// task with time limit, retry and catch, only known error names, and no path
// from a Catch to success.
func TestEveryMachineIsSound(t *testing.T) {
	engine, err := jsonata.Load()
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, n := range fault.Names() {
		known = append(known, string(n))
	}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			findings := asl.LintSource([]byte(Definition(name)), asl.LintOptions{
				Engine: engine, KnownErrors: known,
				// Closing a run stays in a branch of its own: its trouble stands
				// beside the verdict.
				AllowCatchEnd: []string{"The successful run is closed", "The refused run is closed", "The failed run is closed",
					"The undone run is closed", "The rolled back run is closed", "The operator's run is closed",
					"The switch's run is closed", "The old cluster is dealt with"},
			})
			for _, f := range findings {
				t.Error(f)
			}
		})
	}
}
