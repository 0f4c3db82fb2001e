package stack

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// body is the dashboard of a template as CloudWatch reads it.
func (t template) body(tb testing.TB) (widgets []widget, raw string) {
	tb.Helper()
	ids := t.ofType("AWS::CloudWatch::Dashboard")
	if len(ids) != 1 {
		tb.Fatalf("%d dashboards", len(ids))
	}
	raw, ok := t.Resources[ids[0]].Properties["DashboardBody"].(string)
	if !ok {
		tb.Fatalf("the body is %v, no text", t.Resources[ids[0]].Properties["DashboardBody"])
	}
	var b struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(raw), &b); err != nil {
		tb.Fatal(err)
	}
	return b.Widgets, raw
}

// names are the values of a property over all resources of a type, sorted.
func (t template) names(typ, property string) []string {
	var out []string
	for _, id := range t.ofType(typ) {
		if v, ok := t.Resources[id].Properties[property].(string); ok {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// TestDashboardShowsWhatIsThere: every machine, every alarm and every function's
// log, and nothing that the stack does not have.
func TestDashboardShowsWhatIsThere(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		_, raw := tpl.body(t)
		for what, c := range map[string]struct {
			in, want []string
		}{
			"machines":   {found(raw, `:stateMachine:([A-Za-z0-9-]+)`), tpl.names("AWS::StepFunctions::StateMachine", "StateMachineName")},
			"alarms":     {found(raw, `:alarm:([A-Za-z0-9-]+)`), tpl.names("AWS::CloudWatch::Alarm", "AlarmName")},
			"log groups": {found(raw, `SOURCE '(/aws/lambda/[A-Za-z0-9-]+)'`), lambdaLogs(tpl)},
		} {
			if d := cmp.Diff(c.want, c.in); d != "" {
				t.Errorf("%s (- there, + shown): %s", what, d)
			}
		}
	})
}

func lambdaLogs(tpl template) []string {
	return slices.DeleteFunc(tpl.names("AWS::Logs::LogGroup", "LogGroupName"), func(n string) bool { return !strings.HasPrefix(n, "/aws/lambda/") })
}

// found are the different first groups of all matches, sorted.
func found(text, pattern string) []string {
	var out []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestDashboardIsAGrid: CloudWatch refuses widgets outside its 24 columns; ones
// that overlap hide each other.
func TestDashboardIsAGrid(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		widgets, _ := tpl.body(t)
		taken := map[[2]int]int{}
		for i, w := range widgets {
			if w.X < 0 || w.Width < 1 || w.X+w.Width > 24 || w.Height < 1 {
				t.Errorf("widget %d lies at %d, %d wide, %d high", i, w.X, w.Width, w.Height)
			}
			for x := w.X; x < w.X+w.Width; x++ {
				for y := w.Y; y < w.Y+w.Height; y++ {
					if other, ok := taken[[2]int{x, y}]; ok {
						t.Fatalf("widgets %d and %d overlap", other, i)
					}
					taken[[2]int{x, y}] = i
				}
			}
		}
	})
}

// TestDashboardMetrics: an expression names ids of its own widget, and every
// metric has the dimension under which Step Functions publishes it.
func TestDashboardMetrics(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		widgets, _ := tpl.body(t)
		graphs := 0
		for _, w := range widgets {
			if w.Type != "metric" {
				continue
			}
			graphs++
			ids, used := map[string]bool{}, []string{}
			for _, m := range asList(w.Properties["metrics"]) {
				line := asList(m)
				last, _ := line[len(line)-1].(map[string]any)
				if id, ok := last["id"].(string); ok {
					ids[id] = true
				}
				if e, ok := last["expression"].(string); ok {
					used = append(used, found(e, `\b([a-z]+[0-9]*)\b`)...)
				} else if line[0] != "AWS/States" || line[2] != "StateMachineArn" {
					t.Errorf("%v: %v is no metric of a machine", w.Properties["title"], line)
				}
			}
			for _, id := range used {
				if !ids[id] {
					t.Errorf("%v uses %s, which it does not have", w.Properties["title"], id)
				}
			}
		}
		if machines := len(tpl.ofType("AWS::StepFunctions::StateMachine")); graphs != 3*machines {
			t.Errorf("%d graphs of %d machines", graphs, machines)
		}
	})
}
