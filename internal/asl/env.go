package asl

import (
	"context"
	"encoding/json"
	"time"
)

// Env does what a state machine asks of the world. Its methods run as processes
// of the engine's kernel and may sleep there. An error that is (or wraps) an
// *Error fails the state under that name.
type Env interface {
	// Invoke performs a Task and returns its result as JSON. The context is
	// cancelled when nobody waits any longer (time-out, stop, a failed sibling):
	// obeying it is optional, since AWS does not stop a Lambda either. For a
	// resource that ends in .waitForTaskToken the result is ignored; the answer
	// comes through Engine.Tokens.
	Invoke(ctx context.Context, call TaskCall) (json.RawMessage, error)
	// ReadItems returns the items of a Distributed Map; DecodeItems helps. Errors
	// without a name become States.ItemReaderFailed.
	ReadItems(ctx context.Context, call ReadCall) ([]json.RawMessage, error)
	// WriteResults stores the files of a Distributed Map's ResultWriter. Errors
	// without a name become States.ResultWriterFailed.
	WriteResults(ctx context.Context, call WriteCall) error
	// StartChild starts one child execution of a Distributed Map: usually it
	// checks and records, then returns Engine.Start(call.Machine, call.Input,
	// call.Meta).
	StartChild(ctx context.Context, call ChildCall) (*Execution, error)
}

// TaskCall is one attempt of a Task.
type TaskCall struct {
	Execution   *Execution
	State       string
	Resource    string          // as in the definition
	Arguments   json.RawMessage // nil when the state has none
	Credentials json.RawMessage // nil: the machine's own role
	Attempt     int             // 0, then 1 for the first retry
	Timeout     time.Duration   // 0: none
	Token       string          // for .waitForTaskToken, else ""

	// Heartbeat restarts the state's HeartbeatSeconds.
	Heartbeat func()
}

// ReadCall asks for the items of a Distributed Map.
type ReadCall struct {
	Execution *Execution
	State     string
	Resource  string          // arn:aws:states:::s3:getObject
	Arguments json.RawMessage // Bucket, Key, perhaps VersionId
	InputType string          // JSON or JSONL
}

// WriteCall hands over the results of a Distributed Map.
type WriteCall struct {
	Execution *Execution
	State     string
	Resource  string // arn:aws:states:::s3:putObject
	Bucket    string
	MapRunArn string
	Files     []ResultFile // manifest.json last
}

// ResultFile is one object to put.
type ResultFile struct {
	Key  string
	Body []byte
}

// ChildCall asks for one child execution of a Distributed Map.
type ChildCall struct {
	Parent  *Execution
	State   string
	Label   string
	Index   int
	Machine *Machine
	Input   json.RawMessage
	Meta    Meta // complete: ARNs, name, map run
}

// Meta says who an execution is. Times and the role are seen by the machine in
// $states.context.
type Meta struct {
	ExecutionArn     string
	Name             string
	RoleArn          string
	StateMachineArn  string
	StateMachineName string
	MapRunArn        string // of a Distributed Map's child, else ""
}
