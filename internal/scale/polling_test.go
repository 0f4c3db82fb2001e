package scale_test

import (
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/scale"
)

func TestPolling(t *testing.T) {
	const m = time.Minute
	for _, c := range []struct {
		p               scale.Polling
		began, at, want time.Duration
	}{
		{scale.Every(m), 0, 90 * time.Second, 2 * m},
		{scale.Every(m), 0, 2 * m, 2 * m},
		{scale.Every(m), 10 * time.Second, 10 * time.Second, 70 * time.Second}, // the first look comes after one interval
		{scale.Sweep(10*m, 5*m), 0, 0, 5 * m},
		{scale.Sweep(10*m, 5*m), 0, 5 * m, 5 * m},
		{scale.Sweep(10*m, 5*m), 4 * m, 6 * m, 15 * m},
	} {
		if got := c.p.Next(c.began, c.at); got != c.want {
			t.Errorf("%s: began %s, over at %s: seen at %s, want %s", c.p.Name, c.began, c.at, got, c.want)
		}
	}
}

// Backups and copies are barriers; in the target each item has its own chain.
// Work that nobody looked for held nobody up.
func TestEndToEnd(t *testing.T) {
	const m = time.Minute
	wait := func(item, phase string, took time.Duration) rehearsal.Wait {
		return rehearsal.Wait{Item: item, Phase: phase, Began: m, Finished: m + took, Noticed: m + took}
	}
	waits := []rehearsal.Wait{
		wait("a", "backup", 7*m), wait("b", "backup", 3*m),
		wait("a", "copy", 4*m), wait("b", "copy", 9*m),
		wait("a", "restore", 6*m), wait("a", "instance", 6*m), wait("b", "restore", 11*m),
		{Item: "a", Phase: "settings", Began: m, Finished: 100 * m},
	}
	for _, c := range []struct {
		p    scale.Polling
		want time.Duration
	}{
		{scale.Every(time.Second), (7 + 9 + 12) * m},
		{scale.Every(5 * m), (10 + 10 + 20) * m},
		{scale.Sweep(10*m, 0), (10 + 10 + 20) * m},
	} {
		if got := scale.EndToEnd(waits, c.p); got != c.want {
			t.Errorf("%s: %s, want %s", c.p.Name, got, c.want)
		}
	}
}

func TestModelIsAStraightLine(t *testing.T) {
	a := scale.Counts{Tables: 100, Transitions: 1100, Events: 60, Invocations: 300, GBSeconds: 1.5, Reads: 20, Writes: 10}
	b := scale.Counts{Tables: 200, Transitions: 2100, Events: 61, Invocations: 500, GBSeconds: 2.5, Reads: 40, Writes: 20}
	want := scale.Counts{Tables: 1000, Transitions: 10100, Events: 61, Invocations: 2100, GBSeconds: 10.5, Reads: 200, Writes: 100}
	if got := scale.Model(a, b, 1000); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	states, lambda, s3 := want.Price()
	if states != 0.2525 || lambda < 0.00055 || lambda > 0.00057 || s3 < 0.00057 || s3 > 0.00059 {
		t.Errorf("prices %g, %g, %g", states, lambda, s3)
	}
}
