package iam

import "testing"

func TestTrustPolicies(t *testing.T) {
	same := Request{Principal: copier, Action: "sts:AssumeRole", Resource: "arn:aws:iam::111111111111:role/target", Owner: production, Kind: Trust}
	cross, service, confused := same, same, same
	cross.Resource, cross.Owner = "arn:aws:iam::222222222222:role/target", staging
	cross.Context = map[string][]string{"sts:ExternalId": {"acme"}}
	service.Principal = backupItself
	service.Context = map[string][]string{"aws:SourceAccount": {production}}
	confused.Principal = backupItself
	confused.Context = map[string][]string{"aws:SourceAccount": {"333333333333"}}
	const allow = `{"Sid":"Assume","Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::*:role/target"}`
	to := func(principal, condition string) string {
		return `{"Sid":"Trust","Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"` + condition + `}`
	}
	root, role := `{"AWS":"arn:aws:iam::111111111111:root"}`, `{"AWS":"`+copier.ARN+`"}`
	backup := to(`{"Service":"backup.amazonaws.com"}`, `,"Condition":{"StringEquals":{"aws:SourceAccount":"111111111111"}}`)
	external := `,"Condition":{"StringEquals":{"sts:ExternalId":"acme"}}`
	runCases(t, []decisionCase{
		{name: "names the role", req: same, resource: to(role, ""), by: "resource/Trust"},
		{name: "names the account, identity allows", req: same, identity: allow, resource: to(root, ""), by: "identity/Assume resource/Trust"},
		{name: "names the account only", req: same, resource: to(root, ""), want: "identity policy"},
		{name: "an administrator is not enough", req: same, identity: `{"Effect":"Allow","Action":"*","Resource":"*"}`, resource: to(`{"Service":"lambda.amazonaws.com"}`, ""), want: "resource policy"},
		{name: "across, both", req: cross, identity: allow, resource: to(root, external), by: "identity/Assume resource/Trust"},
		{name: "across, trust alone", req: cross, resource: to(role, external), want: "identity policy"},
		{name: "across, wrong external id", req: cross, identity: allow, resource: to(role, `,"Condition":{"StringEquals":{"sts:ExternalId":"x"}}`), want: "resource policy"},
		{name: "service", req: service, resource: backup, by: "resource/Trust"},
		{name: "service for another account", req: confused, resource: backup, want: "resource policy"},
		{name: "grants mean nothing to roles", req: same, grants: []Grant{{ID: "g", Grantee: copier.ARN, Operations: []string{"AssumeRole"}}}, want: "resource policy"},
	})
}
