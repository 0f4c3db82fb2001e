package stack

import (
	"slices"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// productionSteps is the table of production's functions. Nothing here writes
// to a cluster or a table: production is read and backed up only.
func productionSteps(c config.Config) []step {
	g := grants{c.ProductionPlace()}
	return append([]step{
		{name: "check-ground", description: "Takes the locks, finds the data set, checks that a refresh can work", wholeSet: true,
			ledger: readWriteUnlock, policy: g.checkGround(c)},
		{name: "record-settings", description: "Records the settings that a backup does not carry", ledger: readWrite, policy: g.recordSettings()},
		{name: "back-up", description: "Backs up one cluster or table", ledger: readWrite, policy: g.backUp()},
		{name: "check-backups", description: "Checks that the cut-offs are close enough together", wholeSet: true, ledger: readWrite},
		{name: "copy-recovery-point", description: "Copies one recovery point into the target's vault", ledger: readWrite, policy: g.copyRecoveryPoint()},
		{name: "publish-manifest", description: "Puts the manifest into the target's inbox", wholeSet: true,
			ledger: readWrite, policy: g.publishManifest(c)},
		g.closing(),
		g.notifying(),
	}, migrateSteps(c)...)
}

func (g grants) checkGround(c config.Config) []statement {
	ready, machines := []string{}, []string{names.Machine(productionMigrate, "")}
	for _, t := range c.Targets {
		ready = append(ready, objects(c.Place(t).Inbox(), names.ReadyKey))
		machines = append(machines, names.Machine(productionBackup, t.Name))
	}
	return []statement{
		allow("ReadReady", []string{"s3:GetObject"}, ready...),
		g.holders(machines...),
		g.lookAtClusters(),
		anything("ListTables", noResourceType, "dynamodb:ListTables"),
		allow("LookAtTables", []string{"dynamodb:DescribeTable", "dynamodb:ListTagsOfResource"}, g.tables()),
		allow("LookAtKeys", []string{"kms:DescribeKey", "kms:GetKeyPolicy"}, g.arn("kms", "key/*")),
		regionSettings(),
		anything("UnfinishedJobs", noResourceType, "backup:ListBackupJobs", "backup:ListCopyJobs"),
		allow("BackupRole", []string{"iam:GetRole"}, g.RoleARN(names.BackupRole)),
		anything("OwnOrganization", noResourceType, "organizations:DescribeOrganization"),
		allow("OwnVault", []string{"backup:DescribeBackupVault"}, g.VaultARN()),
		anything("ClusterSizes", "metrics have no resource type; datasets do not hold AWS's own metrics (Service Authorization Reference)", "cloudwatch:GetMetricData"),
		// Without names the call touches every alarm: CloudWatch cannot look for those of a resource.
		allow("ListAlarms", []string{"cloudwatch:DescribeAlarms"}, g.alarms("*")),
	}
}

func (g grants) recordSettings() []statement {
	return []statement{
		g.lookAtClusters(),
		g.lookAtInstances(),
		allow("TableSettings", append(slices.Clone(tableLooks), "dynamodb:GetResourcePolicy", "dynamodb:DescribeKinesisStreamingDestination",
			"dynamodb:DescribeContributorInsights"), g.tables()),
		lookAtScaling(),
	}
}

func (g grants) backUp() []statement {
	return []statement{
		allow("StartBackups", []string{"backup:StartBackupJob"}, g.VaultARN()),
		anything("WatchBackups", noResourceType, "backup:DescribeBackupJob"),
		allow("TagRecoveryPoints", []string{"backup:TagResource"}, g.recoveryPoints()...),
		g.passRole(names.BackupRole),
	}
}

func (g grants) copyRecoveryPoint() []statement {
	return []statement{
		allow("StartCopies", []string{"backup:StartCopyJob"}, g.recoveryPoints()...),
		anything("WatchCopies", noResourceType, "backup:DescribeCopyJob"),
		g.passRole(names.BackupRole),
	}
}

func (g grants) publishManifest(c config.Config) []statement {
	var manifests []string
	for _, t := range c.Targets {
		manifests = append(manifests, objects(c.Place(t).Inbox(), names.ManifestPrefix+"*"))
	}
	return []statement{allow("Manifests", []string{"s3:PutObject", "s3:GetObject"}, manifests...)}
}
