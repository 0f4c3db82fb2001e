package asl

import (
	"context"
	"fmt"
	"testing"
)

// pollers is a Distributed Map of n children that poll a job 20 times each.
func pollers(n int) string {
	return machine(fmt.Sprintf(`"A":{"Type":"Map","Items":"{%% [1..%d] %%}","MaxConcurrency":100,"ToleratedFailurePercentage":100,
		"ItemSelector":{"id":"{%% $states.context.Map.Item.Value %%}","refresh":"{%% $states.context.Execution.Name %%}","deadline":"{%% $millis() + 86400000 %%}"},
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Copy","States":{
			"Copy":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":60,
				"Arguments":{"FunctionName":"copy","Payload":{"item":"{%% $states.input %%}","started":"{%% $states.context.Execution.StartTime %%}"}},
				"Retry":[{"ErrorEquals":["Lambda.ServiceException"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Failed"}],
				"Assign":{"status":"{%% $states.result.Payload.status %%}","pause":"{%% $states.result.Payload.waitSeconds %%}"},
				"Output":"{%% $states.input %%}","Next":"Done?"},
			"Done?":{"Type":"Choice","Choices":[{"Condition":"{%% $status = 'DONE' %%}","Next":"Done"},{"Condition":"{%% $millis() > $states.input.deadline %%}","Next":"Failed"}],"Default":"Wait"},
			"Wait":{"Type":"Wait","Seconds":"{%% $pause %%}","Next":"Copy"},
			"Done":{"Type":"Succeed","Output":{"id":"{%% $states.input.id %%}"}},
			"Failed":{"Type":"Fail","Error":"Failed"}}},
		"Output":"{%% $count($states.result) %%}","End":true}`, n))
}

func runPollers(t testing.TB, n int) *Execution {
	w := newWorld(t)
	w.compact = true
	w.engine.OnEnd = func(x *Execution) { x.History.Compact() }
	laps := map[string]int{}
	w.tasks["invoke"] = func(_ context.Context, call TaskCall) (string, error) {
		laps[call.Execution.Name]++
		if laps[call.Execution.Name] > 20 {
			return `{"Payload":{"status":"DONE","waitSeconds":0}}`, nil
		}
		return `{"Payload":{"status":"WAITING","waitSeconds":30}}`, nil
	}
	return w.run(pollers(n), "{}")
}

func TestAThousandPollingChildren(t *testing.T) {
	x := runPollers(t, 1000)
	if outcomeOf(x) != "1000" || x.StopDate.Sub(epoch).Minutes() != 100 {
		t.Errorf("%s (%s) after %v", outcomeOf(x), x.Cause, x.StopDate.Sub(epoch))
	}
}

func BenchmarkAThousandPollingChildren(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		runPollers(b, 1000)
	}
}

func TestTheSameRunTwiceIsTheSame(t *testing.T) {
	run := func() []Event {
		w := newWorld(t)
		addTasks(w)
		flaky(w, "E", "E", "E")
		x := w.run(machine(`"A":{"Type":"Parallel","Branches":[`+
			branchOf(`"B1":{"Type":"Task","Resource":"arn:aws:states:::x:flaky","Retry":[{"ErrorEquals":["E"],"JitterStrategy":"FULL"}],"End":true}`)+`,`+
			branchOf(`"C1":`+`{"Type":"Map","Items":[3,1,2],"ItemProcessor":{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":"{% $states.input %}","Next":"U"},"U":{"Type":"Pass","Output":"{% $uuid() %}","End":true}}},"End":true}`)+
			`],"End":true}`), "{}")
		events := append([]Event(nil), x.History.Events()...)
		return append(events, Event{Cause: string(x.Output)})
	}
	first := fmt.Sprint(run())
	for range 5 {
		if again := fmt.Sprint(run()); again != first {
			t.Fatalf("first %s\nthen  %s", first, again)
		}
	}
}
