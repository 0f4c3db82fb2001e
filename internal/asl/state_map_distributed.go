package asl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// mapRun is one run of a Distributed Map: its items, its children, its limits.
type mapRun struct {
	v         *visit
	arn       string
	id        string
	label     string
	items     []*jsonata.Value
	limit     int
	tolerated float64 // failures; one more fails the run
	failures  int
	children  []*Execution
}

// distribute is the Distributed Map. Children are executions that see nothing
// of their parent but their input.
func (v *visit) distribute() (*jsonata.Value, error) {
	run := &mapRun{v: v, id: v.uuid(), label: v.state.Map.Label}
	if run.label == "" {
		run.label = v.uuid()
	}
	run.arn = mapRunArn(v.b.x.StateMachineArn, run.label, run.id)
	if err := run.prepare(); err != nil {
		return nil, err
	}
	v.record(Event{Type: "MapStateStarted", Name: v.state.Name, Length: len(run.items)})
	v.record(Event{Type: "MapRunStarted", Name: v.state.Name, Resource: run.arn})
	result, err := run.perform()
	if err == errAborted {
		v.record(Event{Type: "MapRunAborted", Name: v.state.Name, Resource: run.arn})
		return nil, err
	}
	if err != nil {
		e := named(err)
		v.record(Event{Type: "MapRunFailed", Name: v.state.Name, Resource: run.arn, Error: e.Name, Cause: e.Cause})
		return nil, e
	}
	v.record(Event{Type: "MapRunSucceeded", Name: v.state.Name, Resource: run.arn})
	v.record(Event{Type: "MapStateSucceeded", Name: v.state.Name})
	return result, nil
}

// prepare evaluates what does not need the map run.
func (r *mapRun) prepare() (err error) {
	if r.limit, err = r.v.concurrency(MaxDistributed); err != nil {
		return err
	}
	if r.v.state.Map.ItemReader == nil {
		r.items, err = r.v.itemList()
	}
	return err
}

func (r *mapRun) perform() (*jsonata.Value, error) {
	if err := r.read(); err != nil {
		return nil, err
	}
	if err := r.tolerance(); err != nil {
		return nil, err
	}
	r.children = make([]*Execution, len(r.items))
	pool := newPool(r.v.b.x.engine.Kernel, r.v.b.ctx, r.limit)
	if err := pool.run(len(r.items), func(i int) error { return r.child(pool, i) }); err != nil {
		return nil, err
	}
	return r.result()
}

// read asks the Env for the items of an ItemReader.
func (r *mapRun) read() error {
	reader, v := r.v.state.Map.ItemReader, r.v
	if reader == nil {
		return nil
	}
	arguments, err := v.raw(reader.Arguments)
	if err != nil {
		return err
	}
	most, err := v.evaluateWhole(reader.MaxItems, 1, maxSeconds)
	if err != nil {
		return err
	}
	raw, err := v.b.x.engine.Env.ReadItems(v.b.ctx, ReadCall{
		Execution: v.b.x, State: v.state.Name, Resource: reader.Resource, Arguments: arguments, InputType: reader.InputType,
	})
	if err != nil {
		return renamed(err, ErrItemReaderFailed)
	}
	for i, text := range raw[:min(int64(len(raw)), most)] {
		item, err := jsonata.Parse(text)
		if err != nil {
			return &Error{Name: ErrItemReaderFailed, Cause: fmt.Sprintf("item %d: %v", i, err)}
		}
		r.items = append(r.items, item)
	}
	return nil
}

// renamed gives an error of the Env its name unless it has one.
func renamed(err error, name string) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Name: name, Cause: err.Error()}
}

// tolerance is the number of failures that the run survives: none by default;
// of count and percentage the smaller.
func (r *mapRun) tolerance() error {
	m := r.v.state.Map
	if m.ToleratedCount == nil && m.ToleratedShare == nil {
		return nil
	}
	all := float64(len(r.items))
	count, err := r.v.evaluateNumber(m.ToleratedCount, 0, maxSeconds, all)
	if err != nil {
		return err
	}
	share, err := r.v.evaluateNumber(m.ToleratedShare, 0, 100, 100)
	r.tolerated = min(count, all*share/100)
	return err
}

// child runs one child execution and counts it.
func (r *mapRun) child(pool *pool, i int) error {
	v, engine := r.v, r.v.b.x.engine
	input, err := v.selectItem(v.b, &item{i, r.items[i]})
	if err != nil {
		return err
	}
	r.items[i] = nil
	x, err := engine.Env.StartChild(pool.scope, ChildCall{
		Parent: v.b.x, State: v.state.Name, Label: r.label, Index: i,
		Machine: v.state.Map.Processor, Input: input.JSON(), Meta: r.meta(),
	})
	if err != nil {
		return err
	}
	r.children[i] = x
	if x.Wait(pool.scope) != nil {
		if !engine.Orphans || v.b.x.Status == Running {
			x.Stop("", "the map run has ended")
		}
		return errAborted
	}
	if x.Status != Succeeded {
		r.failures++
	}
	if float64(r.failures) > r.tolerated {
		return &Error{Name: ErrExceedTolerated, Cause: "The specified tolerated failure threshold was exceeded"}
	}
	return nil
}

func (r *mapRun) meta() Meta {
	parent := r.v.b.x.Meta
	name := r.v.uuid()
	return Meta{
		Name:             name,
		RoleArn:          parent.RoleArn,
		ExecutionArn:     strings.Replace(parent.StateMachineArn, ":stateMachine:", ":execution:", 1) + "/" + r.label + ":" + name,
		StateMachineArn:  parent.StateMachineArn + "/" + r.label,
		StateMachineName: parent.StateMachineName + "/" + r.label,
		MapRunArn:        r.arn,
	}
}

func mapRunArn(machineArn, label, id string) string {
	return strings.Replace(machineArn, ":stateMachine:", ":mapRun:", 1) + "/" + label + ":" + id
}

// uuid is a random identifier from the execution's seed.
func (v *visit) uuid() string {
	hi, lo := v.b.x.rng.Uint64(), v.b.x.rng.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xfff, lo>>48&0x3fff|0x8000, lo&0xffffffffffff)
}
