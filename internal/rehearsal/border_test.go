package rehearsal_test

import (
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/events"
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
