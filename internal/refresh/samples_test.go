package refresh

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/fault"
)

// samples are the events of one pattern of package events: what its rule passes
// on must be understood, however irregular, or refused in words.
func samples(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../events/testdata/" + pattern + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples of %s: %v", pattern, err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".json")] = raw
	}
	return out
}

// TestSampleTriggers: each sample that a rule lets through is a trigger of the
// same refresh, or is refused for the reason given here; no near miss is one,
// even if a rule were widened.
func TestSampleTriggers(t *testing.T) {
	c, target := example(t)
	refused := map[string]string{
		"match-output-dropped": "included=false",
		"match-by-hand":        "not by production's account",
		"miss-map-run":         "starts nothing",
		"miss-custom-source":   "starts nothing",
		"miss-deleted":         "starts nothing",
		"miss-tagged":          "starts nothing",
	}
	for _, pattern := range []string{"production-succeeded", "manifest-arrived"} {
		for name, raw := range samples(t, pattern) {
			t.Run(pattern+"/"+name, func(t *testing.T) {
				tr, err := ParseTrigger(raw, c, target)
				if refused[name] == "" && strings.HasPrefix(name, "match-") {
					if err != nil || tr.RefreshID != id || tr.ByHand || tr.Resume || (tr.SHA256 != "") != (pattern == "production-succeeded") {
						t.Fatalf("%+v, %v", tr, err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), refused[name]) {
					t.Fatalf("%+v, %v, want an error that says %q", tr, err, refused[name])
				}
			})
		}
	}
}

func TestWhoCausedATriggerIsForgedNotMalformed(t *testing.T) {
	c, target := example(t)
	for name, want := range map[string]fault.Name{
		"production-succeeded/miss-own-account": fault.Forged, "production-succeeded/miss-other-account": fault.Forged,
		"production-succeeded/miss-map-child": fault.Forged, "production-succeeded/match-output-dropped": fault.BadRequest,
		"manifest-arrived/miss-other-account": fault.Forged, "manifest-arrived/match-by-hand": fault.Forged,
		"manifest-arrived/miss-deleted": fault.BadRequest,
	} {
		pattern, file, _ := strings.Cut(name, "/")
		_, err := ParseTrigger(samples(t, pattern)[file], c, target)
		if got := originOf(err); got != want {
			t.Errorf("%s: %s, want %s (%v)", name, got, want, err)
		}
	}
}

func TestSampleEnds(t *testing.T) {
	want := map[string]End{
		"match-aborted":       {Verdict: Failed, Error: "ABORTED"},
		"match-timed-out":     {Verdict: Failed, Error: "TIMED_OUT"},
		"match-runtime":       {Verdict: Failed, Error: "States.Runtime", Cause: "An error occurred while executing the state"},
		"match-null-error":    {Verdict: Failed},
		"match-refused":       {Verdict: Refused, Error: Refused, Cause: "cannot believe the manifest"},
		"match-failed":        {Verdict: Refused, Error: Refused, Cause: "the manifest was made from another configuration"},
		"match-redriven":      {Verdict: Refused, Error: Refused, Cause: "the manifest was made from another configuration"},
		"match-input-dropped": {Verdict: Refused, Error: Refused, Cause: "the manifest was made from another configuration"},
	}
	for name, raw := range samples(t, "run-ended-badly") {
		if !strings.HasPrefix(name, "match-") {
			continue
		}
		w, known := want[name]
		end, err := ParseEnd(raw)
		if err != nil || !known || end.Verdict != w.Verdict || end.Error != w.Error || end.Cause != w.Cause || !strings.HasPrefix(end.Execution, "arn:aws:states:") {
			t.Errorf("%s: %+v, %v, want %+v", name, end, err, w)
		}
	}
}
