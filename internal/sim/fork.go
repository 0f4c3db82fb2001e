package sim

import (
	"context"
	"errors"
)

// errForkEnded is what the workers of a fork see after one of them has panicked.
var errForkEnded = errors.New("sim: another process of the fork has panicked")

// Fork runs n processes at once and parks the calling one until all have
// returned. When one panics, the others' scope is cancelled and the panic goes
// on in the caller, as it would if they were one.
func (k *Kernel) Fork(ctx context.Context, n int, worker func(ctx context.Context)) {
	scope := k.NewScope(ctx)
	defer scope.Close()
	gate := k.NewGate()
	left := n
	var panicked any
	for range n {
		k.Go(func() {
			defer func() {
				if p := recover(); p != nil && panicked == nil {
					panicked = p
					scope.Cancel(errForkEnded)
				}
				if left--; left == 0 {
					gate.Open()
				}
			}()
			worker(scope)
		})
	}
	for left > 0 {
		// Not under the scope: its workers are to be waited for even then.
		if gate.Wait(context.Background()) != nil {
			return // the kernel has stopped
		}
	}
	if panicked != nil {
		panic(panicked)
	}
}
