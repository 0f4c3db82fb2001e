package iam

import "testing"

const clusterARN = "arn:aws:rds:eu-west-1:111111111111:cluster:orders"

func TestIdentityPolicies(t *testing.T) {
	req := Request{Principal: copier, Action: "rds:DescribeDBClusters", Resource: clusterARN, Owner: production, Kind: NoPolicy}
	foreign, shared, service := req, req, req
	foreign.Owner = staging
	shared.Owner, shared.Kind = staging, Shared
	service.Principal = backupItself
	const allow = `{"Sid":"Look","Effect":"Allow","Action":"rds:Describe*","Resource":"*"}`
	const deny = `{"Effect":"Deny","Action":"rds:*","Resource":"arn:aws:rds:*:*:cluster:orders"}`
	runCases(t, []decisionCase{
		{name: "allowed", req: req, identity: allow, by: "identity/Look"},
		{name: "nothing says so", req: req, want: "identity policy"},
		{name: "other action", req: req, identity: `{"Effect":"Allow","Action":"rds:Modify*","Resource":"*"}`, want: "identity policy"},
		{name: "other resource", req: req, identity: `{"Effect":"Allow","Action":"rds:*","Resource":"arn:aws:rds:*:*:db:*"}`, want: "identity policy"},
		{name: "all but an action", req: req, identity: `{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`},
		{name: "all but this action", req: req, identity: `{"Effect":"Allow","NotAction":"rds:Describe*","Resource":"*"}`, want: "identity policy"},
		{name: "all but a resource", req: req, identity: `{"Effect":"Allow","Action":"rds:*","NotResource":"` + clusterARN + `"}`, want: "identity policy"},
		{name: "deny wins", req: req, identity: allow + "," + deny, want: "explicit", by: "identity#2"},
		{name: "no resource wants a star", req: Request{Principal: copier, Action: "rds:DescribeEvents", Resource: "*"}, identity: `{"Effect":"Allow","Action":"rds:*","Resource":"arn:aws:rds:*:*:*"}`, want: "identity policy"},
		{name: "a policy that names principals is void", req: req, identity: `{"Effect":"Allow","Principal":"*","Action":"rds:*","Resource":"*"}`, want: "identity policy"},
		{name: "a policy without a resource is void", req: req, identity: `{"Effect":"Allow","Action":"rds:*"}`, want: "identity policy"},
		{name: "no policy, other account", req: foreign, identity: allow, want: "outright"},
		{name: "no policy, its resource policy is not asked", req: req, resource: `{"Effect":"Deny","Principal":"*","Action":"*"}`, identity: allow},
		{name: "shared, other account", req: shared, identity: allow, by: "identity/Look"},
		{name: "shared, not allowed", req: shared, want: "identity policy"},
		{name: "service principals have no identity", req: service, identity: allow, want: "outright"},
		{name: "unknown principal", req: Request{Action: "rds:X", Resource: "*"}, want: "identity policy"},
	})
}
