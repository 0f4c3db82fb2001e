package states

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
)

// nameKept is how long the name of a closed execution stays taken.
const nameKept = 90 * 24 * time.Hour

// execution is one execution with what AWS keeps beside it.
type execution struct {
	x        *asl.Execution
	machine  *machine
	parent   *execution // of a Distributed Map's child
	item     string
	session  *awsworld.Caller
	maps     map[string]bool // map runs whose start is authorised
	children Children
	failed   []*execution
}

// Children counts the child executions of an execution's Distributed Maps.
type Children struct {
	Started, Succeeded, Failed int
	Events, Transitions        int
	MostEvents, Largest        int // of a single child
	AtOnce                     int // the most that ran at the same time
}

func (e *execution) root() *execution {
	for e.parent != nil {
		e = e.parent
	}
	return e
}

func (e *execution) site(state string) awsworld.Site {
	return awsworld.Site{Machine: e.machine.Short, Item: e.item, State: state}
}

// where names the execution for the search for secrets.
func (e *execution) where(state, what string) string {
	return what + " of state " + state + " in " + e.machine.Name
}

// start begins an execution under a name. Starting again under the name of a
// running execution with the same input returns that one; any other use of a
// taken name is refused (docs/aws.md §10, "Idempotent start").
func (s *Service) start(m *machine, name string, input []byte) (*execution, error) {
	arn := executionARN(m, name)
	if old := s.byARN[arn]; old != nil && !s.forgotten(old) {
		if old.x.Status == asl.Running && sameJSON(old.x.Input, input) {
			return old, nil
		}
		return nil, &types.ExecutionAlreadyExists{Message: new("Execution Already Exists: '" + arn + "'")}
	}
	parsed := m.parsed
	if m.limit > 0 {
		limited := *parsed
		limited.TimeoutSeconds = int64(m.limit / time.Second)
		parsed, m.limit = &limited, 0
	}
	x, err := s.engine.Start(parsed, input, asl.Meta{
		ExecutionArn: arn, Name: name, RoleArn: m.RoleARN, StateMachineArn: m.arn, StateMachineName: m.Name,
	})
	if err != nil {
		return nil, &types.InvalidExecutionInput{Message: new(err.Error())}
	}
	e := &execution{x: x, machine: m, maps: map[string]bool{}}
	s.byARN[arn] = e
	s.started = append(s.started, e)
	s.w.Secrets.Search("input of "+m.Name, string(input))
	s.announce(e)
	return e, nil
}

// forgotten tells whether AWS has dropped the execution, name and all.
func (s *Service) forgotten(e *execution) bool {
	return e.x.Status != asl.Running && s.w.Now().Sub(e.x.StopDate) > nameKept
}

func executionARN(m *machine, name string) string {
	return "arn:aws:states:" + region(m.arn) + ":" + m.Account + ":execution:" + m.Name + ":" + name
}

func region(arn string) string { return string(bytes.Split([]byte(arn), []byte(":"))[3]) }

func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// happened passes history events on to the watcher.
func (s *Service) happened(x *asl.Execution, ev asl.Event) {
	if s.Watch == nil {
		return
	}
	e := s.byARN[x.ExecutionArn]
	if e == nil {
		return
	}
	s.Watch(Step{Account: e.machine.Account, Machine: e.machine.Short, Item: e.item, Child: e.parent != nil, Name: x.Name, Root: e.root().x.ExecutionArn, Event: ev})
}

// ended does what AWS does when an execution closes.
func (s *Service) ended(x *asl.Execution) {
	e := s.byARN[x.ExecutionArn]
	if e == nil {
		return
	}
	s.w.Secrets.Search("output of "+e.machine.Name, string(x.Output))
	s.w.Secrets.Search("error of "+e.machine.Name, x.Error+" "+x.Cause)
	if e.parent != nil {
		s.childEnded(e)
		return
	}
	s.announce(e)
	metric := map[asl.Status]string{
		asl.Succeeded: "ExecutionsSucceeded", asl.Failed: "ExecutionsFailed", asl.TimedOut: "ExecutionsTimedOut", asl.Aborted: "ExecutionsAborted",
	}[x.Status]
	if s.Measure != nil {
		s.Measure(e.machine.Account, "AWS/States", metric, map[string]string{"StateMachineArn": e.machine.arn}, 1)
	}
}

// childEnded adds a child to its parent's counts. What a successful child did
// is forgotten but for the counts, so that ten thousand stay cheap.
func (s *Service) childEnded(e *execution) {
	c := &e.parent.children
	c.Events += e.x.History.Count() + e.children.Events
	c.Transitions += e.x.Transitions + e.children.Transitions
	c.MostEvents = max(c.MostEvents, e.x.History.Count(), e.children.MostEvents)
	c.Largest = max(c.Largest, e.x.Largest, e.children.Largest)
	if e.x.Status == asl.Succeeded {
		c.Succeeded++
		e.x.History.Compact()
		delete(s.byARN, e.x.ExecutionArn)
		return
	}
	c.Failed++
	e.parent.failed = append(e.parent.failed, e)
}

// Report is one execution as reports show it.
type Report struct {
	Account     string
	Machine     string // short name
	MachineARN  string
	ARN         string
	Name        string
	Item        string // of a failed child
	Status      asl.Status
	Error       string
	Cause       string
	Events      int
	Transitions int // as billed
	Largest     int // bytes of the largest input, output, result or Assign
	Definition  int // bytes of the machine's definition
	Start, Stop time.Time
	Path        []string // states entered, repeated stretches folded
	States      []string // states entered, one by one
	Input       json.RawMessage
	Output      json.RawMessage
	Children    Children
	FailedItems []Report // children that did not succeed
}

// Executions lists an account's executions in the order of their start; empty
// for all accounts.
func (s *Service) Executions(account string) []Report {
	var out []Report
	for _, e := range s.started {
		if account == "" || e.machine.Account == account {
			out = append(out, e.report())
		}
	}
	return out
}

func (e *execution) report() Report {
	x := e.x
	r := Report{
		Account: e.machine.Account, Machine: e.machine.Short, MachineARN: e.machine.arn, ARN: x.ExecutionArn, Name: x.Name, Item: e.item,
		Status: x.Status, Error: x.Error, Cause: x.Cause, Events: x.History.Count(), Transitions: x.Transitions,
		Largest: x.Largest, Definition: len(e.machine.Definition),
		Start: x.StartDate, Stop: x.StopDate, Path: x.History.CompactPath(), States: x.History.Path(),
		Input: bytes.Clone(x.Input), Output: bytes.Clone(x.Output), Children: e.children,
	}
	for _, f := range e.failed {
		r.FailedItems = append(r.FailedItems, f.report())
	}
	return r
}

// Running tells how many top-level executions have not ended.
func (s *Service) Running() int {
	n := 0
	for _, e := range s.started {
		if e.x.Status == asl.Running {
			n++
		}
	}
	return n
}

// Start begins an execution as ground, without permission: an operator at the
// console. The name may be empty.
func (s *Service) Start(machineARN, name string, input []byte) (executionARN string, err error) {
	m := s.machines[machineARN]
	if m == nil {
		return "", errors.New("ground: there is no state machine " + machineARN)
	}
	if name == "" {
		name = s.w.UUID()
	}
	if err := checkName(name); err != nil {
		return "", err
	}
	e, err := s.start(m, name, input)
	if err != nil {
		return "", err
	}
	return e.x.ExecutionArn, nil
}

// Execution reports one execution.
func (s *Service) Execution(arn string) (Report, bool) {
	e := s.byARN[arn]
	if e == nil {
		return Report{}, false
	}
	return e.report(), true
}
