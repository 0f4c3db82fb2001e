package iam_test

import (
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/iam/awsmanaged"
)

const (
	backupPolicy  = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"
	restorePolicy = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores"
	linkedPolicy  = "arn:aws:iam::aws:policy/aws-service-role/AWSBackupServiceLinkedRolePolicyForBackup"
	clusterKey    = "arn:aws:kms:eu-west-1:111111111111:key/cluster"
	viaRDS        = "rds.eu-west-1.amazonaws.com"
)

var linkedRole = iam.Principal{
	ARN:     "arn:aws:iam::222222222222:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup",
	Account: "222222222222", Org: "o-acme", ServiceLinked: true,
}

func managed(t *testing.T, arn string) []iam.Policy {
	t.Helper()
	doc, _, ok := awsmanaged.Policy(arn)
	if !ok {
		t.Fatalf("%s is not built in", arn)
	}
	return []iam.Policy{{Name: arn[strings.LastIndex(arn, "/")+1:], Account: "aws", Doc: doc}}
}

func resource(t *testing.T, statements string) *iam.Policy {
	t.Helper()
	doc, err := iam.ParseDocument([]byte(`{"Version":"2012-10-17","Statement":[` + statements + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return &iam.Policy{Name: "key", Account: "111111111111", Doc: doc}
}

// clusterKeyPolicy is what dbferry asks of the key of a production cluster:
// the staging account, narrowed to its AWS Backup service-linked role, through
// RDS, grants only for AWS resources.
func clusterKeyPolicy(via string) string {
	const slr = `"arn:aws:iam::222222222222:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"`
	const root = `"Principal":{"AWS":"arn:aws:iam::222222222222:root"}`
	condition := `"ArnEquals":{"aws:PrincipalArn":` + slr + `},"StringLike":{"kms:ViaService":"` + via + `"}`
	return `{"Sid":"Use","Effect":"Allow",` + root + `,"Action":["kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*"],"Resource":"*","Condition":{` + condition + `}},
	 {"Sid":"Look","Effect":"Allow",` + root + `,"Action":"kms:DescribeKey","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":` + slr + `}}},
	 {"Sid":"Grant","Effect":"Allow",` + root + `,"Action":"kms:CreateGrant","Resource":"*","Condition":{` + condition + `,"Bool":{"kms:GrantIsForAWSResource":"true"}}}`
}

// The copy of an encrypted Aurora snapshot: staging's service-linked role uses
// the key of the production cluster.
func TestClusterKeyForTheCopy(t *testing.T) {
	context := func(keys ...string) map[string][]string {
		out := map[string][]string{}
		for i := 0; i < len(keys); i += 2 {
			out[keys[i]] = []string{keys[i+1]}
		}
		return out
	}
	cases := []struct {
		name, action, via string
		context           map[string][]string
		want              bool
	}{
		{"describe", "kms:DescribeKey", "rds.*.amazonaws.com", nil, true},
		{"grant through RDS for AWS", "kms:CreateGrant", "rds.*.amazonaws.com", context("kms:ViaService", viaRDS, "kms:GrantIsForAWSResource", "true"), true},
		{"grant for itself", "kms:CreateGrant", "rds.*.amazonaws.com", context("kms:ViaService", viaRDS, "kms:GrantIsForAWSResource", "false"), false},
		{"grant not through a service", "kms:CreateGrant", "rds.*.amazonaws.com", context("kms:GrantIsForAWSResource", "true"), false},
		{"re-encrypt through RDS", "kms:ReEncryptFrom", "rds.*.amazonaws.com", context("kms:ViaService", viaRDS), true},
		{"key limited to AWS Backup blocks RDS", "kms:ReEncryptFrom", "backup.*.amazonaws.com", context("kms:ViaService", viaRDS), false},
		{"the linked role has no Decrypt of its own", "kms:Decrypt", "rds.*.amazonaws.com", context("kms:ViaService", viaRDS), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req := iam.Request{Principal: linkedRole, Action: c.action, Resource: clusterKey, Owner: "111111111111", Kind: iam.Key, Context: c.context}
			d := iam.Evaluate(req, iam.Policies{Identity: managed(t, linkedPolicy), Resource: resource(t, clusterKeyPolicy(c.via))})
			if d.Allowed != c.want {
				t.Errorf("allowed %v, want %v\n%s", d.Allowed, c.want, d.Why)
			}
		})
	}
}

// Another role of staging gets nothing from the cluster key's statements.
func TestClusterKeyIsForTheLinkedRoleOnly(t *testing.T) {
	req := iam.Request{
		Principal: iam.Principal{ARN: "arn:aws:iam::222222222222:role/restorer"}, Action: "kms:CreateGrant", Resource: clusterKey, Owner: "111111111111", Kind: iam.Key,
		Context: map[string][]string{"kms:ViaService": {viaRDS}, "kms:GrantIsForAWSResource": {"true"}},
	}
	d := iam.Evaluate(req, iam.Policies{Identity: managed(t, restorePolicy), Resource: resource(t, clusterKeyPolicy("rds.*.amazonaws.com"))})
	if d.Allowed || d.FixIn != iam.ResourcePolicy || !strings.Contains(d.Why, "aws:PrincipalArn") {
		t.Errorf("allowed %v: %s", d.Allowed, d.Why)
	}
}

// What the two service roles and the linked role can and cannot do by AWS's own
// policies, as far as the refresh leans on it.
func TestManagedPolicies(t *testing.T) {
	own := func(arn string) iam.Principal { return iam.Principal{ARN: arn, Account: "111111111111"} }
	backup, restore := own("arn:aws:iam::111111111111:role/backup"), own("arn:aws:iam::111111111111:role/restore")
	snapshot := "arn:aws:rds:eu-west-1:111111111111:cluster-snapshot:awsbackup:job-1"
	table := "arn:aws:dynamodb:eu-west-1:111111111111:table/orders"
	cases := []struct {
		name, policy     string
		who              iam.Principal
		action, resource string
		context          map[string][]string
		want             bool
	}{
		{"share the snapshot", backupPolicy, backup, "rds:ModifyDBClusterSnapshotAttribute", snapshot, nil, true},
		{"not a user's snapshot", backupPolicy, backup, "rds:ModifyDBClusterSnapshotAttribute", "arn:aws:rds:eu-west-1:111111111111:cluster-snapshot:mine", nil, false},
		{"table backup", backupPolicy, backup, "dynamodb:StartAwsBackupJob", table, nil, true},
		{"copy out", backupPolicy, backup, "backup:CopyFromBackupVault", "arn:aws:backup:eu-west-1:111111111111:recovery-point:r", nil, true},
		{"table's key through DynamoDB", backupPolicy, backup, "kms:Decrypt", clusterKey, map[string][]string{"kms:ViaService": {"dynamodb.eu-west-1.amazonaws.com"}}, true},
		{"no key through RDS", backupPolicy, backup, "kms:Decrypt", clusterKey, map[string][]string{"kms:ViaService": {viaRDS}}, false},
		{"tag own recovery point", backupPolicy, backup, "backup:TagResource", "arn:aws:backup:eu-west-1:111111111111:recovery-point:r", nil, true},
		{"no restore by the backup role", backupPolicy, backup, "rds:RestoreDBClusterFromSnapshot", snapshot, nil, false},
		{"restore the cluster", restorePolicy, restore, "rds:RestoreDBClusterFromSnapshot", snapshot, nil, true},
		{"restore the table", restorePolicy, restore, "dynamodb:RestoreTableFromAwsBackup", table, nil, true},
		{"key through RDS", restorePolicy, restore, "kms:Decrypt", clusterKey, map[string][]string{"kms:ViaService": {viaRDS}}, true},
		{"key directly", restorePolicy, restore, "kms:Decrypt", clusterKey, nil, false},
		{"copy by the linked role", linkedPolicy, linkedRole, "rds:CopyDBClusterSnapshot", snapshot, nil, true},
		{"no share by the linked role", linkedPolicy, linkedRole, "rds:ModifyDBClusterSnapshotAttribute", snapshot, nil, false},
		{"no tag across accounts", linkedPolicy, linkedRole, "backup:TagResource", "arn:aws:backup:eu-west-1:111111111111:recovery-point:r", nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := iam.Evaluate(
				iam.Request{Principal: c.who, Action: c.action, Resource: c.resource, Owner: "111111111111", Kind: iam.Shared, Context: c.context},
				iam.Policies{Identity: managed(t, c.policy)})
			if d.Allowed != c.want {
				t.Errorf("allowed %v, want %v\n%s", d.Allowed, c.want, d.Why)
			}
		})
	}
}

// BenchmarkEvaluate is the cost of one decision with a whole managed policy.
func BenchmarkEvaluate(b *testing.B) {
	doc, _, _ := awsmanaged.Policy(restorePolicy)
	pol := iam.Policies{Identity: []iam.Policy{{Name: "restore", Doc: doc}}}
	req := iam.Request{
		Principal: iam.Principal{ARN: "arn:aws:iam::222222222222:role/restorer"}, Action: "dynamodb:RestoreTableFromAwsBackup",
		Resource: "arn:aws:dynamodb:eu-west-1:222222222222:table/orders",
	}
	for b.Loop() {
		iam.Evaluate(req, pol)
	}
}
