package ssm

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// run is one document at work, of a command or an automation.
type run struct {
	id         string
	document   *DocumentSpec
	parameters map[string][]string
	began      time.Time
	ended      time.Time // zero while it runs
	stopped    bool
	fails      string // why it failed
}

// start lets the document work in simulated time.
func (s *Service) start(d *DocumentSpec, parameters map[string][]string) *run {
	r := &run{id: s.w.UUID(), document: d, parameters: parameters, began: s.w.Now()}
	s.w.Kernel.After(d.Takes, func() {
		if r.stopped {
			return
		}
		r.ended, r.fails = s.w.Now(), d.Fails
		if d.Fails == "" && d.Do != nil {
			if err := d.Do(parameters); err != nil {
				r.fails = err.Error()
			}
		}
	})
	return r
}

// stop ends a run that is at work.
func (r *run) stop(now time.Time) {
	if r.ended.IsZero() {
		r.ended, r.stopped = now, true
	}
}

// automation is a run of a runbook.
type automation struct {
	*run
	by string
}

func (s *Service) startAutomation(c *awsworld.Call, in *sdk.StartAutomationExecutionInput) (*sdk.StartAutomationExecutionOutput, error) {
	if err := service.OnlyFields(c, "DocumentName", "Parameters", "ClientToken"); err != nil {
		return nil, err
	}
	a := s.account(c.Account.ID)
	d := a.document(aws.ToString(in.DocumentName), true)
	if d == nil {
		return nil, &types.AutomationDefinitionNotFoundException{Message: aws.String("Automation definition " + aws.ToString(in.DocumentName) + " not found.")}
	}
	if in.ClientToken != nil {
		if x := a.automation[*in.ClientToken]; x != nil {
			return &sdk.StartAutomationExecutionOutput{AutomationExecutionId: aws.String(x.id)}, nil
		}
	}
	x := &automation{run: s.start(d, in.Parameters), by: c.Caller.String()}
	if in.ClientToken != nil {
		x.id = *in.ClientToken // AWS takes the token as the execution's id
	}
	a.automation[x.id] = x
	return &sdk.StartAutomationExecutionOutput{AutomationExecutionId: aws.String(x.id)}, nil
}

func (s *Service) getAutomation(c *awsworld.Call, in *sdk.GetAutomationExecutionInput) (*sdk.GetAutomationExecutionOutput, error) {
	x := s.account(c.Account.ID).automation[aws.ToString(in.AutomationExecutionId)]
	if x == nil {
		return nil, &types.AutomationExecutionNotFoundException{Message: aws.String("There is no automation execution " + aws.ToString(in.AutomationExecutionId))}
	}
	out := &types.AutomationExecution{
		AutomationExecutionId: aws.String(x.id), DocumentName: aws.String(x.document.Name), AutomationExecutionStatus: types.AutomationExecutionStatusInprogress,
		ExecutionStartTime: aws.Time(x.began), ExecutedBy: aws.String(x.by), Parameters: x.parameters,
	}
	if !x.ended.IsZero() {
		out.AutomationExecutionStatus, out.ExecutionEndTime = types.AutomationExecutionStatusSuccess, aws.Time(x.ended)
		if x.fails != "" {
			out.AutomationExecutionStatus, out.FailureMessage = types.AutomationExecutionStatusFailed, aws.String(x.fails)
		}
		if x.stopped {
			out.AutomationExecutionStatus = types.AutomationExecutionStatusCancelled
		}
	}
	return &sdk.GetAutomationExecutionOutput{AutomationExecution: out}, nil
}

func (s *Service) stopAutomation(c *awsworld.Call, in *sdk.StopAutomationExecutionInput) (*sdk.StopAutomationExecutionOutput, error) {
	if err := service.OnlyFields(c, "AutomationExecutionId", "Type"); err != nil {
		return nil, err
	}
	x := s.account(c.Account.ID).automation[aws.ToString(in.AutomationExecutionId)]
	switch {
	case x == nil:
		return nil, &types.AutomationExecutionNotFoundException{Message: aws.String("There is no automation execution " + aws.ToString(in.AutomationExecutionId))}
	case !x.ended.IsZero():
		return nil, &types.InvalidAutomationStatusUpdateException{Message: aws.String("The specified update status operation is not valid.")}
	}
	x.stop(s.w.Now())
	return &sdk.StopAutomationExecutionOutput{}, nil
}
