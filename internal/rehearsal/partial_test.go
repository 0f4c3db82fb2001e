package rehearsal_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// partials plays refreshes, one after another, each limited to some names. It
// runs within a script, which nothing may end but its return.
type partials struct {
	t *testing.T
	r *rehearsal.Rehearsal
	o *rehearsal.Operator
}

func (p partials) refresh(only ...string) *rehearsal.Result {
	p.t.Helper()
	out, err := p.o.Refresh("staging", refresh.BackupInput{Only: only})
	if err != nil {
		p.t.Error(err)
		return &rehearsal.Result{}
	}
	r, err := p.r.Collect(p.t.Context(), out)
	if err != nil {
		p.t.Error(err)
		return &rehearsal.Result{}
	}
	tell(p.t, r)
	return r
}

// inherits checks what a candidate names in place of what it lacks.
func (p partials) inherits(r *rehearsal.Result, want ...rehearsal.Inherited) {
	p.t.Helper()
	if r.Verdict != rehearsal.VerdictSucceeded {
		p.t.Errorf("%s: %s", r.Verdict, r.Cause)
		return
	}
	for i, in := range r.Inherited {
		if (in.RefreshID != "") != (in.DataAge > 0) {
			p.t.Errorf("%+v: its data has no age", in)
		}
		r.Inherited[i].DataAge = 0
	}
	if diff := cmp.Diff(want, r.Inherited); diff != "" {
		p.t.Errorf("refresh %s inherits (-want +got):\n%s", r.RefreshID, diff)
	}
	var left []refresh.ItemName
	for _, in := range want {
		left = append(left, refresh.ItemName{Kind: refresh.Kind(in.Kind), ID: in.Source})
	}
	if diff := cmp.Diff(left, p.manifest(r).LeftOut); diff != "" {
		p.t.Errorf("manifest of %s (-want +got):\n%s", r.RefreshID, diff)
	}
}

func (p partials) manifest(r *rehearsal.Result) refresh.Manifest {
	p.t.Helper()
	raw, _ := p.o.Objects().Object(p.o.Config().Place(p.o.Config().Targets[0]).Inbox(), names.ManifestKey(r.RefreshID))
	m, err := refresh.ParseManifest(raw)
	if err != nil {
		p.t.Error(err)
	}
	return m
}

// told checks that the notifications of a refresh say something.
func (p partials) told(refreshID string, want ...string) {
	p.t.Helper()
	var all string
	for _, m := range p.o.Mails() {
		if strings.Contains(m.Body, refreshID) {
			all += m.Body + "\n---\n"
		}
	}
	for _, w := range want {
		if !strings.Contains(all, w) {
			p.t.Errorf("nobody was told %q:\n%s", w, all)
		}
	}
}

func cluster(refreshID string) rehearsal.Inherited {
	in := rehearsal.Inherited{Kind: "cluster", Source: "shop-orders", RefreshID: refreshID}
	if refreshID != "" {
		in.Name = names.RestoredCluster("shop-orders", refreshID)
	}
	return in
}

func table(refreshID string) rehearsal.Inherited {
	in := rehearsal.Inherited{Kind: "table", Source: "shop-carts", RefreshID: refreshID}
	if refreshID != "" {
		in.Name = names.RestoredTable("shop-carts", refreshID)
	}
	return in
}

// A partial refresh inherits, for each item that it leaves out, the newest copy
// that a candidate holds: never one of a refresh that failed, and none that
// dbferry did not record.
func TestPartialRefreshInherits(t *testing.T) {
	play(t, rehearsal.Scenario{}, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		p := partials{t, r, o}
		first := p.refresh("shop-carts")
		p.inherits(first, cluster(""))

		full := p.refresh()
		p.inherits(full)

		carts := p.refresh("shop-carts")
		p.inherits(carts, cluster(full.RefreshID))

		for _, f := range fault(t, "staging-restore/-/Record the candidate/S3.PutObject=deny") {
			o.World().Inject(f)
		}
		failed := p.refresh("shop-carts")
		o.Heal()
		if failed.Verdict != rehearsal.VerdictFailed || len(failed.Inherited) > 0 {
			t.Errorf("%s, inherits %+v", failed.Verdict, failed.Inherited)
		}

		orders := p.refresh("shop-orders")
		p.inherits(orders, table(carts.RefreshID))

		p.inherits(p.refresh("shop-orders", "shop-carts"))
		p.told(first.RefreshID, "cluster shop-orders: nothing; no refresh has brought it yet")
		p.told(carts.RefreshID, "1 item(s) of the data set left out: cluster shop-orders.",
			"cluster shop-orders: "+names.RestoredCluster("shop-orders", full.RefreshID)+" of refresh "+full.RefreshID+", ")
		return nil
	})
}

// Names that the data set does not have are refused before anything is begun.
func TestPartialRefreshOfUnknownNames(t *testing.T) {
	play(t, rehearsal.Scenario{}, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		p := partials{t, r, o}
		for _, only := range [][]string{{"shop-order"}, {"shop-carts", "shop"}, {""}, {"shop-*"}, {"SHOP-CARTS"}, {"arn:aws:dynamodb:eu-west-1:111111111111:table/shop-carts"}} {
			got := p.refresh(only...)
			if got.Verdict != rehearsal.VerdictRefused || !strings.Contains(got.Cause, "the data set has no such cluster or table") {
				t.Errorf("%q: %s: %s", only, got.Verdict, got.Cause)
			}
			if len(got.Waits) > 0 {
				t.Errorf("%q: something was begun: %+v", only, got.Waits)
			}
		}
		if locks := o.Objects().Objects(o.Config().ProductionPlace().Ledger()); slices.ContainsFunc(locks, func(k string) bool { return strings.HasPrefix(k, "locks/") }) {
			t.Errorf("locks stay: %v", locks)
		}
		return nil
	})
}
