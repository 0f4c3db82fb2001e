// Package sim owns time in the rehearsal: a deterministic event queue in which
// one process runs at a time and real work takes no simulated time.
//
// A process is a goroutine started by Go or At. It holds the baton until it
// sleeps, waits on a Gate, or returns; then the kernel pops the next event in
// (time, sequence) order. Two runs of the same program therefore produce the
// same order of events. Nothing here is safe for use from goroutines that the
// kernel did not start, except Run itself and Now.
package sim

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// ErrStopped is what Sleep and Gate.Wait return when the kernel shuts down
// while the process was parked.
var ErrStopped = errors.New("sim: the simulation was stopped")

// Kernel is one simulated clock with its queue of events.
type Kernel struct {
	nowNanos atomic.Int64 // Unix nanoseconds; atomic so that screens may read it from outside
	seq      uint64
	queue    eventQueue
	baton    chan struct{} // a process hands control back to Run through it
	stopped  bool
	live     int
	idle     []chan func() // goroutines that wait for a process to run
	parked   map[*parking]struct{}
	events   uint64
	panicked any

	// Pace, when set, is called by Run before each advance of the clock with
	// the distance about to be skipped; --speed sleeps in it. It must not
	// change the order of events.
	Pace func(skip time.Duration)
}

type event struct {
	at  time.Time
	seq uint64
	run func() // called in Run's goroutine; either starts or resumes one process
	off *bool  // set to true when the event was cancelled
}

// New returns a kernel whose clock stands at start.
func New(start time.Time) *Kernel {
	k := &Kernel{baton: make(chan struct{}), parked: map[*parking]struct{}{}}
	k.nowNanos.Store(start.UTC().UnixNano())
	return k
}

// Now is the simulated time, in UTC.
func (k *Kernel) Now() time.Time { return time.Unix(0, k.nowNanos.Load()).UTC() }

// Events counts the events processed so far; a measure of work that does not
// depend on the machine.
func (k *Kernel) Events() uint64 { return k.events }

// Go starts a process at the present simulated time, after everything already
// queued for that time.
func (k *Kernel) Go(fn func()) { k.At(k.Now(), fn) }

// At starts a process at t (or now, when t has passed). The returned function
// cancels it if it has not begun.
func (k *Kernel) At(t time.Time, fn func()) (cancel func()) {
	return k.schedule(t, func() { k.start(fn) })
}

// After starts a process d from now; the returned function cancels it.
func (k *Kernel) After(d time.Duration, fn func()) (cancel func()) {
	return k.At(k.Now().Add(d), fn)
}

func (k *Kernel) schedule(t time.Time, run func()) (cancel func()) {
	if t.Before(k.Now()) {
		t = k.Now()
	}
	off := new(bool)
	k.seq++
	heap.Push(&k.queue, &event{at: t, seq: k.seq, run: run, off: off})
	return func() { *off = true }
}

func (k *Kernel) start(fn func()) {
	k.live++
	if n := len(k.idle); n > 0 {
		w := k.idle[n-1]
		k.idle = k.idle[:n-1]
		w <- fn
	} else {
		w := make(chan func())
		go k.work(w)
		w <- fn
	}
	<-k.baton
}

// work is a goroutine that runs one process after the other: one that has run
// before has its stack grown already, and the SDK's stacks are deep. It ends
// when Run does.
func (k *Kernel) work(w chan func()) {
	busy := false
	defer func() {
		if busy { // the process has ended its goroutine: runtime.Goexit, t.FailNow
			k.live--
			k.baton <- struct{}{}
		}
	}()
	for fn := range w {
		busy = true
		k.process(fn)
		busy = false
		k.live--
		k.idle = append(k.idle, w)
		k.baton <- struct{}{}
	}
}

func (k *Kernel) process(fn func()) {
	defer func() {
		if r := recover(); r != nil && k.panicked == nil {
			k.panicked = r
		}
	}()
	fn()
}

