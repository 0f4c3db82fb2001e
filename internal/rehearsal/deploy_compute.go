package rehearsal

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/cloudwatch"
	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/scheduler"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/template"
)

func (d deployer) function(v *template.Function) error {
	retries := v.MaxRetries
	_, err := d.lambda.PutFunction(lambda.Function{
		Name: v.Name, Account: d.d.Account, RoleARN: v.RoleARN, Env: v.Environment, Timeout: time.Duration(v.Timeout) * time.Second,
		MemoryMB: v.Memory, Runtime: v.Runtime, Handler: v.Handler, AssetDir: v.CodePath, Subnets: v.Subnets, SecurityGroups: v.SecurityGroups,
		Concurrency: v.Reserved, MaxRetries: &retries, OnFailure: v.OnFailureARN, DeadLetter: v.DeadLetterARN, Policy: v.Policy, Tags: v.Tags,
	})
	return err
}

func (d deployer) machine(v *template.Machine) error {
	if v.Type != "STANDARD" {
		return fmt.Errorf("a machine of type %s is not simulated", v.Type)
	}
	_, err := d.states.PutMachine(states.MachineSpec{
		Name: v.Name, Account: d.d.Account, Short: d.short(v.Name), RoleARN: v.RoleARN, Definition: []byte(v.Definition), Tags: v.Tags,
	})
	return err
}

// short is a machine's name without the product and the target.
func (d deployer) short(name string) string {
	name = strings.TrimPrefix(name, names.Prefix+"-")
	for _, t := range d.config.Targets {
		name = strings.TrimSuffix(name, "-"+t.Name)
	}
	return name
}

func (d deployer) alarm(v *template.Alarm) error {
	var p struct {
		Statistic          string
		Period             float64
		ComparisonOperator string
		Threshold          float64
	}
	if err := json.Unmarshal(v.Properties, &p); err != nil {
		return err
	}
	return d.metrics.PutAlarm(d.d.Account, cloudwatch.AlarmSpec{
		Name: v.Name, Metric: cloudwatch.Metric{Namespace: v.Namespace, Name: v.MetricName, Dimensions: v.Dimensions},
		Statistic: p.Statistic, Period: time.Duration(p.Period) * time.Second, Compare: p.ComparisonOperator, Threshold: p.Threshold, Actions: v.Actions,
	})
}

func (d deployer) schedule(v *template.Schedule) error {
	retries := v.Target.Retry.MaxAttempts
	if retries == 0 {
		retries = -1
	}
	return d.scheduler.PutSchedule(scheduler.Schedule{
		Name: v.Name, Account: d.d.Account, Group: v.Group, Expression: v.Expression, Zone: v.Timezone, Window: time.Duration(v.FlexibleWindow) * time.Minute,
		Disabled: v.State == "DISABLED", Target: v.Target.ARN, RoleARN: v.Target.RoleARN, Input: v.Target.Input,
		MaxAttempts: retries, MaxAge: time.Duration(v.Target.Retry.MaxAge) * time.Second, DeadLetterARN: v.Target.DeadLetterARN,
	})
}

func (d deployer) rule(v *template.Rule) error {
	if v.Pattern == nil {
		return fmt.Errorf("rule %s has a schedule; use AWS::Scheduler::Schedule", v.Name)
	}
	spec := events.RuleSpec{Name: v.Name, Bus: v.Bus, Pattern: v.Pattern, Disabled: v.State == "DISABLED"}
	for _, t := range v.Targets {
		target := events.Target{
			ID: t.ID, ARN: t.ARN, RoleARN: t.RoleARN, Input: t.Input, InputPath: t.InputPath, DeadLetterARN: t.DeadLetterARN,
			Retry: events.Retry{MaxAttempts: t.Retry.MaxAttempts, MaxAge: time.Duration(t.Retry.MaxAge) * time.Second, Never: t.Retry.MaxAttempts == 0},
		}
		if t.InputTransformer != nil {
			target.Transformer = &events.Transformer{Paths: t.InputTransformer.Paths, Template: t.InputTransformer.Template}
		}
		spec.Targets = append(spec.Targets, target)
	}
	_, err := d.events.PutRule(d.d.Account, spec)
	return err
}

func (d deployer) bus(v *template.Bus, policy json.RawMessage) error {
	_, err := d.events.PutBus(d.d.Account, v.Name, policy)
	return err
}

// busPolicy puts the whole policy of the bus that the statement belongs to.
func (d deployer) busPolicy(v *template.BusPolicy) error {
	for _, b := range append(d.d.Buses, d.d.DefaultBus) {
		if b.Name == v.Bus {
			return d.bus(b, b.Policy)
		}
	}
	return fmt.Errorf("there is no event bus %s", v.Bus)
}
