package asl

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func branchOf(states string) string {
	return `{"StartAt":"` + states[1:3] + `","States":{` + states + `}}`
}

func TestParallel(t *testing.T) {
	for _, c := range []struct{ name, states, want string }{
		{"outputs in the order of the branches",
			`"A":{"Type":"Parallel","Branches":[` + branchOf(`"B1":{"Type":"Wait","Seconds":9,"Next":"B2"},"B2":{"Type":"Succeed","Output":"slow"}`) + `,` +
				branchOf(`"C1":{"Type":"Succeed","Output":"fast"}`) + `],"End":true}`, `["slow","fast"]`},
		{"arguments are the branches' input",
			`"A":{"Type":"Parallel","Arguments":{"x":"{% $states.input.k & '!' %}"},"Branches":[` + branchOf(`"B1":{"Type":"Succeed"}`) + `],"End":true}`, `[{"x":"v!"}]`},
		{"branches read outer variables, their own are gone afterwards",
			`"A":{"Type":"Pass","Assign":{"o":1},"Next":"P"},"P":{"Type":"Parallel","Branches":[` +
				branchOf(`"B1":{"Type":"Pass","Assign":{"i":"{% $o + 1 %}"},"Next":"B2"},"B2":{"Type":"Succeed","Output":"{% $i %}"}`) + `],
				"Output":"{% [$states.result[0], $exists($i)] %}","End":true}`, `[2,false]`},
		{"two branches may use the same name",
			`"A":{"Type":"Parallel","Branches":[` +
				branchOf(`"B1":{"Type":"Pass","Assign":{"i":1},"Next":"B2"},"B2":{"Type":"Wait","Seconds":5,"Next":"B3"},"B3":{"Type":"Succeed","Output":"{% $i %}"}`) + `,` +
				branchOf(`"C1":{"Type":"Pass","Assign":{"i":2},"Next":"C2"},"C2":{"Type":"Succeed","Output":"{% $i %}"}`) + `],"End":true}`, `[1,2]`},
		{"a branch fails with its own error", `"A":{"Type":"Parallel","Branches":[` + branchOf(`"B1":{"Type":"Fail","Error":"Mine"}`) + `],"End":true}`, "FAILED Mine"},
		{"a catch writes the outer scope",
			`"A":{"Type":"Parallel","Branches":[` + branchOf(`"B1":{"Type":"Fail","Error":"Mine"}`) + `],
				"Catch":[{"ErrorEquals":["Mine"],"Assign":{"e":"{% $states.errorOutput.Error %}"},"Next":"Z"}],"End":true},"Z":{"Type":"Succeed","Output":"{% $e %}"}`, `"Mine"`},
		{"a retry runs all branches again",
			`"A":{"Type":"Parallel","Branches":[` + branchOf(`"B1":{"Type":"Task","Resource":"arn:aws:states:::x:flaky","End":true}`) + `],
				"Retry":[{"ErrorEquals":["E"]}],"End":true}`, `[0]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			flaky(w, "E")
			x := w.run(machine(c.states), `{"k":"v"}`)
			if got := outcomeOf(x); got != c.want {
				t.Errorf("got %s (%s), want %s", got, x.Cause, c.want)
			}
			if x.varBytes < 0 || x.varBytes > 100 {
				t.Errorf("variables of ended branches are still counted: %d bytes", x.varBytes)
			}
		})
	}
}

func TestAFailingBranchAbortsItsSiblings(t *testing.T) {
	w := newWorld(t)
	addTasks(w)
	x := w.run(machine(`"A":{"Type":"Parallel","Branches":[`+
		branchOf(`"B1":{"Type":"Wait","Seconds":1000,"Next":"B2"},"B2":{"Type":"Succeed"}`)+`,`+
		branchOf(`"C1":{"Type":"Task","Resource":"arn:aws:states:::x:forever","End":true}`)+`,`+
		branchOf(`"D1":{"Type":"Wait","Seconds":10,"Next":"D2"},"D2":{"Type":"Fail","Error":"Mine"}`)+`],
		"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Z"}],"End":true},"Z":{"Type":"Succeed","Output":"{% $now() %}"}`), "{}")
	if got := outcomeOf(x); got != `"2026-01-01T00:00:10.000Z"` {
		t.Fatalf("got %s", got)
	}
	all := types(x)
	want := []string{"FailStateEntered", "WaitStateAborted", "TaskStateAborted", "ParallelStateFailed", "ParallelStateExited", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"}
	if diff := cmp.Diff(want, all[slices.Index(all, "FailStateEntered"):]); diff != "" {
		t.Error(diff)
	}
}

func TestStop(t *testing.T) {
	w := newWorld(t)
	addTasks(w)
	x := w.start(machine(`"A":{"Type":"Parallel","Branches":[`+
		branchOf(`"B1":{"Type":"Wait","Seconds":1000,"Next":"B2"},"B2":{"Type":"Succeed"}`)+`,`+
		branchOf(`"C1":{"Type":"Task","Resource":"arn:aws:states:::x:forever","Catch":[{"ErrorEquals":["States.ALL"],"Next":"C2"}],"End":true},"C2":{"Type":"Succeed"}`)+`],
		"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Z"}],"End":true},"Z":{"Type":"Succeed"}`), "{}")
	w.engine.Kernel.After(time.Minute, func() { x.Stop("Operator", "stop it") })
	w.finish(x)
	if outcomeOf(x) != "ABORTED Operator" || x.StopDate != epoch.Add(time.Minute) {
		t.Errorf("got %s at %v", outcomeOf(x), x.StopDate)
	}
	want := []string{"ParallelStateAborted", "WaitStateAborted", "TaskStateAborted", "ExecutionAborted"}
	if all := types(x); !slices.Equal(all[len(all)-4:], want) {
		t.Error(all)
	}
	if x.Stop("again", ""); x.Error != "Operator" {
		t.Error("a second stop must change nothing")
	}
}

func TestStopBeforeTheFirstState(t *testing.T) {
	w := newWorld(t)
	x := w.start(machine(`"A":{"Type":"Succeed"}`), "{}")
	x.Stop("Operator", "")
	if w.finish(x); outcomeOf(x) != "ABORTED Operator" || len(w.calls) > 0 {
		t.Error(outcomeOf(x))
	}
}

func TestExecutionTimeoutCannotBeCaught(t *testing.T) {
	w := newWorld(t)
	addTasks(w)
	x := w.run(`{"QueryLanguage":"JSONata","TimeoutSeconds":30,"StartAt":"A","States":{
		"A":{"Type":"Task","Resource":"arn:aws:states:::x:forever","Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],"End":true},
		"B":{"Type":"Succeed"}}}`, "{}")
	if outcomeOf(x) != "TIMED_OUT States.Timeout" || x.StopDate.Sub(epoch) != 30*time.Second {
		t.Errorf("got %s at %v", outcomeOf(x), x.StopDate)
	}
}

func TestAnExecutionLastsAYearAtMost(t *testing.T) {
	w := newWorld(t)
	x := w.run(machine(`"A":{"Type":"Wait","Seconds":99999999,"End":true}`), "{}")
	if outcomeOf(x) != "TIMED_OUT States.Timeout" || x.StopDate.Sub(epoch) != MaxRun {
		t.Errorf("got %s at %v", outcomeOf(x), x.StopDate)
	}
}

func TestHooksAndWait(t *testing.T) {
	w := newWorld(t)
	var events int
	var ended []Status
	w.engine.OnEvent = func(*Execution, Event) { events++ }
	w.engine.OnEnd = func(x *Execution) { ended = append(ended, x.Status) }
	x := w.start(machine(`"A":{"Type":"Wait","Seconds":5,"End":true}`), "{}")
	var waited time.Duration
	w.engine.Kernel.Go(func() {
		_ = x.Wait(t.Context())
		waited = w.engine.Kernel.Now().Sub(epoch)
	})
	if err := w.engine.Kernel.Run(nil, epoch.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if events != x.History.Count() || len(ended) != 1 || ended[0] != Succeeded || waited != 5*time.Second {
		t.Errorf("%d events, ended %v, waited %v", events, ended, waited)
	}
}
