package asl

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"
)

// FuzzParse: any text is read or refused, never a panic, and what is read can
// be linted and run.
func FuzzParse(f *testing.F) {
	everything, err := os.ReadFile("testdata/everything.asl.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(everything))
	f.Add(machine(`"A":{"Type":"Map","ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Pass","Output":"{% $states.input %}","End":true}}},"End":true}`))
	f.Add(machine(`"A":{"Type":"Wait","Timestamp":"{% $states.input %}","Next":"A"}`))
	f.Add(machine(`"A":{"Type":"Task","Resource":"x","Credentials":"{% 1 %}","Retry":[{"ErrorEquals":["E"],"BackoffRate":1e300,"MaxAttempts":99}],"End":true}`))
	f.Fuzz(func(t *testing.T, definition string) {
		m, err := Parse([]byte(definition))
		if err != nil {
			var refused *ParseError
			if !errors.As(err, &refused) {
				t.Fatalf("refused with %T", err)
			}
			return
		}
		Lint(m, LintOptions{})
		runFuzz(t, m, `[1,{"a":null}]`)
	})
}

// FuzzInput: whatever a machine is given, it ends in a named way.
func FuzzInput(f *testing.F) {
	everything, err := os.ReadFile("testdata/everything.asl.json")
	if err != nil {
		f.Fatal(err)
	}
	m, err := Parse(everything)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{`{"items":[1],"plan":"plan"}`, "{}", "null", `{"items":null}`, `[]`, `{"status":"DONE"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, input string) { runFuzz(t, m, input) })
}

func runFuzz(t *testing.T, m *Machine, input string) {
	w := newWorld(t)
	defer w.engine.Kernel.Stop()
	w.objects["plan"] = input
	w.tasks["invoke"] = func(_ context.Context, call TaskCall) (string, error) {
		return `{"Payload":` + string(call.Arguments) + `}`, nil
	}
	x, err := w.engine.Start(m, json.RawMessage(input), Meta{ExecutionArn: "x", StateMachineArn: "y"})
	if err != nil {
		return
	}
	limit := epoch.Add(30 * 24 * time.Hour)
	if err := w.engine.Kernel.Run(func() bool { return x.Status != Running || w.engine.Kernel.Events() > 5000 }, limit); err != nil {
		return // still waiting after a month: fine
	}
	if x.Status == Running && w.engine.Kernel.Events() <= 5000 {
		t.Fatalf("stuck at %v", x.History.CompactPath())
	}
	if x.Status == Failed && x.Error == "" && x.Cause == "" && x.History.Count() == 0 {
		t.Fatal("failed without a trace")
	}
}
