// Package asl runs Step Functions state machines written in JSONata, on
// simulated time: it parses a definition as strictly as CreateStateMachine,
// lints it beyond that, and interprets it with AWS's semantics, limits and
// history. What a task does is left to an Env.
//
// Sources: the Amazon States Language specification, the Step Functions
// Developer Guide, and docs/aws.md, section Step Functions.
package asl

// Machine is a state machine, a branch of a Parallel state, or the
// ItemProcessor of a Map state.
type Machine struct {
	Comment        string
	Version        string
	StartAt        string
	TimeoutSeconds int64    // 0: none
	States         []*State // in the order of the definition
	Path           string   // where it stands in the definition, "" for the top

	byName map[string]*State
}

// State finds a state by name, or nil.
func (m *Machine) State(name string) *State { return m.byName[name] }

// Walk visits every state of the machine and, after each Parallel or Map state,
// those inside it.
func (m *Machine) Walk(visit func(m *Machine, s *State)) {
	for _, s := range m.States {
		visit(m, s)
		for _, inner := range s.Inner() {
			inner.Walk(visit)
		}
	}
}

// State is one state. Of the type-specific parts exactly the one of its Type is
// set; Pass and Succeed have none.
type State struct {
	Name    string
	Type    string // Pass, Task, Choice, Wait, Succeed, Fail, Parallel or Map
	Comment string
	Path    string // such as States["Copy"]
	Next    string
	End     bool
	Assign  *Template // an object, or nil
	Output  *Template
	Retry   []Retrier
	Catch   []Catcher

	Task     *Task
	Choice   *Choice
	Wait     *Wait
	Fail     *Fail
	Parallel *Parallel
	Map      *Map
}

// Inner are the machines inside a Parallel or Map state.
func (s *State) Inner() []*Machine {
	switch {
	case s.Parallel != nil:
		return s.Parallel.Branches
	case s.Map != nil:
		return []*Machine{s.Map.Processor}
	}
	return nil
}

// Task calls a resource.
type Task struct {
	Resource         string
	Arguments        *Template
	Credentials      *Template
	TimeoutSeconds   *Template // whole seconds
	HeartbeatSeconds *Template
}

// Choice selects the next state by the first rule that holds, else Default.
type Choice struct {
	Rules   []Rule
	Default string
}

// Rule is one rule of a Choice.
type Rule struct {
	Condition *Template // an expression or a literal boolean
	Next      string
	Assign    *Template
	Output    *Template
}

// Wait pauses for Seconds or until Timestamp; exactly one is set.
type Wait struct {
	Seconds   *Template
	Timestamp *Template
}

// Fail ends the execution; both parts are optional strings.
type Fail struct {
	Error *Template
	Cause *Template
}

// Parallel runs its branches at once, each on the same input.
type Parallel struct {
	Arguments *Template // the branches' input, by default the state's
	Branches  []*Machine
}

// Map runs its processor once for each item.
type Map struct {
	Processor      *Machine
	Distributed    bool   // children are executions of their own
	ExecutionType  string // STANDARD or EXPRESS when Distributed
	Label          string // part of the children's ARNs; may be empty
	Items          *Template
	ItemReader     *ItemReader
	ItemSelector   *Template
	MaxConcurrency *Template
	ToleratedCount *Template
	ToleratedShare *Template // ToleratedFailurePercentage
	ResultWriter   *ResultWriter
}

// ItemReader reads the items of a Distributed Map from S3.
type ItemReader struct {
	Resource  string
	Arguments *Template
	InputType string // JSON or JSONL
	MaxItems  *Template
}

// ResultWriter says what becomes of the results of a Distributed Map.
type ResultWriter struct {
	Resource       string // "" when results stay in the state's output
	Arguments      *Template
	Transformation string // NONE, COMPACT or FLATTEN
	OutputType     string // JSON or JSONL
}

// Retrier repeats a state after certain errors.
type Retrier struct {
	ErrorEquals     []string
	IntervalSeconds int64
	MaxAttempts     int64
	BackoffRate     float64
	MaxDelaySeconds int64 // 0: none
	FullJitter      bool
}

// Catcher goes on elsewhere after certain errors.
type Catcher struct {
	ErrorEquals []string
	Next        string
	Assign      *Template
	Output      *Template
}
