package awsmanaged

import (
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/iam"
	"github.com/google/go-cmp/cmp"
)

// The counts guard against a statement lost when a text is refreshed by hand.
func TestPolicies(t *testing.T) {
	type facts struct {
		Version             string
		Statements, Actions int
	}
	want := map[string]facts{
		"arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup":              {"v30", 59, 140},
		"arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores":            {"v35", 47, 145},
		"arn:aws:iam::aws:policy/aws-service-role/AWSBackupServiceLinkedRolePolicyForBackup":    {"v31", 37, 102},
		"arn:aws:iam::aws:policy/aws-service-role/AmazonRDSServiceRolePolicy":                   {"v13", 10, 57},
		"arn:aws:iam::aws:policy/aws-service-role/AWSApplicationAutoscalingDynamoDBTablePolicy": {"v1", 1, 5},
		"arn:aws:iam::aws:policy/aws-service-role/AWSApplicationAutoscalingRDSClusterPolicy":    {"v3", 2, 10},
	}
	got := map[string]facts{}
	for _, arn := range ARNs() {
		doc, version, ok := Policy(arn)
		if err := doc.Check(iam.IdentityPolicy); err != nil || !ok {
			t.Errorf("%s: %v", arn, err)
		}
		f := facts{Version: version, Statements: len(doc.Statements)}
		for _, s := range doc.Statements {
			f.Actions += len(s.Action)
		}
		got[arn] = f
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// One file a policy, named as AWS names it, so that it is found by its ARN.
func TestFilesAreNamedAfterTheirPolicy(t *testing.T) {
	for _, arn := range ARNs() {
		name := arn[strings.LastIndex(arn, "/")+1:] + ".json"
		if _, err := files.ReadFile(name); err != nil {
			t.Errorf("%s is not in %s", arn, name)
		}
	}
}

func TestUnknownPolicy(t *testing.T) {
	if _, _, ok := Policy("arn:aws:iam::aws:policy/AdministratorAccess"); ok {
		t.Error("a policy is known that is not here")
	}
}
