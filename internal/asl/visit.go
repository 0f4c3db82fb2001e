package asl

import (
	"time"

	"github.com/dbferry/dbferry/internal/jsonata"
	"github.com/dbferry/dbferry/internal/sim"
)

// branch is one line of execution: the top level, a branch, or an iteration.
type branch struct {
	x    *Execution
	ctx  *sim.Scope
	vars *scope
	item *item // of the innermost Inline Map, or nil
	last int64 // id of its latest event
}

// visit is one stay in a state, retries included.
type visit struct {
	b     *branch
	state *State
	item  *item

	input       *jsonata.Value
	result      *jsonata.Value // $states.result, nil when there is none
	errorOutput *jsonata.Value // $states.errorOutput in a Catch, else nil

	entered   time.Time
	enteredID int64
	retries   int
	token     string
}

// outcome is where a state leads and what it hands on; next is "" at the end.
type outcome struct {
	next   string
	output *jsonata.Value
}

// run goes from state to state until the machine ends.
func (b *branch) run(m *Machine, input *jsonata.Value) (*jsonata.Value, error) {
	for name := m.StartAt; ; {
		if b.ctx.Err() != nil {
			return nil, errAborted
		}
		out, err := b.enter(m.State(name), input)
		if err != nil {
			return nil, err
		}
		if out.next == "" {
			return out.output, nil
		}
		name, input = out.next, out.output
	}
}

// enter visits one state.
func (b *branch) enter(s *State, input *jsonata.Value) (outcome, error) {
	v := &visit{b: b, state: s, item: b.item, input: input, entered: b.x.engine.Kernel.Now()}
	b.x.Transitions++
	v.record(Event{Type: s.Type + "StateEntered", Name: s.Name})
	v.enteredID = b.last
	if b.ctx.Err() != nil {
		return outcome{}, errAborted
	}
	v.begin()
	defer v.finished()
	out, err := v.perform()
	if err == errAborted {
		v.aborted()
	}
	return out, err
}

func (v *visit) perform() (outcome, error) {
	switch v.state.Type {
	case "Pass":
		return v.pass()
	case "Task":
		return v.task()
	case "Choice":
		return v.choice()
	case "Wait":
		return v.wait()
	case "Succeed":
		return v.succeed()
	case "Fail":
		return v.fail()
	case "Parallel":
		return v.parallel()
	}
	return v.mapItems()
}

// record adds an event after the latest one of this branch.
func (v *visit) record(e Event) { v.b.last = v.b.x.record(v.b.last, e) }

// begin notes a state that can be aborted: those that take time.
func (v *visit) begin() {
	switch v.state.Type {
	case "Task", "Wait", "Parallel", "Map":
		v.b.x.inflight = append(v.b.x.inflight, v)
	}
}

func (v *visit) finished() {
	for i, other := range v.b.x.inflight {
		if other == v {
			v.b.x.inflight = append(v.b.x.inflight[:i], v.b.x.inflight[i+1:]...)
			return
		}
	}
}

// aborted records that the state was cut short, once.
func (v *visit) aborted() {
	for _, other := range v.b.x.inflight {
		if other == v {
			v.finished()
			v.record(Event{Type: v.state.Type + "StateAborted", Name: v.state.Name})
			return
		}
	}
}

// leave evaluates Output and Assign, both with the variables as they were on
// entry, then sets the variables and records the exit. fallback is the output
// of a state without Output.
func (v *visit) leave(assign, output *Template, fallback *jsonata.Value, next string) (outcome, error) {
	out, err := v.evaluate(output, fallback)
	if err != nil {
		return outcome{}, err
	}
	if err := v.b.x.sized(out, "The output of the state '"+v.state.Name+"' has"); err != nil {
		return outcome{}, err
	}
	if assign != nil {
		values, err := v.evaluate(assign, nil)
		if err != nil {
			return outcome{}, err
		}
		if err := v.b.vars.assign(values); err != nil {
			return outcome{}, err
		}
	}
	v.record(Event{Type: v.state.Type + "StateExited", Name: v.state.Name})
	return outcome{next: next, output: out}, nil
}
