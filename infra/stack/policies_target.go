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
		{name: "verify-manifest", description: "Checks a manifest as if it came from a stranger, and claims it", wholeSet: true,
			ledger: readWriteUnlock, policy: g.verifyManifest()},
		{name: "restore-cluster", description: "Restores one cluster into quarantine", quarantine: true, ledger: readWrite, policy: g.restoreCluster()},
		{name: "prepare-cluster", description: "Gives a restored cluster what it needs before it has instances", ledger: readWrite,
			policy: []statement{g.lookAtClusters(), g.modifyOwnClusters()}},
		{name: "add-instances", description: "Creates the instances of a restored cluster", ledger: readWrite, policy: g.addInstances(t)},
		{name: "finish-cluster", description: "Applies the settings that a restore leaves out", ledger: readWrite, policy: g.finishCluster(t)},
		{name: "reset-credentials", description: "Replaces production's passwords, locks what is not listed", timeout: long, inNetwork: true,
			ledger: readWrite, policy: g.resetCredentials(t)},
		{name: "restore-table", description: "Restores one table", ledger: readWrite, policy: g.restoreTable()},
		{name: "finish-table", description: "Applies the settings that a restore leaves out, compares with production's", ledger: readWrite, policy: g.finishTable(t)},
		{name: "record-candidate", description: "Opens what is safe and records it", wholeSet: true, quarantine: true, ledger: readWrite,
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
// does the copying, RDS's belongs to every cluster. IAM knows no path of a role
// that does not exist, so their names stand without one too.
func (g grants) serviceLinkedRoles() []string {
	return []string{
		g.RoleARN(names.BackupServiceLinkedRole), g.RoleARN("aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS"),
		g.RoleARN("AWSServiceRoleForBackup"), g.RoleARN("AWSServiceRoleForRDS"),
	}
}

func (g grants) stagingReady(t config.Target, vaultKey string) []statement {
	out := []statement{
		allow("PublishReady", []string{"s3:PutObject"}, objects(g.Inbox(), names.ReadyKey)),
		allow("ServiceLinkedRoles", []string{"iam:GetRole"}, g.serviceLinkedRoles()...),
		allow("RestoreRole", []string{"iam:GetRole"}, g.RoleARN(names.RestoreRole)),
		regionSettings(),
		allow("OwnVault", []string{"backup:DescribeBackupVault", "backup:GetBackupVaultAccessPolicy"}, g.VaultARN()),
		allow("VaultKey", []string{"kms:DescribeKey"}, vaultKey),
		allow("SubnetGroups", []string{"rds:DescribeDBSubnetGroups"}, g.arn("rds", "subgrp:*")),
		allow("ClusterParameterGroups", []string{"rds:DescribeDBClusterParameterGroups"}, g.arn("rds", "cluster-pg:*")),
		allow("InstanceParameterGroups", []string{"rds:DescribeDBParameterGroups"}, g.arn("rds", "pg:*")),
		anything("Quotas", noResourceType, "rds:DescribeAccountAttributes"),
		anything("Offers", noResourceType, "rds:DescribeDBEngineVersions", "rds:DescribeOrderableDBInstanceOptions"),
	}
	if t.Bus == "default" {
		out = append(out, anything("BusRules", noResourceType, "events:ListRules"))
	}
	if s := g.secrets(configuredSecrets(t)); len(s) > 0 {
		out = append(out, allow("SecretsExist", []string{"secretsmanager:DescribeSecret"}, s...))
	}
	if t.Switch != nil {
		out = append(out, switchGrants{g, t}.checkPointers()...)
	}
	return out
}

func (g grants) verifyManifest() []statement {
	return []statement{
		allow("ReadManifests", []string{"s3:GetObject"}, objects(g.Inbox(), names.ManifestPrefix+"*")),
		// Without it S3 answers 403 for a manifest that is not there (GetObject).
		allow("MissingManifests", []string{"s3:ListBucket"}, bucketARN(g.Inbox())),
		allow("RecoveryPoints", []string{"backup:DescribeRecoveryPoint"}, g.recoveryPoints()...),
		g.holders(names.Machine(stagingRestore, g.Side), names.Machine(stagingSwitch, g.Side)),
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

// loginSecrets are the secrets that refreshes make.
func (g grants) loginSecrets() string {
	return g.arn("secretsmanager", "secret:"+names.LoginSecrets(g.Side)+"*")
}

func (g grants) resetCredentials(t config.Target) []statement {
	out := []statement{g.lookAtClusters(), g.modifyOwnClusters()}
	if t.Rotation() {
		out = append(out,
			allow("MakeLoginSecrets", []string{"secretsmanager:CreateSecret", "secretsmanager:TagResource"}, g.loginSecrets()).when(condition{"StringEquals": {"aws:RequestTag/" + names.TagOwner: names.Prefix}}),
			allow("ReadLoginSecrets", []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"}, g.loginSecrets()))
	}
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
