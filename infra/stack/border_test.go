package stack

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/keypolicy"
	"github.com/dbferry/dbferry/internal/names"
)

// Both halves of everything that crosses from one account to the other: the
// caller's own policy, and the policy of what it calls.

func places(t *testing.T) (c config.Config, production, staging names.Place) {
	t.Helper()
	c, err := config.Load("../../dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	return c, c.ProductionPlace(), c.Place(c.Targets[0])
}

func TestManifestCrosses(t *testing.T) {
	c, production, staging := places(t)
	manifests := "arn:aws:s3:::" + staging.Inbox() + "/manifests/*"
	ours := load(t, "dbferry-production").statement(t, "PublishManifestRole", "Manifests")
	if !slices.Contains(ours.Resources, any(manifests)) || !slices.Equal(ours.Actions, []string{"s3:PutObject", "s3:GetObject"}) {
		t.Errorf("publish-manifest may %v on %v, not on %s", ours.Actions, ours.Resources, manifests)
	}
	put := load(t, "dbferry-staging").statement(t, "InboxPolicy", "ProductionPutsManifests")
	put.wants(t, "ArnEquals", "aws:PrincipalArn", production.RoleARN(production.FunctionRole("publish-manifest")))
	put.wants(t, "StringEquals", "aws:PrincipalOrgID", c.OrganizationID)
	put.wants(t, "Null", "s3:if-none-match", "false")
	if d := cmp.Diff([]any{manifests}, put.Resources); d != "" {
		t.Error(d)
	}
}

func TestManifestsAreWriteOnceForEveryone(t *testing.T) {
	deny := load(t, "dbferry-staging").statement(t, "InboxPolicy", "DenyOverwriting")
	if deny.Effect != "Deny" || deny.Principal != "*" {
		t.Errorf("%s for %v, want Deny for *", deny.Effect, deny.Principal)
	}
	deny.wants(t, "Null", "s3:if-none-match", "true")
	deny.wants(t, "Bool", "s3:ObjectCreationOperation", "true")
}

// TestProductionReadsOneKey is the one exception to "push only".
func TestProductionReadsOneKey(t *testing.T) {
	_, production, staging := places(t)
	ready := "arn:aws:s3:::" + staging.Inbox() + "/ready.json"
	ours := load(t, "dbferry-production").statement(t, "CheckGroundRole", "ReadReady")
	theirs := load(t, "dbferry-staging").statement(t, "InboxPolicy", "ProductionReadsReady")
	for _, s := range []policyStatement{ours, theirs} {
		if d := cmp.Diff([]any{ready}, s.Resources); d != "" {
			t.Errorf("%s/%s: %s", s.where, s.Sid, d)
		}
	}
	theirs.wants(t, "ArnEquals", "aws:PrincipalArn", production.RoleARN(production.FunctionRole("check-ground")))
}

func TestEventCrosses(t *testing.T) {
	_, production, staging := places(t)
	bus := staging.BusARN("dbferry-staging")
	prod, stag := load(t, "dbferry-production"), load(t, "dbferry-staging")
	if got := prod.statement(t, "ForwardToStagingRole", "PutOnTargetsBus").Resources; !slices.Equal(got, []any{bus}) {
		t.Errorf("the forwarding role may put events on %v, want %s", got, bus)
	}
	target := asList(prod.Resources["ForwardToStaging"].Properties["Targets"])[0].(map[string]any)
	if target["Arn"] != bus || target["RoleArn"] == nil {
		t.Errorf("the rule sends to %v with role %v", target["Arn"], target["RoleArn"])
	}
	accept := stag.statement(t, "BusPolicy", "ProductionForwards")
	accept.wants(t, "StringEquals", "events:source", "aws.states")
	accept.wants(t, "StringEquals", "events:detail-type", "Step Functions Execution Status Change")
	if d := cmp.Diff(map[string]any{"AWS": production.RootARN()}, accept.Principal); d != "" {
		t.Error(d)
	}
}

// TestPatternsNameTheAccount: without "account" a rule on a shared bus sees the
// same service's events of every account that sends to it.
func TestPatternsNameTheAccount(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		for _, id := range tpl.ofType("AWS::Events::Rule") {
			pattern := tpl.Resources[id].Properties["EventPattern"].(map[string]any)
			if len(asList(pattern["account"])) != 1 {
				t.Errorf("%s matches any account", id)
			}
		}
	})
	arns := func(tpl template, rule string) any {
		return tpl.Resources[rule].Properties["EventPattern"].(map[string]any)["detail"].(map[string]any)["stateMachineArn"]
	}
	sent := arns(load(t, "dbferry-production"), "ForwardToStaging")
	received := arns(load(t, "dbferry-staging"), "ProductionSucceeded")
	if d := cmp.Diff(sent, received); d != "" {
		t.Errorf("the rules of the two accounts match different machines: %s", d)
	}
}

func TestCopyCrosses(t *testing.T) {
	c, production, staging := places(t)
	stag := load(t, "dbferry-staging")
	vault := stag.the(t, "AWS::Backup::BackupVault", "BackupVaultName", staging.Vault())
	if functionRef(vault.Properties["EncryptionKeyArn"]) != "VaultKey" {
		t.Errorf("the vault is not under its own key: %v", vault.Properties["EncryptionKeyArn"])
	}
	in := stag.statement(t, "Vault", "ProductionCopiesIn")
	if !slices.Equal(in.Actions, []string{"backup:CopyIntoBackupVault"}) {
		t.Errorf("the vault allows %v; AWS Backup honors backup:CopyIntoBackupVault only", in.Actions)
	}
	in.wants(t, "StringEquals", "aws:PrincipalOrgID", c.OrganizationID)
	if d := cmp.Diff(map[string]any{"AWS": production.RootARN()}, in.Principal); d != "" {
		t.Error(d)
	}
	prod := load(t, "dbferry-production")
	if access := prod.Resources["Vault"].Properties["AccessPolicy"]; access != nil {
		t.Errorf("production's vault lets somebody in: %v", access)
	}
	slr := staging.RoleARN(names.BackupServiceLinkedRole)
	for _, sid := range []string{"ToStagingDescribe", "ToStagingUse", "ToStagingGrant"} {
		prod.statement(t, "VaultKey", sid).wants(t, "ArnEquals", "aws:PrincipalArn", slr)
	}
	prod.statement(t, "VaultKey", "ToStagingGrant").wants(t, "Bool", "kms:GrantIsForAWSResource", "true")
}

// TestClusterKeyStatementsArePrinted: outputs hold what the user must paste.
func TestClusterKeyStatementsArePrinted(t *testing.T) {
	c, _, _ := places(t)
	outputs := load(t, "dbferry-production").Outputs
	text := outputs["ClusterKeyStatementsProduction"].Value.(string) + "," + outputs["ClusterKeyStatementsStaging"].Value.(string)
	var got []keypolicy.Statement
	if err := json.Unmarshal([]byte("["+text+"]"), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(keypolicy.ClusterKeyStatements(c), got); d != "" {
		t.Error(d)
	}
}
