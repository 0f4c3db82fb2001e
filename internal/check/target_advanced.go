package check

var targetAdvanced = Check{
	Name: "target-advanced", Side: Target, Scope: Ground, Needs: []Source{FromOptIns},
	Proves:      "advanced DynamoDB backup is on in the target; both accounts need it for a copy",
	NotPromised: "that it was on when an older recovery point was made",
	Run: func(f Facts) []Finding {
		if len(f.Config.DataSet.Tables) == 0 {
			return nil
		}
		return one(advanced(f, f.Target.Account))
	},
}
