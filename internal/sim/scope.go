package sim

import (
	"context"
	"time"
)

// Scope is a context that belongs to a kernel: cancelling it wakes, in a
// reproducible order, every process that sleeps or waits under it. Use it
// instead of context.WithCancel, whose Done channel would have to be watched
// from a goroutine outside the kernel.
type Scope struct {
	context.Context
	k        *Kernel
	err      error
	done     chan struct{}
	parent   *Scope
	children []*Scope
	sleepers map[*parking]struct{}
	order    []*parking
}

type scopeKey struct{}

// NewScope derives a cancellable scope from ctx.
func (k *Kernel) NewScope(ctx context.Context) *Scope {
	s := &Scope{k: k, done: make(chan struct{}), sleepers: map[*parking]struct{}{}, parent: scopeOf(ctx)}
	s.Context = context.WithValue(ctx, scopeKey{}, s)
	if s.parent != nil {
		if s.parent.err != nil {
			s.err = s.parent.err
			close(s.done)
		} else {
			s.parent.children = append(s.parent.children, s)
		}
	}
	return s
}

func scopeOf(ctx context.Context) *Scope {
	if ctx == nil {
		return nil
	}
	s, _ := ctx.Value(scopeKey{}).(*Scope)
	return s
}

// Done is closed by Cancel.
func (s *Scope) Done() <-chan struct{} { return s.done }

// Err is the cause given to Cancel, or nil.
func (s *Scope) Err() error { return s.err }

// Cancel ends the scope and all scopes below it; sleepers wake with cause at
// the present simulated time. Only the first call counts.
func (s *Scope) Cancel(cause error) {
	if s.err != nil {
		return
	}
	s.err = cause
	close(s.done)
	for p := range s.sleepers {
		s.order = append(s.order, p)
	}
	sortParked(s.order)
	for _, p := range s.order {
		s.k.resume(p, cause)
	}
	s.order = nil
	for _, c := range s.children {
		c.Cancel(cause)
	}
	s.children = nil
}

// Close detaches a finished scope from its parent, so that a long-lived parent
// does not remember every child it ever had.
func (s *Scope) Close() {
	if s.parent == nil {
		return
	}
	for i, c := range s.parent.children {
		if c == s {
			s.parent.children = append(s.parent.children[:i], s.parent.children[i+1:]...)
			return
		}
	}
}

// Within derives a context that ends after d of simulated time with
// context.DeadlineExceeded, as context.WithTimeout does of real time.
func (k *Kernel) Within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	s := k.NewScope(ctx)
	stop := k.After(d, func() { s.Cancel(context.DeadlineExceeded) })
	return s, func() {
		stop()
		s.Close()
	}
}

// Gate is where processes wait for something other than time: the end of a
// child execution, an answered task token, a free place in a Map.
type Gate struct {
	k       *Kernel
	waiting []*parking
}

// NewGate returns a gate with nobody waiting.
func (k *Kernel) NewGate() *Gate { return &Gate{k: k} }

// Wait parks the calling process until Open, or until its scope is cancelled.
// Re-check the condition after it returns nil.
func (g *Gate) Wait(ctx context.Context) error {
	if g.k.stopped {
		return ErrStopped
	}
	s := scopeOf(ctx)
	if s != nil && s.err != nil {
		return s.err
	}
	p := g.k.newParking()
	g.waiting = append(g.waiting, p)
	if s != nil {
		s.sleepers[p] = struct{}{}
		defer delete(s.sleepers, p)
	}
	err := g.k.park(p)
	if err != nil {
		for i, w := range g.waiting {
			if w == p {
				g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
				break
			}
		}
	}
	return err
}

// Open wakes all who wait, in the order in which they came.
func (g *Gate) Open() {
	waiting := g.waiting
	g.waiting = nil
	for _, p := range waiting {
		g.k.resume(p, nil)
	}
}
