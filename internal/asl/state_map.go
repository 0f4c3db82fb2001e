package asl

import (
	"fmt"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// mapItems runs the processor once for each item: here, in the same history, or
// as executions of their own.
func (v *visit) mapItems() (outcome, error) {
	work := v.iterate
	if v.state.Map.Distributed {
		work = v.distribute
	}
	return v.attempt("MapStateFailed", work)
}

// iterate is the Inline Map: at most 40 iterations at once, which read the
// variables around them; the first failure fails the state with its own error.
func (v *visit) iterate() (*jsonata.Value, error) {
	limit, err := v.concurrency(MaxInline)
	if err != nil {
		return nil, err
	}
	items, err := v.itemList()
	if err != nil {
		return nil, err
	}
	v.record(Event{Type: "MapStateStarted", Name: v.state.Name, Length: len(items)})
	outputs := make([]*jsonata.Value, len(items))
	started := v.b.last
	pool := newPool(v.b.x.engine.Kernel, v.b.ctx, limit)
	err = pool.run(len(items), func(i int) error {
		b := &branch{x: v.b.x, ctx: pool.scope, vars: newScope(v.b.x, v.b.vars), item: &item{i, items[i]}, last: started}
		defer b.vars.leave()
		out, err := v.iteration(b)
		outputs[i], v.b.last = out, b.last
		return err
	})
	if err != nil {
		return nil, err
	}
	result := jsonata.NewArray(outputs...)
	if err := v.b.x.sized(result, "The result of the state '"+v.state.Name+"' has"); err != nil {
		return nil, err
	}
	v.record(Event{Type: "MapStateSucceeded", Name: v.state.Name})
	return result, nil
}

func (v *visit) iteration(b *branch) (*jsonata.Value, error) {
	record := func(what string) {
		b.last = b.x.record(b.last, Event{Type: "MapIteration" + what, Name: v.state.Name, Index: b.item.index})
	}
	record("Started")
	input, err := v.selectItem(b, b.item)
	var out *jsonata.Value
	if err == nil {
		out, err = b.run(v.state.Map.Processor, input)
	}
	switch err {
	case nil:
		record("Succeeded")
	case errAborted:
		record("Aborted")
	default:
		record("Failed")
	}
	return out, err
}

// selectItem is the input of one iteration or child: ItemSelector, evaluated
// where the Map stands, with Map.Item in the context object.
func (v *visit) selectItem(b *branch, it *item) (*jsonata.Value, error) {
	inner := *v
	inner.b, inner.item = b, it
	input, err := inner.evaluate(v.state.Map.ItemSelector, it.value)
	if err != nil {
		return nil, err
	}
	return input, v.b.x.sized(input, fmt.Sprintf("The input of item %d of the state '%s' has", it.index, v.state.Name))
}

// concurrency is MaxConcurrency, where 0 stands for as many as AWS allows.
func (v *visit) concurrency(most int) (int, error) {
	n, err := v.evaluateWhole(v.state.Map.MaxConcurrency, 0, 0)
	if n == 0 || n > int64(most) {
		n = int64(most)
	}
	return int(n), err
}

// itemList are the items from Items or, without it, from the input.
func (v *visit) itemList() ([]*jsonata.Value, error) {
	list, err := v.evaluate(v.state.Map.Items, v.input)
	if err != nil {
		return nil, err
	}
	if list.Kind() != jsonata.Array {
		return nil, v.queryError(fmt.Sprintf("The items of the Map must be an array, but were of the type '%s'.", list.Kind()))
	}
	return list.Items(), nil
}
