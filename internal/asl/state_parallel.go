package asl

import "github.com/dbferry/dbferry/internal/jsonata"

// parallel runs all branches on the same input; its result is the array of
// their outputs. The first branch to fail fails the state with its own error.
func (v *visit) parallel() (outcome, error) {
	return v.attempt("ParallelStateFailed", v.runBranches)
}

func (v *visit) runBranches() (*jsonata.Value, error) {
	input, err := v.evaluate(v.state.Parallel.Arguments, v.input)
	if err != nil {
		return nil, err
	}
	if err := v.b.x.sized(input, "Arguments of the state '"+v.state.Name+"' have"); err != nil {
		return nil, err
	}
	v.record(Event{Type: "ParallelStateStarted", Name: v.state.Name})
	branches := v.state.Parallel.Branches
	outputs := make([]*jsonata.Value, len(branches))
	started := v.b.last
	pool := newPool(v.b.x.engine.Kernel, v.b.ctx, len(branches))
	err = pool.run(len(branches), func(i int) error {
		b := &branch{x: v.b.x, ctx: pool.scope, vars: newScope(v.b.x, v.b.vars), item: v.b.item, last: started}
		defer b.vars.leave()
		out, err := b.run(branches[i], input)
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
	v.record(Event{Type: "ParallelStateSucceeded", Name: v.state.Name})
	return result, nil
}
