package asl

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/jsonata"
	"github.com/dbferry/dbferry/internal/sim"
)

// task calls its resource.
func (v *visit) task() (outcome, error) { return v.attempt("", v.callTask) }

func (v *visit) callTask() (*jsonata.Value, error) {
	t := v.state.Task
	engine := v.b.x.engine
	if v.token = ""; strings.HasSuffix(t.Resource, ".waitForTaskToken") {
		v.token = engine.Tokens.name(v.b.x)
	}
	call, heartbeat, err := v.taskCall(t)
	if err != nil {
		return nil, err
	}
	kind := taskEvents(t.Resource)
	v.record(Event{Type: kind + "Scheduled", Resource: t.Resource})
	v.record(Event{Type: kind + "Started", Resource: t.Resource})
	if v.b.ctx.Err() != nil {
		return nil, errAborted
	}
	p := newPending(engine.Kernel, v.b.ctx, heartbeat)
	defer p.close()
	v.start(p, call)
	result, err := p.wait(v.b.ctx)
	if err == errAborted {
		return nil, err
	}
	return v.taskEnded(kind, result, err)
}

// taskEvents is the prefix of a task's events: a Lambda function named by its
// ARN has its own kind.
func taskEvents(resource string) string {
	if strings.HasPrefix(resource, "arn:aws:lambda:") {
		return "LambdaFunction"
	}
	return "Task"
}

// taskCall evaluates the fields of a Task.
func (v *visit) taskCall(t *Task) (call TaskCall, heartbeat time.Duration, err error) {
	call = TaskCall{Execution: v.b.x, State: v.state.Name, Resource: t.Resource, Attempt: v.retries, Token: v.token}
	limit, err := v.evaluateWhole(t.TimeoutSeconds, 1, 0)
	if err != nil {
		return call, 0, err
	}
	beat, err := v.evaluateWhole(t.HeartbeatSeconds, 1, 0)
	if err != nil {
		return call, 0, err
	}
	if call.Credentials, err = v.raw(t.Credentials); err != nil {
		return call, 0, err
	}
	call.Arguments, err = v.raw(t.Arguments)
	call.Timeout = time.Duration(limit) * time.Second
	return call, time.Duration(beat) * time.Second, err
}

// raw evaluates an optional template into JSON within the payload limit.
func (v *visit) raw(t *Template) (json.RawMessage, error) {
	value, err := v.evaluate(t, nil)
	if err != nil || value == nil {
		return nil, err
	}
	return value.JSON(), v.b.x.sized(value, t.Field+" of the state '"+v.state.Name+"' has")
}

// start lets the Env do the call in a process of its own, since a time-out does
// not wait for it.
func (v *visit) start(p *pending, call TaskCall) {
	x := v.b.x
	call.Heartbeat = p.beat
	if call.Timeout > 0 {
		p.after(call.Timeout, &Error{Name: ErrTimeout})
	}
	if call.Token != "" {
		p.token, p.tokens = call.Token, x.engine.Tokens
		p.tokens.open(call.Token, p)
	}
	x.engine.Kernel.Go(func() {
		result, err := x.engine.Env.Invoke(p.scope, call)
		if p.done {
			return
		}
		if err == nil && (call.Token != "" || strings.Contains(call.Resource, ".sync")) {
			v.record(Event{Type: "TaskSubmitted", Resource: call.Resource})
		}
		p.returned(result, err)
	})
}

func (v *visit) taskEnded(kind string, raw json.RawMessage, err error) (*jsonata.Value, error) {
	result := jsonata.NewNull()
	if err == nil && len(raw) > 0 {
		if result, err = jsonata.Parse(raw); err != nil {
			err = &Error{Name: ErrRuntime, Cause: v.located("The result of the task is not JSON: " + err.Error())}
		}
	}
	if err == nil {
		err = v.b.x.sized(result, "The state/task '"+v.state.Task.Resource+"' returned a result of")
	}
	if err == nil {
		v.record(Event{Type: kind + "Succeeded", Resource: v.state.Task.Resource})
		return result, nil
	}
	e := named(err)
	ended := "Failed"
	if e.Name == ErrTimeout || e.Name == ErrHeartbeatTimeout {
		ended = "TimedOut"
	}
	v.record(Event{Type: kind + ended, Resource: v.state.Task.Resource, Error: e.Name, Cause: e.Cause})
	return nil, e
}

// pending is a call that has begun. The first of answer, error and time-out
// settles it.
type pending struct {
	k         *sim.Kernel
	scope     *sim.Scope // of the Env's call
	gate      *sim.Gate
	heartbeat time.Duration
	stopBeat  func()
	timers    []func()
	tokens    *Tokens
	token     string

	done      bool
	submitted bool // the call has returned, for a task that waits for its token
	answered  bool // the token has been answered
	result    json.RawMessage
	err       error
}

func newPending(k *sim.Kernel, ctx context.Context, heartbeat time.Duration) *pending {
	p := &pending{k: k, scope: k.NewScope(ctx), gate: k.NewGate(), heartbeat: heartbeat}
	p.beat()
	return p
}

// beat restarts the heartbeat clock; the overall time-out goes on.
func (p *pending) beat() {
	if p.heartbeat == 0 || p.done {
		return
	}
	if p.stopBeat != nil {
		p.stopBeat()
	}
	p.stopBeat = p.k.After(p.heartbeat, func() { p.settle(nil, &Error{Name: ErrHeartbeatTimeout}) })
}

func (p *pending) after(d time.Duration, e *Error) {
	p.timers = append(p.timers, p.k.After(d, func() { p.settle(nil, e) }))
}

func (p *pending) settle(result json.RawMessage, err error) {
	if p.done {
		return
	}
	p.done, p.result, p.err = true, result, err
	p.gate.Open()
}

// returned is the end of the Env's call. With a token only its failure settles
// the task; an answer that came during the call counts from here on.
func (p *pending) returned(result json.RawMessage, err error) {
	switch {
	case p.token == "" || err != nil:
		p.settle(result, err)
	case p.answered:
		p.settle(p.result, p.err)
	default:
		p.submitted = true
	}
}

// answer takes the answer to the token.
func (p *pending) answer(result json.RawMessage, err error) {
	p.answered = true
	if p.submitted {
		p.settle(result, err)
		return
	}
	p.result, p.err = result, err
}

func (p *pending) wait(ctx context.Context) (json.RawMessage, error) {
	for !p.done {
		if p.gate.Wait(ctx) != nil {
			p.done = true
			return nil, errAborted
		}
	}
	return p.result, p.err
}

// close stops the clocks, lets the Env know that nobody waits, and makes the
// token stale.
func (p *pending) close() {
	p.done = true
	for _, stop := range p.timers {
		stop()
	}
	if p.stopBeat != nil {
		p.stopBeat()
	}
	p.scope.Cancel(errAborted)
	p.scope.Close()
	if p.tokens != nil {
		p.tokens.close(p.token)
	}
}
