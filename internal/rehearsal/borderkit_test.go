package rehearsal_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// border is a script's view of the border to staging, the first target.
type border struct {
	t *testing.T
	*rehearsal.Operator
	place names.Place

	held  []events.Event  // what Hold caught
	saved rds.SubnetGroup // of a mishap that will be mended
}

func atBorder(t *testing.T, o *rehearsal.Operator) *border {
	return &border{t: t, Operator: o, place: o.Config().Place(o.Config().Targets[0])}
}

// restores are the executions of staging-restore, in order of their start.
func (b *border) restores() []states.Report {
	var out []states.Report
	for _, x := range b.States().Executions(b.place.Account) {
		if x.MachineARN == b.RestoreMachine("staging") {
			out = append(out, x)
		}
	}
	return out
}

// since waits until every restore has ended, and returns those that came after
// the first n.
func (b *border) since(n int) []states.Report {
	b.t.Helper()
	var out []states.Report
	b.must(b.Sleep(time.Minute))
	for _, x := range b.restores()[n:] {
		r, err := b.Await(x.ARN)
		b.must(err)
		out = append(out, r)
	}
	b.must(b.Settle())
	return out
}

// jobs counts AWS's restore jobs of an item; empty for all.
func (b *border) jobs(item string) int {
	n := 0
	for _, w := range b.World().Waits.All() {
		if w.Phase == "restore" && (item == "" || w.Item == item) {
			n++
		}
	}
	return n
}

// claimant is the execution that has claimed a refresh; empty for none.
func (b *border) claimant(id string) string {
	var h struct{ Execution string }
	if raw, ok := b.Objects().Object(b.place.Ledger(), "claims/"+id+".json"); ok {
		b.must(json.Unmarshal(raw, &h))
	}
	return h.Execution
}

// records lists the keys of staging's ledger below a prefix.
func (b *border) records(prefix string) []string {
	return slices.DeleteFunc(b.Objects().Objects(b.place.Ledger()), func(k string) bool { return !strings.HasPrefix(k, prefix) })
}

// candidate is what a refresh opened.
func (b *border) candidate(id string) (c refresh.Candidate) {
	b.t.Helper()
	raw, ok := b.Objects().Object(b.place.Ledger(), "candidates/"+id+".json")
	if !ok {
		b.t.Fatalf("refresh %s has no candidate", id)
	}
	b.must(json.Unmarshal(raw, &c))
	return c
}

// quiet says that nothing is locked in either account.
func (b *border) quiet() {
	b.t.Helper()
	for _, p := range []names.Place{b.place, b.Config().ProductionPlace()} {
		for _, k := range b.Objects().Objects(p.Ledger()) {
			if strings.HasPrefix(k, "locks/") {
				b.t.Errorf("%s of %s is still there", k, p.Side)
			}
		}
	}
}

// Hold catches both triggers of every refresh instead of delivering them.
func (b *border) Hold() {
	b.Events().Intercept = func(e events.Event) []events.Event {
		if b.isTrigger(e) {
			b.held = append(b.held, e)
			return nil
		}
		return []events.Event{e}
	}
}

// Record lets the triggers through and keeps a copy of each.
func (b *border) Record() {
	b.Events().Intercept = func(e events.Event) []events.Event {
		if b.isTrigger(e) {
			b.held = append(b.held, e)
		}
		return []events.Event{e}
	}
}

func (b *border) isTrigger(e events.Event) bool {
	raw := string(e.Detail)
	return e.Source == "aws.s3" && strings.Contains(raw, names.ManifestPrefix) ||
		e.Source == "aws.states" && e.Account == b.Config().Production.Account && strings.Contains(raw, `"SUCCEEDED"`)
}

// from is the last caught event of a source.
func (b *border) from(source string) events.Event {
	b.t.Helper()
	for _, e := range slices.Backward(b.held) {
		if e.Source == source {
			return e
		}
	}
	b.t.Fatalf("no trigger from %s was caught", source)
	return events.Event{}
}

// changed is an event with fields of its detail replaced.
func (b *border) changed(e events.Event, change func(detail map[string]any)) events.Event {
	var detail map[string]any
	b.must(json.Unmarshal(e.Detail, &detail))
	change(detail)
	raw, err := json.Marshal(detail)
	b.must(err)
	e.Detail = raw
	return e
}

// deliver puts an event where it belongs: production's success event, as the
// forwarding rule would, on staging's bus; all others on the default bus.
func (b *border) deliver(e events.Event) []states.Report {
	b.t.Helper()
	bus := events.DefaultBus
	if e.Source == "aws.states" {
		bus = b.Config().BusName(b.Config().Targets[0])
	}
	return b.deliverTo(bus, e)
}

func (b *border) deliverTo(bus string, e events.Event) []states.Report {
	b.t.Helper()
	n := len(b.restores())
	b.must(b.Events().Forge(b.place.BusARN(bus), e))
	return b.since(n)
}

// published runs production-backup to its end without any trigger and returns
// the refresh id and the manifest that lies in the inbox.
func (b *border) published() (string, refresh.Manifest) {
	b.t.Helper()
	_, err := b.Ready("staging")
	b.must(err)
	arn, err := b.Start(b.BackupMachine("staging"), refresh.BackupInput{})
	b.must(err)
	r, err := b.Await(arn)
	b.must(err)
	b.must(b.Settle())
	id := b.RefreshOf(b.Config().ProductionPlace(), arn)
	raw, ok := b.Objects().Object(b.place.Inbox(), names.ManifestKey(id))
	if !ok {
		b.t.Fatalf("production ended %s %s: %s, and published nothing", r.Status, r.Error, r.Cause)
	}
	m, err := refresh.ParseManifest(raw)
	b.must(err)
	return id, m
}

// byHand starts staging-restore as an operator and waits for its end.
func (b *border) byHand(input any) states.Report {
	b.t.Helper()
	arn, err := b.Start(b.RestoreMachine("staging"), input)
	b.must(err)
	r, err := b.Await(arn)
	b.must(err)
	b.must(b.Settle())
	return r
}

func (b *border) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// duplicate says whether an execution ended at "Already handled", and by whom.
func duplicate(r states.Report) (by string, is bool) {
	var out struct{ Status, HandledBy string }
	if json.Unmarshal(r.Output, &out) != nil || out.Status != "DUPLICATE" {
		return "", false
	}
	return out.HandledBy, true
}

// says complains when an end is not the verdict with all phrases in its cause.
func says(t *testing.T, r states.Report, verdict string, phrases ...string) {
	t.Helper()
	if r.Error != verdict {
		t.Errorf("ended %s %q, want %s: %s", r.Status, r.Error, verdict, r.Cause)
		return
	}
	for _, p := range phrases {
		if !strings.Contains(r.Cause, p) {
			t.Errorf("the cause does not say %q: %s", p, r.Cause)
		}
	}
}
