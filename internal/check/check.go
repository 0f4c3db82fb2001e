// Package check is the preflight: one file a check. A check is a pure function
// of facts that were gathered before (facts.go), so that the same check runs in
// a state machine, on an operator's command line and in a table test. A check
// says what it proves, what a pass does not promise, and, for every problem,
// the command that mends it.
package check

import (
	"fmt"
	"strings"
)

// Side is the account whose facts a check needs.
type Side string

// The sides.
const (
	Production Side = "production"
	Target     Side = "target"
)

// Check is one question about the ground.
type Check struct {
	Name        string // unique, in kebab case
	Side        Side
	Proves      string // what a pass shows
	NotPromised string // what a pass does not show
	Run         func(Facts) []Problem
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

// Problems is everything that a preflight found.
type Problems []Problem

// Error lists them, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = "  - " + p.String()
	}
	return fmt.Sprintf("%d problem(s):\n%s", len(ps), strings.Join(lines, "\n"))
}

// All lists every check, production's first, in the order in which they run.
func All() []Check {
	return []Check{
		clusterExists, clusterAvailable, clusterEncrypted, clusterKeyCustomer, clusterEngine, clusterNameFits, clusterSettings,
		auroraOptIn, tableExists, tableActive, dynamoOptIn, dynamoAdvanced, productionVault,
		readyPresent, readyFresh, readyAgrees, readyClean,
		serviceLinkedRoles, targetOptIn, targetAdvanced, targetVault, targetVaultKey, targetVaultPolicy,
		subnetGroup, parameterGroups, clusterQuota, secretsExist, endpointsReachable,
	}
}

// Run asks all checks of a side and returns all problems.
func Run(side Side, f Facts) Problems {
	var out Problems
	for _, c := range All() {
		if c.Side != side {
			continue
		}
		for _, p := range c.Run(f) {
			p.Check = c.Name
			out = append(out, p)
		}
	}
	return out
}

// each makes the problems of a list of things.
func each[T any](list []T, ask func(T) *Problem) []Problem {
	var out []Problem
	for _, v := range list {
		if p := ask(v); p != nil {
			out = append(out, *p)
		}
	}
	return out
}

func one(p *Problem) []Problem {
	if p == nil {
		return nil
	}
	return []Problem{*p}
}
