package switchover

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/dbferry/dbferry/internal/fault"
)

// HookInput is what a Lambda hook is invoked with.
type HookInput struct {
	RefreshID string            `json:"refreshId"`
	Phase     Direction         `json:"phase"`
	Values    map[string]string `json:"values"` // parameters and records with their values in this phase
}

// invoke calls a function and waits for what it returns.
func (r hookRun) invoke(ctx context.Context) (state, error) {
	payload, err := json.Marshal(HookInput{RefreshID: r.plan.RefreshID, Phase: r.direction, Values: r.plan.values(r.direction)})
	if err != nil {
		return state{}, err
	}
	limit := time.Duration(r.hook.Limit()) * time.Minute
	within, cancel := r.Within(ctx, limit)
	defer cancel()
	out, err := r.lambda.Invoke(within, &lambda.InvokeInput{FunctionName: &r.hook.Function, Payload: payload})
	switch {
	case err != nil && within.Err() != nil && ctx.Err() == nil:
		return state{ended: true, result: "without an answer after " + limit.String() + "; targets[].switch.hooks[].minutes is its time limit"}, nil
	case err != nil:
		return state{}, fault.AWS("invoke the hook "+r.hook.Name, r.hook.Function, err)
	case out.FunctionError != nil:
		// What it answered is the user's and may hold anything: it is in its log.
		return state{ended: true, result: "with an error (" + aws.ToString(out.FunctionError) + "); its log has the text"}, nil
	}
	return state{ended: true, well: true, result: "returned"}, nil
}
