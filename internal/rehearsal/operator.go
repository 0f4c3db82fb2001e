package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdklambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/awsworld/s3"
	"github.com/dbferry/dbferry/internal/awsworld/sns"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// Operator is a person at the consoles of all accounts. What it does needs no
// permission; what it starts does. Its methods are for the script of Play and
// for what OnEnter runs.
type Operator struct {
	s   *stage
	ctx context.Context
}

// Config is the configuration that is deployed.
func (o *Operator) Config() config.Config { return o.s.config }

// Now is the simulated time.
func (o *Operator) Now() time.Time { return o.s.w.Now() }

// AWS is an SDK configuration with the operator's own credentials in an account.
func (o *Operator) AWS(account string) aws.Config { return o.s.w.Config(o.s.w.GroundCaller(account)) }

// World, States, Events and Objects give hold of the simulated services, for
// scripts that need more than a console.
func (o *Operator) World() *awsworld.World  { return o.s.w }
func (o *Operator) States() *states.Service { return o.s.states }
func (o *Operator) Events() *events.Service { return o.s.events }
func (o *Operator) Objects() *s3.Service    { return o.s.s3 }

// Mails are what the topics of all accounts have sent, in order.
func (o *Operator) Mails() []sns.Message { return o.s.sns.Sent() }

// ColdStart ends every idle environment of every function, as a deployment does.
func (o *Operator) ColdStart() { clear(o.s.warm) }

// Sleep lets simulated time pass.
func (o *Operator) Sleep(d time.Duration) error { return o.s.w.Kernel.Sleep(o.ctx, d) }

// Settle lets what an end causes happen: the closing of the run, notifications
// and alarms.
func (o *Operator) Settle() error { return o.Sleep(2 * time.Minute) }

// Heal ends all faults that were injected.
func (o *Operator) Heal() { o.s.w.ClearFaults() }

// Ready invokes a target's staging-ready and returns what it answered.
func (o *Operator) Ready(target string) (answer []byte, err error) {
	t, err := o.s.config.Target(target)
	if err != nil {
		return nil, err
	}
	client := sdklambda.NewFromConfig(o.AWS(t.Account))
	arn := o.s.config.Place(t).FunctionARN("staging-ready")
	out, err := client.Invoke(o.ctx, &sdklambda.InvokeInput{FunctionName: &arn, Payload: []byte("{}")})
	switch {
	case err != nil:
		return nil, fmt.Errorf("staging-ready could not be invoked: %w", err)
	case out.FunctionError != nil:
		return nil, errors.New("staging-ready failed: " + string(out.Payload))
	}
	return out.Payload, nil
}

// BackupMachine and RestoreMachine are the ARNs of a target's machines.
func (o *Operator) BackupMachine(target string) string {
	return o.s.config.ProductionPlace().MachineARN("production-backup", target)
}

// RestoreMachine is the machine in the target's account.
func (o *Operator) RestoreMachine(target string) string {
	t, err := o.s.config.Target(target)
	if err != nil {
		return ""
	}
	return o.s.config.Place(t).MachineARN("staging-restore", target)
}

// Start starts an execution; input is marshalled unless it is bytes already.
func (o *Operator) Start(machine string, input any) (arn string, err error) {
	raw, ok := input.([]byte)
	if !ok {
		if raw, err = json.Marshal(input); err != nil {
			return "", err
		}
	}
	o.s.starts++
	return o.s.states.Start(machine, fmt.Sprintf("rehearsal-%d", o.s.starts), raw)
}

// Stop is StopExecution.
func (o *Operator) Stop(arn, cause string) error {
	client := sfn.NewFromConfig(o.AWS(strings.Split(arn, ":")[4]))
	_, err := client.StopExecution(o.ctx, &sfn.StopExecutionInput{ExecutionArn: &arn, Cause: &cause})
	return err
}

// lookEvery is how often the operator looks at the console.
const lookEvery = 10 * time.Second

// Await waits for the end of an execution. One that has not ended after Horizon
// counts as failed.
func (o *Operator) Await(arn string) (states.Report, error) { return o.awaitFor(arn, Horizon) }

func (o *Operator) awaitFor(arn string, limit time.Duration) (states.Report, error) {
	for until := o.Now().Add(limit); o.Now().Before(until); {
		if r, ok := o.s.states.Execution(arn); ok && r.Status != asl.Running {
			return r, nil
		}
		if err := o.Sleep(lookEvery); err != nil {
			return states.Report{}, err
		}
	}
	r, _ := o.s.states.Execution(arn)
	r.Error, r.Cause, r.Stop = VerdictFailed, fmt.Sprintf("it had not ended after %s", limit), o.Now()
	return r, nil
}

// OnEnter runs do once, when a state is entered for which is says so.
func (o *Operator) OnEnter(is func(states.Step) bool, do func()) {
	o.s.hooks = append(o.s.hooks, &hook{is: is, do: do})
}

// AtEntry calls do once, in the very moment in which a state is entered for
// which is says so: before the state does anything. It may not sleep.
func (o *Operator) AtEntry(is func(states.Step) bool, do func(states.Step)) {
	o.s.hooks = append(o.s.hooks, &hook{is: is, now: do})
}

// hook is something to do when a state is entered: now, or beside it.
type hook struct {
	is   func(states.Step) bool
	do   func()
	now  func(states.Step)
	done bool
}

// runHooks starts what waits for this state; the watcher itself may not sleep.
func (s *stage) runHooks(step states.Step) {
	if !strings.HasSuffix(step.Event.Type, "StateEntered") {
		return
	}
	for _, h := range s.hooks {
		if h.done || !h.is(step) {
			continue
		}
		h.done = true
		if h.now != nil {
			h.now(step)
		} else {
			s.w.Kernel.Go(h.do)
		}
	}
}

// RefreshOf reads from a side's ledger which refresh an execution works on;
// empty when it never began one.
func (o *Operator) RefreshOf(p names.Place, execution string) string {
	return o.s.refreshOf(p, execution)
}

func (s *stage) refreshOf(p names.Place, execution string) string {
	raw, ok := s.s3.Object(p.Ledger(), "executions/"+execution[strings.LastIndex(execution, ":")+1:]+".json")
	var r struct {
		RefreshID string `json:"refreshId"`
	}
	if !ok || json.Unmarshal(raw, &r) != nil {
		return ""
	}
	return r.RefreshID
}
