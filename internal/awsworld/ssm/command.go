package ssm

import (
	"cmp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// command is a run on some instances.
type command struct {
	*run
	instances []string
	comment   *string
	targets   []types.Target
}

func (s *Service) send(c *awsworld.Call, in *sdk.SendCommandInput) (*sdk.SendCommandOutput, error) {
	if err := service.OnlyFields(c, "DocumentName", "InstanceIds", "Targets", "Parameters", "Comment", "TimeoutSeconds"); err != nil {
		return nil, err
	}
	a := s.account(c.Account.ID)
	d, ids := a.document(aws.ToString(in.DocumentName), false), s.targets(a.id, in)
	for _, id := range ids {
		if _, ok := a.instances[id]; !ok {
			return nil, &types.InvalidInstanceId{Message: aws.String("Instances not in a valid state for account: " + id)}
		}
	}
	switch {
	case d == nil:
		return nil, &types.InvalidDocument{Message: aws.String("Document with name " + aws.ToString(in.DocumentName) + " does not exist.")}
	case len(in.InstanceIds) > 0 && len(in.Targets) > 0 || len(in.InstanceIds)+len(in.Targets) == 0:
		return nil, awsworld.Errorf("InvalidInstanceId", "Specify either InstanceIds or Targets.")
	}
	cmd := &command{run: &run{id: s.w.UUID(), document: d, parameters: in.Parameters, began: s.w.Now()}, instances: ids, comment: in.Comment, targets: in.Targets}
	if len(ids) > 0 {
		cmd.run = s.start(d, in.Parameters)
	}
	a.commands[cmd.id] = cmd
	return &sdk.SendCommandOutput{Command: &types.Command{
		CommandId: aws.String(cmd.id), DocumentName: aws.String(d.Name), Status: types.CommandStatusPending, StatusDetails: aws.String("Pending"),
		RequestedDateTime: aws.Time(cmd.began), InstanceIds: in.InstanceIds, Targets: in.Targets, TargetCount: int32(len(ids)), Parameters: in.Parameters,
	}}, nil
}

func (s *Service) invocation(c *awsworld.Call, in *sdk.GetCommandInvocationInput) (*sdk.GetCommandInvocationOutput, error) {
	cmd := s.account(c.Account.ID).commands[aws.ToString(in.CommandId)]
	if cmd == nil || !slices.Contains(cmd.instances, aws.ToString(in.InstanceId)) || s.w.Now().Sub(cmd.began) < s.Timing.Register {
		return nil, &types.InvocationDoesNotExist{Message: aws.String("An error occurred (InvocationDoesNotExist) when calling the GetCommandInvocation operation")}
	}
	out := &sdk.GetCommandInvocationOutput{
		CommandId: in.CommandId, InstanceId: in.InstanceId, DocumentName: aws.String(cmd.document.Name), Status: types.CommandInvocationStatusInProgress,
		StatusDetails: aws.String("InProgress"), ResponseCode: -1, ExecutionStartDateTime: aws.String(cmd.began.Format(time.RFC3339)),
	}
	if cmd.ended.IsZero() {
		return out, nil
	}
	out.Status, out.ResponseCode, out.StandardOutputContent = types.CommandInvocationStatusSuccess, 0, aws.String(cmd.document.Output)
	out.ExecutionEndDateTime = aws.String(cmd.ended.Format(time.RFC3339))
	if cmd.fails != "" {
		out.Status, out.ResponseCode, out.StandardErrorContent = types.CommandInvocationStatusFailed, 1, aws.String(cmd.fails)
	}
	if cmd.stopped {
		out.Status, out.ResponseCode = types.CommandInvocationStatusCancelled, -1
	}
	out.StatusDetails = aws.String(string(out.Status))
	return out, nil
}

// listCommands gives the newest first.
func (s *Service) listCommands(c *awsworld.Call, in *sdk.ListCommandsInput) (*sdk.ListCommandsOutput, error) {
	if err := service.OnlyFields(c, "CommandId", "Filters"); err != nil {
		return nil, err
	}
	out := &sdk.ListCommandsOutput{Commands: []types.Command{}}
	for _, cmd := range s.account(c.Account.ID).commands {
		fits, err := cmd.fits(in)
		if err != nil {
			return nil, err
		}
		if fits && s.w.Now().Sub(cmd.began) >= s.Timing.Register {
			out.Commands = append(out.Commands, s.commandView(cmd))
		}
	}
	slices.SortFunc(out.Commands, func(a, b types.Command) int {
		return cmp.Or(b.RequestedDateTime.Compare(*a.RequestedDateTime), cmp.Compare(*a.CommandId, *b.CommandId))
	})
	return out, nil
}

func (cmd *command) fits(in *sdk.ListCommandsInput) (bool, error) {
	if in.CommandId != nil && *in.CommandId != cmd.id {
		return false, nil
	}
	for _, f := range in.Filters {
		switch f.Key {
		case types.CommandFilterKeyDocumentName:
			if aws.ToString(f.Value) != cmd.document.Name {
				return false, nil
			}
		case types.CommandFilterKeyInvokedAfter:
			at, err := time.Parse(time.RFC3339, aws.ToString(f.Value))
			if err != nil {
				return false, &types.InvalidFilterKey{Message: aws.String("The specified key isn't valid.")}
			}
			if !cmd.began.After(at) {
				return false, nil
			}
		default:
			return false, &awsworld.Unsimulated{Service: serviceID, Operation: "ListCommands by " + string(f.Key)}
		}
	}
	return true, nil
}

func (s *Service) commandView(cmd *command) types.Command {
	n := int32(len(cmd.instances))
	v := types.Command{
		CommandId: aws.String(cmd.id), Comment: cmd.comment, DocumentName: aws.String(cmd.document.Name), RequestedDateTime: aws.Time(cmd.began),
		Targets: cmd.targets, TargetCount: n, Status: types.CommandStatusInProgress, StatusDetails: aws.String("InProgress"),
	}
	switch {
	case n == 0:
		v.Status, v.StatusDetails = types.CommandStatusSuccess, aws.String("NoInstancesInTag")
	case cmd.stopped:
		v.Status, v.StatusDetails, v.CompletedCount = types.CommandStatusCancelled, aws.String("Cancelled"), n
	case cmd.ended.IsZero():
	case cmd.fails != "":
		v.Status, v.StatusDetails, v.CompletedCount, v.ErrorCount = types.CommandStatusFailed, aws.String("Failed"), n, n
	default:
		v.Status, v.StatusDetails, v.CompletedCount = types.CommandStatusSuccess, aws.String("Success"), n
	}
	return v
}

func (s *Service) cancelCommand(c *awsworld.Call, in *sdk.CancelCommandInput) (*sdk.CancelCommandOutput, error) {
	if err := service.OnlyFields(c, "CommandId"); err != nil {
		return nil, err
	}
	cmd := s.account(c.Account.ID).commands[aws.ToString(in.CommandId)]
	if cmd == nil {
		return nil, &types.InvalidCommandId{Message: aws.String("The specified command ID isn't valid.")}
	}
	cmd.stop(s.w.Now())
	return &sdk.CancelCommandOutput{}, nil
}
