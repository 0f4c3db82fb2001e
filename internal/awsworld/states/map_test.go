package states_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

const mapMachine = `{"QueryLanguage":"JSONata","StartAt":"All items","States":{"All items":{"Type":"Map","Label":"items",
 "ItemReader":{"ReaderConfig":{"InputType":"JSON"},"Resource":"arn:aws:states:::s3:getObject","Arguments":{"Bucket":"dbferry-ledger","Key":"plan.json"}},
 "ItemSelector":{"item":"{% $states.context.Map.Item.Value %}"},"MaxConcurrency":2,"ToleratedFailurePercentage":100,
 "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Work","States":{
  "Work":{"Type":"Task","Resource":"$STEP","Arguments":"{% $states.input %}","End":true}}},
 "ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Arguments":{"Bucket":"dbferry-ledger","Prefix":"results"}},"End":true}}}`

func TestDistributedMap(t *testing.T) {
	var sites []string
	g := setUp(t, func(ctx context.Context, event string) (string, *lambda.FunctionError) {
		sites = append(sites, awsworld.SiteOf(ctx).String())
		if strings.Contains(event, "cluster") {
			return "", &lambda.FunctionError{Type: "Ferry.CopyFailed", Message: "no"}
		}
		return `"DONE"`, nil
	}, mayRun...)
	g.put(mapMachine)
	if err := g.s3.PutObject(ledger, "plan.json", []byte(`[{"kind":"table"},{"kind":"cluster"},{"kind":"table"}]`)); err != nil {
		t.Fatal(err)
	}
	r := g.run(`{}`)
	ended(t, r, asl.Succeeded, "")
	if r.Children.Started != 3 || r.Children.Succeeded != 2 || r.Children.Failed != 1 || r.Children.Transitions != 3 {
		t.Errorf("children %+v", r.Children)
	}
	if len(r.FailedItems) != 1 || r.FailedItems[0].Error != "Ferry.CopyFailed" || r.FailedItems[0].Item != "cluster" ||
		!strings.HasPrefix(r.FailedItems[0].ARN, "arn:aws:states:eu-west-1:111111111111:execution:dbferry-production-backup-staging/items:") {
		t.Errorf("failed items %+v", r.FailedItems)
	}
	slices.Sort(sites)
	want := []string{"production-backup/cluster/Work/-", "production-backup/table/Work/-", "production-backup/table/Work/-"}
	if diff := cmp.Diff(want, sites); diff != "" {
		t.Error(diff)
	}
	var out struct{ ResultWriterDetails struct{ Bucket, Key string } }
	if err := json.Unmarshal(r.Output, &out); err != nil {
		t.Fatal(err)
	}
	if _, there := g.s3.Object(out.ResultWriterDetails.Bucket, out.ResultWriterDetails.Key); !there {
		t.Errorf("no manifest at %+v among %v", out, g.s3.Objects(ledger))
	}
}

func TestWhatADistributedMapNeeds(t *testing.T) {
	without := func(action string) []string {
		return slices.DeleteFunc(slices.Clone(mayRun), func(s string) bool { return strings.Contains(s, action) })
	}
	for _, c := range []struct {
		name, bucketOf string
		role           []string
		error, cause   string
	}{
		{"to start its own machine", worldtest.Production, without("states:StartExecution"), "States.Permissions", "states:StartExecution"},
		{"to read the plan", worldtest.Production, without("s3:*"), "States.ItemReaderFailed", "s3:GetObject"},
		{"to write the results", worldtest.Production, append(without("s3:*"), worldtest.Allow("s3:GetObject", "*")), "States.ResultWriterFailed", "s3:PutObject"},
		{"a bucket of its own account", worldtest.Staging, mayRun, "States.ItemReaderFailed", "bucket dbferry-ledger is in account 222222222222"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := setUp(t, echo, c.role...)
			g.put(mapMachine)
			if c.bucketOf != worldtest.Production {
				g.states.BucketOwner = func(string) string { return c.bucketOf }
			}
			if err := g.s3.PutObject(ledger, "plan.json", []byte(`[{"kind":"table"}]`)); err != nil {
				t.Fatal(err)
			}
			r := g.run(`{}`)
			ended(t, r, asl.Failed, c.error)
			if !strings.Contains(r.Cause, c.cause) {
				t.Errorf("cause %s", r.Cause)
			}
		})
	}
}

func TestTaskTokens(t *testing.T) {
	tokens := make([]string, 0, 2)
	g := setUp(t, func(_ context.Context, event string) (string, *lambda.FunctionError) {
		var in struct{ Token string }
		if err := json.Unmarshal([]byte(event), &in); err != nil {
			t.Error(err)
		}
		tokens = append(tokens, in.Token)
		return "{}", nil
	}, mayRun...)
	g.put(`{"QueryLanguage":"JSONata","StartAt":"Ask","States":{"Ask":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
	 "Arguments":{"FunctionName":"$STEP","Payload":{"token":"{% $states.context.Task.Token %}"}},"TimeoutSeconds":600,"End":true}}}`)
	own := g.As(worldtest.Production, "approver", worldtest.Allow("states:SendTask*", "*"))
	foreign := g.As(worldtest.Staging, "approver", worldtest.Allow("states:SendTask*", "*"))
	g.W.Kernel.After(5*time.Minute, func() {
		answer := &sdk.SendTaskSuccessInput{TaskToken: &tokens[0], Output: new(`{"by":"ann"}`)}
		if _, err := sdk.NewFromConfig(foreign).SendTaskSuccess(ctx, answer); service.Code(err) != "InvalidToken" {
			t.Errorf("from another account: %v", err)
		}
		if _, err := sdk.NewFromConfig(own).SendTaskHeartbeat(ctx, &sdk.SendTaskHeartbeatInput{TaskToken: &tokens[0]}); err != nil {
			t.Error(err)
		}
		if _, err := sdk.NewFromConfig(own).SendTaskSuccess(ctx, answer); err != nil {
			t.Error(err)
		}
		if _, err := sdk.NewFromConfig(own).SendTaskFailure(ctx, &sdk.SendTaskFailureInput{TaskToken: &tokens[0]}); service.Code(err) != "TaskTimedOut" {
			t.Errorf("a second answer: %v", err)
		}
	})
	r := g.run(`{}`)
	ended(t, r, asl.Succeeded, "")
	if string(r.Output) != `{"by":"ann"}` {
		t.Errorf("output %s", r.Output)
	}
}

