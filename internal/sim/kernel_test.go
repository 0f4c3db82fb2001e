package sim

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestProcessesRunInTimeThenQueueOrder(t *testing.T) {
	run := func() []string {
		k := New(epoch)
		var log []string
		say := func(s string) { log = append(log, fmt.Sprintf("%s@%s", s, k.Now().Sub(epoch))) }
		for _, name := range []string{"a", "b", "c"} {
			k.Go(func() {
				for i := range 2 {
					say(fmt.Sprint(name, i))
					_ = k.Sleep(context.Background(), time.Minute)
				}
			})
		}
		if err := k.Run(nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
		return log
	}
	want := []string{"a0@0s", "b0@0s", "c0@0s", "a1@1m0s", "b1@1m0s", "c1@1m0s"}
	for range 20 {
		if diff := cmp.Diff(want, run()); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestCancelWakesSleepersAndWaitersWithTheCause(t *testing.T) {
	k := New(epoch)
	cause := errors.New("stop execution")
	s := k.NewScope(context.Background())
	inner := k.NewScope(s)
	g := k.NewGate()
	var got []error
	var at []time.Duration
	note := func(err error) { got = append(got, err); at = append(at, k.Now().Sub(epoch)) }
	k.Go(func() { note(k.Sleep(inner, time.Hour)) })
	k.Go(func() { note(g.Wait(context.WithValue(inner, "k", 1))) }) //nolint
	k.Go(func() { _ = k.Sleep(context.Background(), time.Minute); s.Cancel(cause) })
	if err := k.Run(nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !errors.Is(got[0], cause) || !errors.Is(got[1], cause) {
		t.Fatalf("woke with %v", got)
	}
	if diff := cmp.Diff([]time.Duration{time.Minute, time.Minute}, at); diff != "" {
		t.Fatal(diff)
	}
	if inner.Err() != cause {
		t.Fatalf("inner scope: %v", inner.Err())
	}
	if k.Now().Sub(epoch) != time.Hour && k.Now().Sub(epoch) != time.Minute {
		t.Fatalf("clock at %v", k.Now().Sub(epoch))
	}
}

func TestGateOpensInOrder(t *testing.T) {
	k := New(epoch)
	g := k.NewGate()
	var order []int
	for i := range 5 {
		k.Go(func() { _ = g.Wait(context.Background()); order = append(order, i) })
	}
	k.After(time.Second, g.Open)
	if err := k.Run(nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4}, order); diff != "" {
		t.Fatal(diff)
	}
}

func TestCancelledTimerNeverFires(t *testing.T) {
	k := New(epoch)
	fired := false
	cancel := k.After(time.Minute, func() { fired = true })
	cancel()
	if err := k.Run(nil, time.Time{}); err != nil || fired {
		t.Fatalf("fired=%v err=%v", fired, err)
	}
}

func TestRunStopsAtItsLimitAndStopLeavesNobody(t *testing.T) {
	k := New(epoch)
	ended := 0
	for range 3 {
		k.Go(func() {
			defer func() { ended++ }()
			for k.Sleep(context.Background(), time.Hour) == nil {
			}
		})
	}
	if err := k.Run(nil, epoch.Add(24*time.Hour)); err == nil {
		t.Fatal("an endless run must report its limit")
	}
	k.Stop()
	if ended != 3 {
		t.Fatalf("%d of 3 processes ended", ended)
	}
}

func TestAPanicInAProcessReachesRun(t *testing.T) {
	k := New(epoch)
	k.Go(func() { panic("broken invariant") })
	defer func() {
		if r := recover(); r != "broken invariant" {
			t.Fatalf("recovered %v", r)
		}
	}()
	_ = k.Run(nil, time.Time{})
}

// A process may end its goroutine, as t.FailNow does; the others go on, and no
// goroutine is left when Run has returned.
func TestGoroutinesEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	k := New(epoch)
	ran := 0
	for i := range 100 {
		k.After(time.Duration(i%10)*time.Second, func() {
			ran++
			_ = k.Sleep(context.Background(), time.Second)
			if i%3 == 0 {
				runtime.Goexit()
			}
		})
	}
	if err := k.Run(nil, time.Time{}); err != nil || ran != 100 {
		t.Fatalf("%d ran: %v", ran, err)
	}
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func BenchmarkSleep(b *testing.B) {
	k := New(epoch)
	k.Go(func() {
		for range b.N {
			_ = k.Sleep(context.Background(), time.Second)
		}
	})
	_ = k.Run(nil, time.Time{})
}
