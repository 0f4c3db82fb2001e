package stack

import (
	"slices"
	"strings"
	"testing"
)

func TestEveryStatementHasASid(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		for _, s := range tpl.statements() {
			if s.Sid == "" {
				t.Errorf("%s: a statement has no Sid: %v", s.where, s.Actions)
			}
		}
		if n := len(tpl.statements()); n < 50 {
			t.Errorf("only %d statements were found", n)
		}
	})
}

// TestNoWildcardActions: patterns in actions grow by themselves as AWS adds
// actions. A key's own administration and denials are the exceptions.
func TestNoWildcardActions(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		for _, s := range tpl.statements() {
			if s.Effect == "Deny" || s.typ == "AWS::KMS::Key" && s.Sid == "AccountAdministers" {
				continue
			}
			for _, a := range s.Actions {
				if strings.Contains(a, "*") {
					t.Errorf("%s/%s allows %s", s.where, s.Sid, a)
				}
			}
		}
	})
}

// anyResource are the actions that may stand on "*".
var anyResource = []string{
	"backup:DescribeRegionSettings", "backup:DescribeBackupJob", "backup:DescribeCopyJob", "backup:DescribeRestoreJob",
	"application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies",
	"backup:ListBackupJobs", "backup:ListCopyJobs", "cloudwatch:GetMetricData", "dynamodb:ListTables", "events:ListRules", "organizations:DescribeOrganization",
	"rds:DescribeAccountAttributes", "rds:DescribeDBEngineVersions", "rds:DescribeOrderableDBInstanceOptions",
	"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
	"ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
	"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
	"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
	"rds:DescribeEvents", "states:SendTaskSuccess", "states:SendTaskFailure",
	"rds:CreateBlueGreenDeployment", "rds:AddTagsToResource", "rds:CreateDBCluster", "rds:CreateDBInstance", "rds:CreateDBClusterEndpoint",
}

// itself are the types in whose policies "*" means the resource itself.
var itself = []string{"AWS::KMS::Key", "AWS::Backup::BackupVault"}

func TestAnyResourceHasAReason(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		for _, s := range tpl.statements() {
			if s.Effect != "Allow" || !slices.Contains(s.Resources, any("*")) || slices.Contains(itself, s.typ) {
				continue
			}
			if s.why == "" {
				t.Errorf("%s/%s stands on * and does not say why", s.where, s.Sid)
			}
			for _, a := range s.Actions {
				if !slices.Contains(anyResource, a) {
					t.Errorf("%s/%s: %s stands on * and is not in the list of this test", s.where, s.Sid, a)
				}
			}
		}
	})
}

func TestOnlyAWSBackupHasManagedPolicies(t *testing.T) {
	want := map[string]string{"dbferry-backup": "AWSBackupServiceRolePolicyForBackup", "dbferry-restore": "AWSBackupServiceRolePolicyForRestores"}
	bothStacks(t, func(t *testing.T, tpl template) {
		for _, id := range tpl.ofType("AWS::IAM::Role") {
			p := tpl.Resources[id].Properties
			managed := asList(p["ManagedPolicyArns"])
			policy, isBackup := want[p["RoleName"].(string)]
			switch {
			case !isBackup && len(managed) > 0:
				t.Errorf("%s has managed policies %v", id, managed)
			case isBackup && !slices.Equal(managed, []any{"arn:aws:iam::aws:policy/service-role/" + policy}):
				t.Errorf("%s has managed policies %v, want %s only", id, managed, policy)
			}
		}
		if n := len(tpl.ofType("AWS::IAM::Policy")) + len(tpl.ofType("AWS::IAM::ManagedPolicy")); n > 0 {
			t.Errorf("%d policies stand outside their roles: was a grant used?", n)
		}
	})
}

// TestServicesAreNarrowedToThisAccount: AWS Backup is the exception, see
// assumedByBackup.
func TestServicesAreNarrowedToThisAccount(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		for _, s := range tpl.statements() {
			p, _ := s.Principal.(map[string]any)
			if p["Service"] == nil || p["Service"] == "backup.amazonaws.com" {
				continue
			}
			if !s.hasKey("aws:SourceAccount") && !s.hasKey("aws:SourceArn") {
				t.Errorf("%s/%s lets %v in from any account", s.where, s.Sid, p["Service"])
			}
		}
	})
}

