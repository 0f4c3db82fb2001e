package rehearsal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/switchover"
)

// The bounds of a switch that are promised (docs/benchmarks.md), in simulated time.
const (
	mostOutagePair = 1.0 // second
	mostOursSingle = 5.0 // seconds, beside what AWS takes
	mostWayBack    = 2 * time.Minute
	mostOursSwitch = 20 * time.Second // of a whole switch, beside what AWS takes
	leastRate      = 3.0              // calls of the application a second
)

// whole rehearses all three machines, or a switch alone.
func whole(t testing.TB, sc rehearsal.Scenario) *rehearsal.Result {
	t.Helper()
	return rehearsed(t, sc)[0]
}

// switchedWell wants a switch that succeeded under an application that called
// throughout.
func switchedWell(t testing.TB, r *rehearsal.Result, throughout time.Duration) {
	t.Helper()
	if r.Verdict != rehearsal.VerdictSucceeded || r.Switch == nil || r.Switch.Verdict != rehearsal.VerdictSucceeded || len(r.SecretsLeaked) > 0 {
		t.Fatalf("%s: %s; switch %+v; leaked %q", r.Verdict, r.Cause, r.Switch, r.SecretsLeaked)
	}
	if rate := float64(r.App.Probes) / throughout.Seconds(); rate < leastRate {
		t.Errorf("the application called %.1f times a second", rate)
	}
	if ours := r.Switch.Duration - r.Switch.AWS; ours < 0 || ours > mostOursSwitch {
		t.Errorf("the switch took %s, AWS's part of it %s", r.Switch.Duration, r.Switch.AWS)
	}
}

// withinBounds is what is promised of each lane.
func withinBounds(t testing.TB, lane string, r *rehearsal.Result) {
	t.Helper()
	a := r.App
	switch {
	case lane == ground.LaneSingle && (a.LongestOutage == 0 || a.Ours > mostOursSingle):
		t.Errorf("the application noticed %+v; at most %.0f s of ours, beside AWS's minutes, are promised", *a, mostOursSingle)
	case lane != ground.LaneSingle && a.LongestOutage > mostOutagePair:
		t.Errorf("the application noticed %+v; at most %.0f s are promised", *a, mostOutagePair)
	}
}

// TestRefreshAndSwitch: the shipped configuration goes through all three
// machines, under a client that asks several times a second throughout.
func TestRefreshAndSwitch(t *testing.T) {
	r := whole(t, rehearsal.Scenario{})
	switchedWell(t, r, r.Duration+r.Switch.Duration)
	withinBounds(t, ground.LanePair, r)
	if r.Switch.RefreshID != r.RefreshID || len(r.Items) == 0 || len(r.Switch.Moves) == 0 {
		t.Errorf("%s was switched to after refresh %s: %q, %d items", r.Switch.RefreshID, r.RefreshID, r.Switch.Moves, len(r.Items))
	}
	machines := map[string]int{}
	for _, e := range r.Executions {
		machines[e.Machine]++
	}
	if machines["production-backup"] == 0 || machines["staging-restore"] == 0 || machines["staging-switch"] != 1 {
		t.Errorf("executions: %v", machines)
	}
}

// TestTheOutageOfASingleProxy: one proxy is led from one cluster to the other;
// what the application waits for then is AWS.
func TestTheOutageOfASingleProxy(t *testing.T) {
	r := whole(t, switched(t, ground.LaneSingle))
	switchedWell(t, r, r.Duration+r.Switch.Duration)
	withinBounds(t, ground.LaneSingle, r)
	if r.App.Failed == 0 || r.App.AWSModelled < 30 {
		t.Errorf("the application noticed %+v; AWS takes minutes for a proxy's new target", *r.App)
	}
}

// TestSwitchAlone: both generations are there, and the one that does not serve
// is what the operator asks for.
func TestSwitchAlone(t *testing.T) {
	const first, latest = ground.FirstGeneration, "202602080300-b2c3d4"
	for to, want := range map[string][2]string{rehearsal.ToPrevious: {first, latest}, rehearsal.ToLatest: {latest, first}} {
		t.Run(to, func(t *testing.T) {
			r := whole(t, rehearsal.Scenario{SwitchTo: to})
			switchedWell(t, r, r.Duration)
			withinBounds(t, ground.LanePair, r)
			if got := [2]string{r.Switch.RefreshID, r.Switch.Previous}; got != want || r.RefreshID != want[0] {
				t.Errorf("it led to %v (%s), want %v", got, r.RefreshID, want)
			}
			if r.Switch.Duration > mostWayBack {
				t.Errorf("it took %s, at most %s are promised", r.Switch.Duration, mostWayBack)
			}
			if len(r.Executions) != 1 {
				t.Errorf("more than the switch ran: %+v", r.Executions)
			}
		})
	}
}

