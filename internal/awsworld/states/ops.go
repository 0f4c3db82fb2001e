package states

import (
	"strconv"

	sdk "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// one is a machine or an execution as a resource. Neither carries a policy.
func one(arn string, tags map[string]string) []awsworld.Resource {
	return []awsworld.Resource{{ARN: arn, Owner: account(arn), Kind: iam.NoPolicy, Context: service.TagContext(tags)}}
}

func (s *Service) ofMachine(arn *string) []awsworld.Resource {
	if m := s.machines[*arn]; m != nil {
		return one(*arn, m.Tags)
	}
	return one(*arn, nil)
}

func (s *Service) executionOps() []awsworld.Op {
	start := awsworld.On(serviceID, "StartExecution", "states:StartExecution", s.startExecution)
	start.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.ofMachine(awsworld.Input[sdk.StartExecutionInput](c).StateMachineArn)
	}
	start.Source = "Step Functions API Reference, StartExecution; docs/aws.md §10"
	start.Differs = "no versions or aliases; whether two inputs are the same is decided on compact JSON"
	describe := awsworld.On(serviceID, "DescribeExecution", "states:DescribeExecution", s.describeExecution)
	describe.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return one(*awsworld.Input[sdk.DescribeExecutionInput](c).ExecutionArn, nil)
	}
	describe.Source = "Step Functions API Reference, DescribeExecution"
	describe.Differs = "successful children of a Distributed Map are forgotten when they end"
	stop := awsworld.On(serviceID, "StopExecution", "states:StopExecution", s.stopExecution)
	stop.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return one(*awsworld.Input[sdk.StopExecutionInput](c).ExecutionArn, nil)
	}
	stop.Source = "Step Functions API Reference, StopExecution"
	stop.Differs = "children of Distributed Maps end with their parent, which is unverified (a test lets them run on); that stopping a closed execution answers with its stop date is unverified"
	list := awsworld.On(serviceID, "ListExecutions", "states:ListExecutions", s.listExecutions)
	list.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.ListExecutionsInput](c)
		if in.StateMachineArn == nil {
			return []awsworld.Resource{}
		}
		return s.ofMachine(in.StateMachineArn)
	}
	list.Source = "Step Functions API Reference, ListExecutions"
	list.Differs = "by machine only; consistent at once"
	return []awsworld.Op{start, describe, stop, list, s.historyOp()}
}

