package check

var dynamoOptIn = Check{
	Name: "dynamodb-opt-in", Side: Production, Scope: Ground, Needs: []Source{FromOptIns},
	Proves:      "AWS Backup is opted in for DynamoDB in production's Region",
	NotPromised: "advanced backup; dynamodb-advanced does",
	Run: func(f Facts) []Finding {
		if len(f.Config.DataSet.Tables) == 0 {
			return nil
		}
		return one(optIn(f, f.Config.Production.Account, "DynamoDB"))
	},
}
