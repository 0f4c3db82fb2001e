// Package scheduler simulates Amazon EventBridge Scheduler: schedules that
// start a state machine or invoke a function with a role of their own.
package scheduler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

const principal = "scheduler.amazonaws.com"

// Service is EventBridge Scheduler in all accounts of one world. It has no
// operations that dbferry calls.
type Service struct {
	w         *awsworld.World
	schedules []*Schedule
	fired     []Firing
	until     time.Time
}

// Schedule is one AWS::Scheduler::Schedule.
type Schedule struct {
	Name          string
	Account       string
	Group         string // empty for "default"
	Expression    string
	Zone          string        // IANA name; empty for UTC
	Window        time.Duration // flexible time window; 0 for off
	Disabled      bool
	Target        string // ARN of a state machine or function
	RoleARN       string
	Input         string
	MaxAttempts   int           // retries; 0 means Scheduler's 185, -1 none
	MaxAge        time.Duration // 0 means 24 hours
	DeadLetterARN string

	parsed *Expression
	armed  bool
}

// Firing is one time a schedule's target was called, for reports.
type Firing struct {
	At       time.Time // of the end
	Due      time.Time
	Schedule string
	Account  string
	Attempts int
	Error    string // empty when the target took it
}

// New returns a service without schedules.
func New(w *awsworld.World) *Service { return &Service{w: w} }

// PutSchedule adds a schedule, refusing what CreateSchedule refuses. It fires
// only within the time that Start sets.
func (s *Service) PutSchedule(sc Schedule) error {
	parsed, err := ParseExpression(sc.Expression, sc.Zone)
	if err != nil {
		return awsworld.Errorf("ValidationException", "schedule %s: %v", sc.Name, err)
	}
	a := s.w.Account(sc.Account)
	if a == nil || a.Role(sc.RoleARN) == nil {
		return awsworld.Errorf("ValidationException", "The execution role you provide must allow EventBridge Scheduler to assume it: %s of schedule %s does not exist.", sc.RoleARN, sc.Name)
	}
	if k := service.ServiceOf(sc.Target); k != "states" && k != "lambda" {
		return &awsworld.Unsimulated{Service: "Scheduler", Operation: "the target " + sc.Target}
	}
	if sc.Group == "" {
		sc.Group = "default"
	}
	sc.parsed = parsed
	s.schedules = append(s.schedules, &sc)
	s.arm(&sc, s.w.Now(), s.w.Now())
	return nil
}

// Start lets the schedules fire until the given time. Without it nothing
// fires, so that a rehearsal that needs no schedule comes to rest.
func (s *Service) Start(until time.Time) {
	s.until = until
	for _, sc := range s.schedules {
		s.arm(sc, s.w.Now(), s.w.Now())
	}
}

// Firings lists what fired, in order.
func (s *Service) Firings() []Firing { return slices.Clone(s.fired) }

// arm sets the next firing after t.
func (s *Service) arm(sc *Schedule, began, t time.Time) {
	due, ok := sc.parsed.Next(began, t)
	if !ok || sc.armed || sc.Disabled || due.After(s.until) {
		return
	}
	sc.armed = true
	s.w.Kernel.At(due.Add(s.w.Between(0, sc.Window)), func() {
		sc.armed = false
		s.w.Kernel.Go(func() { s.fire(sc, due) })
		s.arm(sc, began, due)
	})
}

// fire calls the target until it takes the call or the retry policy ends.
func (s *Service) fire(sc *Schedule, due time.Time) {
	ctx := context.Background()
	f := Firing{Due: due, Schedule: sc.Name, Account: sc.Account}
	limit, age := sc.limits()
	for {
		f.Attempts++
		err := s.call(ctx, sc)
		f.Error = ""
		if err == nil {
			break
		}
		f.Error = err.Error()
		pause := min(time.Second<<min(f.Attempts, 9), 5*time.Minute)
		if final(err) || f.Attempts > limit || s.w.Now().Add(pause).Sub(due) > age {
			s.bury(ctx, sc, &f)
			break
		}
		if s.w.Kernel.Sleep(ctx, pause) != nil {
			return
		}
	}
	f.At = s.w.Now()
	s.fired = append(s.fired, f)
}

func (sc *Schedule) limits() (attempts int, age time.Duration) {
	attempts, age = sc.MaxAttempts, sc.MaxAge
	switch {
	case attempts == 0:
		attempts = 185
	case attempts < 0:
		attempts = 0
	}
	if age == 0 {
		age = 24 * time.Hour
	}
	return attempts, age
}

// final tells whether somebody would have to change something first.
func final(err error) bool {
	code := service.Code(err)
	return code == "AccessDenied" || service.Missing(err) || code == ""
}

// session assumes the schedule's role. Scheduler names the schedule group, not
// the schedule, as the source (Scheduler guide, "Confused deputy").
func (s *Service) session(sc *Schedule) (awsworld.Caller, error) {
	group := s.w.ARN("scheduler", sc.Account, "schedule-group/"+sc.Group)
	return s.w.AssumeAsService(principal, sc.RoleARN, "dbferry-schedule", group)
}

func (s *Service) call(ctx context.Context, sc *Schedule) error {
	caller, err := s.session(sc)
	if err != nil {
		return err
	}
	input := sc.Input
	if input == "" {
		input = "{}"
	}
	input = strings.ReplaceAll(input, "<aws.scheduler.execution-id>", s.w.UUID())
	if service.ServiceOf(sc.Target) == "lambda" {
		_, err = service.Call[lambda.InvokeOutput](ctx, s.w, caller, "Lambda", "Invoke",
			&lambda.InvokeInput{FunctionName: &sc.Target, Payload: []byte(input), InvocationType: lambdatypes.InvocationTypeEvent})
		return err
	}
	name := s.w.UUID()
	_, err = service.Call[sfn.StartExecutionOutput](ctx, s.w, caller, "SFN", "StartExecution",
		&sfn.StartExecutionInput{StateMachineArn: &sc.Target, Input: &input, Name: &name})
	return err
}

// bury sends what failed to the dead-letter queue with the schedule's role.
func (s *Service) bury(ctx context.Context, sc *Schedule, f *Firing) {
	if sc.DeadLetterARN == "" {
		return
	}
	caller, err := s.session(sc)
	if err == nil {
		url := fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", s.w.Region, service.AccountOf(sc.DeadLetterARN), service.ResourceOf(sc.DeadLetterARN))
		_, err = service.Call[sqs.SendMessageOutput](ctx, s.w, caller, "SQS", "SendMessage", &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &sc.Input})
	}
	if err != nil {
		f.Error += "; and the dead-letter queue did not take it: " + err.Error()
	}
}
