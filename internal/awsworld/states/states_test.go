package states_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

func TestStartExecution(t *testing.T) {
	for _, c := range []struct {
		name, account, allow, machine, execution, input, code string
	}{
		{"allowed", worldtest.Production, machineARN, machineARN, "a", `{"x":1}`, ""},
		{"not allowed", worldtest.Production, machineARN + "x", machineARN, "a", `{}`, "AccessDeniedException"},
		{"another account cannot", worldtest.Staging, "*", machineARN, "a", `{}`, "AccessDeniedException"},
		{"no such machine", worldtest.Production, "*", machineARN + "x", "a", `{}`, "StateMachineDoesNotExist"},
		{"a name with a colon", worldtest.Production, "*", machineARN, "a:b", `{}`, "InvalidName"},
		{"a name too long", worldtest.Production, "*", machineARN, strings.Repeat("n", 81), `{}`, "InvalidName"},
		{"input that is not JSON", worldtest.Production, "*", machineARN, "a", `{`, "InvalidExecutionInput"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := setUp(t, echo, mayRun...)
			g.put(oneTask)
			cfg := g.As(c.account, "starter", worldtest.Allow("states:StartExecution", c.allow))
			g.Run(func() {
				_, err := sdk.NewFromConfig(cfg).StartExecution(ctx, &sdk.StartExecutionInput{StateMachineArn: &c.machine, Name: &c.execution, Input: &c.input})
				if got := service.Code(err); got != c.code {
					t.Errorf("code %q, want %q (%v)", got, c.code, err)
				}
			})
		})
	}
}

func TestStartingAgainUnderTheSameName(t *testing.T) {
	g := setUp(t, echo, mayRun...)
	g.put(`{"QueryLanguage":"JSONata","StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":60,"End":true}}}`)
	cfg := g.As(worldtest.Production, "starter", worldtest.Allow("states:*", "*"))
	start := func(input string) (*sdk.StartExecutionOutput, error) {
		return sdk.NewFromConfig(cfg).StartExecution(ctx, &sdk.StartExecutionInput{StateMachineArn: new(machineARN), Name: new("once"), Input: &input})
	}
	refused := func(why string, err error) {
		var taken *types.ExecutionAlreadyExists
		if !errors.As(err, &taken) {
			t.Errorf("%s: %v", why, err)
		}
	}
	g.Run(func() {
		first, err := start(`{"a": 1}`)
		if err != nil {
			t.Fatal(err)
		}
		again, err := start(`{"a":1}`)
		if err != nil || *again.ExecutionArn != *first.ExecutionArn || !again.StartDate.Equal(*first.StartDate) {
			t.Errorf("running, same input: %v, %v", again, err)
		}
		_, err = start(`{"a":2}`)
		refused("running, other input", err)
		_ = g.W.Kernel.Sleep(ctx, 2*time.Minute)
		_, err = start(`{"a":1}`)
		refused("closed", err)
		_ = g.W.Kernel.Sleep(ctx, 91*24*time.Hour)
		if _, err = start(`{"a":1}`); err != nil {
			t.Errorf("after 90 days: %v", err)
		}
	})
	if n := len(g.states.Executions("")); n != 2 {
		t.Errorf("%d executions, want 2", n)
	}
}

func TestHowALambdaTaskEnds(t *testing.T) {
	fails := func(typ string) handler {
		return func(context.Context, string) (string, *lambda.FunctionError) {
			return "", &lambda.FunctionError{Type: typ, Message: "because"}
		}
	}
	for _, c := range []struct {
		name  string
		h     handler
		fault string
		role  []string
		error string
		cause string
	}{
		{"well", echo, "", mayRun, "", ""},
		{"with a named error", fails("Ferry.Busy"), "", mayRun, "Ferry.Busy", `"errorMessage":"because"`},
		{"killed", func(context.Context, string) (string, *lambda.FunctionError) { panic(&awsworld.ErrCrash{}) }, "", mayRun, "Lambda.Unknown", "did not return an error type"},
		{"not allowed", echo, "", []string{worldtest.Allow("s3:*", "*")}, "Lambda.AWSLambdaException", "not authorized to perform: lambda:InvokeFunction"},
		{"throttled", echo, "throttle", mayRun, "Lambda.TooManyRequestsException", "Rate exceeded"},
		{"with an error of Lambda", echo, "error", mayRun, "Lambda.ServiceException", "injected"},
		{"with a lost reply", echo, "lost", mayRun, "Lambda.ServiceException", "lost"},
		{"interrupted", echo, "crash", mayRun, "Lambda.ServiceException", "interrupted"},
		{"denied by fault", echo, "deny", mayRun, "Lambda.AWSLambdaException", "injected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := setUp(t, c.h, c.role...)
			g.put(oneTask)
			if c.fault != "" {
				f, err := awsworld.ParseFault("production-backup/-/Step/Lambda.Invoke=" + c.fault)
				if err != nil {
					t.Fatal(err)
				}
				g.W.Inject(f)
			}
			r := g.run(`{"a":1}`)
			if c.error == "" {
				ended(t, r, asl.Succeeded, "")
				if string(r.Output) != `{"a":1}` || r.Events != 7 || r.Transitions != 1 {
					t.Errorf("output %s, %d events, %d transitions", r.Output, r.Events, r.Transitions)
				}
				return
			}
			ended(t, r, asl.Failed, c.error)
			if !strings.Contains(r.Cause, c.cause) {
				t.Errorf("cause %s", r.Cause)
			}
		})
	}
}

