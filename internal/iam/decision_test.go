package iam

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What an operator reads. Each sentence names account, side and action.
func TestWhy(t *testing.T) {
	copyInto := Request{Principal: copier, Action: "backup:CopyIntoBackupVault", Resource: vaultARN, Owner: staging, Kind: VaultCopy}
	decrypt := Request{Principal: copier, Action: "kms:Decrypt", Resource: keyARN, Kind: Key, Context: map[string][]string{"kms:ViaService": {"backup.eu-west-1.amazonaws.com"}}}
	const copies = `{"Sid":"Copy","Effect":"Allow","Action":"backup:CopyIntoBackupVault","Resource":"*"}`
	cases := []struct {
		name, why, missing string
		c                  decisionCase
	}{
		{"allowed", "backup:CopyIntoBackupVault on " + vaultARN + " is allowed to role copier in 111111111111 by identity/Copy and resource/FromProduction", "",
			decisionCase{req: copyInto, identity: copies, resource: vaultForAccount}},
		{"vault policy", "vault policy of dbferry-staging in 222222222222 has no statement that allows backup:CopyIntoBackupVault to " + copier.ARN,
			`add to the vault policy of dbferry-staging in 222222222222: {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"backup:CopyIntoBackupVault","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-acme"}}}`,
			decisionCase{req: copyInto, identity: copies, resource: `{"Effect":"Allow","Principal":"*","Action":"backup:Other","Resource":"*"}`}},
		{"vault policy, near miss", `vault policy of dbferry-staging in 222222222222 has no statement that allows backup:CopyIntoBackupVault to ` + copier.ARN + `; resource/FromOrg would, but its condition StringEquals aws:PrincipalOrgID "o-acme" does not hold (the request has none); the identity policy of role copier in 111111111111 does not allow it either`,
			`add to the vault policy of dbferry-staging in 222222222222: {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"backup:CopyIntoBackupVault","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/dbferry/copier"}}}`,
			decisionCase{req: func() Request { r := copyInto; r.Principal.Org = ""; return r }(), resource: vaultForOrg}},
		{"no vault policy", "vault dbferry-staging in 222222222222 has no policy, and without one that allows it backup:CopyIntoBackupVault is refused to " + copier.ARN, "*",
			decisionCase{req: copyInto, identity: copies}},
		{"identity", "identity policy of role copier in 111111111111 has no statement that allows backup:CopyIntoBackupVault on " + vaultARN + "; identity#1 covers the action but not the resource " + vaultARN,
			`add to the identity policy of role copier in 111111111111: {"Effect":"Allow","Action":"backup:CopyIntoBackupVault","Resource":"` + vaultARN + `"}`,
			decisionCase{req: copyInto, identity: `{"Effect":"Allow","Action":"backup:*","Resource":"arn:aws:backup:*:*:backup-vault:other"}`, resource: vaultForAccount}},
		{"key policy", "key policy of 1234abcd in 111111111111 has no statement that allows kms:Decrypt to " + copier.ARN + "; resource#1 covers the action but not this principal",
			`add to the key policy of 1234abcd in 111111111111: {"Effect":"Allow","Principal":{"AWS":"` + copier.ARN + `"},"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"backup.eu-west-1.amazonaws.com"}}}`,
			decisionCase{req: decrypt, resource: `{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"kms:*","Resource":"*"}`}},
		{"explicit", "statement resource/No in 111111111111 explicitly denies kms:Decrypt on " + keyARN + " to role copier in 111111111111", "remove or narrow the Deny in resource/No; no Allow outweighs it",
			decisionCase{req: decrypt, resource: `{"Sid":"No","Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}`}},
		{"outright", "vault policy of dbferry-staging in 222222222222 refuses backup:StartRestoreJob to " + copier.ARN + ": across accounts AWS Backup honors only backup:CopyIntoBackupVault, whatever the vault policy says; act through a role in 222222222222", "*",
			decisionCase{req: func() Request { r := copyInto; r.Action = "backup:StartRestoreJob"; return r }()}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := Evaluate(c.c.req, c.c.policies(t))
			if diff := cmp.Diff(c.why, d.Why); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.missing, d.Missing); c.missing != "*" && diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A bucket's name comes from the object's ARN, a bus policy is called so.
func TestSidesHaveTheirOwnNames(t *testing.T) {
	for resource, want := range map[string]string{
		inboxARN: "bucket policy of dbferry-inbox in 222222222222",
		"arn:aws:events:eu-west-1:222222222222:event-bus/dbferry-staging":  "bus policy of dbferry-staging in 222222222222",
		"arn:aws:sqs:eu-west-1:222222222222:dlq":                           "queue policy of dlq in 222222222222",
		"arn:aws:sns:eu-west-1:222222222222:alarms":                        "topic policy of alarms in 222222222222",
		"arn:aws:lambda:eu-west-1:222222222222:function:notify":            "function policy of notify in 222222222222",
		"arn:aws:secretsmanager:eu-west-1:222222222222:secret:app-AbCdEf":  "secret policy of app-AbCdEf in 222222222222",
		"arn:aws:elasticfilesystem:eu-west-1:222222222222:file-system/fs1": "resource policy of fs1 in 222222222222",
	} {
		d := Evaluate(Request{Principal: copier, Action: "x:Y", Resource: resource, Owner: staging}, Policies{})
		if d.Side != want {
			t.Errorf("%q, want %q", d.Side, want)
		}
	}
	d := Evaluate(Request{Principal: copier, Action: "x:Y", Resource: "*", Owner: staging, Kind: 99}, Policies{})
	if d.Allowed || d.Side != "resource * in 222222222222" || ResourceKind(99).String() != "unknown" || VaultCopy.String() != "vault-copy" {
		t.Errorf("unknown kind: %+v", d)
	}
}

func TestWithout(t *testing.T) {
	const two = `{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Allow","Action":"rds:*","Resource":"*"}`
	pol := Policies{
		Identity: identity(t, two), Resource: policyRef(t, "resource", two), Boundary: policyRef(t, "boundary", two),
		Service: []Policy{policy(t, "scp", two)}, Grants: []Grant{{ID: "g1"}, {ID: "g2"}},
	}
	before, err := json.Marshal(pol)
	if err != nil {
		t.Fatal(err)
	}
	all := everyID(pol)
	if got := joined(all); got != "identity/A identity#2 scp/A scp#2 resource/A resource#2 boundary/A boundary#2 grant/g1 grant/g2" {
		t.Fatal(got)
	}
	for _, id := range all {
		if left := len(everyID(Without(pol, id))); left != len(all)-1 {
			t.Errorf("without %s: %d statements left of %d", id, left, len(all))
		}
	}
	for _, id := range []StatementID{{Policy: "identity", Sid: "B"}, {Policy: "identity", Sid: "A", Index: 1}, {Policy: "other"}, {Policy: "scp", Index: 9}, {Policy: "scp", Index: -1}} {
		if left := len(everyID(Without(pol, id))); left != len(all) {
			t.Errorf("without %+v, which is not there: %d statements left", id, left)
		}
	}
	after, _ := json.Marshal(pol)
	if string(before) != string(after) {
		t.Error("Without changed its argument")
	}
}

// A decision log stores requests and policies as JSON and decides again.
func TestStoredDecisionsRepeat(t *testing.T) {
	req := Request{Principal: copier, Action: "backup:CopyIntoBackupVault", Resource: vaultARN, Owner: staging, Kind: VaultCopy, Context: map[string][]string{"aws:PrincipalTag/x": {"y"}}}
	pol := Policies{Identity: identity(t, `{"Effect":"Allow","Action":"backup:*","Resource":"*"}`), Resource: policyRef(t, "vault", vaultForOrg), Service: []Policy{policy(t, "scp", `{"Effect":"Allow","Action":"*","Resource":"*"}`)}}
	stored, err := json.Marshal(struct {
		Req Request
		Pol Policies
	}{req, pol})
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Req Request
		Pol Policies
	}
	if err := json.Unmarshal(stored, &back); err != nil {
		t.Fatal(err)
	}
	want := Evaluate(req, pol)
	if diff := cmp.Diff(want, Evaluate(back.Req, back.Pol)); diff != "" || !want.Allowed {
		t.Error(want.Why, diff)
	}
}
