package check

var targetOrganization = Check{
	Name: "target-organization", Side: Target, Scope: Ground, Needs: []Source{FromOrganization},
	Proves:      "the target is an account of the configured organization",
	NotPromised: "anything when staging-ready asks: Organizations is not reached from every VPC, so only `dbferry check` reads it",
	Run:         func(f Facts) []Finding { return one(organizationFinding(f, f.Target.Account)) },
}
