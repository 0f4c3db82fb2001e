package iam

import "testing"

const inboxARN = "arn:aws:s3:::dbferry-inbox/refresh/manifest.json"

func TestResourcePolicies(t *testing.T) {
	same := Request{Principal: copier, Action: "s3:PutObject", Resource: inboxARN, Owner: production}
	cross, service := same, same
	cross.Owner = staging
	service.Principal = Principal{Service: "events.amazonaws.com"}
	service.Context = map[string][]string{"aws:SourceAccount": {staging}, "aws:SourceArn": {"arn:aws:events:eu-west-1:222222222222:rule/r"}}
	const allow = `{"Sid":"Put","Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::dbferry-inbox/*"}`
	to := func(principal string) string {
		return `{"Sid":"In","Effect":"Allow","Principal":` + principal + `,"Action":"s3:PutObject","Resource":"arn:aws:s3:::dbferry-inbox/*"}`
	}
	root, role := to(`{"AWS":"arn:aws:iam::111111111111:root"}`), to(`{"AWS":"`+copier.ARN+`"}`)
	narrowed := `{"Sid":"In","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"s3:PutObject","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/dbferry/copier"}}}`
	runCases(t, []decisionCase{
		{name: "same account, identity alone", req: same, identity: allow, by: "identity/Put"},
		{name: "same account, resource names the role", req: same, resource: role, by: "resource/In"},
		{name: "same account, anyone", req: same, resource: to(`"*"`), by: "resource/In"},
		{name: "same account, naming the account gives nothing by itself", req: same, resource: root, want: "identity policy"},
		{name: "same account, resource denies", req: same, identity: allow, resource: `{"Sid":"No","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}`, want: "explicit", by: "resource/No"},
		{name: "across, both", req: cross, identity: allow, resource: root, by: "identity/Put resource/In"},
		{name: "across, both, narrowed by a condition", req: cross, identity: allow, resource: narrowed},
		{name: "across, identity alone", req: cross, identity: allow, want: "resource policy"},
		{name: "across, resource alone", req: cross, resource: role, want: "identity policy"},
		{name: "across, neither", req: cross, want: "resource policy"},
		{name: "service principal", req: service, resource: to(`{"Service":"events.amazonaws.com"}`), by: "resource/In"},
		{name: "service principal not named", req: service, resource: root, want: "resource policy"},
		{name: "service principal has no PrincipalOrgID", req: service, resource: `{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-acme"}}}`, want: "resource policy"},
		{name: "deny that spares AWS services", req: service, resource: to(`"*"`) + `,{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-acme"},"Bool":{"aws:PrincipalIsAWSService":"false"}}}`},
	})
}

// The bus policy of R "EventBridge across accounts": the forwarding role of the
// rule's account, narrowed by what it may send.
func TestBusPolicy(t *testing.T) {
	req := Request{
		Principal: Principal{ARN: "arn:aws:iam::111111111111:role/dbferry-forward", Org: "o-acme"},
		Action:    "events:PutEvents", Resource: "arn:aws:events:eu-west-1:222222222222:event-bus/dbferry-staging", Owner: staging,
		Context: map[string][]string{"events:source": {"aws.states"}, "events:detail-type": {"Step Functions Execution Status Change"}},
	}
	other := req
	other.Context = map[string][]string{"events:source": {"aws.backup"}, "events:detail-type": {"Copy Job State Change"}}
	const forward = `{"Effect":"Allow","Action":"events:PutEvents","Resource":"arn:aws:events:eu-west-1:222222222222:event-bus/dbferry-staging"}`
	const bus = `{"Sid":"FromProduction","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"events:PutEvents",
	 "Resource":"arn:aws:events:eu-west-1:222222222222:event-bus/dbferry-staging",
	 "Condition":{"StringEquals":{"events:source":"aws.states","events:detail-type":"Step Functions Execution Status Change"}}}`
	runCases(t, []decisionCase{
		{name: "forwarded", req: req, identity: forward, resource: bus, by: "identity#1 resource/FromProduction"},
		{name: "another source", req: other, identity: forward, resource: bus, want: "resource policy"},
		{name: "no bus policy", req: req, identity: forward, want: "resource policy"},
	})
}
