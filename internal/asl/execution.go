package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/dbferry/dbferry/internal/jsonata"
	"github.com/dbferry/dbferry/internal/sim"
)

// Status is the state of an execution in AWS's words.
type Status string

// The statuses of a Standard execution.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Execution is one run of a machine. Its exported fields are read-only, and
// final once Status is no longer RUNNING.
type Execution struct {
	Meta
	Machine     *Machine
	Status      Status
	Input       json.RawMessage
	Output      json.RawMessage // when SUCCEEDED
	Error       string          // when it ended otherwise; may be empty
	Cause       string
	StartDate   time.Time
	StopDate    time.Time // zero while RUNNING
	History     History
	Transitions int // as billed: each state entered and each retry
	Largest     int // bytes of the largest input, output, result or Assign

	engine   *Engine
	gate     *sim.Gate
	scope    *sim.Scope
	rng      *rand.Rand
	identity *jsonata.Value // the Execution node of the context object
	inflight []*visit       // states that can be aborted, in the order of their entry
	varBytes int
}

// Wait parks the calling process until the execution has ended, or returns the
// cause when ctx is cancelled before.
func (x *Execution) Wait(ctx context.Context) error {
	for x.Status == Running {
		if err := x.gate.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop aborts the execution as StopExecution does; one that has ended stays as
// it is.
func (x *Execution) Stop(name, cause string) { x.end(Aborted, name, cause) }

// TimeOut ends the execution as if its TimeoutSeconds had just passed.
func (x *Execution) TimeOut() { x.end(TimedOut, ErrTimeout, "") }

// run is the execution's main process.
func (x *Execution) run(input *jsonata.Value) {
	if x.Status != Running {
		return // stopped before it began
	}
	x.record(0, Event{Type: "ExecutionStarted"})
	limit := MaxRun
	if s := x.Machine.TimeoutSeconds; s > 0 {
		limit = min(limit, time.Duration(s)*time.Second)
	}
	cancel := x.engine.Kernel.After(limit, x.TimeOut)
	defer cancel()
	b := &branch{x: x, ctx: x.scope, vars: newScope(x, nil), last: 1}
	out, err := b.run(x.Machine, input)
	switch {
	case err == errAborted:
		return // whoever ended the execution has recorded it
	case err != nil:
		e := named(err)
		x.end(Failed, e.Name, e.Cause)
	case x.Status == Running:
		x.Output = out.JSON()
		x.end(Succeeded, "", "")
	}
}

// end records the end at once, then unwinds whatever still runs.
func (x *Execution) end(status Status, name, cause string) {
	if x.Status != Running {
		return
	}
	for _, v := range slices.Clone(x.inflight) {
		v.aborted()
	}
	last := map[Status]string{Succeeded: "ExecutionSucceeded", Failed: "ExecutionFailed", TimedOut: "ExecutionTimedOut", Aborted: "ExecutionAborted"}
	x.record(int64(x.History.Count()), Event{Type: last[status], Error: name, Cause: cause})
	x.Status, x.Error, x.Cause, x.StopDate = status, name, cause, x.engine.Kernel.Now()
	x.scope.Cancel(errAborted)
	x.inflight, x.identity = nil, nil
	x.gate.Open()
	if x.engine.OnEnd != nil {
		x.engine.OnEnd(x)
	}
}

// record adds an event to the history and returns its id. The event that would
// reach the limit fails the execution instead.
func (x *Execution) record(previous int64, e Event) int64 {
	if x.Status != Running {
		return previous
	}
	terminal := len(e.Type) > 9 && e.Type[:9] == "Execution" && e.Type != "ExecutionStarted"
	if !terminal && x.History.Count() >= MaxEvents-1 {
		x.inflight = nil // there is no room for their events
		x.end(Failed, ErrRuntime, fmt.Sprintf("The execution reached the maximum number of history events (%d).", MaxEvents))
		return previous
	}
	e.Previous, e.Time = previous, x.engine.Kernel.Now()
	e = x.History.add(e)
	if x.engine.OnEvent != nil {
		x.engine.OnEvent(x, e)
	}
	return e.ID
}

// seed is fresh for each evaluation, so that two calls of $uuid differ.
func (x *Execution) seed() uint64 { return x.rng.Uint64() }
