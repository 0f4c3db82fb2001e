package stack

import (
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// targetSteps is the table of a target's functions. What changes a cluster or a
// table that exists is limited to those that carry dbferry's tag.
func targetSteps(c config.Config, t config.Target, vaultKey string) []step {
	g := grants{c.Place(t)}
	return append([]step{
		{name: "staging-ready", description: "Proves that this account can receive, and says so to production", timeout: long, inNetwork: true,
			ledger: readWrite, policy: g.stagingReady(t, vaultKey)},
		{name: "verify-manifest", description: "Checks a manifest as if it came from a stranger, and claims it", timeout: long,
			ledger: readWriteUnlock, policy: g.verifyManifest()},
		{name: "restore-cluster", description: "Restores one cluster into quarantine", quarantine: true, ledger: readWrite, policy: g.restoreCluster()},
		{name: "prepare-cluster", description: "Gives a restored cluster what it needs before it has instances", ledger: readWrite,
			policy: []statement{g.lookAtClusters(), g.modifyOwnClusters()}},
		{name: "add-instances", description: "Creates the instances of a restored cluster", ledger: readWrite, policy: g.addInstances()},
		{name: "finish-cluster", description: "Applies the settings that a restore leaves out", ledger: readWrite, policy: g.finishCluster()},
		{name: "reset-credentials", description: "Replaces production's passwords, locks what is not listed", timeout: long, inNetwork: true,
			ledger: readWrite, policy: g.resetCredentials(t)},
		{name: "restore-table", description: "Restores one table", ledger: readWrite, policy: g.restoreTable()},
		{name: "finish-table", description: "Applies the settings that a restore leaves out, compares with production's", ledger: readWrite, policy: g.finishTable()},
		{name: "record-candidate", description: "Opens what is safe and records it", timeout: long, quarantine: true, ledger: readWrite,
			policy: g.recordCandidate(t)},
		g.closing(),
		g.notifying(),
	}, switchSteps(c, t)...)
}

// recordCandidate starts the switch where the configuration says so.
func (g grants) recordCandidate(t config.Target) []statement {
	out := []statement{g.lookAtClusters(), g.modifyOwnClusters()}
	if t.Switch != nil && t.Switch.Automatic {
		out = append(out, allow("StartSwitch", []string{"states:StartExecution"}, g.MachineARN(stagingSwitch, t.Name)))
	}
	return out
}

// configuredSecrets are the names of all secrets that the target's clusters use.
func configuredSecrets(t config.Target) []string {
	var out []string
	for _, c := range t.Clusters {
		out = append(out, c.MasterSecret)
		for _, l := range c.Logins {
			out = append(out, l.Secret)
		}
	}
	return out
}

// serviceLinkedRoles must exist before the first copy and restore: AWS Backup's
// does the copying, RDS's belongs to every cluster.
func (g grants) serviceLinkedRoles() []string {
	return []string{g.RoleARN(names.BackupServiceLinkedRole), g.RoleARN("aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS")}
}

func (g grants) stagingReady(t config.Target, vaultKey string) []statement {
	out := []statement{
		allow("PublishReady", []string{"s3:PutObject"}, objects(g.Inbox(), names.ReadyKey)),
		allow("ServiceLinkedRoles", []string{"iam:GetRole"}, g.serviceLinkedRoles()...),
		regionSettings(),
		allow("OwnVault", []string{"backup:DescribeBackupVault", "backup:GetBackupVaultAccessPolicy"}, g.VaultARN()),
		allow("VaultKey", []string{"kms:DescribeKey"}, vaultKey),
		allow("SubnetGroups", []string{"rds:DescribeDBSubnetGroups"}, g.arn("rds", "subgrp:*")),
		allow("ClusterParameterGroups", []string{"rds:DescribeDBClusterParameterGroups"}, g.arn("rds", "cluster-pg:*")),
		allow("InstanceParameterGroups", []string{"rds:DescribeDBParameterGroups"}, g.arn("rds", "pg:*")),
		anything("Quotas", noResourceType, "rds:DescribeAccountAttributes"),
	}
	if s := g.secrets(configuredSecrets(t)); len(s) > 0 {
		out = append(out, allow("SecretsExist", []string{"secretsmanager:DescribeSecret"}, s...))
	}
	return out
}

func (g grants) verifyManifest() []statement {
	return []statement{
		allow("ReadManifests", []string{"s3:GetObject"}, objects(g.Inbox(), names.ManifestPrefix+"*")),
		allow("RecoveryPoints", []string{"backup:DescribeRecoveryPoint"}, g.recoveryPoints()...),
		g.holders(names.Machine(stagingRestore, g.Side)),
	}
}

// startRestores names the vault too: AWS Backup's guide checks StartRestoreJob
// on it ("Access control"), its action list on the recovery point.
func (g grants) startRestores() []statement {
	return []statement{
		allow("StartRestores", []string{"backup:StartRestoreJob"}, append(g.recoveryPoints(), g.VaultARN())...),
		anything("WatchRestores", noResourceType, "backup:DescribeRestoreJob"),
		g.passRole(names.RestoreRole),
	}
}

func (g grants) restoreCluster() []statement {
	return append(g.startRestores(),
		allow("RestoreMetadata", []string{"backup:GetRecoveryPointRestoreMetadata"}, g.recoveryPoints()...),
		g.lookAtClusters(),
		g.tagClusters(),
	)
}

// tagClusters cannot ask for dbferry's tag, since it puts it on.
func (g grants) tagClusters() statement {
	return allow("TagClusters", []string{"rds:AddTagsToResource"}, g.clusters())
}

func (g grants) addInstances() []statement {
	return []statement{
		g.lookAtClusters(),
		g.lookAtInstances(),
		// The option group is RDS's default one, which RDS checks like a named one.
		allow("CreateInstances", []string{"rds:CreateDBInstance"},
			g.clusters(), g.instances(), g.arn("rds", "pg:*"), g.arn("rds", "og:*"), g.arn("rds", "subgrp:*")),
		allow("TagInstances", []string{"rds:AddTagsToResource"}, g.instances()),
	}
}

func (g grants) finishCluster() []statement {
	return []statement{
		g.lookAtClusters(),
		g.tagClusters(),
		g.modifyOwnClusters(),
	}
}

func (g grants) resetCredentials(t config.Target) []statement {
	out := []statement{g.lookAtClusters(), g.modifyOwnClusters()}
	if s := g.secrets(configuredSecrets(t)); len(s) > 0 {
		out = append(out, allow("ReadSecrets", []string{"secretsmanager:GetSecretValue"}, s...))
	}
	return out
}

func (g grants) restoreTable() []statement {
	return append(g.startRestores(),
		allow("Tables", []string{"dynamodb:DescribeTable", "dynamodb:TagResource"}, g.tables()),
	)
}

func (g grants) finishTable() []statement {
	return []statement{
		allow("LookAtTables", []string{
			"dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:DescribeContinuousBackups", "dynamodb:ListTagsOfResource",
		}, g.tables()),
		allow("ChangeOwnTables", []string{
			"dynamodb:UpdateTimeToLive", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:TagResource",
		}, g.tables()).when(ours()),
	}
}
