package backup

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/sim"
)

func TestQueue(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	k := sim.New(start)
	q := newQueue(k, 1)
	var log []string
	visit := func(name string, arrive, stay, patience time.Duration) {
		k.At(start.Add(arrive), func() {
			deadline := time.Time{}
			if patience > 0 {
				deadline = k.Now().Add(patience)
			}
			ok, err := q.enter(context.Background(), deadline)
			if err != nil {
				t.Error(err)
			}
			if !ok {
				log = append(log, name+" gave up at "+k.Now().Sub(start).String())
				return
			}
			log = append(log, name+" in at "+k.Now().Sub(start).String())
			_ = k.Sleep(context.Background(), stay)
			q.leave()
		})
	}
	visit("a", 0, 10*time.Minute, 0)
	visit("b", time.Minute, 5*time.Minute, 0)
	visit("c", 2*time.Minute, time.Minute, 3*time.Minute)
	visit("d", 3*time.Minute, time.Minute, 0)
	visit("e", time.Hour, time.Minute, 0)
	if err := k.Run(nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	want := []string{"a in at 0s", "c gave up at 5m0s", "b in at 10m0s", "d in at 15m0s", "e in at 1h0m0s"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if q.taken != 0 || len(q.waiting) != 0 {
		t.Errorf("taken %d, waiting %d at the end", q.taken, len(q.waiting))
	}
}

func TestQueueGivesUpWithItsScope(t *testing.T) {
	k := sim.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	q := newQueue(k, 1)
	scope := k.NewScope(context.Background())
	var got error
	k.Go(func() { _, _ = q.enter(context.Background(), time.Time{}) })
	k.Go(func() { _, got = q.enter(scope, time.Time{}) })
	k.After(time.Minute, func() { scope.Cancel(errStopped) })
	if err := k.Run(nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got != errStopped || len(q.waiting) != 0 {
		t.Errorf("got %v with %d waiting", got, len(q.waiting))
	}
}
