package asl

import (
	"context"
	"errors"

	"github.com/dbferry/dbferry/internal/sim"
)

// pool runs the branches of a Parallel or the items of a Map side by side, at
// most limit at a time. The first failure aborts the others.
type pool struct {
	k       *sim.Kernel
	scope   *sim.Scope
	gate    *sim.Gate
	limit   int
	running int
	err     error
}

func newPool(k *sim.Kernel, ctx context.Context, limit int) *pool {
	return &pool{k: k, scope: k.NewScope(ctx), gate: k.NewGate(), limit: limit}
}

// run does work for 0 to n-1, started in this order, and waits for all of it.
func (p *pool) run(n int, work func(i int) error) error {
	defer p.scope.Close()
	for i := range n {
		for p.running >= p.limit && p.err == nil && p.scope.Err() == nil {
			_ = p.gate.Wait(p.scope) // the conditions above are looked at again
		}
		if p.err != nil || p.scope.Err() != nil {
			break
		}
		p.running++
		p.k.Go(func() { p.ended(work(i)) })
	}
	for p.running > 0 {
		// Not under the scope: the others unwind first, however it ends.
		if errors.Is(p.gate.Wait(context.Background()), sim.ErrStopped) {
			return errAborted
		}
	}
	if p.err == nil && p.scope.Err() != nil {
		return errAborted
	}
	return p.err
}

func (p *pool) ended(err error) {
	p.running--
	if err != nil && p.err == nil && p.scope.Err() == nil {
		p.err = err
		p.scope.Cancel(errAborted)
	}
	p.gate.Open()
}
