package iam

import "testing"

func TestServiceControlPolicies(t *testing.T) {
	req := Request{Principal: copier, Action: "backup:StartCopyJob", Resource: "*", Owner: production}
	linked, service := req, req
	linked.Principal = backupSLR
	linked.Owner = staging
	service.Principal, service.Resource = backupItself, inboxARN
	level := func(name, level, statements string) Policy {
		p := policy(t, name, statements)
		p.Level = level
		return p
	}
	const allow = `{"Effect":"Allow","Action":"backup:*","Resource":"*"}`
	full := level("root-full", "root", `{"Sid":"Full","Effect":"Allow","Action":"*","Resource":"*"}`)
	unit := level("unit", "unit", `{"Sid":"Backup","Effect":"Allow","Action":"backup:*","Resource":"*"}`)
	other := level("unit-rds", "unit", `{"Effect":"Allow","Action":"rds:*","Resource":"*"}`)
	deny := level("guard", "unit", `{"Sid":"No","Effect":"Deny","Action":"backup:StartCopyJob","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalTag/team":"data"}}}`)
	runCases(t, []decisionCase{
		{name: "no organization", req: req, identity: allow, by: "identity#1"},
		{name: "every level allows", req: req, identity: allow, scps: []Policy{full, other, unit}, by: "identity#1 root-full/Full unit/Backup"},
		{name: "one level does not", req: req, identity: allow, scps: []Policy{full, other}, want: "service control policy"},
		{name: "they grant nothing", req: req, scps: []Policy{full, unit}, want: "identity policy"},
		{name: "deny", req: req, identity: allow, scps: []Policy{full, unit, deny}, want: "explicit", by: "guard/No"},
		{name: "service-linked roles are exempt", req: linked, identity: allow, scps: []Policy{deny}, by: "identity#1"},
		{name: "AWS itself is exempt", req: service, resource: `{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"backup:*","Resource":"*"}`, scps: []Policy{deny}, by: "resource#1"},
	})
}

// R "Vault rules": an organization may forbid copies out to anywhere but its own
// vaults.
func TestCopyTargetsSCP(t *testing.T) {
	guard := policy(t, "copies", `{"Sid":"Full","Effect":"Allow","Action":"*","Resource":"*"},
	 {"Sid":"OnlyStaging","Effect":"Deny","Action":"backup:CopyFromBackupVault","Resource":"*",
	  "Condition":{"ForAllValues:ArnNotLike":{"backup:CopyTargets":["arn:aws:backup:*:222222222222:backup-vault:*"]}}}`)
	req := func(target string) Request {
		return Request{Principal: copier, Action: "backup:CopyFromBackupVault", Resource: "*", Context: map[string][]string{"backup:CopyTargets": {target}}}
	}
	const allow = `{"Effect":"Allow","Action":"backup:CopyFromBackupVault","Resource":"*"}`
	runCases(t, []decisionCase{
		{name: "to staging", req: req("arn:aws:backup:eu-west-1:222222222222:backup-vault:copies"), identity: allow, scps: []Policy{guard}},
		{name: "elsewhere", req: req("arn:aws:backup:eu-west-1:333333333333:backup-vault:copies"), identity: allow, scps: []Policy{guard}, want: "explicit", by: "copies/OnlyStaging"},
	})
}
