package asl

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// flaky fails with the given names in turn, then succeeds; it notes when it was
// called, in seconds.
func flaky(w *world, names ...string) *[]float64 {
	var at []float64
	w.tasks["flaky"] = func(_ context.Context, call TaskCall) (string, error) {
		n := len(at)
		at = append(at, w.engine.Kernel.Now().Sub(epoch).Seconds())
		if n < len(names) {
			return "", &Error{Name: names[n], Cause: "try again"}
		}
		return fmt.Sprint(call.Attempt), nil
	}
	return &at
}

func TestRetry(t *testing.T) {
	for _, c := range []struct {
		name, retry string
		fails       []string
		at          []float64
		want        string
	}{
		{"defaults: 1 second, doubled, 3 times", `{"ErrorEquals":["E"]}`, []string{"E", "E", "E"}, []float64{0, 1, 3, 7}, "3"},
		{"and then it fails", `{"ErrorEquals":["E"]}`, []string{"E", "E", "E", "E"}, []float64{0, 1, 3, 7}, "FAILED E"},
		{"backoff with a ceiling", `{"ErrorEquals":["E"],"IntervalSeconds":10,"BackoffRate":3,"MaxDelaySeconds":40,"MaxAttempts":4}`, []string{"E", "E", "E", "E"}, []float64{0, 10, 40, 80, 120}, "4"},
		{"never", `{"ErrorEquals":["E"],"MaxAttempts":0},{"ErrorEquals":["States.ALL"]}`, []string{"E"}, []float64{0}, "FAILED E"},
		{"each retrier counts for itself", `{"ErrorEquals":["E"],"MaxAttempts":1,"IntervalSeconds":5},{"ErrorEquals":["F"],"MaxAttempts":2,"IntervalSeconds":1}`, []string{"F", "E", "F"}, []float64{0, 1, 6, 8}, "3"},
		{"another error", `{"ErrorEquals":["E"]}`, []string{"F"}, []float64{0}, "FAILED F"},
		{"runtime errors are terminal", `{"ErrorEquals":["States.ALL"]}`, []string{ErrRuntime}, []float64{0}, "FAILED States.Runtime"},
		{"data limit is not part of ALL", `{"ErrorEquals":["States.ALL"]}`, []string{ErrDataLimitExceeded}, []float64{0}, "FAILED States.DataLimitExceeded"},
		{"but may be named", `{"ErrorEquals":["States.DataLimitExceeded"]}`, []string{ErrDataLimitExceeded}, []float64{0, 1}, "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			at := flaky(w, c.fails...)
			x := w.run(machine(`"A":{"Type":"Task","Resource":"arn:aws:states:::x:flaky","Retry":[`+c.retry+`],"End":true}`), "{}")
			if got := outcomeOf(x); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if diff := cmp.Diff(c.at, *at); diff != "" {
				t.Errorf("times of the calls: %s", diff)
			}
			if x.Transitions != len(c.at) {
				t.Errorf("%d transitions for %d attempts", x.Transitions, len(c.at))
			}
			if diff := cmp.Diff([]string{"A"}, x.History.Path()); diff != "" {
				t.Errorf("a retry must not enter the state again: %s", diff)
			}
		})
	}
}

func TestRetryCountAndCatchAfterRetries(t *testing.T) {
	w := newWorld(t)
	flaky(w, "E", "E", "E", "E", "E")
	x := w.run(machine(`"A":{"Type":"Task","Resource":"arn:aws:states:::x:flaky","Arguments":"{% $states.context.State.RetryCount %}",
		"Retry":[{"ErrorEquals":["E"],"MaxAttempts":2}],"Catch":[{"ErrorEquals":["E"],"Output":"{% $states.context.State.RetryCount %}","Next":"B"}],"End":true},"B":{"Type":"Succeed"}`), "{}")
	if got := outcomeOf(x); got != "2" {
		t.Errorf("RetryCount in the Catch: %s", got)
	}
	var seen []string
	for _, call := range w.calls {
		seen = append(seen, string(call.Arguments))
	}
	if diff := cmp.Diff([]string{"0", "1", "2"}, seen); diff != "" {
		t.Error(diff)
	}
	want := []string{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed",
		"TaskScheduled", "TaskStarted", "TaskFailed", "TaskScheduled", "TaskStarted", "TaskFailed", "TaskStateExited",
		"SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"}
	if diff := cmp.Diff(want, types(x)); diff != "" {
		t.Error(diff)
	}
}

