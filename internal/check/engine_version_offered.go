package check

var engineVersionOffered = Check{
	Name: "engine-version-offered", Side: Both, Scope: Ground, Needs: []Source{FromClusters, FromOffers, FromReceives},
	Proves:      "RDS still offers each cluster's engine version in the target",
	NotPromised: "that it does when the restore begins; AWS upgrades versions past the end of support while it restores them",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding {
			version := c.Engine + " " + c.EngineVersion
			if f.Receives.Versions[version] != "" {
				return proved(c.ID, "account %s is offered %s", f.Target.Account, version)
			}
			return wrong(c.ID, "RDS does not offer "+version+" in account "+f.Target.Account,
				"upgrade the cluster to a version of `aws rds describe-db-engine-versions --engine "+c.Engine+" --query 'DBEngineVersions[].EngineVersion'`")
		})
	},
}
