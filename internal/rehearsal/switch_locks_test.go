package rehearsal_test

import (
	"testing"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// race starts a second execution when the first enters a state; the first must
// succeed, the second be refused because the first is half-way.
func (s *switcher) race(machine, state string, first, second func() states.Report) {
	s.t.Helper()
	var late states.Report
	done := false
	s.OnEnter(entering(machine, state), func() {
		late = second()
		done = true
	})
	if r := first(); r.Status != asl.Succeeded {
		s.t.Errorf("the first ended %s: %s", r.Error, r.Cause)
	}
	for !done {
		s.must(nil, s.Settle())
	}
	isRefused(s.t, late, "is half-way")
}

func (s *switcher) asked(input any) func() states.Report {
	return func() states.Report { return await(s.t, s.Operator, s.SwitchMachine("staging"), input) }
}

// TestOneSwitchAtATime: of two switches, and of a switch and a retirement, the
// first wins; the other has touched nothing, and works when it is asked again.
func TestOneSwitchAtATime(t *testing.T) {
	sc := both(t)
	play(t, sc, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		s := &switcher{o, t, latest}
		to := func(id string) func() states.Report { return s.asked(map[string]string{"refreshId": id}) }
		s.race("staging-switch", "Roll the services", to(latest), to(served))
		s.uses(latest)
		s.race("staging-switch", "Roll the services", to(served), s.asked(map[string]bool{"retire": true}))
		s.uses(served)
		s.to(rehearsal.VerdictSucceeded, latest)
		s.uses(latest)
		return nil
	})
}

// TestSwitchAndRestore: a switch is refused while a restore works on its items,
// and a restore while a switch moves them; the event that was refused is taken up
// by hand.
func TestSwitchAndRestore(t *testing.T) {
	play(t, both(t), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		s := &switcher{o, t, latest}
		var late states.Report
		o.OnEnter(entering("staging-restore", "Restore the cluster (cluster)"), func() { late = s.asked(map[string]string{"refreshId": latest})() })
		out, err := o.Refresh("staging", refresh.BackupInput{Only: []string{"shop-orders"}})
		if err != nil || out.Verdict != rehearsal.VerdictSucceeded {
			t.Fatal(out.Verdict, out.Cause, err)
		}
		isRefused(t, late, "holds it since")
		s.uses(served)

		// A switch with a maintenance window among its hooks takes longer than a restore's patience.
		var moved states.Report
		began := false
		o.OnEnter(entering("production-backup", "Publish the manifest"), func() {
			began = true
			moved = s.asked(map[string]string{"refreshId": latest})()
		})
		again, err := o.Refresh("staging", refresh.BackupInput{Only: []string{"shop-orders"}})
		if err != nil {
			t.Fatal(err)
		}
		for !began || moved.Status == "" {
			s.must(nil, o.Settle())
		}
		switch {
		case moved.Status != asl.Succeeded:
			t.Errorf("the switch ended %s: %s", moved.Error, moved.Cause)
		case again.Verdict == refresh.Refused:
			r, err := o.Resume(o.RestoreMachine("staging"), again.RefreshID)
			if err != nil || r.Status != asl.Succeeded {
				t.Errorf("resumed, the restore ended %s: %s %v", r.Error, r.Cause, err)
			}
		case again.Verdict != rehearsal.VerdictSucceeded:
			t.Errorf("the restore ended %s: %s", again.Verdict, again.Cause)
		}
		s.uses(latest)
		return nil
	})
}
