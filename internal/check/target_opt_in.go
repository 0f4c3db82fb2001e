package check

var targetOptIn = Check{
	Name: "target-opt-in", Side: Target, Scope: Ground, Needs: []Source{FromOptIns},
	Proves:      "AWS Backup is opted in for the data set's kinds in the target's Region",
	NotPromised: "that a restore role may use them; the restore shows that",
	Run: func(f Facts) []Finding {
		var out []Finding
		if len(f.Config.DataSet.Clusters) > 0 {
			out = append(out, optIn(f, f.Target.Account, "Aurora"))
		}
		if len(f.Config.DataSet.Tables) > 0 {
			out = append(out, optIn(f, f.Target.Account, "DynamoDB"))
		}
		return out
	},
}
