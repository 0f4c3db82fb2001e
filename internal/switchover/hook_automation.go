package switchover

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/fault"
)

// token is the same for the same try of a hook in a direction.
func (r hookRun) token() string {
	return token(r.plan.ID, r.hook.Name, string(r.direction), strconv.Itoa(r.began.Try))
}

// automation runs an Automation document. Its client token makes AWS answer a
// second call with the same execution.
func (r hookRun) automation(ctx context.Context) (state, error) {
	if r.began.ID == "" {
		out, err := r.ssm.StartAutomationExecution(ctx, &ssm.StartAutomationExecutionInput{
			DocumentName: &r.hook.Automation, ClientToken: aws.String(r.token()),
			Parameters: map[string][]string{"RefreshId": {r.plan.RefreshID}, "Phase": {string(r.direction)}},
		})
		if err != nil {
			return state{}, fault.AWS("start the hook "+r.hook.Name, r.hook.Automation, err)
		}
		r.began.ID = aws.ToString(out.AutomationExecutionId)
		return state{}, r.ledger.Put(ctx, r.key, r.began)
	}
	out, err := r.ssm.GetAutomationExecution(ctx, &ssm.GetAutomationExecutionInput{AutomationExecutionId: &r.began.ID})
	if err != nil {
		return state{}, fault.AWS("look at the hook "+r.hook.Name, r.began.ID, err)
	}
	switch st := out.AutomationExecution.AutomationExecutionStatus; st {
	case types.AutomationExecutionStatusSuccess, types.AutomationExecutionStatusCompletedWithSuccess:
		return state{ended: true, well: true, result: string(st)}, nil
	case types.AutomationExecutionStatusPending, types.AutomationExecutionStatusInprogress, types.AutomationExecutionStatusWaiting,
		types.AutomationExecutionStatusScheduled, types.AutomationExecutionStatusRunbookInprogress, types.AutomationExecutionStatusCancelling:
		return state{}, nil
	default:
		return state{ended: true, result: string(st)}, nil
	}
}

func (r hookRun) stopAutomation(ctx context.Context) error {
	_, err := r.ssm.StopAutomationExecution(ctx, &ssm.StopAutomationExecutionInput{AutomationExecutionId: &r.began.ID, Type: types.StopTypeCancel})
	return err
}
