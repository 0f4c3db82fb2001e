// Package fault names what can go wrong, in names that Amazon States Language
// can match. Inside a function errors are wrapped as usual; the outermost named
// one is found at the edge (internal/lambdafn) and becomes the errorType that
// the state machine sees.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Name is an error name as it stands in ErrorEquals.
type Name string

// The names. docs/verdicts.md has the table from name to verdict.
const (
	// Try again: nothing was lost.
	Throttled   Name = "Ferry.Throttled"   // AWS limits the rate of calls
	Unavailable Name = "Ferry.Unavailable" // AWS answered with a server error, or the reply was lost

	// Nothing has begun.
	BadRequest Name = "Ferry.BadRequest" // the input or the configuration is wrong
	Busy       Name = "Ferry.Busy"       // another run holds a lock
	NotReady   Name = "Ferry.NotReady"   // a preflight check says no
	Forged     Name = "Ferry.Forged"     // a manifest or an event is not what production said
	Stale      Name = "Ferry.Stale"      // an event is about a refresh that is old or overtaken

	// A policy, on either side, forbids it.
	Denied Name = "Ferry.Denied"

	// AWS or our own proof says no.
	BackupFailed  Name = "Ferry.BackupFailed"
	CopyFailed    Name = "Ferry.CopyFailed"
	RestoreFailed Name = "Ferry.RestoreFailed"
	VerifyFailed  Name = "Ferry.VerifyFailed"
	SpreadTooWide Name = "Ferry.SpreadTooWide"
	LoginFailed   Name = "Ferry.LoginFailed"

	// A person has said no to a plan.
	NotApproved Name = "Ferry.NotApproved"
	// AWS has not switched over, and has put everything back.
	SwitchoverFailed Name = "Ferry.SwitchoverFailed"

	// A name that dbferry needs belongs to something that it did not make.
	NameTaken Name = "Ferry.NameTaken"

	// The absolute deadline of a wait has passed.
	DeadlineExceeded Name = "Ferry.DeadlineExceeded"

	// dbferry's own mistake.
	Bug Name = "Ferry.Bug"
)

// Names lists all names; the lint of the state machines allows no others.
func Names() []Name {
	return []Name{
		Throttled, Unavailable, BadRequest, Busy, NotReady, Forged, Stale, Denied,
		BackupFailed, CopyFailed, RestoreFailed, VerifyFailed, SpreadTooWide, LoginFailed,
		NotApproved, SwitchoverFailed, NameTaken, DeadlineExceeded, Bug,
	}
}

// Error says what failed, on which resource, and what the operator does next.
type Error struct {
	Name     Name
	Op       string // what was being done: "copy the recovery point"
	Resource string // on what: an ARN or a name
	Next     string // what the operator should do; may be empty when nothing helps
	Cause    error
}

// Error joins the parts into one sentence each.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("cannot " + e.Op)
	if e.Resource != "" {
		b.WriteString(" (" + e.Resource + ")")
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	if e.Next != "" {
		b.WriteString(". Next: " + e.Next)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes a named error whose cause is a formatted text.
func New(name Name, op, resource, next, format string, args ...any) *Error {
	return &Error{Name: name, Op: op, Resource: resource, Next: next, Cause: fmt.Errorf(format, args...)}
}

// NameOf finds the outermost name in an error chain; an error without one is a
// bug, because every error that can be foreseen has a name.
func NameOf(err error) Name {
	var e *Error
	if errors.As(err, &e) {
		return e.Name
	}
	return Bug
}

// Is says whether err carries the name.
func Is(err error, name Name) bool { return err != nil && NameOf(err) == name }