func (s *Service) startExecution(c *awsworld.Call, in *sdk.StartExecutionInput) (*sdk.StartExecutionOutput, error) {
	if err := service.OnlyFields(c, "StateMachineArn", "Name", "Input", "TraceHeader"); err != nil {
		return nil, err
	}
	m := s.machines[*in.StateMachineArn]
	if m == nil {
		return nil, &types.StateMachineDoesNotExist{Message: new("State Machine Does Not Exist: '" + *in.StateMachineArn + "'")}
	}
	name, input := s.w.UUID(), "{}"
	if in.Name != nil {
		name = *in.Name
	}
	if in.Input != nil {
		input = *in.Input
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	e, err := s.start(m, name, []byte(input))
	if err != nil {
		return nil, err
	}
	return &sdk.StartExecutionOutput{ExecutionArn: new(e.x.ExecutionArn), StartDate: new(e.x.StartDate)}, nil
}

func (s *Service) execution(arn *string) (*execution, error) {
	e := s.byARN[*arn]
	if e == nil || s.forgotten(e) {
		return nil, &types.ExecutionDoesNotExist{Message: new("Execution Does Not Exist: '" + *arn + "'")}
	}
	return e, nil
}

func (s *Service) describeExecution(_ *awsworld.Call, in *sdk.DescribeExecutionInput) (*sdk.DescribeExecutionOutput, error) {
	e, err := s.execution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	x := e.x
	out := &sdk.DescribeExecutionOutput{
		ExecutionArn: new(x.ExecutionArn), StateMachineArn: new(x.StateMachineArn), Name: new(x.Name),
		Status: types.ExecutionStatus(x.Status), StartDate: new(x.StartDate), Input: new(string(x.Input)),
		InputDetails: &types.CloudWatchEventsExecutionDataDetails{Included: true}, RedriveCount: new(int32(0)),
	}
	if x.MapRunArn != "" {
		out.MapRunArn = new(x.MapRunArn)
	}
	if x.Status != asl.Running {
		out.StopDate = new(x.StopDate)
	}
	if x.Status == asl.Succeeded {
		out.Output, out.OutputDetails = new(string(x.Output)), &types.CloudWatchEventsExecutionDataDetails{Included: true}
	}
	out.Error, out.Cause = some(x.Error), some(x.Cause)
	return out, nil
}

func (s *Service) stopExecution(c *awsworld.Call, in *sdk.StopExecutionInput) (*sdk.StopExecutionOutput, error) {
	e, err := s.execution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	name, why := "", ""
	if in.Error != nil {
		name = *in.Error
	}
	if in.Cause != nil {
		why = *in.Cause
	}
	e.x.Stop(name, why)
	return &sdk.StopExecutionOutput{StopDate: new(e.x.StopDate)}, nil
}

func (s *Service) listExecutions(c *awsworld.Call, in *sdk.ListExecutionsInput) (*sdk.ListExecutionsOutput, error) {
	if err := service.OnlyFields(c, "StateMachineArn", "StatusFilter", "MaxResults", "NextToken"); err != nil {
		return nil, err
	}
	if in.StateMachineArn == nil || s.machines[*in.StateMachineArn] == nil {
		return nil, &types.StateMachineDoesNotExist{Message: new("State Machine Does Not Exist")}
	}
	var all []types.ExecutionListItem
	for i := len(s.started) - 1; i >= 0; i-- { // newest first
		e := s.started[i]
		if e.machine.arn == *in.StateMachineArn && !s.forgotten(e) && (in.StatusFilter == "" || string(in.StatusFilter) == string(e.x.Status)) {
			all = append(all, item(e))
		}
	}
	page, next, err := cut(all, in.MaxResults, in.NextToken, 100)
	return &sdk.ListExecutionsOutput{Executions: page, NextToken: next}, err
}

func item(e *execution) types.ExecutionListItem {
	out := types.ExecutionListItem{
		ExecutionArn: new(e.x.ExecutionArn), Name: new(e.x.Name), StateMachineArn: new(e.machine.arn),
		Status: types.ExecutionStatus(e.x.Status), StartDate: new(e.x.StartDate), RedriveCount: new(int32(0)),
	}
	if e.x.Status != asl.Running {
		out.StopDate = new(e.x.StopDate)
	}
	return out
}

// cut takes one page; the token is the index of the next page's first entry.
func cut[T any](all []T, size int32, token *string, usual int) (page []T, next *string, err error) {
	from := 0
	if token != nil {
		if from, err = strconv.Atoi(*token); err != nil || from < 0 || from > len(all) {
			return nil, nil, &types.InvalidToken{Message: new("Invalid Token: '" + *token + "'")}
		}
	}
	n := usual
	if size > 0 {
		n = min(int(size), 1000)
	}
	to := min(from+n, len(all))
	if to < len(all) {
		next = new(strconv.Itoa(to))
	}
	return all[from:to:to], next, nil
}

func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (s *Service) machineOps() []awsworld.Op {
	describe := awsworld.On(serviceID, "DescribeStateMachine", "states:DescribeStateMachine", s.describeMachine)
	describe.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.ofMachine(awsworld.Input[sdk.DescribeStateMachineInput](c).StateMachineArn)
	}
	describe.Source = "Step Functions API Reference, DescribeStateMachine"
	describe.Differs = "no logging, tracing, encryption or revisions"
	return []awsworld.Op{describe}
}

func (s *Service) describeMachine(_ *awsworld.Call, in *sdk.DescribeStateMachineInput) (*sdk.DescribeStateMachineOutput, error) {
	m := s.machines[*in.StateMachineArn]
	if m == nil {
		return nil, &types.StateMachineDoesNotExist{Message: new("State Machine Does Not Exist: '" + *in.StateMachineArn + "'")}
	}
	return &sdk.DescribeStateMachineOutput{
		StateMachineArn: new(m.arn), Name: new(m.Name), RoleArn: new(m.RoleARN), Definition: new(string(m.Definition)),
		CreationDate: new(m.created), Status: types.StateMachineStatusActive, Type: types.StateMachineTypeStandard,
	}, nil
}
