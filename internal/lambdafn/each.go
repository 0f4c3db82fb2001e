package lambdafn

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// AtOnce is how many items Each works on at a time. A call to AWS takes 20 to
// 50 ms, nearly all of it waiting, so that a thousand take about two seconds;
// no API that is used this way has a lower limit for such a burst (slower ones,
// such as DynamoDB's tags, are called one item a child execution).
const AtOnce = 32

// Fork runs n workers at once, waits until all have returned, and carries the
// panic of one to the caller after cancelling the others.
type Fork func(ctx context.Context, n int, worker func(ctx context.Context))

// Each does work for every i from 0 to n-1, AtOnce at a time. After an error no
// new item is begun; the error of the lowest i is returned, so that the same
// trouble is always told the same way. Results belong into a slice made before,
// at index i.
func (r Runtime) Each(ctx context.Context, n int, work func(ctx context.Context, i int) error) error {
	q := queue{n: n, failed: n}
	fork := r.Fork
	if fork == nil {
		fork = goroutines
	}
	fork(ctx, min(n, AtOnce), func(ctx context.Context) {
		for i, ok := q.next(); ok; i, ok = q.next() {
			q.done(i, work(ctx, i))
		}
	})
	if q.err == nil && q.begun < n {
		return errors.New("lambdafn: not every item was begun")
	}
	return q.err
}

// queue hands out the items of Each.
type queue struct {
	mu     sync.Mutex
	n      int
	begun  int
	failed int // the lowest item that failed; n while none has
	err    error
}

func (q *queue) next() (i int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil || q.begun == q.n {
		return 0, false
	}
	q.begun++
	return q.begun - 1, true
}

func (q *queue) done(i int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil && i < q.failed {
		q.failed, q.err = i, err
	}
}

// goroutines is Fork on Lambda.
func goroutines(ctx context.Context, n int, worker func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var first sync.Once
	var panicked any
	for range n {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					cancel()
					first.Do(func() { panicked = fmt.Sprintf("%v\n%s", p, debug.Stack()) })
				}
			}()
			worker(ctx)
		})
	}
	wg.Wait()
	if panicked != nil {
		panic(panicked)
	}
}
