package iam

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// AWS omits keys as carefully as it sets them; a policy that relies on one that
// is not there must fail here as it would there.
func TestFilledKeys(t *testing.T) {
	noOrg := copier
	noOrg.Org, noOrg.Account = "", ""
	cases := []struct {
		name string
		req  Request
		want requestContext
	}{
		{"role", Request{Principal: copier, Action: "kms:Decrypt", Owner: staging}, requestContext{
			"aws:principalarn": {copier.ARN}, "aws:principalaccount": {production}, "aws:principalorgid": {"o-acme"},
			"aws:principaltype": {"AssumedRole"}, "aws:principalisawsservice": {"false"}, "aws:resourceaccount": {staging},
			"kms:calleraccount": {production}}},
		{"no organization, account from the ARN", Request{Principal: noOrg, Action: "rds:X"}, requestContext{
			"aws:principalarn": {copier.ARN}, "aws:principalaccount": {production}, "aws:principaltype": {"AssumedRole"},
			"aws:principalisawsservice": {"false"}, "aws:resourceaccount": {production}}},
		{"service principal", Request{Principal: backupItself, Action: "kms:Decrypt", Owner: staging}, requestContext{
			"aws:principalisawsservice": {"true"}, "aws:principalservicename": {"backup.amazonaws.com"}, "aws:resourceaccount": {staging}}},
		{"the request wins", Request{Principal: person, Action: "rds:X", Context: map[string][]string{"AWS:PrincipalOrgID": {"o-other"}, "aws:principaltype": {}}}, requestContext{
			"aws:principalarn": {person.ARN}, "aws:principalaccount": {production}, "aws:principalorgid": {"o-other"}, "aws:principaltype": nil,
			"aws:principalisawsservice": {"false"}, "aws:resourceaccount": {production}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, newContext(c.req.normalized())); diff != "" {
				t.Error(diff)
			}
		})
	}
}
