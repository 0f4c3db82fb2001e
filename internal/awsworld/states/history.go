package states

import (
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) historyOp() awsworld.Op {
	op := awsworld.On(serviceID, "GetExecutionHistory", "states:GetExecutionHistory", s.getHistory)
	op.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return one(*awsworld.Input[sdk.GetExecutionHistoryInput](c).ExecutionArn, nil)
	}
	op.Source = "Step Functions API Reference, GetExecutionHistory"
	op.Differs = "the details hold state names, errors and causes, not inputs and outputs"
	return op
}

func (s *Service) getHistory(c *awsworld.Call, in *sdk.GetExecutionHistoryInput) (*sdk.GetExecutionHistoryOutput, error) {
	if err := service.OnlyFields(c, "ExecutionArn", "IncludeExecutionData", "MaxResults", "NextToken", "ReverseOrder"); err != nil {
		return nil, err
	}
	e, err := s.execution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	var all []types.HistoryEvent
	for _, ev := range e.x.History.Events() {
		all = append(all, historyEvent(ev))
	}
	if in.ReverseOrder {
		slices.Reverse(all)
	}
	page, next, err := cut(all, in.MaxResults, in.NextToken, 100)
	return &sdk.GetExecutionHistoryOutput{Events: page, NextToken: next}, err
}

// historyEvent gives an event the details that say where and why.
func historyEvent(ev asl.Event) types.HistoryEvent {
	out := types.HistoryEvent{Id: ev.ID, PreviousEventId: ev.Previous, Timestamp: new(ev.Time), Type: types.HistoryEventType(ev.Type)}
	failed, why := some(ev.Error), some(ev.Cause)
	switch {
	case strings.HasSuffix(ev.Type, "StateEntered"):
		out.StateEnteredEventDetails = &types.StateEnteredEventDetails{Name: new(ev.Name)}
	case strings.HasSuffix(ev.Type, "StateExited"):
		out.StateExitedEventDetails = &types.StateExitedEventDetails{Name: new(ev.Name)}
	}
	switch out.Type {
	case types.HistoryEventTypeExecutionFailed:
		out.ExecutionFailedEventDetails = &types.ExecutionFailedEventDetails{Error: failed, Cause: why}
	case types.HistoryEventTypeExecutionAborted:
		out.ExecutionAbortedEventDetails = &types.ExecutionAbortedEventDetails{Error: failed, Cause: why}
	case types.HistoryEventTypeExecutionTimedOut:
		out.ExecutionTimedOutEventDetails = &types.ExecutionTimedOutEventDetails{Error: failed, Cause: why}
	case types.HistoryEventTypeLambdaFunctionFailed:
		out.LambdaFunctionFailedEventDetails = &types.LambdaFunctionFailedEventDetails{Error: failed, Cause: why}
	case types.HistoryEventTypeLambdaFunctionTimedOut:
		out.LambdaFunctionTimedOutEventDetails = &types.LambdaFunctionTimedOutEventDetails{Error: failed, Cause: why}
	case types.HistoryEventTypeMapRunFailed:
		out.MapRunFailedEventDetails = &types.MapRunFailedEventDetails{Error: failed, Cause: why}
	}
	return out
}
