package switchover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
)

// hookRun is a hook's run in one direction.
type hookRun struct {
	*step
	plan      *Plan
	hook      config.Hook
	direction Direction
	key       string
	began     *begun
}

// state is how far a run is: result is what it ended with, once it has.
type state struct {
	ended, well bool
	nothing     bool // it ended, and has done nothing
	result      string
}

// hook finds a hook's configuration by the name in its move.
func (s *step) hook(name string) (config.Hook, error) {
	for _, h := range s.t.Switch.Hooks {
		if h.Name == name {
			return h, nil
		}
	}
	return config.Hook{}, fault.New(fault.BadRequest, "run the hook", name, "finish or undo the switch with the configuration that it began with", "the configuration has no such hook any more")
}

// runHook runs something of the user's once per direction and records how it
// ended. A hook whose reply was lost may be run again: hooks must bear that. On
// the way back only what was started runs again.
func (s *step) runHook(ctx context.Context, p *Plan, m Move, d Direction) (bool, error) {
	h, err := s.hook(m.Name)
	if err != nil {
		return false, err
	}
	if d == Backward {
		if rest, err := s.atRest(ctx, p, m, h); err != nil || rest == neverRan {
			return err == nil, err
		} else if rest == stillRuns {
			return false, nil
		}
	}
	b, key, err := s.attempt(ctx, p, m, d, "")
	if err != nil || b.Done {
		return b.Done, err
	}
	if b.Over {
		return false, b.again()
	}
	r := hookRun{s, p, h, d, key, &b}
	now, err := r.look(ctx)
	switch limit := time.Duration(h.Limit()) * time.Minute; {
	case refused(err) && b.ID == "":
		b.Refused = true
		return false, s.over(ctx, key, b, err)
	case err != nil:
		return false, err
	case now.well:
		return true, s.well(ctx, key, b, now.result)
	case now.ended:
		b.Refused = now.nothing
		return false, s.over(ctx, key, b, r.fault(fault.VerifyFailed, "mend it, then start the switch again", "it ended %s", now.result))
	case s.late(b, limit):
		r.stop(ctx)
		return false, s.over(ctx, key, b, r.fault(fault.DeadlineExceeded, "look at what it does, or raise targets[].switch.hooks[].minutes", "not done after %s", limit))
	}
	s.calm = s.Now().Sub(b.Clock) > time.Minute
	return false, nil
}

// refused says whether AWS answered that it would not do it: then it has not.
func refused(err error) bool {
	return fault.Is(err, fault.Denied) || fault.Is(err, fault.BadRequest)
}

func (r hookRun) fault(name fault.Name, next, format string, args ...any) error {
	return fault.New(name, "run the hook "+r.hook.Name, r.what(), next, format, args...)
}

// what is the resource that a hook runs.
func (r hookRun) what() string {
	switch h := r.hook; {
	case h.Function != "":
		return h.Function
	case h.Automation != "":
		return h.Automation + " " + r.began.ID
	case h.Command != nil:
		return h.Command.Document + " " + r.began.ID
	}
	return r.hook.MaintenanceWindow
}

// look starts a hook that has not been started, and says how far it is.
func (r hookRun) look(ctx context.Context) (state, error) {
	switch h := r.hook; {
	case h.Function != "":
		return r.invoke(ctx)
	case h.Automation != "":
		return r.automation(ctx)
	case h.Command != nil:
		return r.command(ctx)
	}
	return r.window(ctx)
}

// stop asks AWS to stop what has taken too long or is to be undone. It need not
// succeed: a run that has just ended cannot be stopped.
func (r hookRun) stop(ctx context.Context) {
	if r.began.ID == "" || r.began.Stopped {
		return
	}
	var err error
	switch {
	case r.hook.Automation != "":
		err = r.stopAutomation(ctx)
	case r.hook.Command != nil:
		err = r.cancelCommand(ctx)
	}
	r.began.Stopped = true
	if err != nil {
		r.Log.Warn("the hook could not be stopped", "hook", r.hook.Name, "error", err.Error())
	}
}

// rest is what the way back finds of a hook's way forward.
type rest int

const (
	neverRan rest = iota
	stillRuns
	hasEnded
)

// atRest keeps the way back of a hook from running beside its way forward,
// which might then have the last word.
func (s *step) atRest(ctx context.Context, p *Plan, m Move, h config.Hook) (rest, error) {
	key := startedKey(p, m, Forward)
	var b begun
	_, found, err := s.ledger.Get(ctx, key, &b)
	if err != nil || !found || b.Refused {
		return neverRan, err
	}
	r := hookRun{s, p, h, Forward, key, &b}
	switch {
	case b.Done || h.Function != "":
		return hasEnded, nil
	case h.MaintenanceWindow != "":
		if all, err := r.executions(ctx); err != nil || len(all) == 0 {
			return neverRan, err // nothing has seen the pointers as they were meanwhile
		}
		return hasEnded, nil
	case b.ID == "":
		return hasEnded, nil // if it was started at all, which cannot be known
	}
	now, err := r.look(ctx)
	if err != nil || now.ended {
		return hasEnded, err
	}
	return stillRuns, s.waitForStop(ctx, r)
}

// waitForStop asks once that the way forward stop, and waits for it as long as
// the hook may take.
func (s *step) waitForStop(ctx context.Context, r hookRun) error {
	if !r.began.Stopped {
		r.stop(ctx)
		if err := s.ledger.Put(ctx, r.key, r.began); err != nil {
			return err
		}
	}
	b, err := s.intend(ctx, r.plan, r.key+".stop", "")
	if err != nil || !s.late(b, time.Duration(r.hook.Limit())*time.Minute) {
		return err
	}
	return r.fault(fault.DeadlineExceeded, `end it in the Systems Manager console, then {"undo":true}`, "its way forward still runs, though it was asked to stop")
}

// values are the pointers with their values, for a hook that wants to know.
func (p *Plan) values(d Direction) map[string]string {
	out := map[string]string{}
	for _, m := range p.of(Parameter, CNAME) {
		_, out[m.Name] = m.ends(d)
	}
	return out
}

// token is a UUID of a text, the form that SSM wants.
func token(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	h := hex.EncodeToString(sum[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
}
