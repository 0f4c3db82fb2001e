package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/sqs"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

var ctx = context.Background()

type executor func(ctx context.Context, w *awsworld.World, event string) (string, *lambda.FunctionError)

func setUp(t *testing.T, run executor, change func(*lambda.Function)) (*worldtest.Fixture, *lambda.Service, string) {
	t.Helper()
	f := worldtest.New(t)
	s := lambda.New(f.W)
	s.Run = func(ctx context.Context, _ *lambda.Function, _ awsworld.Caller, event []byte) ([]byte, *lambda.FunctionError) {
		out, err := run(ctx, f.W, string(event))
		return []byte(out), err
	}
	fn := lambda.Function{Name: "dbferry-step", Account: worldtest.Staging, Timeout: 10 * time.Second,
		RoleARN: f.Role(worldtest.Staging, "dbferry-fn-step", "lambda.amazonaws.com", worldtest.Allow("sqs:SendMessage", "*"))}
	if change != nil {
		change(&fn)
	}
	arn, err := s.PutFunction(fn)
	if err != nil {
		t.Fatal(err)
	}
	return f, s, arn
}

func echo(_ context.Context, _ *awsworld.World, event string) (string, *lambda.FunctionError) {
	return event, nil
}

func TestWhoMayInvokeAndByWhichName(t *testing.T) {
	const arn = "arn:aws:lambda:eu-west-1:222222222222:function:dbferry-step"
	for _, c := range []struct {
		name, account, function, allow, code string
		qualifier                            *string
	}{
		{"by name", worldtest.Staging, "dbferry-step", arn, "", nil},
		{"by ARN", worldtest.Staging, arn, arn, "", nil},
		{"by partial ARN", worldtest.Staging, "222222222222:function:dbferry-step", arn, "", nil},
		{"qualified needs the qualified resource", worldtest.Staging, arn + ":$LATEST", arn, "AccessDeniedException", nil},
		{"qualified and allowed", worldtest.Staging, arn + ":$LATEST", arn + ":*", "", nil},
		{"qualifier apart", worldtest.Staging, arn, arn + ":*", "", new("$LATEST")},
		{"no such version", worldtest.Staging, arn, arn + ":*", "ResourceNotFoundException", new("7")},
		{"no such function", worldtest.Staging, "dbferry-none", "*", "ResourceNotFoundException", nil},
		{"another account", worldtest.Production, arn, "*", "AccessDeniedException", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _, _ := setUp(t, echo, nil)
			cfg := f.As(c.account, "caller", worldtest.Allow("lambda:InvokeFunction", c.allow))
			f.Run(func() {
				_, err := sdk.NewFromConfig(cfg).Invoke(ctx, &sdk.InvokeInput{FunctionName: &c.function, Qualifier: c.qualifier})
				if got := service.Code(err); got != c.code {
					t.Errorf("code %q, want %q (%v)", got, c.code, err)
				}
			})
		})
	}
}

func TestAServicePrincipalNeedsTheSource(t *testing.T) {
	const rule = "arn:aws:events:eu-west-1:222222222222:rule/dbferry"
	policy := worldtest.Policy(`{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-west-1:222222222222:function:dbferry-step","Condition":{"ArnLike":{"AWS:SourceArn":"` + rule + `"}}}`)
	f, _, arn := setUp(t, echo, func(fn *lambda.Function) { fn.Policy = policy })
	f.Run(func() {
		for source, allowed := range map[string]bool{rule: true, rule + "-other": false} {
			_, err := f.W.Call(ctx, awsworld.ServiceCaller("events.amazonaws.com", source), "Lambda", "Invoke", &sdk.InvokeInput{FunctionName: &arn})
			if (err == nil) != allowed {
				t.Errorf("%s: %v", source, err)
			}
		}
	})
}

