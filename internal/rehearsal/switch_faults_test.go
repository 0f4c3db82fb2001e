package rehearsal_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// recorded is a scenario in which a target serves the earlier of two generations
// that its ledger knows, in one lane.
func recorded(t testing.TB, lane string) rehearsal.Scenario {
	t.Helper()
	return servingWorld(t, lane, served, latest)
}

// servingWorld is a scenario in which a target serves a generation that its ledger
// knows, as it knows the others, in one lane.
func servingWorld(t testing.TB, lane, refreshID string, others ...string) rehearsal.Scenario {
	t.Helper()
	sc := switched(t, lane)
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	c.Targets[0].Switch = nil
	g, err := ground.ForConfig(c)
	if err == nil {
		g, err = g.WithApplication(c, "staging", ground.Serving{RefreshID: refreshID, Others: others, Recorded: true, Lane: lane})
	}
	if err != nil {
		t.Fatal(err)
	}
	sc.Ground = &g
	return sc
}

// disturber switches a target back and forth, and is disturbed.
type disturber struct {
	*switcher
	at   string   // generation that serves
	full bool     // every kind of pointer is looked at
	gens []string // to switch among, in turn; none: served and latest
}

// other is the generation that the next switch leads to.
func (d *disturber) other() string {
	gens := d.gens
	if len(gens) == 0 {
		gens = []string{served, latest}
	}
	return gens[(slices.Index(gens, d.at)+1)%len(gens)]
}

// stands says that everything leads to a generation.
func (d *disturber) stands(what, refreshID string) {
	d.t.Helper()
	failed := d.t.Failed()
	d.uses(refreshID)
	if d.full {
		for name, want := range d.wanted(refreshID) {
			if got, _ := d.Systems().Value("222222222222", name); got != want {
				d.t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
	}
	if d.t.Failed() && !failed {
		d.t.Errorf("… after %s", what)
	}
}

// run starts a switch and waits for its end.
func (d *disturber) run(input any) states.Report {
	d.t.Helper()
	return await(d.t, d.Operator, d.SwitchMachine("staging"), input)
}

// disturbed runs a switch into faults, and judges it.
func (d *disturber) disturbed(what string, faults ...awsworld.Fault) {
	d.t.Helper()
	for _, f := range faults {
		d.World().Inject(f)
	}
	r := d.run(map[string]string{"refreshId": d.other()})
	d.Heal()
	d.judge(what, r)
}

// judge looks at a disturbed switch whose cause is gone: its verdict must be true,
// with every pointer where it says, and the same input succeeds.
func (d *disturber) judge(what string, r states.Report) {
	d.t.Helper()
	d.t.Logf("%s: %s %s", what, r.Status, r.Error)
	switch {
	case r.Status == asl.Succeeded:
		d.at = d.other()
	case r.Error == refresh.NeedsOperator:
		if !strings.Contains(r.Cause, "way back") {
			d.t.Errorf("%s: %s: %s", what, r.Error, r.Cause)
		}
		if u := d.run(map[string]bool{"undo": true}); u.Status != asl.Succeeded {
			d.t.Errorf("%s: undo ended %s: %s", what, u.Error, u.Cause)
		}
	case !slices.Contains([]string{refresh.Refused, refresh.Failed, refresh.RolledBack}, r.Error):
		d.t.Errorf("%s: %s %s: %s", what, r.Status, r.Error, r.Cause)
	}
	d.stands(what, d.at)
	if r.Status != asl.Succeeded {
		d.again(what)
	}
}

// again makes the same switch once more, which must succeed.
func (d *disturber) again(what string) {
	d.t.Helper()
	if r := d.run(map[string]string{"refreshId": d.other()}); r.Status != asl.Succeeded {
		d.t.Errorf("%s, again: %s: %s", what, r.Error, r.Cause)
	}
	d.at = d.other()
	d.stands(what+", again", d.at)
}

// switchSites are where switches made calls.
func (d *disturber) switchSites(state string) []awsworld.Site {
	var out []awsworld.Site
	for s := range d.World().Sites() {
		if s.Machine == "staging-switch" && strings.HasPrefix(s.State, state) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b awsworld.Site) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// TestEveryCallOfASwitchFails: each call is refused for good, or loses every
// reply; then also with the way back disturbed in the same manner. A sample, and
// all of it with DBFERRY_SWEEP.
func TestEveryCallOfASwitchFails(t *testing.T) {
	every := 16
	if os.Getenv("DBFERRY_SWEEP") != "" {
		every = 1
	}
	for name, sc := range map[string]rehearsal.Scenario{"every pointer": both(t), ground.LaneSingle: recorded(t, ground.LaneSingle), ground.LaneNone: recorded(t, ground.LaneNone)} {
		t.Run(name, func(t *testing.T) {
			play(t, sc, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
				d := &disturber{switcher: &switcher{o, t, latest}, at: served, full: name == "every pointer"}
				d.disturbed("nothing")
				d.disturbed("nothing, on the way back")
				n, every := 0, every
				if name == "every pointer" && every > 1 {
					every *= 3 // a maintenance window among the hooks makes it long
				}
				for _, kind := range []awsworld.FaultKind{awsworld.FaultDeny, awsworld.FaultLost} {
					for _, s := range d.switchSites("") {
						if n++; n%every == 0 {
							d.disturbed(fmt.Sprintf("%s=%s", s, kind), awsworld.Fault{Site: s, Kind: kind})
						}
					}
				}
				// What fails at the proof is put back; there every call is disturbed as well.
				proof := awsworld.Fault{Site: awsworld.Site{Machine: "staging-switch", State: "Verify what serves", Operation: "SSM.GetParameter"}, Kind: awsworld.FaultDeny}
				d.disturbed("the proof", proof)
				for _, s := range d.switchSites("Put everything back") {
					if n++; n%every == 0 && s.State == "Put everything back" {
						d.disturbed(fmt.Sprintf("the proof, and %s=deny", s), proof, awsworld.Fault{Site: s, Kind: awsworld.FaultDeny})
					}
				}
				t.Logf("%d disturbances", n)
				return o.Settle()
			})
		})
	}
}
