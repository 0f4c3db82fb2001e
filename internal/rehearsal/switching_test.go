package rehearsal_test

import (
	"context"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/rehearsal"
)

// whole rehearses all three machines, or a switch alone.
func whole(t *testing.T, sc rehearsal.Scenario) *rehearsal.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if sc.Assembly == "" {
		sc.Assembly = assembly
	}
	all, err := rehearsal.Run(ctx, sc)
	if err != nil {
		t.Fatal(err)
	}
	tell(t, all[0])
	return all[0]
}

// TestRefreshAndSwitch: the shipped configuration goes through all three
// machines, under a client that asks several times a second throughout.
func TestRefreshAndSwitch(t *testing.T) {
	r := whole(t, rehearsal.Scenario{})
	if r.Verdict != rehearsal.VerdictSucceeded || len(r.SecretsLeaked) > 0 {
		t.Fatalf("%s: %s; leaked %q", r.Verdict, r.Cause, r.SecretsLeaked)
	}
	t.Logf("%+v %+v", r.App, r.Switch)
}

func TestSwitchAlone(t *testing.T) {
	for _, to := range []string{rehearsal.ToPrevious, rehearsal.ToLatest} {
		t.Run(to, func(t *testing.T) {
			r := whole(t, rehearsal.Scenario{SwitchTo: to})
			t.Logf("%+v %+v", r.App, r.Switch)
		})
	}
}
