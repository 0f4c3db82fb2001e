package check

import "strings"

var readyClean = Check{
	Name: "ready-clean", Side: Production, Scope: Deployed, Needs: []Source{FromReady},
	Proves:      "the target found no problem with itself",
	NotPromised: "that nothing changed there since; what it could not prove is listed in ready.json",
	Run: func(f Facts) []Finding {
		return withReady(f, func(r Ready) Finding {
			if len(r.Problems) == 0 {
				return proved("target "+f.Target.Name, "it has %d proofs and no problem", r.Findings.Count(Proved))
			}
			var lines []string
			for _, p := range r.Problems {
				lines = append(lines, p.String())
			}
			return wrong("target "+f.Target.Name, strings.Join(lines, " | "), "mend these in account "+f.Target.Account+", then run staging-ready")
		})
	},
}
