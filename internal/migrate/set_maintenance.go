package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
)

// What is wanted of maintenance.
const (
	maintenanceOn  = "on"
	maintenanceOff = "off"
)

// MaintenanceInput is the contract of set-maintenance with the machine.
type MaintenanceInput struct {
	Execution string `json:"execution"`
	Cluster   string `json:"cluster"`
	Phase     string `json:"phase"` // "on" or "off"
}

// hookState is what the ledger knows of one hook during one switchover.
type hookState struct {
	Desired   *int32    `json:"desired,omitempty"` // of the ECS service, before
	Execution string    `json:"execution,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	Done      bool      `json:"done,omitempty"`
	By        string    `json:"by,omitempty"`      // execution of the machine that works on it, whose time limit counts
	Past      string    `json:"past,omitempty"`    // automation execution that an earlier one had started
	Attempt   int       `json:"attempt,omitempty"` // how often an automation was started anew
}

type setMaintenance struct {
	*step
	ecs    *ecs.Client
	lambda *lambda.Client
	ssm    *ssm.Client
	elb    *elb.Client
}

// NewSetMaintenance builds set-maintenance: it runs the configured hooks, on in
// their order and off in the opposite one. Off runs for every hook for which on
// was begun, whatever became of it. That users may be kept out is recorded before
// the first hook is touched.
func NewSetMaintenance(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &setMaintenance{base, ecs.NewFromConfig(rt.AWS), lambda.NewFromConfig(rt.AWS), ssm.NewFromConfig(rt.AWS), elb.NewFromConfig(rt.AWS)}
	return lambdafn.Typed(s.do), nil
}

func (s *setMaintenance) do(ctx context.Context, in MaintenanceInput) (converge.Answer, error) {
	h, err := s.current(ctx, StepInput{in.Execution, in.Cluster})
	if err != nil {
		return converge.Answer{}, err
	}
	if in.Phase == maintenanceOn && h.Phase != Returning { // who may start the machine may go back
		if _, err := s.approved(ctx, h, GateSwitch); err != nil {
			return converge.Answer{}, err
		}
	}
	if len(s.conf.Maintenance) == 0 || in.Phase == maintenanceOff && !h.KeptOut {
		return converge.DoneNow(), nil
	}
	if !h.KeptOut {
		h.KeptOut = true
		h.Round++
		if err := s.save(ctx, h); err != nil {
			return converge.Answer{}, err
		}
	}
	hooks := slices.Clone(s.conf.Maintenance)
	if in.Phase == maintenanceOff {
		slices.Reverse(hooks)
	}
	failed := map[string]error{}
	for until := s.Now().Add(invocation / 2); ; {
		done, err := s.all(ctx, h, hooks, in, failed)
		switch {
		case err != nil:
			return converge.Answer{}, err
		case done:
			return converge.DoneNow(), s.finished(ctx, h, in.Phase)
		case s.Now().After(until):
			return converge.Answer{Status: converge.Waiting, WaitSeconds: 1}, nil
		}
		if err := s.Sleep(ctx, lookEvery); err != nil {
			return converge.Answer{}, err
		}
	}
}

func (s *setMaintenance) finished(ctx context.Context, h *held, phase string) error {
	h.KeptOut = phase == maintenanceOn
	if err := s.testify(ctx, &h.Migration, fmt.Sprintf("maintenance-%s-%d", phase, h.Round), h.Plan.Hooks); err != nil {
		return err
	}
	return s.save(ctx, h)
}

// all runs the hooks one after the other. The first that cannot be turned on ends
// it; one that cannot be turned off keeps no other from it.
func (s *setMaintenance) all(ctx context.Context, h *held, hooks []config.MaintenanceHook, in MaintenanceInput, failed map[string]error) (bool, error) {
	var told fault.Several
	for _, hook := range hooks {
		err, done := failed[hook.Name], false
		if err == nil {
			done, err = s.run(ctx, h, hook, in)
		}
		switch {
		case err != nil && in.Phase == maintenanceOn:
			return false, err
		case err != nil:
			failed[hook.Name] = err // asked once an invocation
			told = told.And(err)
		case !done:
			return false, nil
		}
	}
	return len(told) == 0, told.Err()
}

// stateKey is of one hook in one direction, in one round.
func (s *setMaintenance) stateKey(h *held, hook config.MaintenanceHook, phase string) string {
	return fmt.Sprintf("migrate/%s/%s/hooks/%d-%s-%s.json", ledger.Segment(h.Plan.Cluster), ledger.Segment(h.ID), h.Round, ledger.Segment(hook.Name), phase)
}

func (s *setMaintenance) run(ctx context.Context, h *held, hook config.MaintenanceHook, in MaintenanceInput) (bool, error) {
	var on, st hookState
	phase := in.Phase
	key := s.stateKey(h, hook, phase)
	_, begun, err := s.ledger.Get(ctx, s.stateKey(h, hook, maintenanceOn), &on)
	if err != nil || phase == maintenanceOff && !begun {
		return err == nil, err // never turned on, so there is nothing to turn off
	}
	_, found, err := s.ledger.Get(ctx, key, &st)
	if err != nil || st.Done {
		return st.Done, err
	}
	if !found || st.By != in.Execution { // who starts the machine again has mended the hook: it gets its whole time
		st.StartedAt, st.By, st.Past = s.Now().UTC(), in.Execution, st.Execution
		if !found && hook.Service != nil && phase == maintenanceOn {
			if st.Desired, err = s.desired(ctx, hook.Service); err != nil {
				return false, err
			}
		}
		if err := s.ledger.Put(ctx, key, st); err != nil {
			return false, err
		}
	}
	if s.Now().Sub(st.StartedAt) > time.Duration(hook.Limit())*time.Minute {
		return false, fault.New(fault.DeadlineExceeded, "turn maintenance "+phase, hook.Name, "look at the hook; turn it "+phase+" by hand", "it was not done within %d minutes", hook.Limit())
	}
	switch {
	case hook.Service != nil:
		st.Done, err = s.scale(ctx, hook.Service, on.Desired, phase)
	case hook.Listener != nil:
		st.Done, err = true, s.answer(ctx, h, hook.Listener, phase)
	case hook.Function != "":
		st.Done, err = true, s.invoke(ctx, h, hook, phase)
	default:
		st.Done, err = s.automate(ctx, h, hook, phase, key, &st)
	}
	if err != nil || !st.Done {
		return false, err
	}
	return true, s.ledger.Put(ctx, key, st)
}

func (s *setMaintenance) desired(ctx context.Context, v *config.Service) (*int32, error) {
	out, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &v.Cluster, Services: []string{v.Service}})
	if err != nil {
		return nil, fault.AWS("look at the service", v.Cluster+"/"+v.Service, err)
	}
	if len(out.Services) == 0 {
		return nil, fault.New(fault.BadRequest, "look at the service", v.Cluster+"/"+v.Service, "correct production.migrate.maintenance", "there is no such service")
	}
	return &out.Services[0].DesiredCount, nil
}

// scale sets the desired count to 0, or to what it was, and waits for the tasks.
func (s *setMaintenance) scale(ctx context.Context, v *config.Service, before *int32, phase string) (bool, error) {
	want := int32(0)
	if phase == maintenanceOff && before != nil {
		want = *before
	}
	out, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &v.Cluster, Services: []string{v.Service}})
	if err != nil {
		return false, fault.AWS("look at the service", v.Cluster+"/"+v.Service, err)
	}
	if len(out.Services) == 0 {
		return false, fault.New(fault.BadRequest, "set the desired count", v.Cluster+"/"+v.Service, "make it again, or take it out of production.migrate.maintenance and deploy", "there is no such service any more")
	}
	if is := out.Services[0]; is.DesiredCount != want {
		_, err := s.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &v.Cluster, Service: &v.Service, DesiredCount: aws.Int32(want)})
		return false, fault.AWS("set the desired count", v.Cluster+"/"+v.Service, err)
	}
	return out.Services[0].RunningCount == want, nil
}

func (s *setMaintenance) invoke(ctx context.Context, h *held, hook config.MaintenanceHook, phase string) error {
	raw, err := json.Marshal(map[string]string{"migration": h.ID, "cluster": h.Plan.Cluster, "phase": phase})
	if err != nil {
		return err
	}
	out, err := s.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &hook.Function, Payload: raw})
	if err != nil {
		return fault.AWS("turn maintenance "+phase, hook.Function, err)
	}
	if out.FunctionError != nil {
		return fault.New(fault.VerifyFailed, "turn maintenance "+phase, hook.Function, "look at the function's log", "the hook %s failed: %s", hook.Name, out.Payload)
	}
	return nil
}

func (s *setMaintenance) automate(ctx context.Context, h *held, hook config.MaintenanceHook, phase, key string, st *hookState) (bool, error) {
	if st.Execution == "" {
		// The token makes a repeated start the same execution.
		token := uuidOf(h.ID + hook.Name + phase + fmt.Sprint(h.Round, st.Attempt))
		out, err := s.ssm.StartAutomationExecution(ctx, &ssm.StartAutomationExecutionInput{DocumentName: &hook.Automation, ClientToken: &token,
			Parameters: map[string][]string{"Migration": {h.ID}, "Phase": {phase}}})
		if err != nil {
			return false, fault.AWS("turn maintenance "+phase, hook.Automation, err)
		}
		st.Execution = aws.ToString(out.AutomationExecutionId)
		return false, s.ledger.Put(ctx, key, *st)
	}
	out, err := s.ssm.GetAutomationExecution(ctx, &ssm.GetAutomationExecutionInput{AutomationExecutionId: &st.Execution})
	if err != nil {
		return false, fault.AWS("look at the automation", st.Execution, err)
	}
	switch status := string(out.AutomationExecution.AutomationExecutionStatus); status {
	case "Success":
		return true, nil
	case "Failed", "TimedOut", "Cancelled", "CompletedWithFailure", "Rejected", "Exited":
		if st.Execution == st.Past { // of an execution that was ended by it: once more
			st.Execution, st.Past, st.Attempt = "", "", st.Attempt+1
			return false, s.ledger.Put(ctx, key, *st)
		}
		return false, fault.New(fault.VerifyFailed, "turn maintenance "+phase, hook.Automation, "look at automation execution "+st.Execution, "it ended %s: %s", status, aws.ToString(out.AutomationExecution.FailureMessage))
	}
	return false, nil
}

// uuidOf makes the UUID that Systems Manager wants as a client token.
func uuidOf(text string) string {
	x := hashOf(text)
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:32]
}
