package rehearsal_test

import (
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// threeTargets are staging, qa and perf, each in an account of its own.
func threeTargets(c *config.Config) {
	qa, perf := c.Targets[0], c.Targets[0]
	qa.Name, qa.Account = "qa", "333333333333"
	perf.Name, perf.Account = "perf", "444444444444"
	c.Targets = append(c.Targets, qa, perf)
}

func TestEveryTargetIsRefreshed(t *testing.T) {
	all := runAll(t, rehearsal.Scenario{Assembly: variant(t, threeTargets), Target: rehearsal.AllTargets})
	if len(all) != 3 {
		t.Fatalf("%d results of three targets", len(all))
	}
	seen := map[string]bool{}
	for _, r := range all {
		if r.Verdict != rehearsal.VerdictSucceeded || len(r.Items) != 5 || r.RefreshID == "" || seen[r.RefreshID] {
			t.Errorf("%s: %s with %d items in refresh %q: %s", r.Target, r.Verdict, len(r.Items), r.RefreshID, r.Cause)
		}
		seen[r.RefreshID] = true
		for _, i := range r.Items {
			if !i.Same() {
				t.Errorf("%s: not the same as at the cut-off: %+v", r.Target, i)
			}
		}
		if n := len(r.Executions); n != 3 {
			t.Errorf("%s: %d executions, want its backup and two of its restore: %+v", r.Target, n, r.Executions)
		}
	}
}

// AWS runs one backup or copy of a resource at a time, so a lock is on the
// source, whichever target it is for. The one that comes second is told so, and
// may come again.
func TestTargetsShareTheLocksOfTheirSources(t *testing.T) {
	play(t, rehearsal.Scenario{Assembly: variant(t, threeTargets)}, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		var refused states.Report
		o.OnEnter(entering("production-backup", "Back up every item"), func() {
			if _, err := o.Ready("qa"); err != nil {
				t.Error(err)
			}
			arn, err := o.Start(o.BackupMachine("qa"), refresh.BackupInput{})
			if err == nil {
				refused, err = o.Await(arn)
			}
			if err != nil {
				t.Error(err)
			}
		})
		first, err := o.Refresh("staging", refresh.BackupInput{})
		if err != nil || first.Verdict != rehearsal.VerdictSucceeded {
			t.Errorf("the first: %s %s %v", first.Verdict, first.Cause, err)
		}
		if refused.Error != rehearsal.VerdictRefused || !strings.Contains(refused.Cause, first.RefreshID+" for staging holds it") {
			t.Errorf("the second: %s: %s", refused.Error, refused.Cause)
		}
		again, err := o.Refresh("qa", refresh.BackupInput{})
		if again.Verdict != rehearsal.VerdictSucceeded {
			t.Errorf("the second, later: %s %s %v", again.Verdict, again.Cause, err)
		}
		if again.Restore == nil || again.Restore.Status != asl.Succeeded || again.Restore.Account != "333333333333" {
			t.Errorf("restored by %+v", again.Restore)
		}
		return err
	})
}

// entering recognizes the entry into a state of a machine.
func entering(machine, state string) func(states.Step) bool {
	return func(s states.Step) bool { return s.Machine == machine && s.Event.Name == state }
}
