package asl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const distributed = `"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},`

// mapState is a Map whose processor is one state B with what follows.
func mapState(fields, config, b string) string {
	return `"A":{"Type":"Map",` + fields + `"ItemProcessor":{` + config + `"StartAt":"B","States":{"B":{` + b + `}}},"End":true}`
}

func TestMap(t *testing.T) {
	double := `"Type":"Pass","Output":"{% $states.input * 2 %}","End":true`
	failTwo := `"Type":"Choice","Choices":[{"Condition":"{% $states.input = 2 %}","Next":"F"}],"Default":"G"},"F":{"Type":"Fail","Error":"Two"},"G":{"Type":"Succeed"`
	for _, c := range []struct{ name, fields, b, want string }{
		{"items in order", `"Items":"{% $states.input.list %}",`, double, "[2,4,6]"},
		{"a literal list", `"Items":[1,"{% $states.input.list[2] %}"],`, double, "[2,6]"},
		{"no items", `"Items":[],`, double, "[]"},
		{"items must be a list", `"Items":"{% 5 %}",`, double, "FAILED States.QueryEvaluationError"},
		{"the input must be a list", ``, double, "FAILED States.QueryEvaluationError"},
		{"an item selector",
			`"Items":"{% $states.input.list %}","ItemSelector":{"i":"{% $states.context.Map.Item.Index %}","v":"{% $states.context.Map.Item.Value %}","k":"{% $states.input.k %}"},`,
			`"Type":"Pass","Output":"{% $string($states.input.i) & $string($states.input.v) & $states.input.k %}","End":true`, `["01v","12v","23v"]`},
		{"a selector that fails", `"Items":[1],"ItemSelector":"{% $states.input.no %}",`, double, "FAILED States.QueryEvaluationError"},
		{"an item's own error", `"Items":[1,2,3],`, failTwo, ""},
		{"output of the map", `"Items":[1,2],"Output":"{% $sum($states.result) %}",`, double, "6"},
	} {
		for mode, config := range map[string]string{"inline": "", "distributed": distributed} {
			t.Run(c.name+", "+mode, func(t *testing.T) {
				want := c.want
				if want == "" {
					want = map[string]string{"inline": "FAILED Two", "distributed": "FAILED States.ExceedToleratedFailureThreshold"}[mode]
				}
				x := newWorld(t).run(machine(mapState(c.fields, config, c.b)), `{"list":[1,2,3],"k":"v"}`)
				if got := outcomeOf(x); got != want {
					t.Errorf("got %s (%s), want %s", got, x.Cause, want)
				}
			})
		}
	}
}

func TestMapScopes(t *testing.T) {
	seed := `"A":{"Type":"Pass","Assign":{"o":10},"Next":"M"},"M":`
	inner := func(config string) string {
		return seed + strings.TrimPrefix(mapState(`"Items":[1,2],`, config,
			`"Type":"Pass","Output":"{% $o + $states.input %}","End":true`), `"A":`)
	}
	if x := newWorld(t).run(machine(inner("")), "{}"); outcomeOf(x) != "[11,12]" {
		t.Errorf("an Inline Map reads outer variables: %s", outcomeOf(x))
	}
	if x := newWorld(t).run(machine(inner(distributed)), "{}"); outcomeOf(x) != "FAILED "+ErrExceedTolerated {
		t.Errorf("a Distributed Map does not: %s", outcomeOf(x))
	}
	item := mapState(`"Items":["a"],`, "", `"Type":"Pass","Output":"{% $states.context.Map.Item.Value %}","End":true`)
	if x := newWorld(t).run(machine(item), "{}"); outcomeOf(x) != `["a"]` {
		t.Errorf("an Inline iteration sees its item: %s", outcomeOf(x))
	}
}

func TestMapConcurrency(t *testing.T) {
	for _, c := range []struct {
		name, fields, config string
		items                int
		most                 int
	}{
		{"inline, no limit", ``, "", 100, MaxInline},
		{"inline, 3", `"MaxConcurrency":3,`, "", 10, 3},
		{"inline, more than AWS allows", `"MaxConcurrency":500,`, "", 100, MaxInline},
		{"distributed, no limit", ``, distributed, 300, 300},
		{"distributed, an expression", `"MaxConcurrency":"{% 2 + 2 %}",`, distributed, 30, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			running, most := 0, 0
			w.tasks["work"] = func(context.Context, TaskCall) (string, error) {
				running++
				most = max(most, running)
				_ = w.sleep(t.Context(), time.Minute)
				running--
				return "1", nil
			}
			state := mapState(c.fields+fmt.Sprintf(`"Items":"{%% [1..%d] %%}","Output":"{%% $count($states.result) %%}",`, c.items), c.config,
				`"Type":"Task","Resource":"arn:aws:states:::x:work","End":true`)
			x := w.run(machine(state), "{}")
			if outcomeOf(x) != fmt.Sprint(c.items) || most != c.most {
				t.Errorf("%s; %d at once, want %d", outcomeOf(x), most, c.most)
			}
			laps := (c.items + c.most - 1) / c.most
			if got := x.StopDate.Sub(epoch); got != time.Duration(laps)*time.Minute {
				t.Errorf("took %v, want %d minutes", got, laps)
			}
		})
	}
}

