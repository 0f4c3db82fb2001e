package rehearsal_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/ssm"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/switchover"
)

const hookWindow = "mw-0123456789abcdef0"

// oneOfEach is a hook of every kind.
func oneOfEach() []config.Hook {
	return []config.Hook{
		{Name: "function", Function: "arn:aws:lambda:eu-west-1:222222222222:function:restart-shop", Minutes: 2},
		{Name: "automation", Automation: "RestartShop", Minutes: 2},
		{Name: "command", Command: &config.RunCommand{Document: "AWS-RunShellScript", Tag: config.Tag{Key: "app", Value: "shop"}, Commands: []string{"systemctl restart shop"}}, Minutes: 2},
		{Name: "window", MaintenanceWindow: hookWindow, Minutes: 30},
	}
}

// change changes what becomes of a hook.
func (s *switcher) change(hook string, change func(*ground.Hook)) {
	s.t.Helper()
	if err := s.ChangeHook("staging", hook, change); err != nil {
		s.t.Fatal(err)
	}
}

// hooksSince are the runs since the n-th, in the form "function forward".
func (s *switcher) hooksSince(n int) string {
	var out []string
	for _, r := range s.HookRuns()[n:] {
		phase := ""
		for _, d := range []switchover.Direction{switchover.Forward, switchover.Backward} {
			if strings.Contains(r.Input, string(d)) {
				phase = " " + string(d)
			}
		}
		out = append(out, r.Hook+phase)
	}
	return strings.Join(out, ", ")
}

// TestHooksRunInTheirOrder and are told which way, with what the pointers hold;
// the way back runs them as well, and how each ended is on record.
func TestHooksRunInTheirOrder(t *testing.T) {
	onBoth(t, func(s *switcher) {
		for i, id := range []string{latest, served} {
			n := len(s.HookRuns())
			s.to(rehearsal.VerdictSucceeded, id)
			s.uses(id)
			if got := s.hooksSince(n); got != "function forward, automation forward, command" {
				t.Errorf("to %s ran %s", id, got)
			}
			if in := s.HookRuns()[n].Input; !strings.Contains(in, `"/staging/shop-carts/table":"shop-carts-`+id+`"`) || !strings.Contains(in, `"refreshId":"`+id+`"`) {
				t.Errorf("the function was given %s", in)
			}
			for hook, want := range map[string]string{"function": "returned", "automation": "Success", "command": "Success on 1 instances", "window": "SUCCESS"} {
				if got := s.outcome("hook "+hook, switchover.Forward); got != want {
					t.Errorf("switch %d, %s is recorded as %q", i+1, hook, got)
				}
			}
			s.to(rehearsal.VerdictSucceeded, id) // confirms, and runs nothing
			if got := len(s.HookRuns()); got != n+3 {
				t.Errorf("confirming ran %s", s.hooksSince(n+3))
			}
		}
	})
}

// TestAHookThatFailsRollsBack: everything goes back, hooks that had run run
// again for the way back, and mail and record say why.
func TestAHookThatFailsRollsBack(t *testing.T) {
	onBoth(t, func(s *switcher) {
		for _, x := range []struct{ hook, says, ran string }{
			{"function", "with an error (Unhandled)", "function forward, function backward"},
			{"automation", "Failed", "function forward, automation forward, function backward, automation backward"},
			{"command", "Failed (Failed): of 1 instances 1 have answered, 1 of them with an error", "function forward, automation forward, command, function backward, automation backward, command"},
			{"window", "FAILED", "function forward, automation forward, command, function backward, automation backward, command"},
		} {
			n := len(s.HookRuns())
			s.change(x.hook, func(h *ground.Hook) { h.Failing = 1 })
			if x.hook == "window" {
				s.window(ssm.WindowSpec{Every: 15 * time.Minute, Takes: time.Minute, Failing: 1})
			}
			r := s.to(refresh.RolledBack, latest)
			s.uses(served)
			s.told(r, "run the hook "+x.hook, x.says)
			if got := s.hooksSince(n); got != x.ran {
				t.Errorf("when the %s failed, %s ran", x.hook, got)
			}
			if got := s.outcome("hook "+x.hook, switchover.Forward); !strings.Contains(got, x.says) {
				t.Errorf("the %s is recorded as %q", x.hook, got)
			}
			s.change(x.hook, func(h *ground.Hook) { h.Failing = 0 })
		}
		s.to(rehearsal.VerdictSucceeded, latest)
		s.uses(latest)
	})
}

// TestAHookThatTakesTooLongRollsBack: AWS is asked to stop what it can stop, so
// that the way forward cannot end after the way back.
func TestAHookThatTakesTooLongRollsBack(t *testing.T) {
	onBoth(t, func(s *switcher) {
		for _, x := range []struct{ hook, says, ran string }{
			{"function", "without an answer after 2m0s", ""},
			{"automation", "not done after 2m0s", "function forward, function backward"},
			{"command", "not done after 2m0s", "function forward, automation forward, function backward, automation backward"},
			{"window", "not done after 30m0s", "function forward, automation forward, command, function backward, automation backward, command"},
		} {
			n := len(s.HookRuns())
			s.change(x.hook, func(h *ground.Hook) { h.Seconds = 600 })
			if x.hook == "window" {
				s.window(ssm.WindowSpec{Disabled: true})
			}
			// Once the pointers are back, the hook does what it should.
			s.AtEntry(entering("staging-switch", "Put everything back"), func(states.Step) {
				s.change(x.hook, func(h *ground.Hook) { h.Seconds = 20 })
			})
			r := s.to(refresh.RolledBack, latest)
			s.uses(served)
			s.told(r, "run the hook "+x.hook, x.says)
			ran := x.ran
			if x.hook != "window" {
				ran = strings.TrimPrefix(ran+", "+map[string]string{"function": "function backward", "automation": "automation backward", "command": "command"}[x.hook], ", ")
			}
			if err := s.Sleep(time.Hour); err != nil {
				t.Fatal(err)
			}
			if got := s.hooksSince(n); got != ran {
				t.Errorf("when the %s took too long, %s ran; want %s", x.hook, got, ran)
			}
		}
	})
}

// window gives the hooks' maintenance window another schedule or outcome.
func (s *switcher) window(w ssm.WindowSpec) {
	w.ID, w.Name, w.First = hookWindow, "shop", s.Now().Add(5*time.Minute)
	s.Systems().PutWindow("222222222222", w)
}

// TestAHookThatWasNeverStarted has nothing to put back: the end is RolledBack,
// not NeedsOperator. A command that found no instance is no success, though AWS
// says Success.
func TestAHookThatWasNeverStarted(t *testing.T) {
	onBoth(t, func(s *switcher) {
		for _, x := range []struct{ site, says string }{
			{"staging-switch/-/Roll the services/SSM.StartAutomationExecution=deny", "start the hook automation"},
			{"staging-switch/-/Roll the services/SSM.SendCommand=deny", "start the hook command"},
		} {
			n := len(s.HookRuns())
			s.World().Inject(fault(t, x.site)[0])
			s.to(refresh.RolledBack, latest)
			s.uses(served)
			s.Heal()
			if got, ran := s.hooksSince(n), strings.Fields(x.says)[3]; strings.Contains(got, ran) {
				t.Errorf("the %s ran: %s", ran, got)
			}
		}
		s.Systems().PutInstance("222222222222", "i-00000000000000003", map[string]string{"app": "other"})
		r := s.to(refresh.RolledBack, latest)
		s.told(r, "without an instance that carries the tag (NoInstancesInTag)", "hook command")
		s.uses(served)
	})
}

// TestAHookThatFailsBothWays needs an operator; undoing tries it again.
func TestAHookThatFailsBothWays(t *testing.T) {
	onBoth(t, func(s *switcher) {
		for _, hook := range []string{"function", "automation", "command"} {
			s.change(hook, func(h *ground.Hook) { h.Failing = 2 })
			r := s.to(refresh.NeedsOperator, latest)
			s.told(r, "run the hook "+hook, "and the way back failed: cannot run the hook "+hook)
			s.uses(served)
			n := len(s.HookRuns())
			s.start(rehearsal.VerdictSucceeded, map[string]bool{"undo": true})
			if got := s.hooksSince(n); !strings.HasPrefix(got, hook) || s.outcome("hook "+hook, switchover.Backward) == "" {
				t.Errorf("undoing ran %s: %+v", got, s.record().Outcomes)
			}
			s.uses(served)
		}
	})
}

// TestUndoStopsAHookThatStillRuns, so that its way forward does not end after
// its way back; finishing instead waits for it.
func TestUndoStopsAHookThatStillRuns(t *testing.T) {
	for name, x := range map[string]struct {
		input   any
		seconds int
		serves  string
		ran     string
	}{
		"put back": {map[string]bool{"undo": true}, 3600, served, "function forward, function backward, automation backward"},
		"finished": {map[string]string{"refreshId": latest}, 110, latest, "function forward, automation forward, command"},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(s *switcher) {
				s.change("automation", func(h *ground.Hook) { h.Seconds = x.seconds })
				arn, err := s.Start(s.SwitchMachine("staging"), map[string]string{"refreshId": latest})
				if err != nil {
					t.Fatal(err)
				}
				for !s.hookBegan("automation") {
					if err := s.Sleep(time.Second); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Stop(arn, "by a test"); err != nil {
					t.Fatal(err)
				}
				if err := s.Sleep(time.Minute); err != nil {
					t.Fatal(err)
				}
				s.change("automation", func(h *ground.Hook) { h.Seconds = 20 })
				s.start(rehearsal.VerdictSucceeded, x.input)
				s.uses(x.serves)
				if err := s.Sleep(100 * time.Minute); err != nil {
					t.Fatal(err)
				}
				if got := s.hooksSince(0); got != x.ran {
					t.Errorf("it ran %s, want %s", got, x.ran)
				}
			})
		})
	}
}

// hookBegan says whether the ledger has a hook's way forward.
func (s *switcher) hookBegan(hook string) bool {
	return slices.ContainsFunc(s.Objects().Objects(s.ledger()), func(key string) bool {
		return strings.HasPrefix(key, "switch/steps/") && strings.HasSuffix(key, "/hook-"+hook+"-forward.json")
	})
}
