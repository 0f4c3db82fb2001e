package check

var dynamoAdvanced = Check{
	Name: "dynamodb-advanced", Side: Production, Scope: Ground, Needs: []Source{FromOptIns},
	Proves:      "AWS Backup manages DynamoDB backups itself; without advanced features they cannot be copied to another account",
	NotPromised: "the same of the target; target-advanced does",
	Run: func(f Facts) []Finding {
		if len(f.Config.DataSet.Tables) == 0 {
			return nil
		}
		return one(advanced(f, f.Config.Production.Account))
	},
}

// advanced is the finding of DynamoDB's advanced backup in one account.
func advanced(f Facts, account string) Finding {
	if f.Management["DynamoDB"] {
		return proved("account "+account, "advanced DynamoDB backup is on in %s", f.Config.Region)
	}
	return wrong("account "+account, "advanced DynamoDB backup is off", "`aws backup update-region-settings --resource-type-management-preference DynamoDB=true`")
}