func TestJitterLiesWithinTheIntervalAndRepeatsItself(t *testing.T) {
	run := func() []float64 {
		w := newWorld(t)
		at := flaky(w, "E", "E", "E", "E", "E")
		w.run(machine(`"A":{"Type":"Task","Resource":"arn:aws:states:::x:flaky","Retry":[{"ErrorEquals":["E"],"IntervalSeconds":100,"BackoffRate":1,"MaxAttempts":5,"JitterStrategy":"FULL"}],"End":true}`), "{}")
		return *at
	}
	first := run()
	for i := 1; i < len(first); i++ {
		if d := first[i] - first[i-1]; d < 0 || d > 100 || d == 100 {
			t.Errorf("delay %d is %v", i, d)
		}
	}
	if diff := cmp.Diff(first, run()); diff != "" {
		t.Error(diff)
	}
}

func TestTaskTimeoutDoesNotWaitForTheTask(t *testing.T) {
	w := newWorld(t)
	var told error
	var finished time.Duration
	w.tasks["slow"] = func(ctx context.Context, call TaskCall) (string, error) {
		_ = w.sleep(context.Background(), time.Hour)
		told, finished = ctx.Err(), w.engine.Kernel.Now().Sub(epoch)
		return `"late"`, nil
	}
	x := w.start(machine(`"A":{"Type":"Task","Resource":"arn:aws:states:::x:slow","TimeoutSeconds":60,"Catch":[{"ErrorEquals":["States.Timeout"],"Next":"B"}],"End":true},"B":{"Type":"Succeed","Output":"{% $now() %}"}`), "{}")
	if err := w.engine.Kernel.Run(nil, epoch.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if outcomeOf(x) != `"2026-01-01T00:01:00.000Z"` || told == nil || finished != time.Hour {
		t.Errorf("got %s; the task was told %v and ended after %v", outcomeOf(x), told, finished)
	}
	if n := x.History.Count(); n != len(x.History.Events()) || types(x)[n-1] != "ExecutionSucceeded" {
		t.Error("the late answer must not reach the history")
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		names []string
		err   string
		want  bool
	}{
		{[]string{"A", "B"}, "B", true},
		{[]string{"A"}, "a", false},
		{[]string{ErrALL}, "Any", true},
		{[]string{ErrALL}, ErrTimeout, true},
		{[]string{ErrALL}, ErrRuntime, false},
		{[]string{ErrRuntime}, ErrRuntime, false},
		{[]string{ErrALL}, ErrDataLimitExceeded, false},
		{[]string{ErrDataLimitExceeded}, ErrDataLimitExceeded, true},
		{[]string{ErrTaskFailed}, "Any", true},
		{[]string{ErrTaskFailed}, ErrPermissions, true},
		{[]string{ErrTaskFailed}, ErrTimeout, false},
		{[]string{ErrTaskFailed}, ErrHeartbeatTimeout, false},
		{[]string{ErrTaskFailed}, ErrDataLimitExceeded, false},
		{[]string{ErrTimeout}, ErrHeartbeatTimeout, true},
		{[]string{ErrHeartbeatTimeout}, ErrTimeout, false},
	} {
		if got := matches(c.names, &Error{Name: c.err}); got != c.want {
			t.Errorf("%v for %s: %v", c.names, c.err, got)
		}
	}
	if named(errors.New("x")).Name != ErrTaskFailed {
		t.Error("an error without a name is States.TaskFailed")
	}
}
