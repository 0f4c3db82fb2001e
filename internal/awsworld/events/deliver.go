package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

const principal = "events.amazonaws.com"

// Error codes of the dead-letter queue (docs/aws.md §6; EventBridge guide,
// "Using dead-letter queues").
const (
	CodeNoPermissions = "NO_PERMISSIONS"
	CodeNoResource    = "NO_RESOURCE"
	CodeNoRole        = "FAILED_TO_ASSUME_ROLE"
	CodeThrottling    = "THROTTLING"
	CodeClient        = "SDK_CLIENT_ERROR"
	CodeInput         = "INVALID_INPUT"
	CodeThirdAccount  = "THIRD_ACCOUNT_HOP_DETECTED"
)

// Delivery is what became of one event at one target.
type Delivery struct {
	At         time.Time // of the end, good or bad
	Event      Event
	Bus, Rule  string // ARNs
	Target     string // ARN
	Attempts   int
	Code       string // empty when it was delivered
	Error      string
	DeadLetter bool   // it lies in the target's dead-letter queue
	BuryError  string // why it does not, although there is one
}

// Crossed says whether the delivery left the account of its bus.
func (d Delivery) Crossed() bool {
	return service.AccountOf(d.Bus) != service.AccountOf(d.Target)
}

// Deliveries lists every finished delivery, in order.
func (s *Service) Deliveries() []Delivery { return slices.Clone(s.deliveries) }

// failure is one failed try.
type failure struct {
	code  string
	cause error
	final bool // not worth another try
}

// deliver tries one target until it takes the event or the retry policy ends.
func (s *Service) deliver(b *bus, r *rule, t Target, e Event) {
	ctx := context.Background()
	began := s.w.Now()
	attempts, age := t.Retry.limits()
	d := Delivery{Event: e, Bus: b.arn, Rule: r.arn, Target: t.ARN}
	for {
		d.Attempts++
		f := s.try(ctx, b, r, t, e)
		if f == nil {
			break
		}
		d.Code, d.Error = f.code, f.cause.Error()
		pause := s.pause(d.Attempts)
		if f.final || d.Attempts > attempts || s.w.Now().Add(pause).Sub(began) > age {
			s.bury(ctx, r, t, e, &d, f.final)
			break
		}
		if s.w.Kernel.Sleep(ctx, pause) != nil {
			return
		}
		d.Code, d.Error = "", ""
	}
	d.At = s.w.Now()
	s.deliveries = append(s.deliveries, d)
}

// pause before the next try: exponential with jitter.
func (s *Service) pause(attempt int) time.Duration {
	longest := min(time.Second<<min(attempt, 20), s.Timing.MaxDelay)
	return s.w.Between(longest/2, longest)
}

func (s *Service) try(ctx context.Context, b *bus, r *rule, t Target, e Event) *failure {
	input, err := t.input(r, e)
	if err != nil {
		return &failure{CodeInput, err, true}
	}
	caller := awsworld.ServiceCaller(principal, r.arn)
	if t.RoleARN != "" {
		if caller, err = s.w.AssumeAsService(principal, t.RoleARN, "dbferry-events", r.arn); err != nil {
			return &failure{CodeNoRole, err, true}
		}
	}
	switch kindOf(t.ARN) {
	case kindBus:
		return s.forward(ctx, b, caller, t, e)
	case kindMachine:
		err = s.start(ctx, caller, t, e, string(input))
	case kindFunction:
		_, err = service.Call[lambda.InvokeOutput](ctx, s.w, caller, "Lambda", "Invoke",
			&lambda.InvokeInput{FunctionName: &t.ARN, Payload: input, InvocationType: lambdatypes.InvocationTypeEvent})
	case kindQueue:
		err = s.send(ctx, caller, t.ARN, string(input), nil)
	case kindTopic:
		_, err = service.Call[sns.PublishOutput](ctx, s.w, caller, "SNS", "Publish", &sns.PublishInput{TopicArn: &t.ARN, Message: new(string(input))})
	}
	return classify(err)
}

