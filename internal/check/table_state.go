package check

var tableExists = Check{
	Name: "table-exists", Side: Production,
	Proves:      "every configured table is in the production account and Region",
	NotPromised: "that it is still there when its backup begins",
	Run: func(f Facts) []Problem {
		return each(f.Tables, func(t TableFacts) *Problem {
			if !t.Missing {
				return nil
			}
			return &Problem{Resource: t.Name, What: "there is no such table in account " + f.Config.Production.Account + ", " + f.Config.Region,
				Fix: "correct dataSet.tables in dbferry.json; `aws dynamodb list-tables` lists what is there"}
		})
	},
}

var tableActive = Check{
	Name: "table-active", Side: Production,
	Proves:      "each table can be backed up: its status is ACTIVE or UPDATING",
	NotPromised: "that it stays so",
	Run: func(f Facts) []Problem {
		return each(f.Tables, func(t TableFacts) *Problem {
			if t.Missing || t.Status == "ACTIVE" || t.Status == "UPDATING" {
				return nil
			}
			return &Problem{Resource: t.Name, What: "its status is " + t.Status, Fix: "wait: `aws dynamodb wait table-exists --table-name " + t.Name + "`"}
		})
	},
}
