package check

var tableIdle = Check{
	Name: "table-idle", Side: Production, Scope: Ground, Needs: []Source{FromTables, FromJobs},
	Proves:      "no other backup or copy of the table is under way: AWS Backup runs one job of a resource at a time, a second one waits and expires",
	NotPromised: "that no backup plan begins one before dbferry's own",
	Run: func(f Facts) []Finding {
		return eachTable(f, func(t TableFacts) Finding { return idle(f, t.Name, t.ARN) })
	},
}
