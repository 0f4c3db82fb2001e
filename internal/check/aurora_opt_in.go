package check

var auroraOptIn = Check{
	Name: "aurora-opt-in", Side: Production, Scope: Ground, Needs: []Source{FromOptIns},
	Proves:      "AWS Backup is opted in for Aurora in production's Region; Aurora always needs it, even on demand",
	NotPromised: "the same of the target; target-opt-in does",
	Run: func(f Facts) []Finding {
		if len(f.Config.DataSet.Clusters) == 0 {
			return nil
		}
		return one(optIn(f, f.Config.Production.Account, "Aurora"))
	},
}

// optIn is the finding of one resource type in one account.
func optIn(f Facts, account, kind string) Finding {
	if f.OptIn[kind] {
		return proved("account "+account, "AWS Backup is opted in for %s in %s", kind, f.Config.Region)
	}
	return wrong("account "+account, "AWS Backup is not opted in for "+kind, "`aws backup update-region-settings --resource-type-opt-in-preference "+kind+"=true`")
}
