package events

import (
	"fmt"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/eventpattern"
)

// Quotas of rules (docs/aws.md §6).
const (
	maxTargets  = 5
	maxRules    = 300
	maxTemplate = 8192
	maxPaths    = 100
)

// RuleSpec describes a rule with an event pattern. Schedules belong to the
// scheduler package.
type RuleSpec struct {
	Name     string
	Bus      string // name; empty for the default bus
	Pattern  []byte
	Disabled bool
	Targets  []Target
}

// Target is one target of a rule.
type Target struct {
	ID            string
	ARN           string // event bus, state machine, function, queue or topic
	RoleARN       string
	Input         string // constant JSON text
	InputPath     string
	Transformer   *Transformer
	Retry         Retry
	DeadLetterARN string
}

// Transformer makes a target's input from the event.
type Transformer struct {
	Paths    map[string]string
	Template string
}

// Retry is how long delivery is tried. The zero value is AWS's default, 185
// tries in 24 hours; Never switches retrying off.
type Retry struct {
	MaxAttempts int
	MaxAge      time.Duration
	Never       bool
}

func (r Retry) limits() (attempts int, age time.Duration) {
	attempts, age = r.MaxAttempts, r.MaxAge
	if attempts == 0 && !r.Never {
		attempts = 185
	}
	if age == 0 {
		age = 24 * time.Hour
	}
	return attempts, age
}

type rule struct {
	RuleSpec
	arn     string
	pattern eventpattern.Pattern
}

// PutRule creates or replaces a rule and returns its ARN. It refuses what
// PutRule and PutTargets refuse.
func (s *Service) PutRule(account string, spec RuleSpec) (string, error) {
	if spec.Bus == "" {
		spec.Bus = DefaultBus
	}
	b := s.bus(account, spec.Bus)
	if b == nil {
		return "", awsworld.Errorf("ResourceNotFoundException", "Event bus %s does not exist.", spec.Bus)
	}
	p, err := eventpattern.Parse(spec.Pattern)
	if err != nil {
		return "", awsworld.Errorf("InvalidEventPatternException", "rule %s: %v", spec.Name, err)
	}
	if len(spec.Targets) > maxTargets || b.rules[spec.Name] == nil && len(b.rules) >= maxRules {
		return "", awsworld.Errorf("LimitExceededException", "rule %s: at most %d targets a rule and %d rules a bus", spec.Name, maxTargets, maxRules)
	}
	for _, t := range spec.Targets {
		if err := s.checkTarget(account, t); err != nil {
			return "", fmt.Errorf("rule %s, target %s: %w", spec.Name, t.ID, err)
		}
	}
	b.rules[spec.Name] = &rule{RuleSpec: spec, arn: ruleARN(s.w, account, spec), pattern: p}
	return b.rules[spec.Name].arn, nil
}

func ruleARN(w *awsworld.World, account string, spec RuleSpec) string {
	name := spec.Name
	if spec.Bus != DefaultBus {
		name = spec.Bus + "/" + name
	}
	return w.ARN("events", account, "rule/"+name)
}

func (s *Service) checkTarget(account string, t Target) error {
	owner := service.AccountOf(t.ARN)
	given := 0
	for _, set := range []bool{t.Input != "", t.InputPath != "", t.Transformer != nil} {
		if set {
			given++
		}
	}
	switch kind := kindOf(t.ARN); {
	case kind == kindUnknown:
		return &awsworld.Unsimulated{Service: serviceID, Operation: "the target " + t.ARN}
	case given > 1:
		return awsworld.Errorf("ValidationException", "Only one of Input, InputPath, or InputTransformer must be provided for target %s.", t.ID)
	case kind == kindMachine && owner != account:
		return awsworld.Errorf("ValidationException", "a state machine of another account (%s) cannot be a target: send to a bus of that account", owner)
	case kind == kindMachine && t.RoleARN == "":
		return awsworld.Errorf("ValidationException", "RoleArn is required for target %s.", t.ARN)
	case kind == kindBus && t.RoleARN == "" && owner != account:
		return awsworld.Errorf("ValidationException", "RoleArn is required for target %s: a bus of another account takes events only from a role.", t.ARN)
	case t.DeadLetterARN != "" && service.ServiceOf(t.DeadLetterARN) != "sqs":
		return awsworld.Errorf("ValidationException", "the dead-letter queue %s is not an SQS queue", t.DeadLetterARN)
	}
	if t.RoleARN != "" && service.AccountOf(t.RoleARN) != account {
		return awsworld.Errorf("ValidationException", "the role %s is not of account %s", t.RoleARN, account)
	}
	return t.Transformer.check()
}

// kind is what a target is.
type kind int

const (
	kindUnknown kind = iota
	kindBus
	kindMachine
	kindFunction
	kindQueue
	kindTopic
)

func kindOf(arn string) kind {
	resource := service.ResourceOf(arn)
	switch {
	case service.ServiceOf(arn) == "events" && strings.HasPrefix(resource, "event-bus/"):
		return kindBus
	case service.ServiceOf(arn) == "states" && strings.HasPrefix(resource, "stateMachine:"):
		return kindMachine
	case service.ServiceOf(arn) == "lambda":
		return kindFunction
	case service.ServiceOf(arn) == "sqs":
		return kindQueue
	case service.ServiceOf(arn) == "sns":
		return kindTopic
	}
	return kindUnknown
}
