package migrate

import (
	"fmt"
	"strings"
)

// check is one question of the preflight, asked before anything is changed.
type check struct {
	Name        string // in kebab case, unique
	Engine      string // the only engine that it is about; empty: both
	Proves      string // what a pass shows
	NotPromised string // what a pass does not show
	Source      string // section of docs/migration.md
	Ask         func(f *facts) finding
}

// finding is what a check says. A problem refuses the migration; a warning
// stands in the plan.
type finding struct {
	proof   string
	problem string
	warning string
	fix     string // a command, or what to do
}

func proved(format string, args ...any) finding { return finding{proof: fmt.Sprintf(format, args...)} }

func problem(fix, format string, args ...any) finding {
	return finding{problem: fmt.Sprintf(format, args...), fix: fix}
}

func warning(fix, format string, args ...any) finding {
	return finding{warning: fmt.Sprintf(format, args...), fix: fix}
}

// Checked is the outcome of one check, for the evidence and for people.
type Checked struct {
	Check   string `json:"check"`
	Outcome string `json:"outcome"` // "proved", "warning" or "problem"
	What    string `json:"what"`
	Fix     string `json:"fix,omitempty"`
}

// Outcomes of a check.
const (
	outcomeProved  = "proved"
	outcomeWarning = "warning"
	outcomeProblem = "problem"
)

// judge asks every check that is about the engine.
func judge(f *facts) []Checked {
	var out []Checked
	for _, c := range checks() {
		if c.Engine != "" && (f.cluster.Engine == nil || c.Engine != *f.cluster.Engine) {
			continue
		}
		r := c.Ask(f)
		switch {
		case r.problem != "":
			out = append(out, Checked{c.Name, outcomeProblem, r.problem, r.fix})
		case r.warning != "":
			out = append(out, Checked{c.Name, outcomeWarning, r.warning, r.fix})
		default:
			out = append(out, Checked{Check: c.Name, Outcome: outcomeProved, What: r.proof})
		}
	}
	return out
}

// problems are the findings that refuse the migration, one a line.
func problems(all []Checked) string {
	var lines []string
	for _, c := range all {
		if c.Outcome == outcomeProblem {
			lines = append(lines, fmt.Sprintf("  - [%s] %s. Fix: %s", c.Check, c.What, c.Fix))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return fmt.Sprintf("%d problem(s):\n%s", len(lines), strings.Join(lines, "\n"))
}

// checkGroups are all checks, in the order in which they are told.
var checkGroups = []struct {
	title  string
	checks []check
}{
	{"Cluster", clusterChecks}, {"Version and groups", versionChecks}, {"Replication", replicationChecks}, {"Room", roomChecks},
	{"RDS Proxy", proxyChecks}, {"What is carried over", carryChecks}, {"Databases", databaseChecks},
}

func checks() []check {
	var out []check
	for _, g := range checkGroups {
		out = append(out, g.checks...)
	}
	return out
}
