package states

import (
	"encoding/json"
	"errors"

	sdk "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
)

// Limits of SendTaskFailure (docs/aws.md §10).
const (
	maxErrorName = 256
	maxCause     = 32768
)

func (s *Service) tokenOps() []awsworld.Op {
	const source = "Step Functions API Reference; docs/aws.md §10, \"Callback\""
	const differs = "the permission is asked for *, as AWS documented it until it added a resource level"
	success := awsworld.On(serviceID, "SendTaskSuccess", "states:SendTaskSuccess", s.succeed)
	success.Source, success.Differs = source, differs
	failure := awsworld.On(serviceID, "SendTaskFailure", "states:SendTaskFailure", s.fail)
	failure.Source, failure.Differs = source, differs
	beat := awsworld.On(serviceID, "SendTaskHeartbeat", "states:SendTaskHeartbeat", s.heartbeat)
	beat.Source, beat.Differs = source, differs
	return []awsworld.Op{success, failure, beat}
}

// own refuses a token of another account's execution.
func (s *Service) own(c *awsworld.Call, token string) error {
	if s.tokens[token] != c.Caller.Principal.Account {
		return &types.InvalidToken{Message: new("Invalid Token")}
	}
	return nil
}

func (s *Service) succeed(c *awsworld.Call, in *sdk.SendTaskSuccessInput) (*sdk.SendTaskSuccessOutput, error) {
	if err := s.own(c, *in.TaskToken); err != nil {
		return nil, err
	}
	s.w.Secrets.Search("answer to a task token", *in.Output)
	return &sdk.SendTaskSuccessOutput{}, fault(s.engine.Tokens.Succeed(*in.TaskToken, json.RawMessage(*in.Output)))
}

func (s *Service) fail(c *awsworld.Call, in *sdk.SendTaskFailureInput) (*sdk.SendTaskFailureOutput, error) {
	if err := s.own(c, *in.TaskToken); err != nil {
		return nil, err
	}
	name, why := "", ""
	if in.Error != nil {
		name = *in.Error
	}
	if in.Cause != nil {
		why = *in.Cause
	}
	if len(name) > maxErrorName || len(why) > maxCause {
		return nil, awsworld.Errorf("ValidationException", "an error of %d and a cause of %d characters; Step Functions takes %d and %d", len(name), len(why), maxErrorName, maxCause)
	}
	s.w.Secrets.Search("answer to a task token", name+" "+why)
	return &sdk.SendTaskFailureOutput{}, fault(s.engine.Tokens.Fail(*in.TaskToken, name, why))
}

func (s *Service) heartbeat(c *awsworld.Call, in *sdk.SendTaskHeartbeatInput) (*sdk.SendTaskHeartbeatOutput, error) {
	if err := s.own(c, *in.TaskToken); err != nil {
		return nil, err
	}
	return &sdk.SendTaskHeartbeatOutput{}, fault(s.engine.Tokens.Heartbeat(*in.TaskToken))
}

// fault gives the engine's refusals their SDK types.
func fault(err error) error {
	var e *asl.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Name {
	case "TaskTimedOut":
		return &types.TaskTimedOut{Message: &e.Cause}
	case "InvalidOutput":
		return &types.InvalidOutput{Message: &e.Cause}
	}
	return &types.InvalidToken{Message: &e.Cause}
}
