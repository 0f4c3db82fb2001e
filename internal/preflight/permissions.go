package preflight

import (
	"encoding/json"
	"slices"
)

// What a person's credentials need for `dbferry check` and `dbferry init`. All
// of it only reads, and none of it reads data or the value of a secret.

// permission is one action with the resources it is asked on.
type permission struct {
	action    string
	resources []string
}

func on(resources []string, actions ...string) []permission {
	var out []permission
	for _, a := range actions {
		out = append(out, permission{a, resources})
	}
	return out
}

var (
	anything = []string{"*"}
	// Roles by name: IAM asks for the path only of roles that exist.
	roles = []string{"arn:aws:iam::*:role/*"}
)

// productionActions are those in the production account.
func productionActions() []permission {
	return slices.Concat(
		on([]string{"arn:aws:rds:*:*:cluster:*"}, "rds:DescribeDBClusters"),
		on(anything, "dynamodb:ListTables", "backup:DescribeRegionSettings", "backup:ListBackupJobs", "backup:ListCopyJobs", "organizations:DescribeOrganization"),
		on([]string{"arn:aws:dynamodb:*:*:table/*"}, "dynamodb:DescribeTable", "dynamodb:ListTagsOfResource"),
		on([]string{"arn:aws:kms:*:*:key/*"}, "kms:DescribeKey", "kms:GetKeyPolicy"),
		on([]string{"arn:aws:backup:*:*:backup-vault:*"}, "backup:DescribeBackupVault"),
		on(roles, "iam:GetRole"),
	)
}

// targetActions are those in a target's account.
func targetActions() []permission {
	return slices.Concat(
		on([]string{"arn:aws:rds:*:*:cluster:*"}, "rds:DescribeDBClusters"),
		on([]string{"arn:aws:rds:*:*:subgrp:*"}, "rds:DescribeDBSubnetGroups"),
		on([]string{"arn:aws:rds:*:*:cluster-pg:*"}, "rds:DescribeDBClusterParameterGroups"),
		on([]string{"arn:aws:rds:*:*:pg:*"}, "rds:DescribeDBParameterGroups"),
		on([]string{"arn:aws:rds:*:*:db-proxy:*"}, "rds:DescribeDBProxies"),
		on([]string{"arn:aws:rds:*:*:db-proxy:*", "arn:aws:rds:*:*:target-group:*"}, "rds:DescribeDBProxyTargetGroups", "rds:DescribeDBProxyTargets"),
		on([]string{"arn:aws:ssm:*:*:parameter/*"}, "ssm:GetParameter"),
		on([]string{"arn:aws:route53:::hostedzone/*"}, "route53:ListResourceRecordSets"),
		on([]string{"arn:aws:ecs:*:*:service/*"}, "ecs:DescribeServices"),
		on(anything, "rds:DescribeAccountAttributes", "rds:DescribeDBEngineVersions", "rds:DescribeOrderableDBInstanceOptions", "backup:DescribeRegionSettings",
			"events:ListRules", "organizations:DescribeOrganization", "secretsmanager:ListSecrets"),
		on([]string{"arn:aws:backup:*:*:backup-vault:*"}, "backup:DescribeBackupVault", "backup:GetBackupVaultAccessPolicy"),
		on([]string{"arn:aws:kms:*:*:key/*"}, "kms:DescribeKey"),
		on([]string{"arn:aws:secretsmanager:*:*:secret:*"}, "secretsmanager:DescribeSecret"),
		on(roles, "iam:GetRole"),
	)
}

// managementActions are those in the organization's management account.
func managementActions() []permission { return on(anything, "backup:DescribeGlobalSettings") }

// Policies are the identity policies that a person needs, by side.
func Policies() map[string]json.RawMessage {
	return map[string]json.RawMessage{
		"production": policy(productionActions()), "target": policy(targetActions()), "management": policy(managementActions()),
	}
}

// policy is a document with one statement for each set of resources.
func policy(list []permission) json.RawMessage {
	type statement struct {
		Effect           string
		Action, Resource []string
	}
	var statements []statement
	for _, p := range list {
		i := slices.IndexFunc(statements, func(s statement) bool { return slices.Equal(s.Resource, p.resources) })
		if i < 0 {
			statements, i = append(statements, statement{"Allow", nil, p.resources}), len(statements)
		}
		statements[i].Action = append(statements[i].Action, p.action)
	}
	raw, err := json.MarshalIndent(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", statements}, "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	return raw
}