func TestTheOptimizedIntegration(t *testing.T) {
	g := setUp(t, echo, mayRun...)
	g.put(`{"QueryLanguage":"JSONata","StartAt":"Step","States":{"Step":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
	 "Arguments":{"FunctionName":"$STEP","Payload":"{% $states.input %}"},"End":true}}}`)
	r := g.run(`{"a":1}`)
	ended(t, r, asl.Succeeded, "")
	if want := `{"ExecutedVersion":"$LATEST","Payload":{"a":1},"StatusCode":200}`; string(r.Output) != want {
		t.Errorf("output %s, want %s", r.Output, want)
	}
}

func TestMachinesThatAreRefused(t *testing.T) {
	state := func(task string) string {
		return `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Task","End":true,` + task + `}}}`
	}
	for name, c := range map[string]struct{ definition, want string }{
		"not a definition":       {`{}`, "InvalidDefinition"},
		"another integration":    {state(`"Resource":"arn:aws:states:::aws-sdk:backup:startCopyJob","Arguments":{}`), "startCopyJob"},
		"credentials":            {state(`"Resource":"$STEP","Arguments":{},"Credentials":{"RoleArn":"x"}`), "Credentials"},
		"no arguments":           {state(`"Resource":"$STEP"`), "without Arguments"},
		"an expression in error": {state(`"Resource":"$STEP","Arguments":"{% ( %}"`), "InvalidDefinition"},
	} {
		g := setUp(t, echo, mayRun...)
		if err := g.tryPut(c.definition); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	g := setUp(t, echo, mayRun...)
	g.Role(worldtest.Production, "machine", "lambda.amazonaws.com")
	if err := g.tryPut(oneTask); service.Code(err) != "AccessDeniedException" {
		t.Errorf("a role that does not trust Step Functions: %v", err)
	}
}

func TestEndsThatCannotBeCaught(t *testing.T) {
	const caught = `{"QueryLanguage":"JSONata","StartAt":"Step","States":{
	 "Step":{"Type":"Task","Resource":"$STEP","Arguments":{},"TimeoutSeconds":50,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Caught"}],"End":true},
	 "Caught":{"Type":"Succeed"}}}`
	var finished []time.Duration
	var g *stage
	slow := func(ctx context.Context, _ string) (string, *lambda.FunctionError) {
		err := g.W.Kernel.Sleep(ctx, 30*time.Second)
		finished = append(finished, g.W.Now().Sub(worldtest.Start).Round(time.Second))
		if err != nil {
			return "", &lambda.FunctionError{Type: "stopped"}
		}
		return "{}", nil
	}
	g = setUp(t, slow, mayRun...)
	var events []string
	g.states.Emit = func(_, _, _ string, _ []string, d map[string]any) { events = append(events, d["status"].(string)) }
	g.put(caught)
	g.Run(func() {
		arn, err := g.states.Start(machineARN, "stopped", []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = g.W.Kernel.Sleep(ctx, 10*time.Second)
		if err := g.states.Abort(arn, "Operator", "enough"); err != nil {
			t.Fatal(err)
		}
	})
	if err := g.states.TimeOutNext(machineARN, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	late := g.run(`{}`)
	first, _ := g.states.Execution(strings.Replace(machineARN, "stateMachine", "execution", 1) + ":stopped")
	ended(t, first, asl.Aborted, "Operator")
	ended(t, late, asl.TimedOut, "States.Timeout")
	if fmt.Sprint(finished) != "[30s 1m0s]" {
		t.Errorf("functions finished at %v: they go on when nobody waits", finished)
	}
	if diff := cmp.Diff([]string{"RUNNING", "ABORTED", "RUNNING", "TIMED_OUT"}, events); diff != "" {
		t.Error(diff)
	}
}

func TestDescribeListStopAndHistory(t *testing.T) {
	g := setUp(t, echo, mayRun...)
	g.put(`{"QueryLanguage":"JSONata","StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":3600,"Next":"Step"},
	 "Step":{"Type":"Task","Resource":"$STEP","Arguments":{},"End":true}}}`)
	cfg := g.As(worldtest.Production, "reader", worldtest.Allow("states:*", "*"))
	blind := g.As(worldtest.Production, "blind", worldtest.Allow("states:*", machineARN))
	g.Run(func() {
		client := sdk.NewFromConfig(cfg)
		var arns []string
		for i := range 3 {
			out, err := client.StartExecution(ctx, &sdk.StartExecutionInput{StateMachineArn: new(machineARN), Name: new(fmt.Sprint("run-", i))})
			if err != nil {
				t.Fatal(err)
			}
			arns = append(arns, *out.ExecutionArn)
		}
		if _, err := client.StopExecution(ctx, &sdk.StopExecutionInput{ExecutionArn: &arns[0], Error: new("E"), Cause: new("C")}); err != nil {
			t.Fatal(err)
		}
		d, err := client.DescribeExecution(ctx, &sdk.DescribeExecutionInput{ExecutionArn: &arns[0]})
		if err != nil || d.Status != types.ExecutionStatusAborted || *d.Error != "E" || d.StopDate == nil || d.Output != nil {
			t.Errorf("describe: %+v, %v", d, err)
		}
		if _, err := sdk.NewFromConfig(blind).DescribeExecution(ctx, &sdk.DescribeExecutionInput{ExecutionArn: &arns[0]}); service.Code(err) != "AccessDeniedException" {
			t.Errorf("a permission on the machine does not cover its executions: %v", err)
		}
		var listed []string
		p := sdk.NewListExecutionsPaginator(client, &sdk.ListExecutionsInput{StateMachineArn: new(machineARN), MaxResults: 1, StatusFilter: "RUNNING"})
		for p.HasMorePages() {
			page, err := p.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Executions {
				listed = append(listed, *e.Name)
			}
		}
		if diff := cmp.Diff([]string{"run-2", "run-1"}, listed); diff != "" {
			t.Error(diff)
		}
		_ = g.W.Kernel.Sleep(ctx, 2*time.Hour)
		h, err := client.GetExecutionHistory(ctx, &sdk.GetExecutionHistoryInput{ExecutionArn: &arns[1]})
		if err != nil {
			t.Fatal(err)
		}
		var path []string
		for _, e := range h.Events {
			path = append(path, string(e.Type))
		}
		want := []string{"ExecutionStarted", "WaitStateEntered", "WaitStateExited", "TaskStateEntered", "LambdaFunctionScheduled",
			"LambdaFunctionStarted", "LambdaFunctionSucceeded", "TaskStateExited", "ExecutionSucceeded"}
		if diff := cmp.Diff(want, path); diff != "" {
			t.Error(diff)
		}
		if _, err = client.DescribeExecution(ctx, &sdk.DescribeExecutionInput{ExecutionArn: new(arns[0] + "x")}); service.Code(err) != "ExecutionDoesNotExist" {
			t.Errorf("missing: %v", err)
		}
		m, err := client.DescribeStateMachine(ctx, &sdk.DescribeStateMachineInput{StateMachineArn: new(machineARN)})
		if err != nil || *m.RoleArn != "arn:aws:iam::111111111111:role/machine" {
			t.Errorf("machine: %v, %v", m, err)
		}
	})
}

func TestASecretInAResultIsFound(t *testing.T) {
	g := setUp(t, func(context.Context, string) (string, *lambda.FunctionError) { return `{"p":"hunter2hunter2"}`, nil }, mayRun...)
	g.W.Secrets.Add("hunter2hunter2", "password")
	g.put(oneTask)
	g.run(`{}`)
	if leaks := g.W.Secrets.Leaks(); len(leaks) == 0 || !strings.Contains(leaks[0].Where, "task result of state Step") {
		t.Errorf("leaks %v", leaks)
	}
}

func TestTwoRunsAreAlike(t *testing.T) {
	run := func() []states.Report {
		g := setUp(t, echo, mayRun...)
		g.put(mapMachine)
		if err := g.s3.PutObject(ledger, "plan.json", []byte(`[{"kind":"table"},{"kind":"cluster"},{"kind":"table"}]`)); err != nil {
			t.Fatal(err)
		}
		g.run(`{}`)
		return g.states.Executions("")
	}
	if diff := cmp.Diff(run(), run()); diff != "" {
		t.Error(diff)
	}
}
