package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"

	"github.com/dbferry/dbferry/internal/names"
)

// A dashboard is a grid of 24 columns (CloudWatch, "Dashboard body structure").
const columns = 24

// widget is one widget of a dashboard's body.
type widget struct {
	Type       string         `json:"type"`
	X          int            `json:"x"`
	Y          int            `json:"y"`
	Width      int            `json:"width"`
	Height     int            `json:"height"`
	Properties map[string]any `json:"properties"`
}

// addDashboard makes the account's dashboard: what runs now, how the last runs
// ended and how long they took, and what failed. It comes after everything that
// it shows.
func (s *side) addDashboard() {
	rows := [][]widget{{s.linksWidget()}, {s.alarmsWidget()}}
	for _, m := range s.shared.machines {
		rows = append(rows, []widget{s.runningWidget(m), s.endsWidget(m), s.durationWidget(m)})
	}
	rows = append(rows, []widget{s.lastRunsWidget()}, []widget{s.stepsWidget(), s.failuresWidget()})
	raw, err := json.Marshal(map[string]any{
		"start": "-P28D", "periodOverride": "inherit", "widgets": placed(rows),
	})
	if err != nil {
		panic(err)
	}
	awscloudwatch.NewCfnDashboard(s.Stack, text("Dashboard"), &awscloudwatch.CfnDashboardProps{DashboardName: text(s.place.Stack()), DashboardBody: text(string(raw))})
	s.output("DashboardUrl", "What runs, how the last runs ended, what failed", s.console("cloudwatch", "dashboards/dashboard/"+s.place.Stack()))
}

// placed gives the widgets of each row equal shares of the width.
func placed(rows [][]widget) []widget {
	var out []widget
	y := 0
	for _, row := range rows {
		high := 0
		for i, w := range row {
			w.X, w.Y, w.Width = i*columns/len(row), y, columns/len(row)
			high = max(high, w.Height)
			out = append(out, w)
		}
		y += high
	}
	return out
}

// console is the address of a page in the AWS console.
func (s *side) console(service, page string) string {
	return fmt.Sprintf("https://%s.console.aws.amazon.com/%s/home?region=%s#%s", s.place.Region, service, s.place.Region, page)
}

func (s *side) linksWidget() widget {
	lines := []string{"## dbferry, " + s.place.Side, ""}
	for _, m := range s.shared.machines {
		lines = append(lines, fmt.Sprintf("- [%s](%s): executions, and *Start execution*", m.name, s.console("states", "/statemachines/view/"+m.arn)))
	}
	lines = append(lines, fmt.Sprintf("- [ledger](https://%s.console.aws.amazon.com/s3/buckets/%s): plans, manifests, candidates and ends of all runs", s.place.Region, s.place.Ledger()),
		"- what to do: docs/operations.md of the repository that deployed this")
	return widget{Type: "text", Height: len(s.shared.machines) + 3, Properties: map[string]any{"markdown": strings.Join(lines, "\n")}}
}

func (s *side) alarmsWidget() widget {
	return widget{Type: "alarm", Height: 3, Properties: map[string]any{"title": "Alarms", "alarms": s.shared.alarms}}
}

// The ends of an execution that Step Functions counts, with what they look like.
var ends = []struct{ metric, label, color string }{
	{"ExecutionsSucceeded", "succeeded", "#2ca02c"},
	{"ExecutionsFailed", "failed", "#d62728"},
	{"ExecutionsTimedOut", "timed out", "#ff7f0e"},
	{"ExecutionsAborted", "aborted", "#7f7f7f"},
}

// day in seconds.
const day = 24 * 60 * 60

func (s *side) endsWidget(m machine) widget {
	var metrics []any
	for _, e := range ends {
		metrics = append(metrics, []any{"AWS/States", e.metric, "StateMachineArn", m.arn, map[string]any{"label": e.label, "color": e.color}})
	}
	return s.graph("How "+m.name+" ended, each day", day, "Sum", map[string]any{"view": "bar", "metrics": metrics})
}

// runningWidget counts the executions that were started and have not ended. Step
// Functions has no such metric; the sum is right from the first moment on at
// which none ran.
func (s *side) runningWidget(m machine) widget {
	hidden := func(id, metric string) []any {
		return []any{"AWS/States", metric, "StateMachineArn", m.arn, map[string]any{"id": id, "visible": false}}
	}
	ended := make([]string, len(ends))
	metrics := []any{hidden("started", "ExecutionsStarted")}
	for i, e := range ends {
		id := fmt.Sprintf("end%d", i)
		ended[i] = "FILL(" + id + ",0)"
		metrics = append(metrics, hidden(id, e.metric))
	}
	sum := []any{map[string]any{"id": "running", "label": "running", "expression": "RUNNING_SUM(FILL(started,0)-" + strings.Join(ended, "-") + ")"}}
	return s.graph("Runs of "+m.name+" going on", 60*60, "Sum", map[string]any{"view": "timeSeries", "metrics": append([]any{sum}, metrics...)})
}

func (s *side) durationWidget(m machine) widget {
	return s.graph("Minutes that "+m.name+" took", day, "Maximum", map[string]any{"view": "timeSeries", "metrics": []any{
		[]any{map[string]any{"id": "minutes", "label": "longest of the day", "expression": "took/60000"}},
		[]any{"AWS/States", "ExecutionTime", "StateMachineArn", m.arn, map[string]any{"id": "took", "visible": false}},
	}})
}

func (s *side) graph(title string, period int, statistic string, properties map[string]any) widget {
	maps.Copy(properties, map[string]any{"title": title, "region": s.place.Region, "period": period, "stat": statistic})
	return widget{Type: "metric", Height: 5, Properties: properties}
}

// lastRunsWidget reads the line that close-run logs for every run.
func (s *side) lastRunsWidget() widget {
	return s.query("Last runs", []string{"close-run"}, "fields @timestamp, verdict, refresh, execution, trouble", `filter msg = "run closed"`, "sort @timestamp desc", "limit 20")
}

// stepsWidget shows where a run is: every lap of a step logs its answer.
func (s *side) stepsWidget() widget {
	return s.query("What the run that goes on did last", s.functionNames(), "fields @timestamp, function, @message", `filter msg = "step answered"`, "sort @timestamp desc", "limit 20")
}

func (s *side) failuresWidget() widget {
	return s.query("What failed", s.functionNames(), "fields @timestamp, function, error, err", `filter level = "ERROR"`, "sort @timestamp desc", "limit 20")
}

// mostLogGroups is how many a query may name (CloudWatch Logs quotas).
const mostLogGroups = 50

func (s *side) query(title string, functions []string, lines ...string) widget {
	if len(functions) > mostLogGroups {
		panic(fmt.Errorf("dashboard of %s: a query may read %d log groups, not %d", s.place.Side, mostLogGroups, len(functions)))
	}
	var sources []string
	for _, f := range functions {
		sources = append(sources, "SOURCE '/aws/lambda/"+s.place.Function(f)+"'")
	}
	return widget{Type: "log", Height: 8, Properties: map[string]any{
		"title": title, "region": s.place.Region, "view": "table", "query": strings.Join(append(sources, lines...), "\n| "),
	}}
}

func (s *side) functionNames() []string { return slices.Sorted(maps.Keys(s.shared.functions)) }

// alarmARN is that of one of dbferry's own alarms.
func (s *side) alarmARN(name string) string {
	return s.arn("cloudwatch", "alarm:"+names.Prefix+"-"+name)
}
