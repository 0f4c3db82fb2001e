package stagingapp

import (
	"slices"
	"strings"
	"time"
)

// slow is when a call that succeeds counts as an interruption all the same.
const slow = 500 * time.Millisecond

// Report is what the application noticed. Times are simulated.
//
// An outage is the time from one success of a dependency (a database or a table)
// to its next, when a call between them failed, or the second one took longer
// than half a second. Where the application called sparsely before, it counts
// from a quarter of a second before the first such call, as if it had called at
// its fast rate. Of the longest outage, AWSModelled is the part in which the
// simulated AWS had not finished what it was asked to change (a proxy's target,
// a deployment, a record), and Ours is the rest.
type Report struct {
	Probes        int     `json:"probes"` // calls
	Failed        int     `json:"failed"`
	LongestOutage float64 `json:"longestOutageSeconds"`
	AWSModelled   float64 `json:"awsModelledSeconds"`
	Ours          float64 `json:"oursSeconds"`
}

// Outage is one interruption.
type Outage struct {
	Dependency string
	From, To   time.Time
	AWS        time.Duration // in which AWS was at work
	Failed     int           // calls
	Why        string        // the first failure
}

// Length is how long it took.
func (o Outage) Length() time.Duration { return o.To.Sub(o.From) }

// span is a time in which AWS was at work.
type span struct{ from, to time.Time }

// record is what happened so far.
type record struct {
	probes, failed int
	last           map[string]time.Time // dependency → end of its last success
	open           map[string]*Outage
	outages        []Outage
	spans          []span
	busy           bool
	latest         time.Time // end of the last call of all
}

func newRecord() record {
	return record{last: map[string]time.Time{}, open: map[string]*Outage{}}
}

// work notes whether AWS is at work now; a time counts when it was so at both
// ends.
func (r *record) work(now time.Time, busy bool) {
	switch {
	case busy && r.busy:
		r.spans[len(r.spans)-1].to = now
	case busy:
		r.spans = append(r.spans, span{now, now})
	}
	r.busy = busy
}

// call notes one call.
func (r *record) call(dependency string, began, ended time.Time, err error) {
	r.probes++
	r.latest = ended
	o := r.open[dependency]
	if o == nil && (err != nil || ended.Sub(began) > slow) {
		o = &Outage{Dependency: dependency, From: r.since(dependency, began)}
		r.open[dependency] = o
	}
	if err != nil {
		r.failed++
		o.Failed++
		if o.Why == "" {
			o.Why = err.Error()
		}
		return
	}
	r.last[dependency] = ended
	if o != nil {
		o.To = ended
		r.outages = append(r.outages, *o)
		delete(r.open, dependency)
	}
}

// since is when an outage began that a call meets first.
func (r *record) since(dependency string, began time.Time) time.Time {
	last, ok := r.last[dependency]
	if at := began.Add(-Fast); ok && last.Before(at) {
		return at
	}
	if !ok {
		return began
	}
	return last
}

// all are the outages with their share of AWS. One that has not ended lasts
// until the last call.
func (r *record) all() []Outage {
	out := slices.Clone(r.outages)
	for _, o := range r.open {
		still := *o
		still.To = r.latest
		out = append(out, still)
	}
	for i := range out {
		for _, s := range r.spans {
			out[i].AWS += overlap(s, out[i])
		}
	}
	slices.SortFunc(out, func(a, b Outage) int {
		if c := a.From.Compare(b.From); c != 0 {
			return c
		}
		return strings.Compare(a.Dependency, b.Dependency)
	})
	return out
}

func overlap(s span, o Outage) time.Duration {
	from, to := s.from, s.to
	if from.Before(o.From) {
		from = o.From
	}
	if to.After(o.To) {
		to = o.To
	}
	return max(0, to.Sub(from))
}

func (r *record) report() Report {
	out := Report{Probes: r.probes, Failed: r.failed}
	var longest Outage
	for _, o := range r.all() {
		if o.Length() > longest.Length() {
			longest = o
		}
	}
	out.LongestOutage, out.AWSModelled = seconds(longest.Length()), seconds(longest.AWS)
	out.Ours = seconds(longest.Length() - longest.AWS)
	return out
}

func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }
