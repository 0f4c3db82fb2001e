package states

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

const (
	invokeResource = "arn:aws:states:::lambda:invoke"
	waitSuffix     = ".waitForTaskToken"
)

func isFunction(resource string) bool {
	return service.ServiceOf(resource) == "lambda" && strings.HasPrefix(service.ResourceOf(resource), "function:")
}

// Invoke performs a Task with the session of the machine's role. The call goes
// on when the state no longer waits for it: neither a time-out nor
// StopExecution stops a function in AWS.
func (s *Service) Invoke(_ context.Context, call asl.TaskCall) (json.RawMessage, error) {
	e := s.byARN[call.Execution.ExecutionArn]
	if e == nil {
		return nil, fmt.Errorf("the execution %s has ended", call.Execution.ExecutionArn)
	}
	if call.Token != "" {
		s.tokens[call.Token] = e.machine.Account
	}
	s.w.Secrets.Search(e.where(call.State, "task input"), string(call.Arguments))
	in, err := lambdaInput(call)
	if err != nil {
		return nil, err
	}
	caller, err := s.session(e)
	if err != nil {
		return nil, err
	}
	out, err := service.Call[lambda.InvokeOutput](s.at(context.Background(), e, call.State), s.w, caller, "Lambda", "Invoke", in)
	if err != nil {
		return nil, lambdaError(err)
	}
	s.w.Secrets.Search(e.where(call.State, "task result"), string(out.Payload))
	if out.FunctionError != nil {
		return nil, functionError(out.Payload)
	}
	return taskResult(call.Resource, out)
}

// lambdaInput turns a task into a call of Lambda: a function's own ARN takes
// the arguments as its payload, lambda:invoke names function and payload.
func lambdaInput(call asl.TaskCall) (*lambda.InvokeInput, error) {
	if isFunction(call.Resource) {
		return &lambda.InvokeInput{FunctionName: &call.Resource, Payload: call.Arguments}, nil
	}
	var args struct {
		FunctionName   string
		Payload        json.RawMessage
		InvocationType string
		Qualifier      *string
	}
	d := json.NewDecoder(strings.NewReader(string(call.Arguments)))
	d.DisallowUnknownFields()
	if err := d.Decode(&args); err != nil || args.FunctionName == "" {
		return nil, &asl.Error{Name: asl.ErrRuntime, Cause: fmt.Sprintf("The Arguments of the state '%s' do not fit lambda:invoke: FunctionName is required; %v", call.State, err)}
	}
	return &lambda.InvokeInput{
		FunctionName: &args.FunctionName, Payload: args.Payload, Qualifier: args.Qualifier,
		InvocationType: lambdatypes.InvocationType(args.InvocationType),
	}, nil
}

func taskResult(resource string, out *lambda.InvokeOutput) (json.RawMessage, error) {
	payload := json.RawMessage(out.Payload)
	if len(payload) == 0 {
		payload = json.RawMessage("null")
	}
	if isFunction(resource) {
		return payload, nil
	}
	version := ""
	if out.ExecutedVersion != nil {
		version = *out.ExecutedVersion
	}
	return json.Marshal(struct {
		ExecutedVersion string
		Payload         json.RawMessage
		StatusCode      int32
	}{version, payload, out.StatusCode})
}

// functionError names what a function reported: its errorType, or
// Lambda.Unknown when it reported none, as after a crash or time-out (Step
// Functions guide, "Handling errors").
func functionError(payload []byte) error {
	var report struct {
		Type string `json:"errorType"`
	}
	if err := json.Unmarshal(payload, &report); err != nil || report.Type == "" {
		return &asl.Error{Name: "Lambda.Unknown",
			Cause: "The cause could not be determined because Lambda did not return an error type. Returned payload: " + string(payload)}
	}
	return &asl.Error{Name: report.Type, Cause: string(payload)}
}

// lambdaError names an error of the Lambda service itself.
func lambdaError(err error) error {
	name := "Lambda.AWSLambdaException"
	code := service.Code(err)
	switch {
	case code == "AccessDenied", code == "AccessDeniedException":
	case service.Throttled(err):
		name = "Lambda.TooManyRequestsException"
	case code == "InternalFailure", code == "ServiceException":
		name = "Lambda.ServiceException"
	case strings.HasSuffix(code, "Exception"):
		name = "Lambda." + code
	}
	return &asl.Error{Name: name, Cause: cause(err)}
}

// cause is the error's text as Step Functions shows it.
func cause(err error) string {
	if d, ok := awsworld.IsDenied(err); ok {
		return d.Error()
	}
	return err.Error()
}
