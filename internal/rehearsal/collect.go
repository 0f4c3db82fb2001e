package rehearsal

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
)

// Collect makes the result of a refresh that has ended: what was asked, done and
// waited for since the operator turned to it, and the proof of its items.
func (r *Rehearsal) Collect(ctx context.Context, o Outcome) (*Result, error) {
	t, err := r.config.Target(o.Target)
	if err != nil {
		return nil, err
	}
	return r.collect(ctx, t, o)
}

func (s *stage) collect(ctx context.Context, t config.Target, o Outcome) (*Result, error) {
	r := &Result{Target: o.Target, Verdict: o.Verdict, Cause: o.Cause, RefreshID: o.RefreshID, Duration: o.Ended.Sub(o.Began), Switch: o.Switch}
	for _, x := range s.states.Executions("") {
		if s.belongs(x, t, o) {
			r.Executions = append(r.Executions, execution(x))
		}
	}
	if err := s.prove(ctx, t, o, r); err != nil {
		return nil, err
	}
	if err := s.compared(t, r); err != nil {
		return nil, err
	}
	var err error
	if r.Preflight, err = s.preflight(t, r.RefreshID); err != nil {
		return nil, err
	}
	s.account(r, o)
	r.CriticalPath = criticalPath(before(r.Waits, r.Duration))
	r.Border = s.border(t, o)
	r.App = s.appReport(t)
	if r.Verdict != VerdictSucceeded && (o.Switch == nil || o.Production.ARN != "" && o.Verdict != VerdictSucceeded) {
		r.Left = s.left(t, r.RefreshID)
	}
	if o.Switch != nil && r.Verdict == VerdictSucceeded {
		r.Verdict, r.Cause = o.Switch.Verdict, o.Switch.Cause
	}
	return r, nil
}

// account notes what any rehearsal has done and waited for: calls, refusals,
// permissions, leaks, limits.
func (s *stage) account(r *Result, o Outcome) {
	for _, w := range s.w.Waits.All() {
		if w.Began.Before(o.Began) || w.Began.After(o.over()) {
			continue
		}
		r.Waits = append(r.Waits, Wait{What: w.What, Item: w.Item, Phase: w.Phase, Began: s.from(o, w.Began), Finished: s.from(o, w.Finished), Noticed: s.from(o, w.Noticed)})
	}
	r.Denials, r.Permissions = s.denials(o), s.permissions()
	for _, l := range s.w.Secrets.Leaks() {
		r.SecretsLeaked = append(r.SecretsLeaked, l.Secret+", "+l.Where)
	}
	r.Sites = s.sites()
	r.Limits, r.Busiest, r.GBSeconds = s.limits(), maps.Clone(s.w.Journal.Busiest), s.gbSeconds()
	r.Calls, r.Requests, r.Events = s.w.Journal.Count, maps.Clone(s.w.Journal.ByName), s.w.Kernel.Events()
}

// belongs says whether an execution is of the refresh's machines and time.
func (s *stage) belongs(x states.Report, t config.Target, o Outcome) bool {
	return !x.Start.Before(o.Began) && (o.Ended.IsZero() || !x.Start.After(o.over())) &&
		(x.MachineARN == s.config.ProductionPlace().MachineARN("production-backup", t.Name) || x.Account == t.Account)
}

// from is a moment as time since the refresh began; zero stays zero.
func (s *stage) from(o Outcome, t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return t.Sub(o.Began)
}

func execution(x states.Report) Execution {
	return Execution{
		Machine: x.Machine, Account: x.Account, Status: string(x.Status), Error: x.Error, Cause: x.Cause, Events: x.Events,
		Transitions: x.Transitions + x.Children.Transitions, Duration: x.Stop.Sub(x.Start), Path: x.Path,
	}
}

// criticalPath is what AWS's own jobs take at least: the longest backup, then
// the longest copy, then the longest chain of an item's jobs in the target.
// Work whose end nobody looked for held nobody up and does not count.
func criticalPath(waits []Wait) time.Duration {
	var backup, copying, restore time.Duration
	chain := map[string][]Wait{}
	for _, w := range waits {
		if w.Finished == 0 || w.Noticed == 0 {
			continue
		}
		switch w.Phase {
		case "backup":
			backup = max(backup, w.Finished-w.Began)
		case "copy":
			copying = max(copying, w.Finished-w.Began)
		default:
			chain[w.Item] = append(chain[w.Item], w)
			restore = max(restore, covered(chain[w.Item]))
		}
	}
	return backup + copying + restore
}

// before are the waits that began within a time since the start: those of the
// refresh, when a switch followed it.
func before(waits []Wait, end time.Duration) []Wait {
	return slices.DeleteFunc(slices.Clone(waits), func(w Wait) bool { return w.Began > end })
}

// covered is how long at least one of the waits was going on: AWS works on the
// instances of a cluster, or on a table's time to live, beside other things.
func covered(waits []Wait) time.Duration {
	sorted := slices.SortedFunc(slices.Values(waits), func(a, b Wait) int { return cmp.Compare(a.Began, b.Began) })
	var total, end time.Duration
	for _, w := range sorted {
		if from := max(w.Began, end); w.Finished > from {
			total, end = total+w.Finished-from, w.Finished
		}
	}
	return total
}

// crossings are the calls by which production reaches the target, in words.
var crossings = map[string]string{
	"s3:PutObject":     "manifest put into the inbox %s",
	"events:PutEvents": "success event sent to the bus %s",
}

// border lists what went from production to the target, each thing once.
func (s *stage) border(t config.Target, o Outcome) []Crossing {
	var out []Crossing
	seen := map[string]bool{}
	for _, d := range s.w.Journal.Decisions {
		text, ok := crossings[d.Action]
		if !ok || !d.Decision.Allowed || d.At.Before(o.Began) || d.At.After(o.Ended) || d.Request.Principal.Account != s.config.Production.Account || d.Request.Owner != t.Account {
			continue
		}
		what := fmt.Sprintf(text, d.Request.Resource[strings.LastIndex(d.Request.Resource, ":")+1:])
		if !seen[what] {
			seen[what] = true
			out = append(out, Crossing{At: s.from(o, d.At), What: what})
		}
	}
	return out
}
