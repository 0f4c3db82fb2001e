package rehearsal

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/switchover"
)

// Switched is how a switch of a target's application went.
type Switched struct {
	RefreshID      string // of the generation that was asked for
	Previous       string // that served before; empty when it is not known
	Verdict, Cause string
	Duration       time.Duration // simulated, from the start until its pointers had moved or were back; its clean-up does not count
	AWS            time.Duration // of these, in which AWS had not finished what it was asked to change
	Moves          []string      // each pointer's way, for a person
	Execution      states.Report
}

// SwitchMachine is the machine that moves a target's applications.
func (o *Operator) SwitchMachine(target string) string {
	t, err := o.s.config.Target(target)
	if err != nil {
		return ""
	}
	return o.s.config.Place(t).MachineARN("staging-switch", target)
}

// Switch starts a target's switch and waits for its end.
func (o *Operator) Switch(target string, input switchover.Input) (Switched, error) {
	arn, err := o.Start(o.SwitchMachine(target), input)
	if err != nil {
		return Switched{}, err
	}
	return o.awaitSwitch(target, arn)
}

// switchAfter is the switch that follows a refresh: the end of the restore has
// started it, or the operator does.
func (o *Operator) switchAfter(out Outcome) (Switched, error) {
	t, err := o.s.config.Target(out.Target)
	if err != nil {
		return Switched{}, err
	}
	input := switchover.Input{RefreshID: out.RefreshID}
	var w Switched
	if t.Switch.Automatic {
		arn, found := o.s.startedSince(o.SwitchMachine(out.Target), out.Began)
		if !found {
			return Switched{RefreshID: out.RefreshID, Verdict: VerdictFailed, Cause: "targets[].switch.automatic is set, but the restore started no switch"}, nil
		}
		w, err = o.awaitSwitch(out.Target, arn)
	} else {
		w, err = o.Switch(out.Target, input)
	}
	if err != nil || w.Verdict == VerdictSucceeded || !o.s.scenario.Resume {
		return w, err
	}
	return o.Switch(out.Target, input)
}

// startedSince finds the first execution of a machine since a moment.
func (s *stage) startedSince(machine string, since time.Time) (arn string, found bool) {
	for _, x := range s.states.Executions("") {
		if x.MachineARN == machine && !x.Start.Before(since) {
			return x.ARN, true
		}
	}
	return "", false
}

func (o *Operator) awaitSwitch(target, arn string) (Switched, error) {
	r, err := o.Await(arn)
	if err == nil {
		err = o.Settle()
	}
	if err != nil {
		return Switched{}, err
	}
	w := Switched{Verdict: verdictOf(r), Cause: r.Cause, Duration: r.Stop.Sub(r.Start), Execution: r}
	p, found, err := o.s.switchPlan(target)
	if err != nil || !found || p.Execution != arn {
		return w, err // it was refused
	}
	w.RefreshID, w.Previous = p.RefreshID, p.Previous
	if !p.EndedAt.IsZero() {
		w.Duration = p.EndedAt.Sub(r.Start)
	}
	w.AWS = o.s.waitedBetween(r.Start, r.Start.Add(w.Duration))
	for _, m := range p.Moves {
		w.Moves = append(w.Moves, m.String())
	}
	return w, nil
}

// waitedBetween is in how much of a time at least one piece of asynchronous AWS
// work was going on.
func (s *stage) waitedBetween(from, to time.Time) time.Duration {
	var waits []Wait
	for _, w := range s.w.Waits.All() {
		if w.Finished.IsZero() {
			w.Finished = to
		}
		if w.Began.Before(to) && w.Finished.After(from) {
			waits = append(waits, Wait{Began: max(0, w.Began.Sub(from)), Finished: min(to.Sub(from), w.Finished.Sub(from))})
		}
	}
	return covered(waits)
}

// switchPlan is the target's latest switch, as its ledger has it.
func (s *stage) switchPlan(target string) (p switchover.Plan, found bool, err error) {
	t, err := s.config.Target(target)
	if err != nil {
		return p, false, err
	}
	raw, found := s.s3.Object(s.config.Place(t).Ledger(), switchover.PlanKey)
	if !found {
		return p, false, nil
	}
	return p, true, json.Unmarshal(raw, &p)
}

// Where a rehearsed switch leads to.
const (
	ToPrevious = "previous" // the way back: staging serves the latest generation
	ToLatest   = "latest"   // staging serves the previous one
)

// switchScene gives a target's application two generations that its ledger
// knows, of which the one that is not asked for serves.
func (s Scenario) switchScene(c config.Config, g ground.Ground) (ground.Ground, error) {
	if s.Target == AllTargets {
		return g, fmt.Errorf("a switch alone is rehearsed for one target; name it")
	}
	t, err := s.target(c)
	if err != nil {
		return g, err
	}
	if t.Switch == nil {
		return g, fmt.Errorf("target %s has no switch in dbferry.json; docs/switch.md shows one", t.Name)
	}
	const latest = "202602080300-b2c3d4"
	serving := ground.Serving{RefreshID: latest, Others: []string{ground.FirstGeneration}, Recorded: true, Rotated: true}
	switch s.SwitchTo {
	case ToPrevious:
	case ToLatest:
		serving.RefreshID, serving.Others[0] = serving.Others[0], serving.RefreshID
	default:
		return g, fmt.Errorf("a switch leads to %s or %s, not to %q", ToPrevious, ToLatest, s.SwitchTo)
	}
	return g.WithApplication(c, t.Name, serving)
}

// switchTo lets an operator switch a target to the generation that does not serve.
func (o *Operator) switchTo(target string) (Outcome, error) {
	out := Outcome{Target: target, Asked: o.Now(), Began: o.Now()}
	t, err := o.s.config.Target(target)
	if err != nil {
		return out, err
	}
	w, err := o.Switch(target, switchover.Input{RefreshID: o.s.ground.Account(t.Account).Application.Generations[1].RefreshID})
	out.Switch, out.RefreshID, out.Verdict, out.Cause, out.Ended = &w, w.RefreshID, w.Verdict, w.Cause, w.Execution.Stop
	return out, err
}

// over is when all of it had ended.
func (o Outcome) over() time.Time {
	if o.Switch != nil && o.Switch.Execution.Status != "" && o.Switch.Execution.Status != asl.Running && o.Switch.Execution.Stop.After(o.Ended) {
		return o.Switch.Execution.Stop
	}
	return o.Ended
}
