package iam

import (
	"strings"
	"testing"
)

const vaultARN = "arn:aws:backup:eu-west-1:222222222222:backup-vault:dbferry-staging"

// The two vault policies of R "Vault rules".
const (
	vaultForAccount = `{"Sid":"FromProduction","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"backup:CopyIntoBackupVault","Resource":"*"}`
	vaultForOrg     = `{"Sid":"FromOrg","Effect":"Allow","Principal":"*","Action":"backup:CopyIntoBackupVault","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-acme"}}}`
)

func TestVaultPolicies(t *testing.T) {
	cross := Request{Principal: copier, Action: "backup:CopyIntoBackupVault", Resource: vaultARN, Owner: staging, Kind: VaultCopy}
	stranger, noOrg, restore, same := cross, cross, cross, cross
	stranger.Principal.Org = "o-other"
	noOrg.Principal.Org = ""
	restore.Action = "backup:StartRestoreJob"
	same.Principal = Principal{ARN: "arn:aws:iam::222222222222:role/restorer", Account: staging}
	same.Action = "backup:StartRestoreJob"
	const copies = `{"Sid":"Copy","Effect":"Allow","Action":["backup:DescribeBackupVault","backup:CopyIntoBackupVault"],"Resource":"arn:aws:backup:*:*:backup-vault:*"}`
	const all = `{"Effect":"Allow","Action":"backup:*","Resource":"*"}`
	runCases(t, []decisionCase{
		{name: "account", req: cross, identity: copies, resource: vaultForAccount, by: "identity/Copy resource/FromProduction"},
		{name: "organization", req: cross, identity: copies, resource: vaultForOrg, by: "identity/Copy resource/FromOrg"},
		{name: "another organization", req: stranger, identity: copies, resource: vaultForOrg, want: "resource policy"},
		{name: "no organization", req: noOrg, identity: copies, resource: vaultForOrg, want: "resource policy"},
		{name: "no vault policy", req: cross, identity: copies, want: "resource policy"},
		{name: "copier may not", req: cross, resource: vaultForAccount, want: "identity policy"},
		{name: "nothing else crosses accounts", req: restore, identity: all, resource: `{"Effect":"Allow","Principal":"*","Action":"backup:StartRestoreJob","Resource":"*"}`, want: "outright"},
		{name: "own account needs no vault policy", req: same, identity: all, by: "identity#1"},
		{name: "own account, vault denies", req: same, identity: all, resource: `{"Effect":"Deny","Principal":"*","Action":"backup:StartRestoreJob","Resource":"*"}`, want: "explicit"},
	})
}

func TestVaultPolicyWithoutWildcards(t *testing.T) {
	wildcard := document(t, `{"Statement":{"Sid":"W","Effect":"Allow","Principal":"*","Action":["backup:CopyIntoBackupVault","backup:Copy*"],"Resource":"*"}}`)
	for want, d := range map[string]Document{
		"": document(t, `{"Statement":[`+vaultForAccount+`,`+vaultForOrg+`]}`), `"backup:Copy*"`: wildcard,
		"no Principal": document(t, `{"Statement":{"Effect":"Allow","Action":"backup:CopyIntoBackupVault","Resource":"*"}}`),
	} {
		err := CheckVaultPolicy(d)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
