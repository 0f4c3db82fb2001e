// Package check is the preflight: one file a check. A check is a pure function
// of facts that were gathered before (facts.go), so that the same check runs in
// a state machine, on an operator's command line and in a table test. For every
// resource it gives a proof, a problem with the command that mends it, or the
// reason why neither can be had.
package check

import (
	"fmt"
	"slices"
	"strings"
)

// Side is the account whose facts a check needs.
type Side string

// The sides.
const (
	Production Side = "production"
	Target     Side = "target"
	// Both needs production's facts beside what the target says of itself.
	Both Side = "both"
	// Organization is the organization's management account, which only a
	// person may read.
	Organization Side = "organization"
)

// Scope is what must be there before a check can be asked.
type Scope string

// The scopes.
const (
	Ground   Scope = "ground"   // nothing: before any deployment
	Deployed Scope = "deployed" // the side's stack
)

// Check is one question about the ground.
type Check struct {
	Name        string // unique, in kebab case; its file has the same in snake case
	Side        Side
	Scope       Scope
	Needs       []Source // facts without which nothing can be said
	Proves      string   // what a pass shows
	NotPromised string   // what a pass does not show
	Run         func(Facts) []Finding
}

// Outcome is what a check says of one resource.
type Outcome string

// The outcomes. Only a problem stops a refresh, only a proof is a pass, and what
// hinders a switch stops no refresh.
const (
	Proved    Outcome = "proved"
	Wrong     Outcome = "problem"
	Hinders   Outcome = "hinders"    // a problem of a switch: a refresh goes on without
	NotProved Outcome = "not proved" // it could not be read, or not evaluated
	NotAsked  Outcome = "not asked"  // not deployed yet, or nothing in the data set that it is about
)

// Finding is what a check says of one resource.
type Finding struct {
	Check    string  `json:"check"`
	Resource string  `json:"resource"`
	Outcome  Outcome `json:"outcome"`
	What     string  `json:"what"`          // what was observed
	Fix      string  `json:"fix,omitempty"` // of a problem: a command, or what to do
}

// Problem is one reason not to begin.
type Problem struct {
	Check    string `json:"check"`
	Resource string `json:"resource"`
	What     string `json:"what"`
	Fix      string `json:"fix"` // a command, or what to do
}

// String is one line for a person.
func (p Problem) String() string {
	return fmt.Sprintf("[%s] %s: %s. Fix: %s", p.Check, p.Resource, p.What, p.Fix)
}

// Problems is everything that a preflight found wrong.
type Problems []Problem

// Error lists them, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = "  - " + p.String()
	}
	return fmt.Sprintf("%d problem(s):\n%s", len(ps), strings.Join(lines, "\n"))
}

// Report is all findings of a preflight, by check.
type Report []Finding

// Problems are the findings that stop a refresh. It is never nil.
func (r Report) Problems() Problems {
	out := Problems{}
	for _, f := range r {
		if f.Outcome == Wrong {
			out = append(out, Problem{Check: f.Check, Resource: f.Resource, What: f.What, Fix: f.Fix})
		}
	}
	return out
}

// Hindrances are the findings that would stop a switch.
func (r Report) Hindrances() Problems {
	var out Problems
	for _, f := range r {
		if f.Outcome == Hinders {
			out = append(out, Problem{Check: f.Check, Resource: f.Resource, What: f.What, Fix: f.Fix})
		}
	}
	return out
}

// Rest is everything but the problems, which stand apart.
func (r Report) Rest() Report {
	return slices.DeleteFunc(slices.Clone(r), func(f Finding) bool { return f.Outcome == Wrong })
}

// Count is how many findings have an outcome.
func (r Report) Count(o Outcome) int {
	n := 0
	for _, f := range r {
		if f.Outcome == o {
			n++
		}
	}
	return n
}

// Run asks all checks of the given sides and returns every finding.
func Run(f Facts, sides ...Side) Report {
	var out Report
	for _, c := range All() {
		if !slices.Contains(sides, c.Side) {
			continue
		}
		for _, found := range c.ask(f) {
			found.Check = c.Name
			out = append(out, found)
		}
	}
	return out
}

// ask runs a check when its facts are there.
func (c Check) ask(f Facts) []Finding {
	if c.Scope == Deployed && !f.Deployed {
		return one(Finding{Resource: "stack " + f.stack(c.Side), Outcome: NotAsked, What: "not deployed yet"})
	}
	for _, source := range c.Needs {
		if why := f.Unread[source]; why != "" {
			return one(unproved(string(source), why))
		}
	}
	if found := c.Run(f); len(found) > 0 {
		return found
	}
	return one(Finding{Resource: "configuration", Outcome: NotAsked, What: "there is nothing in it that this check is about"})
}

// proved, wrong and unproved make findings.
func proved(resource, format string, args ...any) Finding {
	return Finding{Resource: resource, Outcome: Proved, What: fmt.Sprintf(format, args...)}
}

func wrong(resource, what, fix string) Finding {
	return Finding{Resource: resource, Outcome: Wrong, What: what, Fix: fix}
}

func unproved(resource, why string) Finding {
	return Finding{Resource: resource, Outcome: NotProved, What: why}
}

func one(f Finding) []Finding { return []Finding{f} }

// each makes the findings of a list of things.
func each[T any](list []T, ask func(T) Finding) []Finding {
	out := make([]Finding, 0, len(list))
	for _, v := range list {
		out = append(out, ask(v))
	}
	return out
}

// eachCluster asks about the clusters that are there.
func eachCluster(f Facts, ask func(ClusterFacts) Finding) []Finding {
	return each(slices.DeleteFunc(slices.Clone(f.Clusters), func(c ClusterFacts) bool { return c.Missing }), ask)
}

// eachTable asks about the tables that are there.
func eachTable(f Facts, ask func(TableFacts) Finding) []Finding {
	return each(slices.DeleteFunc(slices.Clone(f.Tables), func(t TableFacts) bool { return t.Missing }), ask)
}