// start runs a state machine under a name that EventBridge picks itself.
func (s *Service) start(ctx context.Context, caller awsworld.Caller, t Target, e Event, input string) error {
	name := e.ID + "_" + s.w.UUID()
	_, err := service.Call[sfn.StartExecutionOutput](ctx, s.w, caller, "SFN", "StartExecution",
		&sfn.StartExecutionInput{StateMachineArn: &t.ARN, Input: &input, Name: &name})
	return err
}

func (s *Service) send(ctx context.Context, caller awsworld.Caller, queueARN, body string, attrs map[string]sqstypes.MessageAttributeValue) error {
	url := fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", s.w.Region, service.AccountOf(queueARN), service.ResourceOf(queueARN))
	_, err := service.Call[sqs.SendMessageOutput](ctx, s.w, caller, "SQS", "SendMessage",
		&sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body, MessageAttributes: attrs})
	return err
}

// forward sends the event, unchanged, to another bus. An event that came from
// another account does not go to a third one, and a chain of buses in one
// account ends at the third (docs/aws.md §6).
func (s *Service) forward(ctx context.Context, b *bus, caller awsworld.Caller, t Target, e Event) *failure {
	away := service.AccountOf(t.ARN) != b.account
	if e.crossed && away || e.hops >= 2 {
		return &failure{CodeThirdAccount, fmt.Errorf("the event has already passed %d bus(es) on its way to %s", e.hops+1, t.ARN), true}
	}
	e.hops++
	e.crossed = e.crossed || away
	_, err := service.Call[passOnOutput](ctx, s.w, caller, serviceID, opPassOn, &passOnInput{busARN: t.ARN, event: e})
	return classify(err)
}

// classify tells which failures EventBridge tries again: not those for which
// somebody would have to change something.
func classify(err error) *failure {
	var un *awsworld.Unsimulated
	switch {
	case err == nil:
		return nil
	case errors.As(err, &un):
		return &failure{CodeClient, err, true}
	case service.Code(err) == "AccessDenied", service.Code(err) == "AccessDeniedException":
		return &failure{CodeNoPermissions, err, true}
	case service.Missing(err):
		return &failure{CodeNoResource, err, true}
	case service.Throttled(err):
		return &failure{CodeThrottling, err, false}
	}
	return &failure{CodeClient, err, false}
}

// bury puts an event that could not be delivered into the dead-letter queue,
// as the service principal, with the attributes that EventBridge adds.
func (s *Service) bury(ctx context.Context, r *rule, t Target, e Event, d *Delivery, final bool) {
	s.measure(r, "FailedInvocations")
	if t.DeadLetterARN == "" {
		return
	}
	attrs := map[string]sqstypes.MessageAttributeValue{}
	set := func(name, value string) {
		attrs[name] = sqstypes.MessageAttributeValue{DataType: new("String"), StringValue: &value}
	}
	set("RULE_ARN", r.arn)
	set("TARGET_ARN", t.ARN)
	set("ERROR_CODE", d.Code)
	set("ERROR_MESSAGE", d.Error)
	set("RETRY_ATTEMPTS", fmt.Sprint(d.Attempts-1))
	if !final {
		set("EXHAUSTED_RETRY_CONDITION", exhausted(t, *d))
	}
	if err := s.send(ctx, awsworld.ServiceCaller(principal, r.arn), t.DeadLetterARN, string(e.JSON()), attrs); err != nil {
		d.BuryError = err.Error()
		s.measure(r, "InvocationsFailedToBeSentToDLQ")
		return
	}
	d.DeadLetter = true
	s.measure(r, "InvocationsSentToDLQ")
}

// measure publishes one of the metrics of AWS/Events.
func (s *Service) measure(r *rule, name string) {
	if s.Measure != nil {
		s.Measure(service.AccountOf(r.arn), "AWS/Events", name, map[string]string{"RuleName": r.Name}, 1)
	}
}

func exhausted(t Target, d Delivery) string {
	if attempts, _ := t.Retry.limits(); d.Attempts > attempts {
		return "MaximumRetryAttempts"
	}
	return "MaximumEventAgeInSeconds"
}