func TestStatusEvents(t *testing.T) {
	for _, c := range []struct {
		name          string
		input         string
		output        string
		input2, out   bool
		redrivable    string
		status, error string
	}{
		{"small", `{"a":1}`, `{"b":2}`, true, true, "NOT_REDRIVABLE", "SUCCEEDED", ""},
		{"together too large", `"` + strings.Repeat("x", 140<<10) + `"`, `"` + strings.Repeat("y", 140<<10) + `"`, false, true, "NOT_REDRIVABLE", "SUCCEEDED", ""},
		{"output too large by its escapes", `{}`, `[` + strings.Repeat(`"",`, 62<<10) + `""]`, false, false, "NOT_REDRIVABLE", "SUCCEEDED", ""},
		{"failed", `{}`, "", true, false, "REDRIVABLE", "FAILED", "Ferry.Denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := setUp(t, func(context.Context, string) (string, *lambda.FunctionError) {
				if c.error != "" {
					return "", &lambda.FunctionError{Type: c.error, Message: "no"}
				}
				return c.output, nil
			}, mayRun...)
			g.put(strings.Replace(oneTask, `"{% $states.input %}"`, `{}`, 1))
			var last map[string]any
			g.states.Emit = func(account, source, detailType string, resources []string, detail map[string]any) {
				if account != worldtest.Production || source != "aws.states" || detailType != "Step Functions Execution Status Change" || len(resources) != 1 {
					t.Errorf("event %s %s %s %v", account, source, detailType, resources)
				}
				last = detail
			}
			g.run(c.input)
			if last["status"] != c.status || last["redriveStatus"] != c.redrivable || last["stopDate"].(int64) < worldtest.Start.UnixMilli() {
				t.Errorf("event %v", last)
			}
			if got := last["inputDetails"].(map[string]any)["included"]; got != c.input2 || (last["input"] != nil) != c.input2 {
				t.Errorf("input included: %v", got)
			}
			if (last["output"] != nil) != c.out || c.out && last["output"] != c.output {
				t.Errorf("output %.40v", last["output"])
			}
		})
	}
}

// The whole way: production's success crosses the border and starts staging's
// machine, under a name of EventBridge's choosing.
func TestSuccessStartsTheOtherAccountsMachine(t *testing.T) {
	g := setUp(t, echo, mayRun...)
	g.put(oneTask)
	ev := events.New(g.W)
	g.states.Emit = ev.Emit
	const bus = "arn:aws:events:eu-west-1:222222222222:event-bus/dbferry-staging"
	pattern := []byte(`{"account":["111111111111"],"source":["aws.states"],"detail":{"status":["SUCCEEDED"],"stateMachineArn":["` + machineARN + `"]}}`)
	check := func(_ string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(ev.PutBus(worldtest.Staging, "dbferry-staging", worldtest.Policy(
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"events:PutEvents","Resource":"`+bus+`"}`)))
	check(ev.PutRule(worldtest.Production, events.RuleSpec{Name: "forward", Pattern: pattern, Targets: []events.Target{{ID: "1", ARN: bus,
		RoleARN: g.Role(worldtest.Production, "forward", "events.amazonaws.com", worldtest.Allow("events:PutEvents", bus))}}}))
	restore, err := g.states.PutMachine(states.MachineSpec{Name: "restore", Account: worldtest.Staging,
		RoleARN:    g.Role(worldtest.Staging, "restore", "states.amazonaws.com"),
		Definition: []byte(`{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Pass","Output":"{% $parse($states.input.detail.output) %}","End":true}}}`)})
	check(restore, err)
	check(ev.PutRule(worldtest.Staging, events.RuleSpec{Name: "start", Bus: "dbferry-staging", Pattern: pattern, Targets: []events.Target{{ID: "1", ARN: restore,
		RoleARN: g.Role(worldtest.Staging, "start", "events.amazonaws.com", worldtest.Allow("states:StartExecution", restore))}}}))
	g.run(`{"refreshId":"202603020300-abcdef"}`)
	got := g.states.Executions(worldtest.Staging)
	if len(got) != 1 || got[0].Status != asl.Succeeded || string(got[0].Output) != `{"refreshId":"202603020300-abcdef"}` || len(got[0].Name) != 73 {
		t.Errorf("staging ran %+v; deliveries %+v", got, ev.Deliveries())
	}
}

func BenchmarkThousandChildren(b *testing.B) {
	t := &testing.T{}
	for range b.N {
		g := setUp(t, echo, mayRun...)
		g.W.Journal.Quiet = true
		g.put(mapMachine)
		items := make([]string, 1000)
		for i := range items {
			items[i] = fmt.Sprintf(`{"kind":"table","n":%d}`, i)
		}
		if err := g.s3.PutObject(ledger, "plan.json", []byte("["+strings.Join(items, ",")+"]")); err != nil {
			b.Fatal(err)
		}
		if r := g.run(`{}`); r.Children.Succeeded != 1000 {
			b.Fatalf("%+v", r.Children)
		}
	}
}
