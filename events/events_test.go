package events

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/eventpattern"
)

// sample are the values of the shipped configuration.
var sample = map[string]map[string]string{
	ProductionSucceeded: {"ProductionAccount": "111111111111", "MachineArn": "arn:aws:states:eu-west-1:111111111111:stateMachine:dbferry-production-backup-staging"},
	ManifestArrived:     {"TargetAccount": "222222222222", "InboxBucket": "dbferry-inbox-staging-222222222222-eu-west-1", "ManifestPrefix": "manifests/"},
	RunEndedBadly:       {"Account": "222222222222", "MachineArn": "arn:aws:states:eu-west-1:222222222222:stateMachine:dbferry-staging-restore-staging"},
}

func TestPatternsAgainstRealEvents(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			p := parsed(t, name)
			for kind, want := range map[string]bool{"match": true, "miss": false} {
				files, err := filepath.Glob(filepath.Join("testdata", name, kind+"-*.json"))
				if err != nil || len(files) < 2 {
					t.Fatalf("testdata/%s needs two or more %s-*.json, has %d (%v)", name, kind, len(files), err)
				}
				for _, f := range files {
					check(t, p, f, want)
				}
			}
		})
	}
}

func parsed(t *testing.T, name string) eventpattern.Pattern {
	t.Helper()
	raw, err := Pattern(name, sample[name])
	if err != nil {
		t.Fatal(err)
	}
	p, err := eventpattern.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func check(t *testing.T, p eventpattern.Pattern, file string, want bool) {
	t.Helper()
	event, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, why := p.Match(event); got != want {
		t.Errorf("%s: matched = %v, want %v (%s)", file, got, want, why)
	}
}

func TestNames(t *testing.T) {
	if d := cmp.Diff([]string{ManifestArrived, ProductionSucceeded, RunEndedBadly}, Names()); d != "" {
		t.Error(d)
	}
}

func TestPatternRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		pattern string
		values  map[string]string
		want    string
	}{
		"unknown pattern": {"nothing", nil, "does not exist"},
		"missing value":   {RunEndedBadly, map[string]string{"Account": "1"}, "needs values for MachineArn"},
		"unused value":    {RunEndedBadly, map[string]string{"Account": "1", "MachineArn": "a", "Region": "r"}, "no placeholder for Region"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Pattern(c.pattern, c.values)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
}

func TestValuesAreEscaped(t *testing.T) {
	raw, err := Pattern(RunEndedBadly, map[string]string{"Account": `"1"`, "MachineArn": `a\b`})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eventpattern.Parse(raw); err != nil {
		t.Errorf("%s: %v", raw, err)
	}
}
