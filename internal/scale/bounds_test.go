package scale_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// The bounds that are promised (docs/benchmarks.md).
const (
	latest     = time.Minute // until the end of AWS's work is noticed
	mostRatio  = 1.03        // end to end beside AWS's jobs
	mostShare  = 0.4         // of a limit of Step Functions
	mostOfTime = 0.5         // of a function's time limit
	realistic  = 50 * time.Millisecond
)

// With every event of AWS Backup lost, every end is noticed within a minute,
// and the refresh takes hardly longer than AWS's own jobs.
func TestEveryWaitIsNoticedWithinAMinute(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rehearse(t, rehearsal.Scenario{Tables: 10, Seed: seed, Weather: map[string]events.Weather{"aws.backup": {Loss: 1}}})
			noticed := noticedInTime(t, r)
			if noticed < 3*11+4 {
				t.Errorf("only %d waits were noticed", noticed)
			}
			if ratio := float64(r.Duration) / float64(r.CriticalPath); ratio > mostRatio {
				t.Errorf("%s for %s of jobs: %.4f", r.Duration, r.CriticalPath, ratio)
			}
		})
	}
}

func noticedInTime(t testing.TB, r *rehearsal.Result) (noticed int) {
	t.Helper()
	for _, w := range r.Waits {
		if w.Noticed == 0 {
			continue
		}
		noticed++
		if late := w.Noticed - w.Finished; late > latest {
			t.Errorf("the end of %s was noticed after %s", w.What, late)
		}
	}
	return noticed
}

// What grows with the number of tables grows in a straight line, so that two
// sizes tell about a thousand; `make bench` rehearses a thousand as well.
func TestLimitsAtAThousandTables(t *testing.T) {
	const small, large = 60, 180
	limits := func(tables int) map[string]rehearsal.Limit {
		r := rehearse(t, rehearsal.Scenario{Tables: tables, Latency: realistic, Weather: map[string]events.Weather{"aws.backup": {Loss: 1}}})
		noticedInTime(t, r)
		return highest(r.Limits)
	}
	a, b := limits(small), limits(large)
	for key, l := range b {
		l.Used += max(0, l.Used-a[key].Used) * (1000 - large) / (large - small)
		check(t, l)
	}
}

// highest keeps the highest use of each limit: both the event and the manifest
// start an execution of staging-restore.
func highest(limits []rehearsal.Limit) map[string]rehearsal.Limit {
	out := map[string]rehearsal.Limit{}
	for _, l := range limits {
		if key := l.Where + ": " + l.What; l.Used >= out[key].Used {
			out[key] = l
		}
	}
	return out
}

func check(t testing.TB, l rehearsal.Limit) {
	t.Helper()
	most := mostShare
	if strings.HasPrefix(l.What, "milliseconds") {
		most = mostOfTime
	}
	if l.Share() > most {
		t.Errorf("%s; at most %.0f %% are promised", l, 100*most)
	}
}
