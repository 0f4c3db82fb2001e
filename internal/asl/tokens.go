package asl

import (
	"encoding/json"
	"fmt"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// Tokens are the task tokens of an engine. Its methods are SendTaskSuccess,
// SendTaskFailure and SendTaskHeartbeat; they return an *Error named as the
// API's: InvalidToken, TaskTimedOut (closed or late), InvalidOutput.
type Tokens struct {
	pending map[string]*pending // nil: closed
}

func newTokens() *Tokens { return &Tokens{pending: map[string]*pending{}} }

// name makes a token that no other attempt has.
func (t *Tokens) name(x *Execution) string {
	return fmt.Sprintf("AQC%016x%016x", x.rng.Uint64(), x.rng.Uint64())
}

func (t *Tokens) open(token string, p *pending) { t.pending[token] = p }

func (t *Tokens) close(token string) { t.pending[token] = nil }

func (t *Tokens) find(token string) (*pending, error) {
	p, known := t.pending[token]
	switch {
	case !known:
		return nil, &Error{Name: "InvalidToken", Cause: "Invalid Token: no task has this token"}
	case p == nil || p.done || p.answered:
		return nil, &Error{Name: "TaskTimedOut", Cause: "Task Timed Out: the task of this token has ended"}
	}
	return p, nil
}

// Succeed answers the task with its result.
func (t *Tokens) Succeed(token string, output json.RawMessage) error {
	p, err := t.find(token)
	if err != nil {
		return err
	}
	v, err := jsonata.Parse(output)
	if err != nil {
		return &Error{Name: "InvalidOutput", Cause: err.Error()}
	}
	if n := v.Size(); n > MaxPayload {
		return &Error{Name: "InvalidOutput", Cause: tooLarge("The output has", n).Error()}
	}
	p.answer(v.JSON(), nil)
	return nil
}

// Fail answers the task with an error.
func (t *Tokens) Fail(token, name, cause string) error {
	p, err := t.find(token)
	if err == nil {
		p.answer(nil, &Error{Name: name, Cause: cause})
	}
	return err
}

// Heartbeat restarts the task's HeartbeatSeconds.
func (t *Tokens) Heartbeat(token string) error {
	p, err := t.find(token)
	if err == nil {
		p.beat()
	}
	return err
}
