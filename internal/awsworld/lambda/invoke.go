package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

const (
	maxSync  = 6 << 20 // bytes of a synchronous request or response
	maxAsync = 1 << 20 // bytes of an asynchronous event
)

// errTimedOut is the cause with which a function's scope ends.
var errTimedOut = errors.New("the function's time is up")

func (s *Service) invokeOp() awsworld.Op {
	op := awsworld.On(serviceID, "Invoke", "lambda:InvokeFunction", s.invoke)
	op.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.InvokeInput](c)
		arn, qualifier := s.resolve(c.Caller, *in.FunctionName, in.Qualifier)
		r := awsworld.Resource{ARN: arn, Owner: service.AccountOf(arn)}
		if f := s.functions[arn]; f != nil {
			r.Policy, r.Context = f.policy, service.TagContext(f.Tags)
		}
		if qualifier != "" {
			r.ARN += ":" + qualifier
		}
		return []awsworld.Resource{r}
	}
	op.Source = "Lambda API Reference, Invoke; Lambda guide, \"Asynchronous invocation\""
	op.Differs = "no versions or aliases but $LATEST, no log tail, no memory limit, no account concurrency; how a crash or time-out is named differs between AWS's own pages"
	return op
}

// resolve turns a name, a partial ARN or an ARN, with or without qualifier,
// into the function's ARN.
func (s *Service) resolve(c awsworld.Caller, name string, q *string) (arn, qualifier string) {
	if q != nil {
		qualifier = *q
	}
	if !strings.HasPrefix(name, "arn:") {
		account := c.Principal.Account
		if head, tail, ok := strings.Cut(name, ":function:"); ok {
			account, name = head, tail
		}
		name = s.w.ARN("lambda", account, "function:"+name)
	}
	if parts := strings.Split(name, ":"); len(parts) == 8 {
		return strings.Join(parts[:7], ":"), parts[7]
	}
	return name, qualifier
}

func (s *Service) invoke(c *awsworld.Call, in *sdk.InvokeInput) (*sdk.InvokeOutput, error) {
	if err := service.OnlyFields(c, "FunctionName", "Qualifier", "Payload", "InvocationType"); err != nil {
		return nil, err
	}
	arn, qualifier := s.resolve(c.Caller, *in.FunctionName, in.Qualifier)
	f := s.functions[arn]
	if f == nil || qualifier != "" && qualifier != "$LATEST" {
		return nil, &types.ResourceNotFoundException{Message: new("Function not found: " + arn), Type: new("User")}
	}
	async := in.InvocationType == types.InvocationTypeEvent
	if err := checkPayload(in.Payload, async); err != nil {
		return nil, err
	}
	switch {
	case in.InvocationType == types.InvocationTypeDryRun:
		return &sdk.InvokeOutput{StatusCode: 204}, nil
	case async:
		event := append([]byte(nil), in.Payload...)
		if len(event) == 0 {
			event = []byte("{}")
		}
		s.w.Kernel.Go(func() { s.runAsync(f, event) })
		return &sdk.InvokeOutput{StatusCode: 202}, nil
	}
	payload, failure, err := s.run(c.Ctx, f, in.Payload)
	if err != nil {
		return nil, err
	}
	out := &sdk.InvokeOutput{StatusCode: 200, Payload: payload, ExecutedVersion: new("$LATEST")}
	if failure {
		out.FunctionError = new("Unhandled")
	}
	return out, nil
}

func checkPayload(p []byte, async bool) error {
	limit := maxSync
	if async {
		limit = maxAsync
	}
	if len(p) > limit {
		return &types.RequestTooLargeException{Message: new(fmt.Sprintf("%d byte payload is too large for the invocation type (limit %d bytes)", len(p), limit))}
	}
	if len(p) > 0 && !json.Valid(p) {
		return &types.InvalidRequestContentException{Message: new("Could not parse request body into json")}
	}
	return nil
}

