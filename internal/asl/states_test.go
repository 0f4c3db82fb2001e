package asl

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const lambda = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke"`

// TestStates are the semantics that one machine and its output can show. The
// task "invoke" answers {"n": 1}, "boom" fails as Boom, "echo" returns its
// Arguments.
func TestStates(t *testing.T) {
	for _, c := range []struct{ name, states, input, want string }{
		{"pass hands its input on", `"A":{"Type":"Pass","End":true}`, `{"a":[1,null]}`, `{"a":[1,null]}`},
		{"output of nested expressions", `"A":{"Type":"Pass","Output":{"x":["{% $states.input.a %}","text",{"y":"{% 1 + 1 %}"}]},"End":true}`, `{"a":null}`, `{"x":[null,"text",{"y":2}]}`},
		{"an object constructor drops undefined", `"A":{"Type":"Pass","Output":"{% {'a': $states.input.no, 'b': 1} %}","End":true}`, `{}`, `{"b":1}`},
		{"undefined fails the state", `"A":{"Type":"Pass","Output":{"a":"{% $states.input.no %}"},"End":true}`, `{}`, "FAILED States.QueryEvaluationError"},
		{"variables are seen from the next state on",
			`"A":{"Type":"Pass","Assign":{"x":1},"Next":"B"},
			 "B":{"Type":"Pass","Assign":{"x":"{% $x + 1 %}","y":"{% $x %}"},"Output":"{% $x %}","Next":"C"},
			 "C":{"Type":"Pass","Output":"{% [$states.input, $x, $y] %}","End":true}`, `{}`, "[1,2,1]"},
		{"a variable used before it is assigned", `"A":{"Type":"Pass","Output":"{% $x %}","Assign":{"x":1},"End":true}`, `{}`, "FAILED States.QueryEvaluationError"},
		{"succeed may shape the output", `"A":{"Type":"Succeed","Output":{"done":"{% $states.input.n %}"}}`, `{"n":4}`, `{"done":4}`},
		{"fail names its error", `"A":{"Type":"Fail","Error":"Refused","Cause":"{% 'because of ' & $states.input.why %}"}`, `{"why":"it"}`, "FAILED Refused"},
		{"fail with an expression as error", `"A":{"Type":"Fail","Error":"{% $states.input.e %}"}`, `{"e":"NeedsOperator"}`, "FAILED NeedsOperator"},
		{"fail needs text", `"A":{"Type":"Fail","Error":"{% 1 %}"}`, `{}`, "FAILED States.QueryEvaluationError"},
		{"the first rule that holds", `"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.n > 5 %}","Next":"B"},{"Condition":"{% $states.input.n > 1 %}","Output":"second","Next":"B"}]},"B":{"Type":"Succeed"}`, `{"n":3}`, `"second"`},
		{"a rule's own variables", `"A":{"Type":"Choice","Assign":{"v":"default"},"Choices":[{"Condition":true,"Assign":{"v":"rule"},"Next":"B"}],"Default":"B"},"B":{"Type":"Succeed","Output":"{% $v %}"}`, `{}`, `"rule"`},
		{"default has the state's variables", `"A":{"Type":"Choice","Assign":{"v":"default"},"Output":7,"Choices":[{"Condition":false,"Assign":{"v":"rule"},"Next":"B"}],"Default":"B"},"B":{"Type":"Succeed","Output":"{% [$v, $states.input] %}"}`, `{}`, `["default",7]`},
		{"no rule and no default", `"A":{"Type":"Choice","Choices":[{"Condition":"{% false %}","Next":"B"}]},"B":{"Type":"Succeed"}`, `{}`, "FAILED States.NoChoiceMatched"},
		{"a condition that is no boolean", `"A":{"Type":"Choice","Choices":[{"Condition":"{% 1 %}","Next":"B"}]},"B":{"Type":"Succeed"}`, `{}`, "FAILED States.QueryEvaluationError"},
		{"a task's result", `"A":{` + lambda + `,"Output":"{% $states.result.n + $states.input.m %}","End":true}`, `{"m":2}`, "3"},
		{"a task's output is its result", `"A":{` + lambda + `,"End":true}`, `{}`, `{"n":1}`},
		{"no answer is null", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:nothing","End":true}`, `{}`, "null"},
		{"arguments", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:echo","Arguments":{"a":"{% $states.input.a %}"},"End":true}`, `{"a":"b"}`, `{"a":"b"}`},
		{"an uncaught error", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:boom","End":true}`, `{}`, "FAILED Boom"},
		{"a caught error", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:boom","Catch":[{"ErrorEquals":["Other"],"Next":"C"},{"ErrorEquals":["Boom"],"Next":"B"}],"End":true},"B":{"Type":"Succeed"},"C":{"Type":"Fail"}`, `{}`, `{"Error":"Boom","Cause":"it broke"}`},
		{"a catch with output and variables", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:boom","Catch":[{"ErrorEquals":["States.ALL"],"Assign":{"e":"{% $states.errorOutput.Error %}"},"Output":"{% $states.input %}","Next":"B"}],"End":true},"B":{"Type":"Succeed","Output":"{% [$e, $states.input.k] %}"}`, `{"k":9}`, `["Boom",9]`},
		{"an evaluation error is caught", `"A":{` + lambda + `,"Output":"{% $states.result.no %}","Catch":[{"ErrorEquals":["States.QueryEvaluationError"],"Output":"caught","Next":"B"}],"End":true},"B":{"Type":"Succeed"}`, `{}`, `"caught"`},
		{"task failed is not a time-out", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:forever","TimeoutSeconds":5,"Catch":[{"ErrorEquals":["States.TaskFailed"],"Next":"B"}],"End":true},"B":{"Type":"Succeed"}`, `{}`, "FAILED States.Timeout"},
		{"all is a time-out", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:forever","TimeoutSeconds":"{% 2 + 3 %}","Catch":[{"ErrorEquals":["States.ALL"],"Output":"{% $states.errorOutput.Error %}","Next":"B"}],"End":true},"B":{"Type":"Succeed"}`, `{}`, `"States.Timeout"`},
		{"a missed heartbeat", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:forever","HeartbeatSeconds":5,"TimeoutSeconds":50,"Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Output":"beat","Next":"B"}],"End":true},"B":{"Type":"Succeed"}`, `{}`, `"beat"`},
		{"a missed heartbeat is a time-out", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:forever","HeartbeatSeconds":5,"Catch":[{"ErrorEquals":["States.Timeout"],"Output":"beat","Next":"B"}],"End":true},"B":{"Type":"Succeed"}`, `{}`, `"beat"`},
		{"a fraction of a second is refused", `"A":{` + lambda + `,"TimeoutSeconds":"{% 1.5 %}","End":true}`, `{}`, "FAILED States.QueryEvaluationError"},
		{"wait seconds", `"A":{"Type":"Wait","Seconds":"{% $states.input.s %}","Next":"B"},"B":{"Type":"Succeed","Output":"{% $now() %}"}`, `{"s":90}`, `"2026-01-01T00:01:30.000Z"`},
		{"wait until", `"A":{"Type":"Wait","Timestamp":"{% $states.input.t %}","Next":"B"},"B":{"Type":"Succeed","Output":"{% $now() %}"}`, `{"t":"2026-01-01T02:00:00+01:00"}`, `"2026-01-01T01:00:00.000Z"`},
		{"wait until the past", `"A":{"Type":"Wait","Timestamp":"2020-01-01T00:00:00Z","Next":"B"},"B":{"Type":"Succeed","Output":"{% $now() %}"}`, `{}`, `"2026-01-01T00:00:00.000Z"`},
		{"wait until nonsense", `"A":{"Type":"Wait","Timestamp":"{% 'soon' %}","End":true}`, `{}`, "FAILED States.QueryEvaluationError"},
		{"wait needs whole seconds", `"A":{"Type":"Wait","Seconds":"{% -1 %}","End":true}`, `{}`, "FAILED States.QueryEvaluationError"},
		{"the context object", `"A":{"Type":"Wait","Seconds":1,"Next":"B"},"B":{"Type":"Pass","Output":"{% $states.context.Execution.Name & $states.context.StateMachine.Name & $states.context.State.Name & $states.context.State.EnteredTime & $states.context.Execution.StartTime & $states.context.Execution.Input.k %}","End":true}`, `{"k":"v"}`, `"runmachineB2026-01-01T00:00:01.000Z2026-01-01T00:00:00.000Zv"`},
		{"the whole context object", `"A":{"Type":"Pass","Output":"{% $keys($states.context) %}","End":true}`, `{}`, `["Execution","StateMachine","State"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			addTasks(w)
			x := w.run(machine(c.states), c.input)
			if got := outcomeOf(x); got != c.want {
				t.Errorf("got  %s (%s)\nwant %s", got, x.Cause, c.want)
			}
		})
	}
}

func addTasks(w *world) {
	w.tasks["invoke"] = func(context.Context, TaskCall) (string, error) { return `{"n":1}`, nil }
	w.tasks["nothing"] = func(context.Context, TaskCall) (string, error) { return "", nil }
	w.tasks["boom"] = func(context.Context, TaskCall) (string, error) {
		return "", fmt.Errorf("wrapped: %w", &Error{"Boom", "it broke"})
	}
	w.tasks["forever"] = func(ctx context.Context, _ TaskCall) (string, error) {
		return "", w.sleep(context.Background(), 1000*time.Hour) // as a Lambda, deaf to its caller
	}
	w.tasks["big"] = func(context.Context, TaskCall) (string, error) {
		return `"` + strings.Repeat("x", MaxPayload) + `"`, nil
	}
}

func TestCausesAreWordedAsByAWS(t *testing.T) {
	w := newWorld(t)
	x := w.run(machine(`"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"Payload":{"id":"{% $states.input.id %}"}},"End":true}`), "{}")
	want := "An error occurred while executing the state 'B' (entered at the event id #4). The JSONata expression '$states.input.id' specified for the field 'Arguments/Payload/id' returned nothing (undefined)."
	if x.Cause != want {
		t.Errorf("got  %s\nwant %s", x.Cause, want)
	}
}

// TestEventCounts holds the numbers on which the arithmetic of poll loops rests:
// Wait 2, Task 5, Choice 2.
func TestEventCounts(t *testing.T) {
	token := `"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken"`
	for _, c := range []struct {
		name, state string
		want        []string
	}{
		{"pass", `"Type":"Pass","End":true`, []string{"PassStateEntered", "PassStateExited"}},
		{"succeed", `"Type":"Succeed"`, []string{"SucceedStateEntered", "SucceedStateExited"}},
		{"wait", `"Type":"Wait","Seconds":1,"End":true`, []string{"WaitStateEntered", "WaitStateExited"}},
		{"lambda by its ARN", `"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:111111111111:function:echo","End":true`,
			[]string{"TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded", "TaskStateExited"}},
		{"lambda by integration", `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true`,
			[]string{"TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"}},
		{"a job that is waited for", `"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","End":true`,
			[]string{"TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded", "TaskStateExited"}},
		{"a token", token + `,"Arguments":"{% $states.context.Task.Token %}","End":true`,
			[]string{"TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded", "TaskStateExited"}},
		{"parallel", `"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}],"End":true`,
			[]string{"ParallelStateEntered", "ParallelStateStarted", "SucceedStateEntered", "SucceedStateExited", "ParallelStateSucceeded", "ParallelStateExited"}},
		{"inline map", `"Type":"Map","Items":[1],"ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},"End":true`,
			[]string{"MapStateEntered", "MapStateStarted", "MapIterationStarted", "SucceedStateEntered", "SucceedStateExited", "MapIterationSucceeded", "MapStateSucceeded", "MapStateExited"}},
		{"distributed map", `"Type":"Map","Items":[1,2],"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"B","States":{"B":{"Type":"Succeed"}}},"End":true`,
			[]string{"MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.tasks["sendMessage"] = func(_ context.Context, call TaskCall) (string, error) {
				w.engine.Kernel.After(time.Second, func() { _ = w.engine.Tokens.Succeed(call.Token, []byte("1")) })
				return "{}", nil
			}
			x := w.run(machine(`"A":{`+c.state+`}`), "{}")
			want := append(append([]string{"ExecutionStarted"}, c.want...), "ExecutionSucceeded")
			if diff := cmp.Diff(want, types(x)); diff != "" {
				t.Error(diff)
			}
			for i, e := range x.History.Events() {
				if e.ID != int64(i+1) || e.Previous >= e.ID || i > 0 && e.Previous < 1 {
					t.Errorf("event %d: id %d, previous %d", i, e.ID, e.Previous)
				}
			}
		})
	}
}
