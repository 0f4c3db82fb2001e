package check

import (
	"strings"
	"time"
)

func readyFix(f Facts) string {
	return "in the account of " + f.Target.Name + ": `aws lambda invoke --function-name " + f.Config.Place(f.Target).Function("staging-ready") + " /dev/stdout`"
}

var readyPresent = Check{
	Name: "ready-present", Side: Production,
	Proves:      "production can read the target's ready.json: the target is deployed, its inbox admits production, and staging-ready has run",
	NotPromised: "what it says; the other ready checks do",
	Run: func(f Facts) []Problem {
		if f.Ready != nil {
			return nil
		}
		return one(&Problem{Resource: "s3://" + f.Config.Place(f.Target).Inbox() + "/ready.json", What: "it cannot be read: " + f.ReadyError, Fix: readyFix(f)})
	},
}

var readyFresh = Check{
	Name: "ready-fresh", Side: Production,
	Proves:      "the target was checked within the last 24 hours",
	NotPromised: "that nothing changed there since",
	Run: func(f Facts) []Problem {
		if f.Ready == nil || f.Now.Sub(f.Ready.CheckedAt) <= ReadyAge && f.Ready.Schema == ReadySchema {
			return nil
		}
		return one(&Problem{Resource: "ready.json of " + f.Target.Name, What: "it was written at " + f.Ready.CheckedAt.Format(time.RFC3339) + ", more than 24 hours ago, or by another version of dbferry", Fix: readyFix(f)})
	},
}

var readyAgrees = Check{
	Name: "ready-agrees", Side: Production,
	Proves:      "both accounts were deployed from the same configuration",
	NotPromised: "that either was deployed from the file on your disk; `npx cdk diff` shows that",
	Run: func(f Facts) []Problem {
		if f.Ready == nil || f.Ready.ConfigHash == f.Config.Hash() && f.Ready.Target == f.Target.Name {
			return nil
		}
		return one(&Problem{Resource: "ready.json of " + f.Target.Name, What: "the target was deployed from another dbferry.json",
			Fix: "`npx cdk deploy dbferry-production`, `npx cdk deploy " + f.Config.Place(f.Target).Stack() + "`, then run staging-ready"})
	},
}

var readyClean = Check{
	Name: "ready-clean", Side: Production,
	Proves:      "the target found no problem with itself",
	NotPromised: "that its quotas still suffice by the time of the restore",
	Run: func(f Facts) []Problem {
		if f.Ready == nil || len(f.Ready.Problems) == 0 {
			return nil
		}
		var lines []string
		for _, p := range f.Ready.Problems {
			lines = append(lines, p.String())
		}
		return one(&Problem{Resource: "target " + f.Target.Name, What: strings.Join(lines, " | "), Fix: "mend these in account " + f.Target.Account + ", then run staging-ready"})
	},
}
