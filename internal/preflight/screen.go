package preflight

import (
	"fmt"
	"io"

	"github.com/dbferry/dbferry/internal/check"
)

// shown is how many proofs of one check are listed before the rest is counted.
const shown = 3

// Screen writes the result for a person: every check with what was observed,
// then the problems once more, with the commands that mend them.
func Screen(w io.Writer, r Result) {
	fmt.Fprintf(w, "dbferry check: production %s, %s. It only reads.\n", r.Production, r.Region)
	for _, t := range r.Targets {
		fmt.Fprintf(w, "\nto %s, account %s\n", t.Name, t.Account)
		list(w, t.Findings)
	}
	fmt.Fprintf(w, "\norganization\n")
	list(w, r.Findings)
	all := r.All()
	if problems := all.Problems(); len(problems) > 0 {
		fmt.Fprintf(w, "\n%d to mend:\n", len(problems))
		for i, p := range problems {
			fmt.Fprintf(w, "%3d. [%s] %s: %s\n     %s\n", i+1, p.Check, p.Resource, p.What, p.Fix)
		}
	}
	if problems := all.Hindrances(); len(problems) > 0 {
		fmt.Fprintf(w, "\n%d to mend before a switch; a refresh goes on without:\n", len(problems))
		for i, p := range problems {
			fmt.Fprintf(w, "%3d. [%s] %s: %s\n     %s\n", i+1, p.Check, p.Resource, p.What, p.Fix)
		}
	}
	fmt.Fprintf(w, "\n%d proved, %d to mend, %d not proved, %d not asked\n", all.Count(check.Proved), all.Count(check.Wrong), all.Count(check.NotProved), all.Count(check.NotAsked))
	if all.Count(check.NotProved) > 0 && all.Count(check.Wrong) == 0 {
		fmt.Fprintln(w, "no problem was found, but what is not proved may still be one")
	}
}

func list(w io.Writer, found check.Report) {
	for i := 0; i < len(found); {
		group := sameCheck(found[i:])
		i += len(group)
		proofs := 0
		for _, f := range group {
			if f.Outcome == check.Proved {
				if proofs++; proofs > shown {
					continue
				}
			}
			fmt.Fprintf(w, "  %-10s  %-30s  %s: %s\n", f.Outcome, f.Check, f.Resource, f.What)
		}
		if proofs > shown {
			fmt.Fprintf(w, "  %-10s  %-30s  and %d more\n", check.Proved, group[0].Check, proofs-shown)
		}
	}
}

// sameCheck is the run of findings of the first one's check.
func sameCheck(found check.Report) check.Report {
	n := 1
	for n < len(found) && found[n].Check == found[0].Check {
		n++
	}
	return found[:n]
}
