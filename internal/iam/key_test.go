package iam

import "testing"

const keyARN = "arn:aws:kms:eu-west-1:111111111111:key/1234abcd"

func TestKeyPolicies(t *testing.T) {
	req := Request{Principal: copier, Action: "kms:Decrypt", Resource: keyARN, Owner: production, Kind: Key}
	cross, service := req, req
	cross.Principal = Principal{ARN: "arn:aws:iam::222222222222:role/restorer", Account: staging}
	service.Principal = Principal{Service: "rds.eu-west-1.amazonaws.com"}
	const allow = `{"Sid":"Use","Effect":"Allow","Action":"kms:*","Resource":"*"}`
	to := func(sid, arn string) string {
		return `{"Sid":"` + sid + `","Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":["kms:Decrypt","kms:ReEncrypt*"],"Resource":"*"}`
	}
	delegate := to("Enable IAM", "arn:aws:iam::111111111111:root")
	grant := []Grant{{ID: "g1", Grantee: cross.Principal.ARN, Operations: []string{"Decrypt", "CreateGrant"}}, {ID: "g2", Grantee: copier.Session, Operations: []string{"Decrypt"}}, {ID: "g3", Grantee: "rds.eu-west-1.amazonaws.com", Operations: []string{"Decrypt"}}}
	denied := `{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"}`
	runCases(t, []decisionCase{
		{name: "delegated and allowed", req: req, identity: allow, resource: delegate, by: "identity/Use resource/Enable IAM"},
		{name: "delegated, not allowed", req: req, resource: delegate, want: "identity policy"},
		{name: "not delegated: identity policies count for nothing", req: req, identity: allow, resource: to("Other", "arn:aws:iam::111111111111:role/other"), want: "resource policy"},
		{name: "named", req: req, resource: to("Copier", copier.ARN), by: "resource/Copier"},
		{name: "named and delegated", req: req, resource: delegate + "," + to("Copier", copier.ARN), by: "resource/Copier"},
		{name: "named, outside the boundary", req: req, resource: to("Copier", copier.ARN), boundary: `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, want: "permissions boundary"},
		{name: "across, both", req: cross, identity: allow, resource: to("Staging", "arn:aws:iam::222222222222:root"), by: "identity/Use resource/Staging"},
		{name: "across, key alone", req: cross, resource: to("Staging", "arn:aws:iam::222222222222:role/restorer"), want: "identity policy"},
		{name: "across, identity alone", req: cross, identity: allow, resource: delegate, want: "resource policy"},
		{name: "grant across accounts", req: cross, grants: grant, resource: delegate, by: "grant/g1"},
		{name: "grant to a session", req: req, grants: grant, by: "grant/g2"},
		{name: "grant to a service", req: service, grants: grant, by: "grant/g3"},
		{name: "grant of another operation", req: cross, grants: []Grant{{ID: "g", Grantee: cross.Principal.ARN, Operations: []string{"Encrypt"}}}, want: "resource policy"},
		{name: "grant to somebody else", req: req, grants: grant[:1], want: "resource policy"},
		{name: "deny outweighs a grant", req: cross, grants: grant, resource: denied, want: "explicit", by: "resource#1"},
	})
}

// An AWS managed key lets in whoever comes through its service from its account.
func TestManagedKeyPolicy(t *testing.T) {
	const managed = `{"Sid":"ThroughRDS","Effect":"Allow","Principal":{"AWS":"*"},"Action":["kms:Decrypt","kms:CreateGrant"],"Resource":"*",
	 "Condition":{"StringEquals":{"kms:CallerAccount":"111111111111","kms:ViaService":"rds.eu-west-1.amazonaws.com"}}}`
	req := Request{Principal: copier, Action: "kms:Decrypt", Resource: keyARN, Owner: production, Kind: Key, Context: map[string][]string{"kms:ViaService": {"rds.eu-west-1.amazonaws.com"}}}
	direct, foreign := req, req
	direct.Context = nil
	foreign.Principal = backupSLR
	const allow = `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`
	runCases(t, []decisionCase{
		{name: "through RDS", req: req, resource: managed, by: "resource/ThroughRDS"},
		{name: "not through RDS", req: direct, identity: allow, resource: managed, want: "resource policy"},
		{name: "from another account", req: foreign, identity: allow, resource: managed, want: "resource policy"},
	})
}
