package asl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/jsonata"
	"github.com/dbferry/dbferry/internal/sim"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is a small Env: tasks by the last part of their resource, objects in a
// map, children started as they come.
type world struct {
	t        testing.TB
	engine   *Engine
	tasks    map[string]taskFunc
	objects  map[string]string // key → body
	written  map[string]string
	children []*Execution
	calls    []TaskCall
	refuse   error // StartChild
	compact  bool
}

type taskFunc func(ctx context.Context, call TaskCall) (string, error)

func newWorld(t testing.TB) *world {
	t.Helper()
	j, err := jsonata.Load()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, tasks: map[string]taskFunc{}, objects: map[string]string{}, written: map[string]string{}}
	w.engine = NewEngine(sim.New(epoch), j, w, 1)
	return w
}

func (w *world) Invoke(ctx context.Context, call TaskCall) (json.RawMessage, error) {
	w.calls = append(w.calls, call)
	name := strings.TrimSuffix(call.Resource, ".waitForTaskToken")
	name = name[strings.LastIndexByte(name, ':')+1:]
	f := w.tasks[name]
	if f == nil {
		return call.Arguments, nil
	}
	out, err := f(ctx, call)
	return json.RawMessage(out), err
}

func (w *world) ReadItems(_ context.Context, call ReadCall) ([]json.RawMessage, error) {
	var where struct{ Bucket, Key string }
	if err := json.Unmarshal(call.Arguments, &where); err != nil {
		return nil, err
	}
	body, ok := w.objects[where.Key]
	if !ok {
		return nil, errors.New("no such key " + where.Key)
	}
	return DecodeItems(call.InputType, []byte(body))
}

func (w *world) WriteResults(_ context.Context, call WriteCall) error {
	if call.Bucket == "closed" {
		return errors.New("access denied")
	}
	for _, f := range call.Files {
		w.written[call.Bucket+"/"+f.Key] = string(f.Body)
	}
	return nil
}

func (w *world) StartChild(_ context.Context, call ChildCall) (*Execution, error) {
	if w.refuse != nil {
		return nil, w.refuse
	}
	x, err := w.engine.Start(call.Machine, call.Input, call.Meta)
	if err == nil && !w.compact {
		w.children = append(w.children, x)
	}
	return x, err
}

func (w *world) sleep(ctx context.Context, d time.Duration) error {
	return w.engine.Kernel.Sleep(ctx, d)
}

func (w *world) start(definition, input string) *Execution {
	w.t.Helper()
	m, err := Parse([]byte(definition))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := CheckExpressions(m, w.engine.JSONata); err != nil {
		w.t.Fatal(err)
	}
	return w.startMachine(m, input)
}

func (w *world) startMachine(m *Machine, input string) *Execution {
	w.t.Helper()
	x, err := w.engine.Start(m, json.RawMessage(input), Meta{
		ExecutionArn: "arn:aws:states:eu-west-1:111111111111:execution:machine:run", Name: "run",
		RoleArn:         "arn:aws:iam::111111111111:role/machine",
		StateMachineArn: "arn:aws:states:eu-west-1:111111111111:stateMachine:machine", StateMachineName: "machine",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}

// finish runs the kernel until the execution has ended.
func (w *world) finish(x *Execution) *Execution {
	w.t.Helper()
	if err := w.engine.Kernel.Run(func() bool { return x.Status != Running }, epoch.Add(2*MaxRun)); err != nil {
		w.t.Fatal(err)
	}
	if x.Status == Running {
		w.t.Fatalf("the execution is stuck; its path: %v", x.History.CompactPath())
	}
	w.engine.Kernel.Stop()
	return x
}

func (w *world) run(definition, input string) *Execution {
	w.t.Helper()
	return w.finish(w.start(definition, input))
}

// machine wraps states into a definition that starts at the state A.
func machine(states string) string {
	return `{"QueryLanguage":"JSONata","StartAt":"A","States":{` + states + `}}`
}

// outcomeOf is an execution in a line: its output or its end and error.
func outcomeOf(x *Execution) string {
	if x.Status == Succeeded {
		return string(x.Output)
	}
	return fmt.Sprintf("%s %s", x.Status, x.Error)
}

func types(x *Execution) []string {
	var out []string
	for _, e := range x.History.Events() {
		out = append(out, e.Type)
	}
	return out
}
