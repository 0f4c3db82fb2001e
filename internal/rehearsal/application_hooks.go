package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/ssm"
	"github.com/dbferry/dbferry/internal/ground"
)

// hookRole is the role of a target's hooks, which may do nothing.
const hookRole = "shop-hooks"

// HookRun is one run of a hook that came to an end of its own.
type HookRun struct {
	At     time.Time
	Hook   string
	Input  string // what it was given
	Failed bool
}

// HookRuns are the runs of all hooks but maintenance windows, in the order of
// their ends.
func (o *Operator) HookRuns() []HookRun { return o.s.hookRuns }

// ChangeHook changes what becomes of a target's hook from now on.
func (o *Operator) ChangeHook(target, name string, change func(*ground.Hook)) error {
	for _, x := range o.s.applications() {
		for i := range x.app.Hooks {
			if h := &x.app.Hooks[i]; x.target.Name == target && h.Name == name {
				change(h)
				return o.s.putHook(x, i)
			}
		}
	}
	return fmt.Errorf("target %s has no hook %s", target, name)
}

// putHooks makes what a target's switch runs of the user's.
func (s *stage) putHooks(x site) error {
	if len(x.app.Hooks) == 0 {
		return nil
	}
	if err := s.putUserRole(x.target.Account, hookRole, "lambda.amazonaws.com", `{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"*"}`); err != nil {
		return err
	}
	for i := range x.app.Hooks {
		if err := s.putHook(x, i); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) putHook(x site, i int) error {
	h, p := &x.app.Hooks[i], s.config.Place(x.target)
	takes := time.Duration(h.Seconds) * time.Second
	switch {
	case h.Function != "":
		return s.putHookFunction(p.RoleARN(hookRole), h, takes)
	case h.Automation != "":
		s.ssm.PutDocument(p.Account, ssm.DocumentSpec{Name: h.Automation, Automator: true, Takes: takes, Do: func(in map[string][]string) error { return s.ranHook(h, fmt.Sprint(in)) }})
	case h.Command != nil:
		s.ssm.PutDocument(p.Account, ssm.DocumentSpec{Name: h.Command.Document, Takes: takes, Do: s.commandHook(x.app.Hooks, h)})
		s.ssm.PutInstance(p.Account, fmt.Sprintf("i-%017x", i+1), map[string]string{h.Command.Tag.Key: h.Command.Tag.Value})
	default:
		s.ssm.PutWindow(p.Account, ssm.WindowSpec{
			ID: h.MaintenanceWindow, Name: h.Name, Schedule: "rate(15 minutes)", First: s.w.Now().Add(time.Minute), Every: 15 * time.Minute, Hours: 1,
			Takes: takes, Failing: int64(h.Failing),
		})
	}
	return nil
}

func (s *stage) putHookFunction(role string, h *ground.Hook, takes time.Duration) error {
	parts := strings.Split(h.Function, ":")
	_, err := s.lambda.PutFunction(lambda.Function{Name: parts[6], Account: service.AccountOf(h.Function), RoleARN: role, Timeout: 15 * time.Minute,
		Code: func(ctx context.Context, event []byte) ([]byte, *lambda.FunctionError) {
			if err := s.w.Kernel.Sleep(ctx, takes); err != nil {
				return nil, nil // its time was up
			}
			if err := s.ranHook(h, string(event)); err != nil {
				return nil, &lambda.FunctionError{Type: "Error", Message: err.Error()}
			}
			return []byte("null"), nil
		}})
	return err
}

// commandHook finds out which of the hooks that share a document it was.
func (s *stage) commandHook(all []ground.Hook, of *ground.Hook) func(map[string][]string) error {
	return func(parameters map[string][]string) error {
		of := of
		for i := range all {
			if h := &all[i]; h.Command != nil && h.Command.Document == of.Command.Document && slices.Equal(h.Command.Commands, parameters["commands"]) {
				of = h
			}
		}
		return s.ranHook(of, fmt.Sprint(parameters))
	}
}

// ranHook notes a run, and says whether it is one that fails.
func (s *stage) ranHook(h *ground.Hook, input string) error {
	failed := h.Failing > 0
	s.hookRuns = append(s.hookRuns, HookRun{At: s.w.Now(), Hook: h.Name, Input: input, Failed: failed})
	if failed {
		h.Failing--
		return errors.New("the application could not be restarted")
	}
	return nil
}
