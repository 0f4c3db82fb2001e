package backup

import (
	"context"
	"slices"
	"time"

	"github.com/dbferry/dbferry/internal/sim"
)

// queue admits a number of holders at a time, first come, first served.
type queue struct {
	k       *sim.Kernel
	places  int
	taken   int
	waiting []*ticket
}

type ticket struct {
	gate    *sim.Gate
	granted bool
}

// enter waits for a place until the deadline (zero: without end). It answers
// false when the deadline passed first; leave must follow a true answer.
func (q *queue) enter(ctx context.Context, deadline time.Time) (bool, error) {
	if q.taken < q.places && len(q.waiting) == 0 {
		q.taken++
		return true, nil
	}
	t := &ticket{gate: q.k.NewGate()}
	q.waiting = append(q.waiting, t)
	if !deadline.IsZero() {
		cancel := q.k.At(deadline, func() {
			q.drop(t)
			t.gate.Open()
		})
		defer cancel()
	}
	if err := t.gate.Wait(ctx); err != nil {
		if t.granted {
			q.leave()
		}
		q.drop(t)
		return false, err
	}
	return t.granted, nil
}

// leave gives the place to the next in line.
func (q *queue) leave() {
	q.taken--
	if len(q.waiting) == 0 || q.taken >= q.places {
		return
	}
	t := q.waiting[0]
	q.waiting = q.waiting[1:]
	q.taken++
	t.granted = true
	t.gate.Open()
}

func (q *queue) drop(t *ticket) {
	q.waiting = slices.DeleteFunc(q.waiting, func(o *ticket) bool { return o == t })
}