// TestAccountsAreNarrowed: a foreign account's root is never let in without a
// condition.
func TestAccountsAreNarrowed(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		for _, s := range tpl.statements() {
			p, _ := s.Principal.(map[string]any)
			root, _ := p["AWS"].(string)
			if root == "" || s.Sid == "AccountAdministers" {
				continue
			}
			if !strings.HasSuffix(root, ":root") {
				t.Errorf("%s/%s names %s: S3 and KMS refuse principals that do not exist yet", s.where, s.Sid, root)
			}
			if len(s.Condition) == 0 {
				t.Errorf("%s/%s lets %s in without a condition", s.where, s.Sid, root)
			}
		}
	})
}

func (s policyStatement) hasKey(key string) bool {
	for _, keys := range s.Condition {
		if _, ok := keys[key]; ok {
			return true
		}
	}
	return false
}

func (s policyStatement) wants(t *testing.T, operator, key string, value any) {
	t.Helper()
	if got := s.Condition[operator][key]; got != value {
		t.Errorf("%s/%s: %s %s = %v, want %v", s.where, s.Sid, operator, key, got, value)
	}
}

func TestPassRoleGoesToAWSBackupOnly(t *testing.T) {
	found := 0
	bothStacks(t, func(t *testing.T, tpl template) {
		for _, s := range tpl.statements() {
			if slices.Contains(s.Actions, "iam:PassRole") {
				found++
				to := "backup.amazonaws.com"
				if s.where == "ProveSwitchoverRole" {
					to = "rds.amazonaws.com" // roles of the cluster itself are put back
				}
				s.wants(t, "StringEquals", "iam:PassedToService", to)
			}
		}
	})
	if found != 5 {
		t.Errorf("%d functions pass a role, want back-up, copy-recovery-point, restore-cluster, restore-table, prove-switchover", found)
	}
}

// TestChangesAreLimitedToOurOwn: what changes an existing cluster or table in
// a target asks for dbferry's tag; in production only the steps of a migration
// change anything, each only what it is for.
func TestChangesAreLimitedToOurOwn(t *testing.T) {
	changing := []string{"rds:ModifyDBCluster", "rds:AddRoleToDBCluster", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive", "dynamodb:UpdateContinuousBackups",
		"application-autoscaling:PutScalingPolicy"}
	for _, s := range load(t, "dbferry-staging").statements() {
		for _, a := range s.Actions {
			if slices.Contains(changing, a) {
				s.wants(t, "StringEquals", "aws:ResourceTag/dbferry:owner", "dbferry")
			}
		}
	}
	for _, s := range load(t, "dbferry-production").statements() {
		for _, a := range s.Actions {
			service, verb, _ := strings.Cut(a, ":")
			if (service == "rds" || service == "dynamodb") && !strings.HasPrefix(verb, "Describe") && !strings.HasPrefix(verb, "List") && verb != "GetResourcePolicy" {
				if !slices.Contains(migrating[s.where], verb) {
					t.Errorf("%s/%s changes production: %s", s.where, s.Sid, a)
				}
			}
		}
	}
}

// migrating are the changes that each step of a migration may make.
var migrating = map[string][]string{
	"CreateGreenRole":     {"CreateBlueGreenDeployment", "AddTagsToResource", "CreateDBCluster", "CreateDBInstance", "CreateDBClusterEndpoint"},
	"SettleGreenRole":     {"RebootDBInstance"},
	"SetProxiesRole":      {"RegisterDBProxyTargets", "DeregisterDBProxyTargets", "DeleteBlueGreenDeployment", "ModifyDBCluster", "DeleteDBCluster", "DeleteDBInstance", "DeleteDBClusterEndpoint"},
	"GoBackRole":          {"ModifyDBCluster", "DeleteBlueGreenDeployment", "RegisterDBProxyTargets", "DeregisterDBProxyTargets"},
	"SwitchOverRole":      {"SwitchoverBlueGreenDeployment", "ModifyDBCluster", "PromoteReadReplicaDBCluster"},
	"ProveSwitchoverRole": {"AddRoleToDBCluster", "AddTagsToResource", "CreateDBInstance", "DeleteDBInstance"}, // the last three of readers that Application Auto Scaling names
	"RetireBlueRole":      {"ModifyDBCluster", "DeleteDBCluster", "DeleteDBInstance", "CreateDBClusterSnapshot", "DeleteBlueGreenDeployment"},
	"AbandonGreenRole":    {"DeleteBlueGreenDeployment", "ModifyDBCluster", "DeleteDBCluster", "DeleteDBInstance", "DeleteDBClusterEndpoint", "RegisterDBProxyTargets"},
}