func TestToleratedFailures(t *testing.T) {
	odd := `"Type":"Choice","Choices":[{"Condition":"{% $states.input % 2 = 1 %}","Next":"F"}],"Default":"G"},"F":{"Type":"Fail","Error":"Odd","Cause":"it is"},"G":{"Type":"Succeed"`
	for _, c := range []struct{ name, fields, want string }{
		{"none by default", ``, "FAILED " + ErrExceedTolerated},
		{"half of them", `"ToleratedFailurePercentage":50,`, "4"},
		{"less than half", `"ToleratedFailurePercentage":49,`, "FAILED " + ErrExceedTolerated},
		{"a count", `"ToleratedFailureCount":2,`, "4"},
		{"a smaller count", `"ToleratedFailureCount":"{% 1 %}",`, "FAILED " + ErrExceedTolerated},
		{"both: the stricter", `"ToleratedFailurePercentage":100,"ToleratedFailureCount":1,`, "FAILED " + ErrExceedTolerated},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			x := w.run(machine(mapState(`"Items":[1,2,3,4],"Output":"{% $count($states.result) %}",`+c.fields, distributed, odd)), "{}")
			if got := outcomeOf(x); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	w := newWorld(t)
	x := w.run(machine(mapState(`"Items":[1,2],"ToleratedFailurePercentage":100,"Output":"{% $states.result[0].(Status & ' ' & Error & ' ' & Input) %}",`, distributed, odd)), "{}")
	if got := outcomeOf(x); got != `"FAILED Odd 1"` {
		t.Errorf("a tolerated failure describes itself: %s", got)
	}
}

func TestAFailedMapRunStopsItsChildren(t *testing.T) {
	w := newWorld(t)
	x := w.run(machine(mapState(`"Items":[1,2,3],"Catch":[{"ErrorEquals":["States.ExceedToleratedFailureThreshold"],"Next":"Z"}],`, distributed,
		`"Type":"Choice","Choices":[{"Condition":"{% $states.input = 2 %}","Next":"F"}],"Default":"W"},"F":{"Type":"Fail"},"W":{"Type":"Wait","Seconds":600,"Next":"G"},"G":{"Type":"Succeed"`)+
		`,"Z":{"Type":"Succeed","Output":"{% $now() %}"}`), "{}")
	var statuses []Status
	for _, child := range w.children {
		statuses = append(statuses, child.Status)
	}
	if diff := cmp.Diff([]Status{Aborted, Failed, Aborted}, statuses); diff != "" || outcomeOf(x) != `"2026-01-01T00:00:00.000Z"` {
		t.Errorf("%s; %s", outcomeOf(x), diff)
	}
	want := []string{"ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunFailed", "MapStateFailed", "MapStateExited",
		"SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"}
	if diff := cmp.Diff(want, types(x)); diff != "" {
		t.Error(diff)
	}
}

func TestStoppingTheParentStopsTheChildren(t *testing.T) {
	w := newWorld(t)
	x := w.start(machine(mapState(`"Items":[1,2],`, distributed, `"Type":"Wait","Seconds":600,"End":true`)), "{}")
	w.engine.Kernel.After(time.Minute, func() { x.Stop("", "") })
	if err := w.engine.Kernel.Run(nil, epoch.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, child := range w.children {
		if child.Status != Aborted || child.StopDate.Sub(epoch) != time.Minute {
			t.Errorf("a child is %s since %v", child.Status, child.StopDate)
		}
	}
}

func TestChildrenAreExecutionsOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	x := w.run(machine(mapState(`"Label":"Copies","Items":["a"],`, distributed,
		`"Type":"Pass","Output":"{% [$states.context.Execution.Id, $states.context.StateMachine.Id, $states.context.Execution.Input, $exists($states.context.Map)] %}","End":true`)), "{}")
	child := w.children[0]
	base := "arn:aws:states:eu-west-1:111111111111:"
	var got [][]any
	if err := json.Unmarshal(x.Output, &got); err != nil {
		t.Fatal(err)
	}
	want := [][]any{{base + "execution:machine/Copies:" + child.Name, base + "stateMachine:machine/Copies", "a", false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(child.MapRunArn, base+"mapRun:machine/Copies:") || len(child.Name) != 36 {
		t.Errorf("map run %s, child %s", child.MapRunArn, child.Name)
	}
}

func TestItemReader(t *testing.T) {
	reader := func(inputType, more string) string {
		return `"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Arguments":{"Bucket":"b","Key":"{% $states.input.key %}"},"ReaderConfig":{"InputType":"` + inputType + `"` + more + `}},`
	}
	echo := `"Type":"Succeed"`
	for _, c := range []struct{ name, fields, key, want string }{
		{"json", reader("JSON", ""), "list", `[1,{"a":2}]`},
		{"json lines", reader("JSONL", ""), "lines", `[1,{"a":2},null]`},
		{"some of them", reader("JSONL", `,"MaxItems":2`), "lines", `[1,{"a":2}]`},
		{"no list", reader("JSON", ""), "object", "FAILED " + ErrItemReaderFailed},
		{"no json", reader("JSONL", ""), "text", "FAILED " + ErrItemReaderFailed},
		{"no such object", reader("JSON", ""), "nothing", "FAILED " + ErrItemReaderFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.objects = map[string]string{"list": `[1, {"a": 2}]`, "lines": "1\n{\"a\":2}\n\nnull\n", "object": "{}", "text": "not json"}
			x := w.run(machine(mapState(c.fields, distributed, echo)), `{"key":"`+c.key+`"}`)
			if got := outcomeOf(x); got != c.want {
				t.Errorf("got %s (%s), want %s", got, x.Cause, c.want)
			}
		})
	}
}

func TestResultWriter(t *testing.T) {
	writer := func(bucket, more string) string {
		return `"ToleratedFailurePercentage":100,"Items":[1,2,3],"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Arguments":{"Bucket":"` + bucket + `","Prefix":"results/"}` + more + `},`
	}
	two := `"Type":"Choice","Choices":[{"Condition":"{% $states.input = 2 %}","Next":"F"}],"Default":"G"},"F":{"Type":"Fail","Error":"Two"},"G":{"Type":"Succeed","Output":"{% [$states.input] %}"`
	w := newWorld(t)
	x := w.run(machine(mapState(writer("ledger", ""), distributed, two)), "{}")
	var out struct {
		MapRunArn           string
		ResultWriterDetails struct{ Bucket, Key string }
	}
	if err := json.Unmarshal(x.Output, &out); err != nil {
		t.Fatalf("%s: %v", outcomeOf(x), err)
	}
	var manifest struct {
		DestinationBucket, MapRunArn string
		ResultFiles                  map[string][]manifestFile
	}
	if err := json.Unmarshal([]byte(w.written["ledger/"+out.ResultWriterDetails.Key]), &manifest); err != nil {
		t.Fatal(err)
	}
	files := manifest.ResultFiles
	if manifest.DestinationBucket != "ledger" || manifest.MapRunArn != out.MapRunArn || len(files["SUCCEEDED"]) != 1 || len(files["FAILED"]) != 1 || files["PENDING"] == nil {
		t.Fatalf("manifest %+v", manifest)
	}
	body := w.written["ledger/"+files["SUCCEEDED"][0].Key]
	var entries []struct{ Output, Status, Input string }
	if err := json.Unmarshal([]byte(body), &entries); err != nil || len(entries) != 2 || entries[1].Output != "[3]" || entries[1].Input != "3" || entries[1].Status != "SUCCEEDED" || len(body) != files["SUCCEEDED"][0].Size {
		t.Errorf("%v in %s", err, body)
	}

	w = newWorld(t)
	w.run(machine(mapState(writer("ledger", `,"WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSONL"}`), distributed, two)), "{}")
	for key, body := range w.written {
		if strings.HasSuffix(key, "SUCCEEDED_0.jsonl") && body != "1\n3\n" {
			t.Errorf("%s holds %q", key, body)
		}
	}
	if x := newWorld(t).run(machine(mapState(writer("closed", ""), distributed, two)), "{}"); outcomeOf(x) != "FAILED "+ErrResultWriterFailed {
		t.Error(outcomeOf(x))
	}
	flat := mapState(`"Items":[1,3],"ResultWriter":{"WriterConfig":{"Transformation":"FLATTEN"}},`, distributed, two)
	if x := newWorld(t).run(machine(flat), "{}"); outcomeOf(x) != "[1,3]" {
		t.Error(outcomeOf(x))
	}
}

func TestChildrenThatMayNotStart(t *testing.T) {
	w := newWorld(t)
	w.refuse = &Error{ErrPermissions, "states:StartExecution is denied"}
	if x := w.run(machine(mapState(`"Items":[1],`, distributed, `"Type":"Succeed"`)), "{}"); outcomeOf(x) != "FAILED "+ErrPermissions {
		t.Error(outcomeOf(x))
	}
	w = newWorld(t)
	w.refuse = errors.New("broken")
	if x := w.run(machine(mapState(`"Items":[1],`, distributed, `"Type":"Succeed"`)), "{}"); outcomeOf(x) != "FAILED "+ErrTaskFailed {
		t.Error(outcomeOf(x))
	}
}
