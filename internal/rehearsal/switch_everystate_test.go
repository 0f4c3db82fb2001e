package rehearsal_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/statemachines"
)

// ride is a way for a switch to go. Together the rides enter every state but
// those of switchTimeouts.
type ride struct {
	name   string
	faults []awsworld.Fault
	undo   bool // of a switch that was stopped half-way
}

func switchFault(state, operation string) awsworld.Fault {
	return awsworld.Fault{Site: awsworld.Site{Machine: "staging-switch", Item: "*", State: state, Operation: operation}, Kind: awsworld.FaultDeny}
}

var rides = []ride{
	{name: "there"},
	{name: "refused", faults: []awsworld.Fault{switchFault("Plan the switch", "S3.GetObject")}},
	{name: "the probe fails", faults: []awsworld.Fault{switchFault("Probe the candidate", "Secrets Manager.GetSecretValue")}},
	{name: "the proof fails", faults: []awsworld.Fault{switchFault("Verify what serves", "SSM.GetParameter")}},
	{name: "the way back fails", faults: []awsworld.Fault{switchFault("Verify what serves", "SSM.GetParameter"), switchFault("Put everything back", "SSM.GetParameter")}},
	{name: "undo", undo: true},
}

// switchTimeouts are entered when AWS takes too long (deletions: TestRetireGoesOn), for which this world would
// have to wait in every lane: what follows is disturbed on the other rides.
var switchTimeouts = []string{"Out of time before the move", "Out of time", "Too late to go back", "Wait: probe", "Wait: parameters", "Wait: idle proxies", "Wait: proof",
	"Wait: deletion", "Deletion goes on", "Wait: proxies", "Wait: way back", "Wait: way back (asked)", "Wait: services"}

// set prepares a ride and says what is started.
func (d *disturber) set(r ride) any {
	d.t.Helper()
	if r.undo {
		arn := ""
		d.AtEntry(func(s states.Step) bool { return s.Machine == "staging-switch" && s.Event.Name == "Roll the services" }, func(s states.Step) { arn = s.Root; _ = d.States().Abort(arn, "", "half-way") })
		if half := d.run(map[string]string{"refreshId": d.other()}); half.Status == asl.Succeeded {
			d.t.Errorf("it was not stopped half-way: %v", half.Path)
		}
		d.must(nil, d.Settle())
	}
	for _, f := range r.faults {
		d.World().Inject(f)
	}
	if r.undo {
		return map[string]bool{"undo": true}
	}
	return map[string]string{"refreshId": d.other()}
}

// mend brings a disturbed target to a known end: every other time by the way
// back, if there is one, and always by the same switch again.
func (d *disturber) mend(what string, back bool) {
	d.t.Helper()
	d.must(nil, d.Settle())
	if back && d.record().Open() {
		if u := d.run(map[string]bool{"undo": true}); u.Status != asl.Succeeded {
			d.t.Errorf("%s: undo ended %s: %s", what, u.Error, u.Cause)
		}
		d.stands(what+", undone", d.at)
	}
	d.again(what)
}

// TestEveryStateOfASwitch stops the execution, lets its time run out and kills
// the function, at every state; afterwards the way back leads back, and the same
// switch succeeds. A sample, and all of it with DBFERRY_SWEEP.
func TestEveryStateOfASwitch(t *testing.T) {
	every := 9
	if os.Getenv("DBFERRY_SWEEP") != "" {
		every = 1
	}
	kinds := map[string]string{}
	m, err := asl.Parse([]byte(statemachines.Definition("staging-switch")))
	if err != nil {
		t.Fatal(err)
	}
	m.Walk(func(_ *asl.Machine, s *asl.State) { kinds[s.Name] = s.Type })
	left := map[string]bool{}
	for name := range kinds {
		left[name] = !slices.Contains(switchTimeouts, name)
	}
	play(t, recorded(t, ground.LanePair), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		d, n := &disturber{switcher: &switcher{o, t, latest}, at: served, full: false}, 0
		for _, r := range rides {
			whole := d.run(d.set(r))
			d.Heal()
			if whole.Status == asl.Succeeded && !r.undo {
				d.at = d.other()
			} else {
				d.mend(r.name, false)
			}
			for _, state := range slices.Compact(slices.Sorted(slices.Values(whole.States))) {
				if !left[state] {
					continue
				}
				left[state] = false
				for _, way := range []string{stopped, running, timedOut, crashing} {
					if (way == crashing || way == running) && kinds[state] != "Task" {
						continue
					}
					if n++; n%every == 0 {
						d.disturbedAt(fmt.Sprintf("%s, %s: %s", r.name, state, way), r, state, way, n%2 == 0)
					}
				}
			}
		}
		for name, never := range left {
			if never {
				t.Errorf("no ride enters %q", name)
			}
		}
		t.Logf("%d disturbances", n)
		return o.Settle()
	})
}

// disturbedAt makes a ride that is disturbed once, and mends it.
func (d *disturber) disturbedAt(what string, r ride, state, way string, back bool) {
	d.t.Helper()
	input := d.set(r)
	at := func(s states.Step) bool { return s.Machine == "staging-switch" && s.Event.Name == state }
	met := false
	d.AtEntry(at, func(s states.Step) {
		met = true
		switch way {
		case stopped:
			_ = d.States().Abort(s.Root, "", "stopped by a test")
		case timedOut:
			_ = d.States().TimeOut(s.Root)
		case running:
			d.World().Kernel.After(20*time.Millisecond, func() { _ = d.States().Abort(s.Root, "", "stopped by a test") })
		}
	})
	if way == crashing {
		d.World().Inject(awsworld.Fault{Site: awsworld.Site{Machine: "staging-switch", Item: "*", State: state, Operation: "*"}, Kind: awsworld.FaultCrash})
	}
	report := d.run(input)
	d.Heal()
	if !met {
		d.t.Errorf("%s: was not entered", what)
	}
	d.t.Logf("%s: %s %s", what, report.Status, report.Error)
	if report.Status == asl.Succeeded && !r.undo { // crashes of what only tells do not matter
		d.at = d.other()
		d.stands(what, d.at)
		return
	}
	if report.Status == asl.Succeeded {
		d.stands(what, d.at)
	}
	if way == stopped && strings.HasPrefix(state, "Probe") {
		d.must(nil, d.Settle())
		d.stands(what, d.at) // nothing that serves has moved
	}
	d.mend(what, back)
}
