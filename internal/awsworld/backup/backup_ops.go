package backup

import (
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// ended says whether a backup job's state is final.
func (j *backupJob) ended() bool {
	return !j.completed.IsZero() && j.state != types.BackupJobStateAborting
}

func (s *Service) describeBackup(c *awsworld.Call, in *sdk.DescribeBackupJobInput) (*sdk.DescribeBackupJobOutput, error) {
	j := s.of(c).backup(aws.ToString(in.BackupJobId))
	if j == nil {
		return nil, notFound("Backup job %s was not found", aws.ToString(in.BackupJobId))
	}
	if j.ended() {
		s.w.Waits.Notice(c.Caller, j.id)
	}
	b := s.shownBackup(j)
	return &sdk.DescribeBackupJobOutput{
		AccountId: b.AccountId, BackupJobId: b.BackupJobId, BackupOptions: b.BackupOptions, BackupSizeInBytes: b.BackupSizeInBytes,
		BackupVaultArn: b.BackupVaultArn, BackupVaultName: b.BackupVaultName, BytesTransferred: b.BytesTransferred,
		CompletionDate: b.CompletionDate, CreatedBy: b.CreatedBy, CreationDate: b.CreationDate, EncryptionKeyArn: b.EncryptionKeyArn,
		IamRoleArn: b.IamRoleArn, InitiationDate: b.InitiationDate, IsEncrypted: b.IsEncrypted, MessageCategory: b.MessageCategory,
		PercentDone: b.PercentDone, RecoveryPointArn: b.RecoveryPointArn, RecoveryPointLifecycle: b.RecoveryPointLifecycle,
		ResourceArn: b.ResourceArn, ResourceName: b.ResourceName, ResourceType: b.ResourceType, StartBy: b.StartBy,
		State: b.State, StatusMessage: b.StatusMessage, VaultLockState: b.VaultLockState, VaultType: b.VaultType,
	}, nil
}

// shownBackup is a backup job as lists show it.
func (s *Service) shownBackup(j *backupJob) types.BackupJob {
	out := types.BackupJob{
		AccountId: aws.String(j.account), BackupJobId: aws.String(j.id), BackupOptions: maps.Clone(j.options),
		BackupVaultArn: aws.String(s.vaultARN(j.account, j.vault)), BackupVaultName: aws.String(j.vault),
		CompletionDate: timeOrNil(j.completed), CreatedBy: creator(j.plan), CreationDate: aws.Time(j.created),
		IamRoleArn: aws.String(j.role), InitiationDate: timeOrNil(j.started), MessageCategory: textOrNil(j.category),
		PercentDone: aws.String(strconv.FormatFloat(j.percent, 'f', 1, 64)), RecoveryPointArn: textOrNil(j.pointARN),
		RecoveryPointLifecycle: j.retention.lifecycle(), ResourceArn: aws.String(j.source.arn), ResourceName: aws.String(j.source.name),
		ResourceType: aws.String(j.source.kind), StartBy: aws.Time(j.startBy), State: j.state, StatusMessage: textOrNil(j.message),
		VaultType: aws.String(string(types.VaultTypeBackupVault)),
	}
	if v := s.account(j.account).vaults[j.vault]; v != nil && v.Locked {
		out.VaultLockState = aws.String("LOCKED")
	}
	if p := j.point; p != nil {
		out.EncryptionKeyArn, out.IsEncrypted = textOrNil(p.key), p.key != ""
		out.BackupSizeInBytes = p.sizeShown()
		if j.state == types.BackupJobStateCompleted {
			out.BytesTransferred = p.sizeShown()
		}
	}
	return out
}

func (s *Service) listBackups(c *awsworld.Call, in *sdk.ListBackupJobsInput) (*sdk.ListBackupJobsOutput, error) {
	if err := service.OnlyFields(c, "ByResourceArn", "ByResourceType", "ByBackupVaultName", "ByAccountId", "ByMessageCategory", "ByState", "ByCreatedAfter", "ByCreatedBefore",
		"ByCompleteAfter", "ByCompleteBefore", "MaxResults", "NextToken"); err != nil {
		return nil, err
	}
	var found []*backupJob
	for _, j := range slices.Backward(s.of(c).backups) {
		if is(in.ByResourceArn, j.source.arn) && is(in.ByResourceType, j.source.kind) && is(in.ByBackupVaultName, j.vault) &&
			is(in.ByAccountId, j.account) && is(in.ByMessageCategory, j.category) &&
			(in.ByState == "" || in.ByState == j.state) &&
			within(j.created, in.ByCreatedAfter, in.ByCreatedBefore) && endedWithin(j.completed, in.ByCompleteAfter, in.ByCompleteBefore) {
			found = append(found, j)
		}
	}
	found, next, err := page(found, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListBackupJobsOutput{BackupJobs: []types.BackupJob{}, NextToken: next}
	for _, j := range found {
		out.BackupJobs = append(out.BackupJobs, s.shownBackup(j))
	}
	return out, nil
}

func (s *Service) stopBackup(c *awsworld.Call, in *sdk.StopBackupJobInput) (*sdk.StopBackupJobOutput, error) {
	j := s.of(c).backup(aws.ToString(in.BackupJobId))
	switch {
	case j == nil:
		return nil, notFound("Backup job %s was not found", aws.ToString(in.BackupJobId))
	case j.ended(), j.state == types.BackupJobStateAborting:
		return nil, badRequest("Backup job %s is %s and cannot be stopped", j.id, j.state)
	case j.source.kind == typeDynamoDB && j.state == types.BackupJobStateRunning:
		return nil, badRequest("Backup job %s: a DynamoDB backup that is running cannot be stopped", j.id)
	}
	s.setBackup(j, types.BackupJobStateAborting)
	j.scope.Cancel(errStopped)
	return &sdk.StopBackupJobOutput{}, nil
}
