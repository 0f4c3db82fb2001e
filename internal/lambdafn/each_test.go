package lambdafn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/sim"
)

// onKernel runs a test as a process of a kernel, with a Runtime that forks
// there, and returns how long it took on the simulated clock.
func onKernel(t *testing.T, test func(rt lambdafn.Runtime, k *sim.Kernel)) time.Duration {
	t.Helper()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	k := sim.New(start)
	k.Go(func() { test(lambdafn.Runtime{Fork: k.Fork}, k) })
	if err := k.Run(nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	return k.Now().Sub(start)
}

func TestEachWorksOnManyAtOnceAndKeepsOrder(t *testing.T) {
	const n = 1000
	got := make([]int, n)
	took := onKernel(t, func(rt lambdafn.Runtime, k *sim.Kernel) {
		err := rt.Each(t.Context(), n, func(ctx context.Context, i int) error {
			got[i] = i * i
			return k.Sleep(ctx, 50*time.Millisecond)
		})
		if err != nil {
			t.Error(err)
		}
	})
	for i := range got {
		if got[i] != i*i {
			t.Fatalf("item %d was not done", i)
		}
	}
	if want := 1600 * time.Millisecond; took != want {
		t.Errorf("a thousand calls of 50 ms took %s, want %s", took, want)
	}
}

func TestEachReturnsTheErrorOfTheLowestItem(t *testing.T) {
	for name, rt := range map[string]func(func(lambdafn.Runtime, func(context.Context, time.Duration))){
		"kernel": func(test func(lambdafn.Runtime, func(context.Context, time.Duration))) {
			onKernel(t, func(rt lambdafn.Runtime, k *sim.Kernel) {
				test(rt, func(ctx context.Context, d time.Duration) { _ = k.Sleep(ctx, d) })
			})
		},
		"goroutines": func(test func(lambdafn.Runtime, func(context.Context, time.Duration))) {
			test(lambdafn.Runtime{}, func(context.Context, time.Duration) {})
		},
	} {
		t.Run(name, func(t *testing.T) {
			rt(func(rt lambdafn.Runtime, sleep func(context.Context, time.Duration)) {
				var begun atomic.Int32
				err := rt.Each(t.Context(), 500, func(ctx context.Context, i int) error {
					begun.Add(1)
					sleep(ctx, time.Duration(100-i)*time.Millisecond) // later items end first
					if i >= 20 {
						return fmt.Errorf("item %d", i)
					}
					return nil
				})
				if err == nil || !strings.HasPrefix(err.Error(), "item ") {
					t.Fatalf("error %v", err)
				}
				if name == "kernel" && (err.Error() != "item 20" || begun.Load() > 52) {
					t.Errorf("%v after %d items had begun", err, begun.Load())
				}
			})
		})
	}
}

func TestEachOfNothing(t *testing.T) {
	if err := (lambdafn.Runtime{}).Each(t.Context(), 0, nil); err != nil {
		t.Error(err)
	}
}

// A function that is killed is killed as a whole: the others do nothing more,
// and the caller sees the very panic.
func TestAPanicEndsAllAndReachesTheCaller(t *testing.T) {
	killed := errors.New("killed")
	onKernel(t, func(rt lambdafn.Runtime, k *sim.Kernel) {
		after := 0
		defer func() {
			if p := recover(); p != killed {
				t.Errorf("the caller saw %v", p)
			}
			if after > 0 {
				t.Errorf("%d items went on after the function was killed", after)
			}
		}()
		err := rt.Each(t.Context(), 100, func(ctx context.Context, i int) error {
			if i == 3 {
				panic(killed)
			}
			if k.Sleep(ctx, time.Second) == nil {
				after++
			}
			return nil
		})
		t.Errorf("Each returned %v", err)
	})
	defer func() {
		if p := recover(); !strings.Contains(fmt.Sprint(p), "bug in item 3") {
			t.Errorf("the caller saw %v", p)
		}
	}()
	err := (lambdafn.Runtime{}).Each(t.Context(), 100, func(ctx context.Context, i int) error {
		if i == 3 {
			panic("bug in item 3")
		}
		<-ctx.Done()
		return nil
	})
	t.Errorf("Each returned %v", err)
}

// Step Functions takes 32,768 characters as a cause; a longer one would end the
// execution in a way that no Catch sees.
func TestInvokeKeepsAMessageWithinTheLimit(t *testing.T) {
	long := strings.Repeat("ä table has a problem; ", 5000)
	h := func(context.Context, []byte) ([]byte, error) { return nil, errors.New(long) }
	_, failure := lambdafn.Invoke(t.Context(), "check-ground", slog.New(slog.DiscardHandler), h, nil)
	if failure == nil || len(failure.Message) > 30_100 || !strings.HasPrefix(long, failure.Message[:29_000]) || !strings.Contains(failure.Message, "cut") {
		t.Errorf("a message of %d bytes became %+v", len(long), failure)
	}
}
