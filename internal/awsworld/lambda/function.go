// Package lambda simulates AWS Lambda: functions with roles and resource
// policies, synchronous and asynchronous invocation, time-outs on the simulated
// clock, crashes and throttling. What a function does is the Executor's
// business; the rehearsal runs the real handlers in it.
package lambda

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

const serviceID = "Lambda"

// Executor runs a function's code with the credentials of its role. The
// context ends when the function's time is up.
type Executor func(ctx context.Context, fn *Function, caller awsworld.Caller, event []byte) ([]byte, *FunctionError)

// FunctionError is how a function fails: what its runtime reports.
type FunctionError struct {
	Type    string // errorType; Step Functions takes it as the error's name
	Message string
	Trace   []string // lines of the stack
}

// Function is one deployed function.
type Function struct {
	Name     string
	Account  string
	ARN      string // filled by PutFunction
	RoleARN  string
	Env      map[string]string
	Timeout  time.Duration // 1 s to 15 min; 0 means Lambda's 3 s
	MemoryMB int
	Runtime  string
	Handler  string
	AssetDir string // folder of the code, from the assembly

	Subnets        []string // empty: not in a VPC
	SecurityGroups []string

	Concurrency *int // reserved concurrency; nil for none

	// MaxRetries, OnFailure and DeadLetter rule asynchronous invocations only;
	// the two are ARNs. MaxRetries nil means 2.
	MaxRetries *int
	OnFailure  string
	DeadLetter string

	Policy []byte // resource policy as JSON: its AWS::Lambda::Permission statements; empty for none
	Tags   map[string]string

	// Code is what the function does in place of the Executor: a function of the
	// user's, about which dbferry knows nothing.
	Code func(ctx context.Context, event []byte) ([]byte, *FunctionError)
}

// Invocation is one run of a function, for reports.
type Invocation struct {
	At       time.Time
	Function string
	Account  string
	Took     time.Duration
	Error    string // errorType; empty when it succeeded
}

// Timing holds the delays of the service.
type Timing struct {
	Start       time.Duration // from the call to the handler's first line
	RetryFirst  time.Duration // before the first retry of an asynchronous invocation
	RetrySecond time.Duration
}

// Service is Lambda in all accounts of one world.
type Service struct {
	// Run executes code; set it before anything is invoked.
	Run Executor
	// Timing may be changed by the ground.
	Timing Timing
	// NameCrashes makes crashes and time-outs carry an errorType
	// (Runtime.ExitError, Sandbox.Timedout), as newer Lambda often does;
	// without it they arrive nameless and Step Functions says Lambda.Unknown.
	NameCrashes bool

	w         *awsworld.World
	functions map[string]*function // by ARN
	running   map[string]int       // invocations of an account, now
	busiest   map[string]int       // and at the most
	runs      []Invocation
	lost      []Lost
}

// Lost is an asynchronous event that was given up without anybody being told.
type Lost struct {
	At       time.Time
	Function string
	Reason   string
}

type function struct {
	Function
	policy  *iam.Policy
	running int
	hasURL  bool
}

// New registers the operations of Lambda.
func New(w *awsworld.World) *Service {
	s := &Service{
		w: w, functions: map[string]*function{}, running: map[string]int{}, busiest: map[string]int{},
		// Starting is modeled; the two waits are Lambda's own.
		Timing: Timing{Start: 40 * time.Millisecond, RetryFirst: time.Minute, RetrySecond: 2 * time.Minute},
	}
	w.Register(s.invokeOp(), s.urlOp())
	return s
}

// PutFunction creates or replaces a function and returns its ARN. Its role
// must exist, and its policy may not name a principal that does not.
func (s *Service) PutFunction(f Function) (string, error) {
	f.ARN = s.w.ARN("lambda", f.Account, "function:"+f.Name)
	if f.Timeout == 0 {
		f.Timeout = 3 * time.Second
	}
	if f.Timeout < time.Second || f.Timeout > 15*time.Minute {
		return "", invalid("function %s: a timeout of %s; Lambda takes 1 second to 15 minutes", f.Name, f.Timeout)
	}
	if a := s.w.Account(f.Account); a == nil || a.Role(f.RoleARN) == nil {
		return "", invalid("The role defined for the function %s cannot be assumed by Lambda: %s does not exist.", f.Name, f.RoleARN)
	}
	p, err := service.Policy("policy of function "+f.Name, f.Account, f.Policy)
	if err != nil {
		return "", invalid("%v", err)
	}
	if who := service.MissingPrincipal(s.w, p); who != "" {
		return "", invalid("The provided principal was invalid: %s for function %s does not exist.", who, f.Name)
	}
	f.Env, f.Tags = maps.Clone(f.Env), maps.Clone(f.Tags)
	s.functions[f.ARN] = &function{Function: f, policy: p}
	return f.ARN, nil
}

// Function finds a function by ARN; the answer is a copy.
func (s *Service) Function(arn string) (Function, bool) {
	f := s.functions[arn]
	if f == nil {
		return Function{}, false
	}
	return f.Function, true
}

// Functions lists the functions by ARN.
func (s *Service) Functions() []Function {
	var out []Function
	for _, arn := range slices.Sorted(maps.Keys(s.functions)) {
		out = append(out, s.functions[arn].Function)
	}
	return out
}

// Busiest is the most invocations of all functions of an account that ran at
// the same time.
func (s *Service) Busiest(account string) int { return s.busiest[account] }

// Invocations lists the runs in the order in which they ended.
func (s *Service) Invocations() []Invocation { return slices.Clone(s.runs) }

// LostEvents lists the asynchronous events that were given up with nowhere to
// put them.
func (s *Service) LostEvents() []Lost { return slices.Clone(s.lost) }

func invalid(format string, args ...any) error {
	return awsworld.Errorf("InvalidParameterValueException", format, args...)
}