// TestSwitchAloneIsPutBack: a fault of the switch ends the rehearsal, told as it is.
func TestSwitchAloneIsPutBack(t *testing.T) {
	r := whole(t, rehearsal.Scenario{SwitchTo: rehearsal.ToPrevious, Faults: fault(t, "staging-switch/-/Write the parameters/SSM.PutParameter=deny")})
	if r.Verdict != "RolledBack" || r.Switch.Verdict != "RolledBack" || r.App.Failed > 0 || r.Cause == "" {
		t.Errorf("%s: %s; %+v; %+v", r.Verdict, r.Cause, r.Switch, *r.App)
	}
}

// TestSwitchAloneNeedsASwitch: what cannot be rehearsed is refused before anything runs.
func TestSwitchAloneNeedsASwitch(t *testing.T) {
	for _, sc := range []rehearsal.Scenario{
		{SwitchTo: "yesterday"}, {SwitchTo: rehearsal.ToLatest, Target: rehearsal.AllTargets}, {SwitchTo: rehearsal.ToLatest, Target: "nowhere"},
	} {
		sc.Assembly = assembly
		if _, err := rehearsal.Run(t.Context(), sc); err == nil {
			t.Errorf("%s of %q was rehearsed", sc.SwitchTo, sc.Target)
		}
	}
}

// BenchmarkSwitch measures what an application notices of a switch, in simulated
// seconds, and fails when a bound is broken.
func BenchmarkSwitch(b *testing.B) {
	for name, sc := range map[string]func() (lane string, sc rehearsal.Scenario){
		"pair":   func() (string, rehearsal.Scenario) { return ground.LanePair, rehearsal.Scenario{} },
		"single": func() (string, rehearsal.Scenario) { return ground.LaneSingle, switched(b, ground.LaneSingle) },
		"way-back": func() (string, rehearsal.Scenario) {
			return ground.LanePair, rehearsal.Scenario{SwitchTo: rehearsal.ToPrevious}
		},
	} {
		b.Run(name, func(b *testing.B) {
			lane, sc := sc()
			for b.Loop() {
				r := whole(b, sc)
				withinBounds(b, lane, r)
				if sc.SwitchTo != "" && r.Switch.Duration > mostWayBack {
					b.Errorf("it took %s, at most %s are promised", r.Switch.Duration, mostWayBack)
				}
				b.ReportMetric(float64(r.App.Probes), "probes")
				b.ReportMetric(float64(r.App.Failed), "failed")
				b.ReportMetric(r.App.LongestOutage, "outage-s")
				b.ReportMetric(r.App.Ours, "ours-s")
				b.ReportMetric(r.Switch.Duration.Seconds(), "switch-s")
				b.ReportMetric((r.Switch.Duration - r.Switch.AWS).Seconds(), "switch-ours-s")
			}
		})
	}
}

// TestSwitchTellsOnce: one message, which says what changed, the way back and
// where to look; and the switch has succeeded though it cannot be sent.
func TestSwitchTellsOnce(t *testing.T) {
	sc := rehearsal.Scenario{Assembly: assembly, SwitchTo: rehearsal.ToPrevious}
	play(t, sc, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		r, err := o.Switch("staging", switchover.Input{RefreshID: ground.FirstGeneration})
		if err != nil {
			return err
		}
		mails := o.Mails()
		if r.Verdict != rehearsal.VerdictSucceeded || len(mails) != 1 {
			t.Fatalf("%s: %d messages", r.Verdict, len(mails))
		}
		for form, text := range map[string]string{"mail": mails[0].Body, "chat": mails[0].HTTPS} {
			for _, want := range []string{"Succeeded: switch to " + ground.FirstGeneration, "parameter /staging/shop-carts/table", "/v2/executions/details/"} {
				if !strings.Contains(text, want) {
					t.Errorf("the %s lacks %q: %s", form, want, text)
				}
			}
		}
		if back := `{"refreshId":"` + r.Previous + `"}`; !strings.Contains(mails[0].Body, back) {
			t.Errorf("the mail does not say the way back: %s", mails[0].Body)
		}
		return nil
	})
	for _, kind := range []string{"deny", "error", "lost"} {
		t.Run(kind, func(t *testing.T) {
			r := whole(t, rehearsal.Scenario{SwitchTo: rehearsal.ToPrevious, Faults: fault(t, "staging-switch/-/Tell about the successful end/SNS.Publish="+kind)})
			switchedWell(t, r, r.Duration)
		})
	}
}
