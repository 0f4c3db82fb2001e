package rehearsal_test

import (
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// TestBorder: whatever happens to events, a refresh arrives once. Waiting never
// depends on AWS Backup's events, and either trigger alone is enough.
func TestBorder(t *testing.T) {
	lost, twice := events.Weather{Loss: 1}, events.Weather{Duplicate: 1}
	for name, weather := range map[string]map[string]events.Weather{
		"the success event is lost":          {"aws.states": lost, "aws.backup": lost},
		"the inbox's event is lost":          {"aws.s3": lost, "aws.backup": lost},
		"every event comes twice":            {"aws.states": twice, "aws.s3": twice, "aws.backup": twice},
		"the success event is an hour late":  {"aws.states": {Delay: time.Hour}},
		"the inbox's event is an hour late":  {"aws.s3": {Delay: time.Hour}},
		"both are late, each by its own way": {"aws.states": {Jitter: time.Hour}, "aws.s3": {Jitter: time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, rehearsal.Scenario{Weather: weather})
			if r.Verdict != rehearsal.VerdictSucceeded {
				t.Fatalf("%s: %s", r.Verdict, r.Cause)
			}
			restores := 0
			for _, w := range r.Waits {
				if w.Phase == "restore" {
					restores++
				}
				if w.Noticed > 0 && w.Noticed-w.Finished > time.Minute {
					t.Errorf("%s was noticed only after %s", w.What, w.Noticed-w.Finished)
				}
			}
			if restores != 2 {
				t.Errorf("%d restores of two items", restores)
			}
		})
	}
}

// TestTheFirstTriggerDies: a claim binds only once its execution has begun. The
// second trigger waits for the first, and takes over when that one dies.
func TestTheFirstTriggerDies(t *testing.T) {
	for name, site := range map[string]string{
		"after the claim":                  "staging-restore/-/Verify the manifest/S3.PutObject=deny#2",
		"with the manifest in its ledger":  "staging-restore/-/Verify the manifest/S3.PutObject=deny#6",
		"just before the refresh is begun": "staging-restore/-/Verify the manifest/S3.PutObject=deny#11",
	} {
		t.Run(name, func(t *testing.T) {
			play(t, rehearsal.Scenario{Faults: fault(t, site)}, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
				b := atBorder(t, o)
				out, err := o.Refresh("staging", refresh.BackupInput{})
				if err != nil || out.Verdict != rehearsal.VerdictSucceeded {
					t.Errorf("%s: %s %v", out.Verdict, out.Cause, err)
				}
				all := b.restores()
				if len(all) != 2 {
					t.Fatalf("%d executions of two triggers", len(all))
				}
				says(t, all[0], rehearsal.VerdictRefused, "injected", `start this machine with {"refreshId":"`+out.RefreshID+`"}`)
				if all[1].Status != asl.Succeeded || b.claimant(out.RefreshID) != all[1].ARN || b.jobs("") != 2 {
					t.Errorf("second %s, claimed by %s, %d restores", all[1].Status, b.claimant(out.RefreshID), b.jobs(""))
				}
				b.quiet()
				return err
			})
		})
	}
}

// TestBothTriggersAreRefused for a reason that passes: no third one comes, so
// the mail says how an operator begins the refresh, and that works.
func TestBothTriggersAreRefused(t *testing.T) {
	play(t, rehearsal.Scenario{}, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		b := atBorder(t, o)
		stuck := fault(t, "staging-restore/-/Verify the manifest/Backup.DescribeRecoveryPoint=throttle")[0]
		stuck.Nth = 0 // every call
		o.World().Inject(stuck)
		out, err := o.Refresh("staging", refresh.BackupInput{})
		wish := `{"refreshId":"` + out.RefreshID + `"}`
		for _, r := range b.restores() {
			says(t, r, rehearsal.VerdictRefused, "Rate exceeded", wish)
		}
		if n := len(b.restores()); n != 2 || b.claimant(out.RefreshID) != "" || b.jobs("") != 0 {
			t.Errorf("%d executions, claimed by %q, %d restores", n, b.claimant(out.RefreshID), b.jobs(""))
		}
		o.Heal()
		if r := b.byHand([]byte(wish)); r.Status != asl.Succeeded || b.jobs("") != 2 {
			t.Errorf("by hand: %s %s, %d restores", r.Status, r.Cause, b.jobs(""))
		}
		again := b.byHand([]byte(wish))
		if by, is := duplicate(again); !is || by != b.claimant(out.RefreshID) || b.jobs("") != 2 {
			t.Errorf("by hand again: %s %s %s", again.Status, again.Cause, again.Output)
		}
		b.quiet()
		return err
	})
}

// TestTriggersOfTwoRefreshesInTheWrongOrder: what is older than what staging has,
// or older than any event is, is restored only when somebody asks for it.
func TestTriggersOfTwoRefreshesInTheWrongOrder(t *testing.T) {
	play(t, rehearsal.Scenario{}, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		b := atBorder(t, o)
		b.Hold()
		older, _ := b.published()
		late := b.from("aws.states")
		b.must(o.Sleep(2 * time.Hour))
		o.Events().Intercept = nil
		out, err := o.Refresh("staging", refresh.BackupInput{})
		if out.Verdict != rehearsal.VerdictSucceeded {
			t.Errorf("the newer one: %s %s", out.Verdict, out.Cause)
		}
		wish := `{"refreshId":"` + older + `"}`
		for _, r := range b.deliver(late) {
			says(t, r, rehearsal.VerdictRefused, "refresh "+out.RefreshID+", which is newer, has restored", wish)
		}
		if b.claimant(older) != "" || b.jobs("") != 2 {
			t.Errorf("the older one is claimed by %q, %d restores", b.claimant(older), b.jobs(""))
		}
		b.Hold()
		idle, _ := b.published()
		b.must(o.Sleep(3 * 24 * time.Hour))
		for _, r := range b.deliver(b.from("aws.s3")) {
			says(t, r, rehearsal.VerdictRefused, "an event begins nothing that is older than 48h", `{"refreshId":"`+idle+`"}`)
		}
		if r := b.byHand([]byte(wish)); r.Status != asl.Succeeded || b.jobs("") != 4 {
			t.Errorf("by hand: %s %s, %d restores", r.Status, r.Cause, b.jobs(""))
		}
		b.quiet()
		return err
	})
}
