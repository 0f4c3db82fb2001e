package check

var tableTags = Check{
	Name: "table-tags", Side: Production, Scope: Ground, Needs: []Source{FromTables},
	Proves:      "the table's tags and dbferry's own stay within the 50 that a recovery point and a restored table may carry",
	NotPromised: "that nobody adds tags before the backup; nor anything of a data set of more than 100 tables, whose tags are not read (DynamoDB gives ten a second)",
	Run: func(f Facts) []Finding {
		return eachTable(f, func(t TableFacts) Finding {
			if t.Tags < 0 {
				return unproved(t.Name, "its tags were not read: the data set has more than 100 tables")
			}
			return tagsFinding(t.Name, t.Tags, "dynamodb untag-resource --resource-arn "+t.ARN)
		})
	},
}
