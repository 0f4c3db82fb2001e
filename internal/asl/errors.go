package asl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is an error as a state machine sees it: a name to match, a cause to
// read. An Env returns one to fail a task by name.
type Error struct {
	Name  string
	Cause string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Name, e.Cause) }

// Reserved error names (Developer Guide, "Handling errors in Step Functions
// workflows").
const (
	ErrALL                = "States.ALL"
	ErrBranchFailed       = "States.BranchFailed"
	ErrDataLimitExceeded  = "States.DataLimitExceeded"
	ErrExceedTolerated    = "States.ExceedToleratedFailureThreshold"
	ErrHeartbeatTimeout   = "States.HeartbeatTimeout"
	ErrHTTPSocket         = "States.Http.Socket"
	ErrItemReaderFailed   = "States.ItemReaderFailed"
	ErrNoChoiceMatched    = "States.NoChoiceMatched"
	ErrPermissions        = "States.Permissions"
	ErrQueryEvaluation    = "States.QueryEvaluationError"
	ErrResultWriterFailed = "States.ResultWriterFailed"
	ErrRuntime            = "States.Runtime"
	ErrTaskFailed         = "States.TaskFailed"
	ErrTimeout            = "States.Timeout"
)

var reservedErrors = []string{
	ErrALL, ErrBranchFailed, ErrDataLimitExceeded, ErrExceedTolerated, ErrHeartbeatTimeout, ErrHTTPSocket,
	ErrItemReaderFailed, ErrNoChoiceMatched, ErrPermissions, ErrQueryEvaluation, ErrResultWriterFailed,
	ErrRuntime, ErrTaskFailed, ErrTimeout,
}

// Reserved says whether AWS gives the error name a meaning: its own States names
// and the errors of the Lambda service.
func Reserved(name string) bool {
	return slices.Contains(reservedErrors, name) || strings.HasPrefix(name, "Lambda.")
}

// matches says whether a Retry or Catch for these names takes the error.
// States.Runtime is terminal; States.DataLimitExceeded must be named;
// States.Timeout includes a missed heartbeat; States.TaskFailed is everything
// but time-outs.
func matches(names []string, err *Error) bool {
	if err.Name == ErrRuntime {
		return false
	}
	for _, name := range names {
		switch {
		case name == err.Name:
			return true
		case err.Name == ErrDataLimitExceeded:
		case name == ErrALL:
			return true
		case name == ErrTimeout && err.Name == ErrHeartbeatTimeout:
			return true
		case name == ErrTaskFailed && err.Name != ErrTimeout && err.Name != ErrHeartbeatTimeout:
			return true
		}
	}
	return false
}

// errAborted unwinds the processes of an execution that has ended, or of a
// branch whose sibling has failed. No Retry or Catch sees it.
var errAborted = errors.New("asl: aborted")

// named is the *Error in err, or one named States.TaskFailed.
func named(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Name: ErrTaskFailed, Cause: err.Error()}
}
