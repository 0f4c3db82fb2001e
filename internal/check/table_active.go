package check

var tableActive = Check{
	Name: "table-active", Side: Production, Scope: Ground, Needs: []Source{FromTables},
	Proves:      "each table can be backed up: its status is ACTIVE or UPDATING",
	NotPromised: "that it stays so",
	Run: func(f Facts) []Finding {
		return eachTable(f, func(t TableFacts) Finding {
			if t.Status == "ACTIVE" || t.Status == "UPDATING" {
				return proved(t.Name, "its status is %s", t.Status)
			}
			return wrong(t.Name, "its status is "+t.Status, "wait: `aws dynamodb wait table-exists --table-name "+t.Name+"`")
		})
	},
}
