// Package states simulates AWS Step Functions around the interpreter of
// internal/asl: state machines with roles, executions with AWS's rules for
// names, Lambda tasks, Distributed Maps over S3, task tokens, and the events
// that tell how executions went.
package states

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/jsonata"
)

const (
	serviceID     = "SFN"
	principal     = "states.amazonaws.com"
	maxDefinition = 1 << 20 // bytes
)

// Service is Step Functions in all accounts of one world.
type Service struct {
	// Emit sends an event to an account's default bus; nil sends none.
	Emit func(account, source, detailType string, resources []string, detail map[string]any)
	// Measure publishes a metric of an account; nil publishes none.
	Measure func(account, namespace, name string, dimensions map[string]string, value float64)
	// BucketOwner tells whose bucket a Distributed Map reads from or writes to,
	// which must be the machine's own account; nil asks nobody.
	BucketOwner func(bucket string) string
	// Watch is told of every history event as it happens; it may not sleep.
	Watch func(Step)

	w        *awsworld.World
	engine   *asl.Engine
	jsonata  *jsonata.Engine
	machines map[string]*machine // by ARN
	byARN    map[string]*execution
	started  []*execution      // not the children of Distributed Maps
	tokens   map[string]string // task token → account of its execution
}

// MachineSpec describes a STANDARD state machine.
type MachineSpec struct {
	Name       string
	Account    string
	Short      string // name in fault sites and reports, "production-backup"; empty for Name
	RoleARN    string
	Definition []byte // Amazon States Language, JSONata
	Tags       map[string]string
}

type machine struct {
	MachineSpec
	arn     string
	parsed  *asl.Machine
	created time.Time
	limit   time.Duration // the next execution's, set by TimeOutNext
}

// Step is one history event with where it happened.
type Step struct {
	Account string
	Machine string // short name
	Item    string // kind of the item that a Map's child works on, if any
	Child   bool
	Name    string // of the execution
	Root    string // ARN of the execution, or of the one whose Map started it
	Event   asl.Event
}

// New registers the operations of Step Functions.
func New(w *awsworld.World, j *jsonata.Engine) *Service {
	s := &Service{w: w, jsonata: j, machines: map[string]*machine{}, byARN: map[string]*execution{}, tokens: map[string]string{}}
	seed, err := strconv.ParseUint(w.Hex(16), 16, 64)
	if err != nil {
		panic("awsworld/states: 16 hexadecimal digits are no number: " + err.Error())
	}
	s.engine = asl.NewEngine(w.Kernel, j, s, seed)
	s.engine.OnEnd, s.engine.OnEvent = s.ended, s.happened
	w.Register(s.executionOps()...)
	w.Register(s.machineOps()...)
	w.Register(s.tokenOps()...)
	return s
}

// PutMachine creates or replaces a state machine and returns its ARN. It
// refuses what CreateStateMachine refuses (a definition that does not hold, a
// role that Step Functions may not assume) and, by name, tasks that are not
// simulated. Running executions keep the definition they began with.
func (s *Service) PutMachine(spec MachineSpec) (string, error) {
	arn := s.w.ARN("states", spec.Account, "stateMachine:"+spec.Name)
	if err := checkName(spec.Name); err != nil {
		return "", err
	}
	if spec.Short == "" {
		spec.Short = spec.Name
	}
	parsed, err := s.parse(spec)
	if err != nil {
		return "", err
	}
	if _, err := s.w.AssumeAsService(principal, spec.RoleARN, "create", arn); err != nil {
		return "", awsworld.Errorf("AccessDeniedException", "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role of machine %s: %v", spec.Name, err)
	}
	spec.Definition, spec.Tags = slices.Clone(spec.Definition), maps.Clone(spec.Tags)
	s.machines[arn] = &machine{MachineSpec: spec, arn: arn, parsed: parsed, created: s.w.Now()}
	return arn, nil
}