// dismiss ends the goroutines that have nothing to run.
func (k *Kernel) dismiss() {
	for _, w := range k.idle {
		close(w)
	}
	k.idle = nil
}

// parking is one suspended process.
type parking struct {
	id   uint64
	wake chan struct{}
	done bool // already scheduled to resume
	err  error
}

func (k *Kernel) newParking() *parking {
	k.seq++
	return &parking{id: k.seq, wake: make(chan struct{})}
}

// sortParked puts processes in the order in which they parked: map order must
// never reach the event queue.
func sortParked(ps []*parking) {
	slices.SortFunc(ps, func(a, b *parking) int { return cmp.Compare(a.id, b.id) })
}

func (k *Kernel) park(p *parking) error {
	k.parked[p] = struct{}{}
	k.baton <- struct{}{}
	<-p.wake
	return p.err
}

// resume queues the process p to continue now.
func (k *Kernel) resume(p *parking, err error) {
	if p.done {
		return
	}
	p.done, p.err = true, err
	k.schedule(k.Now(), func() { k.release(p) })
}

func (k *Kernel) release(p *parking) {
	delete(k.parked, p)
	p.wake <- struct{}{}
	<-k.baton
}

// Sleep parks the calling process for d of simulated time. It returns early
// with the context's cause when ctx is a Scope (or derives from one) that is
// cancelled, and with ErrStopped when the kernel stops.
func (k *Kernel) Sleep(ctx context.Context, d time.Duration) error {
	if k.stopped {
		return ErrStopped
	}
	s := scopeOf(ctx)
	if s != nil && s.err != nil {
		return s.err
	}
	p := k.newParking()
	cancel := k.schedule(k.Now().Add(max(d, 0)), func() {
		if p.done {
			return
		}
		p.done = true
		k.release(p)
	})
	if s != nil {
		s.sleepers[p] = struct{}{}
		defer delete(s.sleepers, p)
	}
	err := k.park(p)
	cancel()
	return err
}

// Run processes events until done returns true (nil: never), the queue is
// empty, or limit has passed on the simulated clock. Only processes that are
// parked on a Gate may be left when the queue is empty; Idle tells.
func (k *Kernel) Run(done func() bool, limit time.Time) error {
	defer k.dismiss()
	for k.queue.Len() > 0 {
		if done != nil && done() {
			return nil
		}
		e := heap.Pop(&k.queue).(*event)
		if *e.off {
			continue
		}
		if !limit.IsZero() && e.at.After(limit) {
			heap.Push(&k.queue, e)
			return fmt.Errorf("sim: still work to do at %s, the limit of this run", limit.Format(time.RFC3339))
		}
		if now := k.Now(); e.at.After(now) {
			if k.Pace != nil {
				k.Pace(e.at.Sub(now))
			}
			k.nowNanos.Store(e.at.UnixNano())
		}
		k.events++
		e.run()
		if k.panicked != nil {
			panic(k.panicked)
		}
	}
	return nil
}

// Stop wakes every parked process with ErrStopped, drops what is queued and
// waits until no process is left, so that a finished rehearsal leaks nothing.
func (k *Kernel) Stop() {
	k.stopped = true
	k.queue = nil
	defer k.dismiss()
	for rounds := 0; k.live > 0 && rounds < 1_000_000; rounds++ {
		all := slices.Collect(maps.Keys(k.parked))
		sortParked(all)
		for _, p := range all {
			k.resume(p, ErrStopped)
		}
		if k.queue.Len() == 0 {
			break
		}
		e := heap.Pop(&k.queue).(*event)
		if !*e.off {
			e.run()
		}
	}
}

// Idle reports how many processes are parked with nothing queued to wake them.
func (k *Kernel) Idle() int {
	if k.queue.Len() > 0 {
		return 0
	}
	return len(k.parked)
}

type eventQueue []*event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].seq < q[j].seq
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}
