package iam

import "testing"

func TestBoundary(t *testing.T) {
	same := Request{Principal: copier, Action: "s3:PutObject", Resource: inboxARN, Owner: production}
	cross, byUser := same, same
	cross.Owner = staging
	byUser.Principal = person
	const put = `{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}`
	const get = `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`
	to := func(arn string) string {
		return `{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"s3:PutObject","Resource":"*"}`
	}
	runCases(t, []decisionCase{
		{name: "within", req: same, identity: put, boundary: put, by: "identity#1 boundary#1"},
		{name: "outside", req: same, identity: put, boundary: get, want: "permissions boundary"},
		{name: "a boundary grants nothing", req: same, boundary: put, want: "identity policy"},
		{name: "a boundary denies", req: same, identity: put, boundary: put + `,{"Effect":"Deny","Action":"s3:*","Resource":"*"}`, want: "explicit", by: "boundary#2"},
		{name: "limits a role named by the resource", req: same, resource: to(copier.ARN), boundary: get, want: "permissions boundary"},
		{name: "within, role named by the resource", req: same, resource: to(copier.ARN), boundary: put, by: "resource#1 boundary#1"},
		{name: "does not limit a session named by the resource", req: same, resource: to(copier.Session), boundary: get, by: "resource#1"},
		{name: "does not limit a user named by the resource", req: byUser, resource: to(person.ARN), boundary: get, by: "resource#1"},
		{name: "does not limit anyone", req: same, resource: to("*"), boundary: get, by: "resource#1"},
		{name: "resource rescues an identity policy outside the boundary", req: same, identity: put, resource: to(copier.Session), boundary: get, by: "resource#1"},
		{name: "across accounts it always limits", req: cross, identity: put, resource: to(copier.Session), boundary: get, want: "permissions boundary"},
	})
}