func (s *Service) parse(spec MachineSpec) (*asl.Machine, error) {
	if len(spec.Definition) > maxDefinition {
		return nil, awsworld.Errorf("InvalidDefinition", "the definition of %s has %d bytes, Step Functions allows %d", spec.Name, len(spec.Definition), maxDefinition)
	}
	m, err := asl.Parse(spec.Definition)
	if err == nil {
		err = asl.CheckExpressions(m, s.jsonata)
	}
	if err == nil {
		err = simulated(m)
	}
	if err != nil {
		return nil, awsworld.Errorf("InvalidDefinition", "machine %s: %v", spec.Name, err)
	}
	return m, nil
}

// simulated refuses what this package cannot do, before anything runs.
func simulated(m *asl.Machine) (err error) {
	refuse := func(state *asl.State, what string) {
		if err == nil {
			err = fmt.Errorf("state %q: %w", state.Name, &awsworld.Unsimulated{Service: serviceID, Operation: what})
		}
	}
	m.Walk(func(_ *asl.Machine, state *asl.State) {
		t := state.Task
		switch {
		case t == nil:
		case t.Credentials != nil:
			refuse(state, "Credentials of a Task")
		case t.Arguments == nil:
			refuse(state, "a Task without Arguments")
		case !isFunction(t.Resource) && t.Resource != invokeResource && t.Resource != invokeResource+waitSuffix:
			refuse(state, "the task resource "+t.Resource)
		}
	})
	return err
}

// TimeOutNext makes the next execution of the machine time out after d (whole
// seconds), for tests of what cannot be caught.
func (s *Service) TimeOutNext(machineARN string, d time.Duration) error {
	m := s.machines[machineARN]
	if m == nil {
		return fmt.Errorf("ground: there is no state machine %s", machineARN)
	}
	m.limit = d
	return nil
}

// Abort stops an execution as an operator does in the console.
func (s *Service) Abort(executionARN, name, cause string) error {
	e := s.byARN[executionARN]
	if e == nil {
		return fmt.Errorf("ground: there is no execution %s", executionARN)
	}
	e.x.Stop(name, cause)
	return nil
}

// TimeOut ends an execution as if the machine's TimeoutSeconds had just passed.
func (s *Service) TimeOut(executionARN string) error {
	e := s.byARN[executionARN]
	if e == nil {
		return fmt.Errorf("ground: there is no execution %s", executionARN)
	}
	e.x.TimeOut()
	return nil
}

// LetChildrenRunOn lets children of Distributed Maps outlive an execution that
// is stopped or times out; otherwise they end with it.
func (s *Service) LetChildrenRunOn(yes bool) { s.engine.Orphans = yes }

// session gives the credentials of the machine's role, assumed once for each
// top-level execution and shared with its children.
func (s *Service) session(e *execution) (awsworld.Caller, error) {
	root := e.root()
	if root.session != nil {
		return *root.session, nil
	}
	c, err := s.w.AssumeAsService(principal, root.machine.RoleARN, root.machine.Name, root.machine.arn)
	if err != nil {
		return c, &asl.Error{Name: asl.ErrPermissions, Cause: fmt.Sprintf("The role %s cannot be assumed by Step Functions: %v", root.machine.RoleARN, err)}
	}
	root.session = &c
	return c, nil
}

// at is the context of a call that a state makes.
func (s *Service) at(ctx context.Context, e *execution, state string) context.Context {
	return awsworld.WithSite(ctx, e.site(state))
}

// checkName applies the rules for the names of machines and executions
// (Step Functions API Reference, StartExecution, "name").
func checkName(name string) error {
	bad := strings.ContainsAny(name, " <>{}[]?*\"#%\\^|~`$&,;:/") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f })
	if name == "" || len(name) > 80 || bad {
		return awsworld.Errorf("InvalidName", "Invalid Name: '%s'", name)
	}
	return nil
}

func account(arn string) string { return service.AccountOf(arn) }