func TestHowAFunctionEnds(t *testing.T) {
	for _, c := range []struct {
		name      string
		run       executor
		named     bool
		wantType  string
		wantText  string
		wantAfter time.Duration
	}{
		{"well", echo, false, "", "", 0},
		{"with an error", func(context.Context, *awsworld.World, string) (string, *lambda.FunctionError) {
			return "", &lambda.FunctionError{Type: "Ferry.Busy", Message: "held by another run"}
		}, false, "Ferry.Busy", "held by another run", 0},
		{"out of time", func(ctx context.Context, w *awsworld.World, _ string) (string, *lambda.FunctionError) {
			_ = w.Kernel.Sleep(ctx, time.Hour)
			return "too late", nil
		}, false, "", "Task timed out after 10.00 seconds", 10 * time.Second},
		{"out of time, named", func(ctx context.Context, w *awsworld.World, _ string) (string, *lambda.FunctionError) {
			_ = w.Kernel.Sleep(ctx, time.Hour)
			return "too late", nil
		}, true, "Sandbox.Timedout", "Task timed out", 10 * time.Second},
		{"killed", func(context.Context, *awsworld.World, string) (string, *lambda.FunctionError) {
			panic(&awsworld.ErrCrash{})
		}, false, "", "Runtime exited", 0},
		{"with too much", func(context.Context, *awsworld.World, string) (string, *lambda.FunctionError) {
			return `"` + strings.Repeat("x", 6<<20) + `"`, nil
		}, false, "Function.ResponseSizeTooLarge", "exceeded", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, s, arn := setUp(t, c.run, nil)
			s.NameCrashes = c.named
			cfg := f.As(worldtest.Staging, "caller", worldtest.Allow("lambda:InvokeFunction", "*"))
			f.Run(func() {
				out, err := sdk.NewFromConfig(cfg).Invoke(ctx, &sdk.InvokeInput{FunctionName: &arn, Payload: []byte(`{"a":1}`)})
				if err != nil {
					t.Fatal(err)
				}
				if c.wantText == "" {
					if out.FunctionError != nil || string(out.Payload) != `{"a":1}` {
						t.Errorf("got %v %s", out.FunctionError, out.Payload)
					}
					return
				}
				var report struct{ ErrorType, ErrorMessage string }
				if json.Unmarshal(out.Payload, &report) != nil || report.ErrorType != c.wantType || !strings.Contains(report.ErrorMessage, c.wantText) || out.FunctionError == nil {
					t.Errorf("got %s", out.Payload)
				}
				if took := f.W.Now().Sub(worldtest.Start); took < c.wantAfter || took > c.wantAfter+time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestAPanicThatIsNotAFaultStopsTheRunWithItsStack(t *testing.T) {
	f, _, arn := setUp(t, func(context.Context, *awsworld.World, string) (string, *lambda.FunctionError) {
		panic("nil map in dbferry")
	}, nil)
	cfg := f.As(worldtest.Staging, "caller", worldtest.Allow("lambda:InvokeFunction", "*"))
	defer func() {
		if r := fmt.Sprint(recover()); !strings.Contains(r, "nil map in dbferry") || !strings.Contains(r, "lambda_test.go") {
			t.Errorf("recovered %s", r)
		}
	}()
	f.Run(func() { _, _ = sdk.NewFromConfig(cfg).Invoke(ctx, &sdk.InvokeInput{FunctionName: &arn}) })
}

func TestStoppingTheCallerIsNotATimeOut(t *testing.T) {
	f, s, arn := setUp(t, func(ctx context.Context, w *awsworld.World, _ string) (string, *lambda.FunctionError) {
		_ = w.Kernel.Sleep(ctx, time.Hour)
		return "", nil
	}, nil)
	stopped := errors.New("stopped")
	caller, _ := f.W.AssumeAsService("lambda.amazonaws.com", f.Role(worldtest.Staging, "caller", "lambda.amazonaws.com", worldtest.Allow("lambda:*", "*")), "x", "")
	f.Run(func() {
		scope := f.W.Kernel.NewScope(ctx)
		f.W.Kernel.After(time.Second, func() { scope.Cancel(stopped) })
		_, err := f.W.Call(scope, caller, "Lambda", "Invoke", &sdk.InvokeInput{FunctionName: &arn})
		if !errors.Is(err, stopped) {
			t.Errorf("got %v", err)
		}
	})
	if len(s.Invocations()) != 0 {
		t.Errorf("invocations %v", s.Invocations())
	}
}

func TestReservedConcurrencyThrottles(t *testing.T) {
	f, _, arn := setUp(t, func(ctx context.Context, w *awsworld.World, _ string) (string, *lambda.FunctionError) {
		return "{}", nil
	}, func(fn *lambda.Function) { fn.Concurrency = new(0) })
	cfg := f.As(worldtest.Staging, "caller", worldtest.Allow("lambda:*", "*"))
	f.Run(func() {
		_, err := sdk.NewFromConfig(cfg).Invoke(ctx, &sdk.InvokeInput{FunctionName: &arn})
		var many *types.TooManyRequestsException
		if !errors.As(err, &many) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnAsynchronousEventIsRetriedTwiceAndThenBuried(t *testing.T) {
	var at []time.Duration
	f, s, arn := setUp(t, func(_ context.Context, w *awsworld.World, _ string) (string, *lambda.FunctionError) {
		at = append(at, w.Now().Sub(worldtest.Start).Round(time.Second))
		return "", &lambda.FunctionError{Type: "Ferry.Unavailable", Message: "no"}
	}, func(fn *lambda.Function) { fn.OnFailure = "arn:aws:sqs:eu-west-1:222222222222:dead" })

	q := sqs.New(f.W)
	dead, err := q.PutQueue(worldtest.Staging, sqs.QueueSpec{Name: "dead"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := f.As(worldtest.Staging, "caller", worldtest.Allow("lambda:*", "*"))
	f.Run(func() {
		out, err := sdk.NewFromConfig(cfg).Invoke(ctx, &sdk.InvokeInput{FunctionName: &arn, InvocationType: types.InvocationTypeEvent})
		if err != nil || out.StatusCode != 202 {
			t.Fatal(out, err)
		}
	})
	if fmt.Sprint(at) != "[0s 1m0s 3m0s]" {
		t.Errorf("ran at %v", at)
	}
	if got := q.Messages(dead); len(got) != 1 || !strings.Contains(got[0].Body, "RetriesExhausted") {
		t.Errorf("dead-letter queue: %v", got)
	}
	if len(s.LostEvents()) != 0 {
		t.Errorf("lost: %v", s.LostEvents())
	}
}
