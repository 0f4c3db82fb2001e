package check

var readyPresent = Check{
	Name: "ready-present", Side: Production, Scope: Deployed, Needs: []Source{FromReady},
	Proves:      "production can read the target's ready.json: the target is deployed, its inbox admits production, and staging-ready has run",
	NotPromised: "what it says; the other ready checks do",
	Run: func(f Facts) []Finding {
		place := "s3://" + f.Config.Place(f.Target).Inbox() + "/ready.json"
		if f.Ready == nil {
			return one(wrong(place, "it cannot be read: "+f.ReadyError, readyFix(f)))
		}
		return one(proved(place, "production can read it"))
	},
}

func readyFix(f Facts) string {
	return "in the account of " + f.Target.Name + ": `aws lambda invoke --function-name " + f.Config.Place(f.Target).Function("staging-ready") + " /dev/stdout`"
}

// withReady asks about a ready.json that is there.
func withReady(f Facts, ask func(Ready) Finding) []Finding {
	if f.Ready == nil {
		return one(unproved("ready.json of "+f.Target.Name, "it cannot be read; see ready-present"))
	}
	return one(ask(*f.Ready))
}
