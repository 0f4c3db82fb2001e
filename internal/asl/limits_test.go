package asl

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestPayloadLimits(t *testing.T) {
	grow := func(n int) string { return fmt.Sprintf(`{%% $pad('', %d, 'x') %%}`, n) }
	catchAll := `"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Z"}],`
	end := `,"Z":{"Type":"Succeed","Output":"caught"}`
	for _, c := range []struct{ name, states, want string }{
		{"an output that fits", `"A":{"Type":"Pass","Output":"` + grow(MaxPayload-2) + `","Next":"B"},"B":{"Type":"Succeed","Output":"fits"}`, `"fits"`},
		{"an output one byte too large", `"A":{"Type":"Pass","Output":"` + grow(MaxPayload-1) + `","End":true}`, "FAILED " + ErrDataLimitExceeded},
		{"arguments", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:echo","Arguments":"` + grow(MaxPayload) + `",` + catchAll + `"End":true}` + end, "FAILED " + ErrDataLimitExceeded},
		{"a result", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:big","Output":1,` + catchAll + `"End":true}` + end, "FAILED " + ErrDataLimitExceeded},
		{"named in a catch", `"A":{"Type":"Task","Resource":"arn:aws:states:::x:big","Catch":[{"ErrorEquals":["States.DataLimitExceeded"],"Next":"Z"}],"End":true}` + end, `"caught"`},
		{"variables of one state", `"A":{"Type":"Pass","Assign":{"a":"` + grow(MaxPayload/2) + `","b":"` + grow(MaxPayload/2) + `"},"End":true}`, "FAILED " + ErrDataLimitExceeded},
		{"the result of a map", mapState(`"Items":[1,2],`+catchAll, distributed, `"Type":"Pass","Output":"`+grow(MaxPayload/2)+`","End":true`) + end, "FAILED " + ErrDataLimitExceeded},
		{"the result of an inline map", mapState(`"Items":[1,2],"Output":1,`, "", `"Type":"Pass","Output":"`+grow(MaxPayload/2)+`","End":true`), "FAILED " + ErrDataLimitExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			addTasks(w)
			if x := w.run(machine(c.states), "{}"); outcomeOf(x) != c.want {
				t.Errorf("got %.100s (%s), want %s", outcomeOf(x), x.Cause, c.want)
			}
		})
	}
}

func TestVariablesOfAnExecutionAreLimited(t *testing.T) {
	var states []string
	for i := range 45 {
		states = append(states, fmt.Sprintf(`"S%d":{"Type":"Pass","Assign":{"v%d":"{%% $pad('', 250000, 'x') %%}"},"Next":"S%d"}`, i, i, i+1))
	}
	definition := `{"QueryLanguage":"JSONata","StartAt":"S0","States":{` + strings.Join(states, ",") + `,"S45":{"Type":"Succeed"}}}`
	x := newWorld(t).run(definition, "{}")
	if outcomeOf(x) != "FAILED "+ErrDataLimitExceeded || len(x.History.Path()) != 42 {
		t.Errorf("%s after %d states", outcomeOf(x), len(x.History.Path()))
	}
}

func TestHistoryLimit(t *testing.T) {
	w := newWorld(t)
	x := w.run(machine(`"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Condition":"{% true %}","Next":"A"}]}`), "{}")
	all := types(x)
	if outcomeOf(x) != "FAILED States.Runtime" || len(all) != MaxEvents || all[len(all)-1] != "ExecutionFailed" {
		t.Errorf("%s after %d events, the last %s", outcomeOf(x), len(all), all[len(all)-1])
	}
	if !strings.Contains(x.Cause, "25000") {
		t.Error(x.Cause)
	}
}

// TestPollLaps is the arithmetic of one poll lap, 9 events: 2,770 laps fit.
func TestPollLaps(t *testing.T) {
	w := newWorld(t)
	x := w.run(machine(`"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Next":"B"},
		"B":{"Type":"Choice","Choices":[{"Condition":"{% false %}","Next":"D"}],"Default":"C"},
		"C":{"Type":"Wait","Seconds":30,"Next":"A"},"D":{"Type":"Succeed"}`), "{}")
	laps := 0
	for _, name := range x.History.Path() {
		if name == "C" {
			laps++
		}
	}
	if laps != 2777 && laps != 2778 {
		t.Errorf("%d laps", laps)
	}
	if got := x.History.CompactPath(); got[0] != "(A → B → C) ×2777" {
		t.Errorf("path %v", got)
	}
}

func TestStartRefusesInput(t *testing.T) {
	w := newWorld(t)
	m, err := Parse([]byte(machine(`"A":{"Type":"Succeed"}`)))
	if err != nil {
		t.Fatal(err)
	}
	for _, input := range []string{"", "{", `"` + strings.Repeat("x", MaxPayload) + `"`} {
		if _, err := w.engine.Start(m, json.RawMessage(input), Meta{}); apiError(err) != "InvalidExecutionInput" {
			t.Errorf("%.10q: %v", input, err)
		}
	}
}
