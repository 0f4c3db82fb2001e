package check

import "fmt"

var clusterQuota = Check{
	Name: "cluster-quota", Side: Both, Scope: Ground, Needs: []Source{FromClusters, FromQuotas, FromReceives},
	Proves:      "the target's quota of DB clusters leaves room for every cluster of this refresh",
	NotPromised: "room for what others create meanwhile",
	Run: func(f Facts) []Finding {
		if len(f.Clusters) == 0 {
			return nil
		}
		return one(quotaFinding(f, "DB clusters", f.Receives.Clusters, len(f.Clusters), "L-952B80B8"))
	},
}

// quotaFinding compares a quota of the target with what a refresh will create.
func quotaFinding(f Facts, what string, q Quota, need int, code string) Finding {
	account := "account " + f.Target.Account
	switch {
	case q.Limit == 0:
		return unproved(account, "RDS does not say the quota of "+what)
	case q.Used+need > q.Limit:
		return wrong(account, fmt.Sprintf("%d of %d %s exist and %d more are needed", q.Used, q.Limit, what, need),
			"remove old generations, or raise the quota: `aws service-quotas request-service-quota-increase --service-code rds --quota-code "+code+" --desired-value N`")
	}
	return proved(account, "%d of %d %s exist; %d more fit", q.Used, q.Limit, what, need)
}
