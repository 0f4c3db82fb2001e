package asl

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/jsonata"
)

func TestParseRefuses(t *testing.T) {
	task := `"Type":"Task","Resource":"r","End":true`
	for _, c := range []struct{ name, definition, want string }{
		{"not json", `{`, "expected a key"},
		{"not an object", `[]`, "StartAt is missing"},
		{"a key given twice", `{"StartAt":"A","StartAt":"B"}`, `"StartAt" is given twice`},
		{"no query language", `{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`, "QueryLanguage must be JSONata"},
		{"jsonpath in a state", machine(`"A":{"Type":"Succeed","QueryLanguage":"JSONPath"}`), `States["A"]: QueryLanguage must be JSONata`},
		{"parameters", machine(`"A":{` + task + `,"Parameters":{}}`), `States["A"]: Parameters belongs to JSONPath; in a JSONata machine use Arguments`},
		{"result path", machine(`"A":{` + task + `,"ResultPath":null}`), "ResultPath belongs to JSONPath"},
		{"an unknown field", machine(`"A":{` + task + `,"Timeout":5}`), `States["A"]: unknown field Timeout`},
		{"an unknown field at the top", `{"QueryLanguage":"JSONata","StartAt":"A","Start":"A","States":{"A":{"Type":"Succeed"}}}`, "the definition: unknown field Start"},
		{"an unknown field of a catch", machine(`"A":{` + task + `,"Catch":[{"ErrorEquals":["E"],"Next":"A","ResultPath":"$"}]}`), `States["A"].Catch[0]: ResultPath belongs`},
		{"an unknown type", machine(`"A":{"Type":"Sleep"}`), `unknown Type "Sleep"`},
		{"no type", machine(`"A":{}`), "Type is missing"},
		{"a state that is no object", machine(`"A":5`), "a state must be an object"},
		{"no resource", machine(`"A":{"Type":"Task","End":true}`), "Resource is missing"},
		{"an expression as resource", machine(`"A":{"Type":"Task","Resource":"{% $x %}","End":true}`), "Resource must be a constant"},
		{"next and end", machine(`"A":{"Type":"Pass","Next":"A","End":true}`), "exactly one of Next"},
		{"neither next nor end", machine(`"A":{"Type":"Pass"}`), "exactly one of Next"},
		{"a dangling next", machine(`"A":{"Type":"Pass","Next":"B"}`), `Next names the state "B", which does not exist here`},
		{"a dangling default", machine(`"A":{"Type":"Choice","Choices":[{"Condition":true,"Next":"A"}],"Default":"B"}`), `Default names the state "B"`},
		{"a dangling catch", machine(`"A":{` + task + `,"Catch":[{"ErrorEquals":["E"],"Next":"B"}]}`), `Catch[0].Next names the state "B"`},
		{"a dangling start", `{"QueryLanguage":"JSONata","StartAt":"X","States":{"A":{"Type":"Succeed"}}}`, `StartAt names the state "X"`},
		{"a target on another level", machine(`"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Pass","Next":"A"}}}],"End":true}`), `States["A"].Branches[0].States["B"]: Next names the state "A"`},
		{"a name taken on another level", machine(`"A":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}],"End":true}`), `the name "A" is taken`},
		{"a long name", machine(`"A":{"Type":"Pass","Next":"` + strings.Repeat("n", 81) + `"},"` + strings.Repeat("n", 81) + `":{"Type":"Succeed"}`), "1 to 80 characters"},
		{"no rules", machine(`"A":{"Type":"Choice","Choices":[]}`), "at least one rule"},
		{"a jsonpath rule", machine(`"A":{"Type":"Choice","Choices":[{"Variable":"$.a","Next":"A"}]}`), "Choices[0]: Variable belongs to JSONPath"},
		{"a choice with next", machine(`"A":{"Type":"Choice","Next":"A","Choices":[{"Condition":true,"Next":"A"}]}`), "unknown field Next"},
		{"a condition of the wrong type", machine(`"A":{"Type":"Choice","Choices":[{"Condition":"yes","Next":"A"}]}`), "Condition must be a boolean or a JSONata expression"},
		{"half an expression", machine(`"A":{"Type":"Pass","Output":"{% 1","End":true}`), "Output: a JSONata expression begins"},
		{"spaces around an expression", machine(`"A":{"Type":"Pass","Output":{"a":[" {% 1 %}"]},"End":true}`), "Output/a[0]: a JSONata expression must not have spaces"},
		{"an empty expression", machine(`"A":{"Type":"Pass","Output":"{% %}","End":true}`), "an empty JSONata expression"},
		{"a wait without a time", machine(`"A":{"Type":"Wait","End":true}`), "exactly one of Seconds and Timestamp"},
		{"a wait with a wrong time", machine(`"A":{"Type":"Wait","Timestamp":"tomorrow","End":true}`), "is not a time"},
		{"too long a wait", machine(`"A":{"Type":"Wait","Seconds":100000000,"End":true}`), "whole number from 0 to 99999999"},
		{"a heartbeat above the time-out", machine(`"A":{` + task + `,"TimeoutSeconds":5,"HeartbeatSeconds":5}`), "HeartbeatSeconds must be smaller"},
		{"ALL with others", machine(`"A":{` + task + `,"Catch":[{"ErrorEquals":["E","States.ALL"],"Next":"A"}]}`), "States.ALL must stand alone"},
		{"ALL before others", machine(`"A":{` + task + `,"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["E"]}]}`), "States.ALL must stand alone"},
		{"no error names", machine(`"A":{` + task + `,"Retry":[{"ErrorEquals":[]}]}`), "at least one"},
		{"a shrinking backoff", machine(`"A":{` + task + `,"Retry":[{"ErrorEquals":["E"],"BackoffRate":0.5}]}`), "BackoffRate must be a number of at least 1"},
		{"a ceiling below the floor", machine(`"A":{` + task + `,"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":9,"MaxDelaySeconds":9}]}`), "MaxDelaySeconds must be larger"},
		{"half jitter", machine(`"A":{` + task + `,"Retry":[{"ErrorEquals":["E"],"JitterStrategy":"HALF"}]}`), "JitterStrategy must be one of NONE, FULL"},
		{"a variable named states", machine(`"A":{"Type":"Pass","Assign":{"states":1},"End":true}`), `"states" is not a variable name`},
		{"a variable with a dollar", machine(`"A":{"Type":"Pass","Assign":{"$a":1},"End":true}`), `"$a" is not a variable name`},
		{"an inner scope takes an outer name", machine(`"A":{"Type":"Pass","Assign":{"x":1},"Next":"B"},"B":{"Type":"Map","ItemProcessor":{"StartAt":"C","States":{"C":{"Type":"Pass","Assign":{"x":2},"End":true}}},"End":true}`), "assigns $x, which an outer scope assigns too"},
		{"no processor", machine(`"A":{"Type":"Map","End":true}`), "ItemProcessor is missing"},
		{"an iterator", machine(`"A":{"Type":"Map","Iterator":{},"End":true}`), "use ItemProcessor"},
		{"a batcher", machine(mapState(`"ItemBatcher":{},`, distributed, `"Type":"Succeed"`)), "ItemBatcher is not supported"},
		{"tolerance in an inline map", machine(mapState(`"ToleratedFailureCount":1,`, "", `"Type":"Succeed"`)), "belong to DISTRIBUTED mode"},
		{"an unknown mode", machine(mapState(``, `"ProcessorConfig":{"Mode":"FAST"},`, `"Type":"Succeed"`)), "Mode must be one of INLINE, DISTRIBUTED"},
		{"no execution type", machine(mapState(``, `"ProcessorConfig":{"Mode":"DISTRIBUTED"},`, `"Type":"Succeed"`)), "ExecutionType must be"},
		{"a wrong label", machine(mapState(`"Label":"a b",`, distributed, `"Type":"Succeed"`)), "Label must be"},
		{"csv", machine(mapState(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Arguments":{},"ReaderConfig":{"InputType":"CSV"}},`, distributed, `"Type":"Succeed"`)), `InputType "CSV" is not supported`},
		{"items twice", machine(mapState(`"Items":[],"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Arguments":{},"ReaderConfig":{"InputType":"JSON"}},`, distributed, `"Type":"Succeed"`)), "exclude each other"},
		{"an empty result writer", machine(mapState(`"ResultWriter":{},`, distributed, `"Type":"Succeed"`)), "at least one of WriterConfig"},
		{"too large", `"` + strings.Repeat(" ", MaxDefinition), "bytes; Step Functions allows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.definition))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestParseReportsEverythingAtOnce(t *testing.T) {
	_, err := Parse([]byte(machine(`"A":{"Type":"Pass","Parameters":1,"Next":"B"},"C":{"Type":"Wait","End":true}`)))
	var refused *ParseError
	if !errors.As(err, &refused) || len(refused.Problems) != 3 {
		t.Errorf("got %v", err)
	}
}

func TestParseReadsAll(t *testing.T) {
	definition, err := os.ReadFile("testdata/everything.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(definition)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := jsonata.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckExpressions(m, engine); err != nil {
		t.Fatal(err)
	}
	var names []string
	m.Walk(func(_ *Machine, s *State) { names = append(names, s.Type) })
	want := []string{"Pass", "Parallel", "Task", "Succeed", "Fail", "Map", "Task", "Choice", "Wait", "Succeed", "Fail", "Choice", "Succeed", "Fail"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	task := m.State("Look around").Parallel.Branches[0].States[0]
	wantRetry := Retrier{ErrorEquals: []string{"Lambda.ServiceException", "Ferry.Throttled"}, IntervalSeconds: 2, MaxAttempts: 6, BackoffRate: 1.5, MaxDelaySeconds: 60, FullJitter: true}
	if diff := cmp.Diff(wantRetry, task.Retry[0]); diff != "" {
		t.Error(diff)
	}
	if got := m.State("Prepare").Assigned(); !slices.Equal(got, []string{"attempt", "items"}) {
		t.Errorf("assigned %v", got)
	}
	if findings := Lint(m, LintOptions{Engine: engine, KnownErrors: []string{"Ferry.Throttled"}}); len(findings) > 0 {
		t.Errorf("the example must be clean: %v", findings)
	}
}

func TestCheckExpressions(t *testing.T) {
	engine, err := jsonata.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, states, want string }{
		{"syntax", `"A":{"Type":"Pass","Output":{"a":"{% 1 + %}"},"End":true}`, `States["A"], Output/a: JSONata expression '1 +'`},
		{"a result that is not there", `"A":{"Type":"Pass","Output":"{% $states.result %}","End":true}`, "$states.result does not exist here"},
		{"a result before the task", `"A":{` + lambda + `,"Arguments":"{% $states.result %}","End":true}`, "$states.result does not exist here"},
		{"an error outside of a catch", `"A":{` + lambda + `,"Output":"{% $states.errorOutput %}","End":true}`, "$states.errorOutput does not exist here"},
		{"a result inside a catch", `"A":{` + lambda + `,"Catch":[{"ErrorEquals":["E"],"Output":"{% $states.result %}","Next":"A"}],"End":true}`, "$states.result does not exist here"},
		{"a misspelled part", `"A":{"Type":"Pass","Output":"{% $states.inputs %}","End":true}`, "only $states.input, $states.context"},
		{"eval", `"A":{"Type":"Pass","Output":"{% $eval('1') %}","End":true}`, "$eval"},
		{"a bare field", `"A":{"Type":"Choice","Choices":[{"Condition":"{% status = 'x' %}","Next":"A"}]}`, "Choices[0]/Condition"},
		{"inside a map", mapState(`"ItemSelector":"{% $states.result %}",`, "", `"Type":"Pass","Output":"{% $$ %}","End":true`), `States["B"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse([]byte(machine(c.states)))
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckExpressions(m, engine); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}
