package check

var selectorsMatch = Check{
	Name: "selectors-match", Side: Production, Scope: Ground, Needs: []Source{FromClusters, FromTables},
	Proves:      "every prefix and tag of the data set finds at least one cluster or table; a misspelt one would silently leave data behind",
	NotPromised: "that it finds all that you mean",
	Run: func(f Facts) []Finding {
		return each(f.Selectors, func(s SelectorFacts) Finding {
			if s.Found == 0 {
				return wrong(s.Where, s.Text+" finds nothing in account "+f.Config.Production.Account+", "+f.Config.Region, "correct or remove it in dbferry.json and deploy both stacks")
			}
			return proved(s.Where, "%s finds %d", s.Text, s.Found)
		})
	},
}