// run executes the function once. failure says that the payload is an error
// report; err is an error of Lambda itself.
func (s *Service) run(ctx context.Context, f *function, event []byte) (payload []byte, failure bool, err error) {
	if f.Concurrency != nil && f.running >= *f.Concurrency {
		return nil, false, &types.TooManyRequestsException{Message: new("Rate Exceeded."), Reason: types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded}
	}
	// Lambda gives no aws:SourceArn to the trust policy of an execution role.
	caller, err := s.w.AssumeAsService("lambda.amazonaws.com", f.RoleARN, f.Name, f.ARN)
	if err != nil {
		return nil, false, awsworld.Errorf("AccessDeniedException", "The role defined for the function cannot be assumed by Lambda: %v", err)
	}
	f.running++
	s.running[f.Account]++
	s.busiest[f.Account] = max(s.busiest[f.Account], s.running[f.Account])
	defer func() { f.running--; s.running[f.Account]-- }()
	if err := s.w.Kernel.Sleep(ctx, s.Timing.Start); err != nil {
		return nil, false, err
	}
	began := s.w.Now()
	payload, report, err := s.execute(ctx, f, caller, event)
	if err != nil {
		return nil, false, err
	}
	one := Invocation{At: began, Function: f.Name, Account: f.Account, Took: s.w.Now().Sub(began)}
	if report != nil {
		one.Error = report.Type
		payload = report.payload()
	}
	s.runs = append(s.runs, one)
	return payload, report != nil, nil
}

// execute runs the code under the function's own time limit.
func (s *Service) execute(ctx context.Context, f *function, caller awsworld.Caller, event []byte) ([]byte, *FunctionError, error) {
	scope := s.w.Kernel.NewScope(ctx)
	defer scope.Close()
	stop := s.w.Kernel.After(f.Timeout, func() { scope.Cancel(errTimedOut) })
	defer stop()
	if awsworld.SiteOf(ctx) == (awsworld.Site{}) {
		ctx := awsworld.WithSite(context.Context(scope), awsworld.Site{State: f.Name})
		return s.finish(scope.Err, f, s.code(ctx, f, caller, event))
	}
	return s.finish(scope.Err, f, s.code(scope, f, caller, event))
}

// result is what the code came to.
type result struct {
	payload []byte
	failed  *FunctionError
	crashed *awsworld.ErrCrash
}

// code calls the executor. A crash that was injected ends the function; any
// other panic is a mistake in dbferry and is passed on with its stack.
func (s *Service) code(ctx context.Context, f *function, caller awsworld.Caller, event []byte) (r result) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		crash, ok := p.(*awsworld.ErrCrash)
		if !ok {
			panic(fmt.Sprintf("function %s panicked: %v\n\n%s", f.Name, p, debug.Stack()))
		}
		r.crashed = crash
	}()
	if f.Code != nil {
		r.payload, r.failed = f.Code(ctx, append([]byte(nil), event...))
		return r
	}
	copied := f.Function
	r.payload, r.failed = s.Run(ctx, &copied, caller, append([]byte(nil), event...))
	return r
}

// finish decides how the invocation ended: killed, out of time, stopped from
// outside, failed, or well.
func (s *Service) finish(ended func() error, f *function, r result) ([]byte, *FunctionError, error) {
	switch err := ended(); {
	case r.crashed != nil:
		return nil, s.nameless("Runtime.ExitError", "RequestId: %s Error: Runtime exited with error: exit status 2 (%s)", s.w.UUID(), r.crashed.Site), nil
	case errors.Is(err, errTimedOut):
		return nil, s.nameless("Sandbox.Timedout", "RequestId: %s Error: Task timed out after %.2f seconds", s.w.UUID(), f.Timeout.Seconds()), nil
	case err != nil:
		return nil, nil, err
	case r.failed != nil:
		return nil, r.failed, nil
	case len(r.payload) > maxSync:
		return nil, &FunctionError{Type: "Function.ResponseSizeTooLarge",
			Message: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxSync)}, nil
	}
	return r.payload, nil, nil
}

func (s *Service) nameless(typ, format string, args ...any) *FunctionError {
	if !s.NameCrashes {
		typ = ""
	}
	return &FunctionError{Type: typ, Message: fmt.Sprintf(format, args...)}
}

// payload is the error report that the caller receives.
func (e *FunctionError) payload() []byte {
	raw, err := json.Marshal(struct {
		Message string   `json:"errorMessage"`
		Type    string   `json:"errorType,omitempty"`
		Trace   []string `json:"stackTrace,omitempty"`
	}{e.Message, e.Type, e.Trace})
	if err != nil {
		panic("awsworld/lambda: an error report of plain text did not marshal: " + err.Error())
	}
	return raw
}

// wait before the n-th retry (from 1) of an asynchronous invocation.
func (t Timing) wait(n int) time.Duration {
	if n == 1 {
		return t.RetryFirst
	}
	return t.RetrySecond
}
