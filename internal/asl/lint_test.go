package asl

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/jsonata"
)

func TestLint(t *testing.T) {
	engine, err := jsonata.Load()
	if err != nil {
		t.Fatal(err)
	}
	task := lambda + `,"TimeoutSeconds":60,"Retry":[{"ErrorEquals":["Lambda.ServiceException"]}]`
	caught := task + `,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"F"}]`
	fail := `,"F":{"Type":"Fail","Error":"Failed"}`
	poll := func(condition, next string) string {
		return `"A":{` + caught + `,"Output":"{% $states.input %}","Next":"C"},
			"C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.done = true %}","Next":"S"},{"Condition":"` + condition + `","Next":"` + next + `"}],"Default":"W"},
			"W":{"Type":"Wait","Seconds":5,"Next":"A"},"S":{"Type":"Succeed"}` + fail
	}
	for _, c := range []struct {
		name, states string
		want         []string
	}{
		{"clean", `"A":{` + caught + `,"Next":"S"},"S":{"Type":"Succeed"}` + fail, nil},
		{"refused", `"A":{"Type":"Pass","Next":"B"}`, []string{`parse  States["A"]: Next names`}},
		{"unreachable", `"A":{"Type":"Succeed"},"B":{"Type":"Succeed"}`, []string{`unreachable States["B"] no path`}},
		{"dead end", `"A":{"Type":"Wait","Seconds":1,"Next":"B"},"B":{"Type":"Choice","Choices":[{"Condition":"{% $attempt > 1 %}","Next":"A"}],"Default":"A"}`,
			[]string{`dead-end States["A"]`, `dead-end States["B"]`, `loop States["A"] the loop A → B`, `variable States["B"] Choices[0]/Condition reads $attempt`}},
		{"a bare task", `"A":{` + lambda + `,"End":true}`, []string{`task States["A"] a Task needs TimeoutSeconds`, `task States["A"] a Task needs a Retry`, `task States["A"] a Task needs a Catch`}},
		{"an unknown error", `"A":{` + task + `,"Catch":[{"ErrorEquals":["Ferry.Known","Ferry.Unknown"],"Next":"F"}],"Next":"S"},"S":{"Type":"Succeed"}` + fail,
			[]string{`error-name States["A"] nothing raises the error "Ferry.Unknown"`}},
		{"a bounded loop", poll("{% $millis() > $states.input.deadline %}", "F"), nil},
		{"bounded by attempts", poll("{% $states.input.copyAttempts > 5 %}", "F"), nil},
		{"an unbounded loop", poll("{% $states.input.failed = true %}", "F"), []string{`loop States["A"] the loop A → C → W`}},
		{"a deadline that does not end the loop", strings.ReplaceAll(poll("{% $millis() > $states.input.deadline %}", "W"), `"Next":"S"},{`, `"Next":"A"},{`),
			[]string{`unreachable States["S"]`, `loop States["A"]`}},
		{"a loop beside a bounded one",
			`"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.attempt > 3 %}","Next":"S"}],"Default":"B"},
			 "B":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.x = 1 %}","Next":"W"}],"Default":"A"},
			 "W":{"Type":"Wait","Seconds":1,"Next":"B"},"S":{"Type":"Succeed"}`, []string{`loop States["B"] the loop B → W`}},
		{"a catch that ends well", `"A":{` + task + `,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"P"}],"Next":"S"},"P":{"Type":"Pass","Next":"S"},"S":{"Type":"Succeed"}`,
			[]string{`catch-end States["A"] a path leads from Catch[0].Next to the good end "S"`}},
		{"a catch that ends well by End", `"A":{` + task + `,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"P"}],"Next":"S"},"P":{"Type":"Pass","End":true},"S":{"Type":"Succeed"}`,
			[]string{`catch-end States["A"]`}},
		{"a catch inside a map", mapState(`"Items":[],`, distributed, task+`,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"P"}],"End":true},"P":{"Type":"Pass","Output":"bad","Next":"Q"},"Q":{"Type":"Succeed"`),
			[]string{`catch-end States["A"].ItemProcessor.States["B"] a path leads from Catch[0].Next to the good end "Q"`}},
		{"the same, allowed", mapState(`"Items":[],`, distributed, task+`,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Report"}],"End":true},"Report":{"Type":"Pass","Output":"bad","End":true`), nil},
		{"an expression", `"A":{"Type":"Pass","Output":"{% 1 + %}","End":true}`, []string{`expression  States["A"], Output`}},
		{"an outer variable in a distributed map", `"A":{"Type":"Pass","Assign":{"x":1},"Next":"M"},"M":` +
			strings.TrimPrefix(mapState(`"Items":["{% $x %}"],`, distributed, `"Type":"Pass","Output":"{% $x %}","End":true`), `"A":`),
			[]string{`variable States["M"].ItemProcessor.States["B"] Output reads $x`}},
		{"an outer variable in an inline map", `"A":{"Type":"Pass","Assign":{"x":1},"Next":"M"},"M":` +
			strings.TrimPrefix(mapState(`"Items":["{% $x %}"],`, "", `"Type":"Pass","Output":"{% $x %}","End":true`), `"A":`), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := LintSource([]byte(machine(c.states)), LintOptions{Engine: engine, KnownErrors: []string{"Ferry.Known"}, AllowCatchEnd: []string{"Report"}})
			var got []string
			for i, f := range found {
				line := f.Rule + " " + f.Path + " " + f.Message
				if i < len(c.want) && strings.HasPrefix(line, c.want[i]) {
					line = c.want[i]
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLintWithItsOwnBound(t *testing.T) {
	states := `"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.laps > 3 %}","Next":"S"}],"Default":"W"},"W":{"Type":"Wait","Seconds":1,"Next":"A"},"S":{"Type":"Succeed"}`
	if found := LintSource([]byte(machine(states)), LintOptions{}); len(found) != 1 || found[0].Rule != RuleLoop {
		t.Errorf("by default: %v", found)
	}
	opt := LintOptions{Bounds: func(condition string) bool { return strings.Contains(condition, "laps") }}
	if found := LintSource([]byte(machine(states)), opt); len(found) != 0 {
		t.Errorf("with its own bound: %v", found)
	}
}
