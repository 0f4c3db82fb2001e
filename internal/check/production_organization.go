package check

var productionOrganization = Check{
	Name: "production-organization", Side: Production, Scope: Ground, Needs: []Source{FromOrganization},
	Proves:      "production is an account of the configured organization; AWS Backup copies only inside one, and every door into the target asks for it",
	NotPromised: "the same of the target; target-organization does, when a person asks",
	Run:         func(f Facts) []Finding { return one(organizationFinding(f, f.Config.Production.Account)) },
}

func organizationFinding(f Facts, account string) Finding {
	switch f.OrganizationID {
	case f.Config.OrganizationID:
		return proved("account "+account, "it belongs to organization %s", f.OrganizationID)
	case "":
		return wrong("account "+account, "it belongs to no organization", "invite it into organization "+f.Config.OrganizationID+" and accept, or correct organizationId in dbferry.json")
	}
	return wrong("account "+account, "it belongs to organization "+f.OrganizationID+", dbferry.json says "+f.Config.OrganizationID, "correct organizationId in dbferry.json and deploy both stacks")
}
