package check

const regionSettings = "`aws backup update-region-settings --resource-type-opt-in-preference "

var auroraOptIn = Check{
	Name: "aurora-opt-in", Side: Production,
	Proves:      "AWS Backup is opted in for Aurora in production's Region; Aurora always needs it, even on demand",
	NotPromised: "the same of the target; target-opt-in does",
	Run: func(f Facts) []Problem {
		if len(f.Clusters) == 0 || f.OptIn["Aurora"] {
			return nil
		}
		return one(&Problem{Resource: "account " + f.Config.Production.Account, What: "AWS Backup is not opted in for Aurora", Fix: regionSettings + "Aurora=true`"})
	},
}

var dynamoOptIn = Check{
	Name: "dynamodb-opt-in", Side: Production,
	Proves:      "AWS Backup is opted in for DynamoDB in production's Region",
	NotPromised: "advanced backup; dynamodb-advanced does",
	Run: func(f Facts) []Problem {
		if len(f.Tables) == 0 || f.OptIn["DynamoDB"] {
			return nil
		}
		return one(&Problem{Resource: "account " + f.Config.Production.Account, What: "AWS Backup is not opted in for DynamoDB", Fix: regionSettings + "DynamoDB=true`"})
	},
}

var dynamoAdvanced = Check{
	Name: "dynamodb-advanced", Side: Production,
	Proves:      "AWS Backup manages DynamoDB backups itself; without advanced features they cannot be copied to another account",
	NotPromised: "the same of the target; target-advanced does",
	Run: func(f Facts) []Problem {
		if len(f.Tables) == 0 || f.Management["DynamoDB"] {
			return nil
		}
		return one(&Problem{Resource: "account " + f.Config.Production.Account, What: "advanced DynamoDB backup is off", Fix: advancedFix})
	},
}

const advancedFix = "`aws backup update-region-settings --resource-type-management-preference DynamoDB=true`"

var targetOptIn = Check{
	Name: "target-opt-in", Side: Target,
	Proves:      "AWS Backup is opted in for the data set's kinds in the target's Region",
	NotPromised: "that a restore role may use them; the restore shows that",
	Run: func(f Facts) []Problem {
		var out []Problem
		for _, kind := range []struct {
			name   string
			needed bool
		}{{"Aurora", len(f.Config.DataSet.Clusters) > 0}, {"DynamoDB", len(f.Config.DataSet.Tables) > 0}} {
			if kind.needed && !f.OptIn[kind.name] {
				out = append(out, Problem{Resource: "account " + f.Target.Account, What: "AWS Backup is not opted in for " + kind.name, Fix: regionSettings + kind.name + "=true`"})
			}
		}
		return out
	},
}

var targetAdvanced = Check{
	Name: "target-advanced", Side: Target,
	Proves:      "advanced DynamoDB backup is on in the target; both accounts need it for a copy",
	NotPromised: "that it was on when an older recovery point was made",
	Run: func(f Facts) []Problem {
		if len(f.Config.DataSet.Tables) == 0 || f.Management["DynamoDB"] {
			return nil
		}
		return one(&Problem{Resource: "account " + f.Target.Account, What: "advanced DynamoDB backup is off", Fix: advancedFix})
	},
}
