package rehearsal

import (
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
)

// Outcome is how one refresh went, before anything is looked up.
type Outcome struct {
	Target         string
	RefreshID      string // empty when none was begun
	Verdict, Cause string
	Asked          time.Time // when the operator first did something about it
	Began, Ended   time.Time
	Production     states.Report
	Restore        *states.Report // the execution that did the work; nil when none began
	Switch         *Switched      // of the application afterwards; nil when there was none
}

// Refresh is what an operator does for one refresh: it asks the target whether
// it is ready, starts production-backup, and waits for the end of the restore.
// With Scenario.Resume it continues once what did not end well.
func (o *Operator) Refresh(target string, input refresh.BackupInput) (Outcome, error) {
	out := Outcome{Target: target, Asked: o.Now(), Began: o.Now()}
	if _, err := o.Ready(target); err != nil {
		out.Verdict, out.Cause, out.Ended = VerdictRefused, err.Error(), o.Now()
		return out, nil
	}
	o.s.startWriters(o.ctx)
	out.Began = o.Now()
	arn, err := o.Start(o.BackupMachine(target), input)
	if err != nil {
		return out, err
	}
	if out.Production, err = o.awaitOrResume(target, arn, o.s.config.ProductionPlace()); err != nil {
		return out, err
	}
	out.RefreshID = o.s.refreshOf(o.s.config.ProductionPlace(), arn)
	if out.Production.Status != asl.Succeeded {
		out.Verdict, out.Cause, out.Ended = verdictOf(out.Production), out.Production.Cause, out.Production.Stop
		return out, o.Settle()
	}
	return o.AwaitRestore(out)
}

// awaitOrResume waits for an execution and, when the scenario says so, resumes
// one that did not end well.
func (o *Operator) awaitOrResume(target, arn string, p names.Place) (states.Report, error) {
	r, err := o.Await(arn)
	if err != nil || r.Status == asl.Succeeded || !o.s.scenario.Resume {
		return r, err
	}
	return o.Resume(r.MachineARN, o.s.refreshOf(p, arn))
}

// Resume continues a refresh in a new execution of a machine, as the
// notification of a failure tells the operator to, and waits for its end.
func (o *Operator) Resume(machine, refreshID string) (states.Report, error) {
	if err := o.Settle(); err != nil {
		return states.Report{}, err
	}
	arn, err := o.Start(machine, map[string]string{"resume": refreshID})
	if err != nil {
		return states.Report{}, err
	}
	r, err := o.Await(arn)
	if err != nil {
		return r, err
	}
	return r, o.Settle()
}

// AwaitRestore waits for the restore of a refresh that production has published.
func (o *Operator) AwaitRestore(out Outcome) (Outcome, error) {
	t, err := o.s.config.Target(out.Target)
	if err != nil {
		return out, err
	}
	for until := o.Now().Add(Horizon); o.Now().Before(until); {
		if o.s.worker(t, out.Began) != nil {
			if err := o.Settle(); err != nil {
				return out, err
			}
			return o.concludeRestore(t, out)
		}
		if err := o.Sleep(lookEvery); err != nil {
			return out, err
		}
	}
	out.Verdict, out.Ended = VerdictFailed, o.Now()
	out.Cause = fmt.Sprintf("production-backup succeeded, but staging-restore had not ended %s after it", Horizon)
	return out, nil
}

func (o *Operator) concludeRestore(t config.Target, out Outcome) (Outcome, error) {
	out.Restore = o.s.worker(t, out.Began)
	if out.Restore == nil { // another one began while things settled
		return o.AwaitRestore(out)
	}
	if out.Restore.Status != asl.Succeeded && o.s.scenario.Resume {
		again, err := o.Resume(out.Restore.MachineARN, out.RefreshID)
		if err != nil {
			return out, err
		}
		out.Restore = &again
	}
	out.Verdict, out.Cause, out.Ended = verdictOf(*out.Restore), out.Restore.Cause, out.Restore.Stop
	return out, nil
}

// worker is the execution of staging-restore that did the work since a moment,
// once all have ended: both the event and the manifest start one, and the claim
// makes the second end at once.
func (s *stage) worker(t config.Target, since time.Time) *states.Report {
	var best *states.Report
	for _, r := range s.states.Executions(t.Account) {
		if r.MachineARN != s.config.Place(t).MachineARN("staging-restore", t.Name) || r.Start.Before(since) {
			continue
		}
		if r.Status == asl.Running {
			return nil
		}
		if best == nil || r.Events+r.Children.Events > best.Events+best.Children.Events {
			best = &r
		}
	}
	return best
}

// verdictOf is the verdict of an execution.
func verdictOf(r states.Report) string {
	switch {
	case r.Status == asl.Succeeded:
		return VerdictSucceeded
	case r.Error != "":
		return r.Error
	}
	return string(r.Status)
}

// manifest is the manifest in the target's inbox.
func (s *stage) manifest(t config.Target, refreshID string) ([]byte, bool) {
	return s.s3.Object(s.config.Place(t).Inbox(), names.ManifestKey(refreshID))
}
