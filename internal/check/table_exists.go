package check

var tableExists = Check{
	Name: "table-exists", Side: Production, Scope: Ground, Needs: []Source{FromTables},
	Proves:      "every configured table is in the production account and Region",
	NotPromised: "that it is still there when its backup begins",
	Run: func(f Facts) []Finding {
		return each(f.Tables, func(t TableFacts) Finding {
			if !t.Missing {
				return proved(t.Name, "it is there: %s", t.ARN)
			}
			return wrong(t.Name, "there is no such table in account "+f.Config.Production.Account+", "+f.Config.Region,
				"correct dataSet.tables in dbferry.json; `aws dynamodb list-tables` lists what is there")
		})
	},
}
