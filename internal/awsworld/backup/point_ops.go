package backup

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) pointOps() []awsworld.Op {
	describe := awsworld.On(ServiceID, "DescribeRecoveryPoint", "backup:DescribeRecoveryPoint", s.describePoint)
	describe.Resources = ownPoint(s, func(in *sdk.DescribeRecoveryPointInput) *string { return in.RecoveryPointArn })
	describe.Source = "API DescribeRecoveryPoint; docs/aws.md §1.4, §1.7"
	describe.Differs = "points of other accounts' air-gapped vaults are not simulated"

	meta := awsworld.On(ServiceID, "GetRecoveryPointRestoreMetadata", "backup:GetRecoveryPointRestoreMetadata", s.getMetadata)
	meta.Resources = ownPoint(s, func(in *sdk.GetRecoveryPointRestoreMetadataInput) *string { return in.RecoveryPointArn })
	meta.Source = "API GetRecoveryPointRestoreMetadata; docs/aws.md §4.2, §4.3"
	meta.Differs = "no published sample for Aurora or DynamoDB: the keys are those that a restore takes"

	inVault := awsworld.On(ServiceID, "ListRecoveryPointsByBackupVault", "backup:ListRecoveryPointsByBackupVault", s.listInVault)
	inVault.Resources = ownVault(s, func(in *sdk.ListRecoveryPointsByBackupVaultInput) *string { return in.BackupVaultName })
	inVault.Source = "API ListRecoveryPointsByBackupVault"
	inVault.Differs = "newest first is assumed; filters by resource and creation only"

	byResource := awsworld.On(ServiceID, "ListRecoveryPointsByResource", "backup:ListRecoveryPointsByResource", s.listByResource)
	byResource.Source = "API ListRecoveryPointsByResource"
	byResource.Differs = "newest first is assumed"

	del := awsworld.On(ServiceID, "DeleteRecoveryPoint", "backup:DeleteRecoveryPoint", s.deletePoint)
	del.Resources = ownPoint(s, func(in *sdk.DeleteRecoveryPointInput) *string { return in.RecoveryPointArn })
	del.Source = "API DeleteRecoveryPoint; docs/aws.md §1.6, §1.7"
	del.Differs = "a lock refuses deletion before the recovery point's own end; governance mode is not told from compliance mode"
	return []awsworld.Op{describe, meta, inVault, byResource, del}
}

func (s *Service) describePoint(c *awsworld.Call, in *sdk.DescribeRecoveryPointInput) (*sdk.DescribeRecoveryPointOutput, error) {
	if err := service.OnlyFields(c, "BackupVaultName", "RecoveryPointArn"); err != nil {
		return nil, err
	}
	v, p, err := s.pointIn(c, in.BackupVaultName, in.RecoveryPointArn)
	if err != nil {
		return nil, err
	}
	return &sdk.DescribeRecoveryPointOutput{
		BackupSizeInBytes: p.sizeShown(), BackupVaultArn: aws.String(v.arn), BackupVaultName: aws.String(v.Name),
		CalculatedLifecycle: p.calculated(), CompletionDate: timeOrNil(p.completed), CreationDate: aws.Time(p.created),
		EncryptionKeyArn: textOrNil(p.key), EncryptionKeyType: p.keyType(), IamRoleArn: textOrNil(s.pointRole(p)),
		InitiationDate: aws.Time(p.created), IsEncrypted: p.key != "", Lifecycle: p.retention.lifecycle(),
		RecoveryPointArn: aws.String(p.arn), ResourceArn: aws.String(p.source.arn), ResourceName: aws.String(p.source.name),
		ResourceType: aws.String(p.source.kind), SourceBackupVaultArn: textOrNil(p.sourceVault), Status: p.status,
		StatusMessage: textOrNil(p.message), StorageClass: types.StorageClassWarm, VaultType: types.VaultTypeBackupVault,
	}, nil
}

// sizeShown leaves Aurora's size out, as AWS does (docs/aws.md §1.5).
func (p *point) sizeShown() *int64 {
	if p.source.kind == typeAurora {
		return nil
	}
	return aws.Int64(p.size)
}

func (s *Service) pointRole(p *point) string {
	if p.role != "" {
		return p.role
	}
	return "arn:aws:iam::" + p.account + ":role/aws-service-role/" + principal + "/AWSServiceRoleForBackup"
}

func (s *Service) getMetadata(c *awsworld.Call, in *sdk.GetRecoveryPointRestoreMetadataInput) (*sdk.GetRecoveryPointRestoreMetadataOutput, error) {
	if err := service.OnlyFields(c, "BackupVaultName", "RecoveryPointArn"); err != nil {
		return nil, err
	}
	v, p, err := s.pointIn(c, in.BackupVaultName, in.RecoveryPointArn)
	if err != nil {
		return nil, err
	}
	return &sdk.GetRecoveryPointRestoreMetadataOutput{
		BackupVaultArn: aws.String(v.arn), RecoveryPointArn: aws.String(p.arn), ResourceType: aws.String(p.source.kind),
		RestoreMetadata: maps.Clone(p.metadata),
	}, nil
}

func (s *Service) listInVault(c *awsworld.Call, in *sdk.ListRecoveryPointsByBackupVaultInput) (*sdk.ListRecoveryPointsByBackupVaultOutput, error) {
	if err := service.OnlyFields(c, "BackupVaultName", "ByResourceArn", "ByResourceType", "ByCreatedAfter", "ByCreatedBefore", "MaxResults", "NextToken"); err != nil {
		return nil, err
	}
	v, err := s.vaultOf(c.Account.ID, in.BackupVaultName)
	if err != nil {
		return nil, err
	}
	var found []*point
	for _, p := range slices.Backward(s.of(c).points) {
		if p.vault == v.Name && is(in.ByResourceArn, p.source.arn) && is(in.ByResourceType, p.source.kind) &&
			within(p.created, in.ByCreatedAfter, in.ByCreatedBefore) {
			found = append(found, p)
		}
	}
	found, next, err := page(found, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListRecoveryPointsByBackupVaultOutput{NextToken: next, RecoveryPoints: []types.RecoveryPointByBackupVault{}}
	for _, p := range found {
		out.RecoveryPoints = append(out.RecoveryPoints, types.RecoveryPointByBackupVault{
			BackupSizeInBytes: p.sizeShown(), BackupVaultArn: aws.String(v.arn), BackupVaultName: aws.String(v.Name),
			CalculatedLifecycle: p.calculated(), CompletionDate: timeOrNil(p.completed), CreationDate: aws.Time(p.created),
			EncryptionKeyArn: textOrNil(p.key), EncryptionKeyType: p.keyType(), IamRoleArn: textOrNil(s.pointRole(p)),
			IsEncrypted: p.key != "", Lifecycle: p.retention.lifecycle(), RecoveryPointArn: aws.String(p.arn),
			ResourceArn: aws.String(p.source.arn), ResourceName: aws.String(p.source.name), ResourceType: aws.String(p.source.kind),
			SourceBackupVaultArn: textOrNil(p.sourceVault), Status: p.status, StatusMessage: textOrNil(p.message),
			VaultType: types.VaultTypeBackupVault,
		})
	}
	return out, nil
}

func (s *Service) listByResource(c *awsworld.Call, in *sdk.ListRecoveryPointsByResourceInput) (*sdk.ListRecoveryPointsByResourceOutput, error) {
	if err := service.OnlyFields(c, "ResourceArn", "MaxResults", "NextToken"); err != nil {
		return nil, err
	}
	var found []*point
	for _, p := range slices.Backward(s.of(c).points) {
		if is(in.ResourceArn, p.source.arn) {
			found = append(found, p)
		}
	}
	found, next, err := page(found, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListRecoveryPointsByResourceOutput{NextToken: next, RecoveryPoints: []types.RecoveryPointByResource{}}
	for _, p := range found {
		out.RecoveryPoints = append(out.RecoveryPoints, types.RecoveryPointByResource{
			BackupSizeBytes: p.sizeShown(), BackupVaultName: aws.String(p.vault), CreationDate: aws.Time(p.created),
			EncryptionKeyArn: textOrNil(p.key), EncryptionKeyType: p.keyType(), RecoveryPointArn: aws.String(p.arn),
			ResourceName: aws.String(p.source.name), Status: p.status, StatusMessage: textOrNil(p.message),
			VaultType: types.VaultTypeBackupVault,
		})
	}
	return out, nil
}

func (s *Service) deletePoint(c *awsworld.Call, in *sdk.DeleteRecoveryPointInput) (*sdk.DeleteRecoveryPointOutput, error) {
	v, p, err := s.pointIn(c, in.BackupVaultName, in.RecoveryPointArn)
	if err != nil {
		return nil, err
	}
	if v.Locked && (p.deleteAt().IsZero() || s.w.Now().Before(p.deleteAt())) {
		return nil, invalid("Backup vault %s is locked; recovery point %s cannot be deleted before its retention ends", v.Name, p.arn)
	}
	if !p.usable() && p.status != types.RecoveryPointStatusExpired {
		return nil, badRequest("Recovery point %s is %s and cannot be deleted now", p.arn, p.status)
	}
	if p.cancelExpiry != nil {
		p.cancelExpiry()
		p.cancelExpiry = nil
	}
	p.status = types.RecoveryPointStatusDeleting
	site := awsworld.Site{Machine: c.Caller.Site.Machine, Item: c.Caller.Site.Item, State: "AWS Backup"}
	s.w.Kernel.Go(func() { s.remove(p, site) })
	return &sdk.DeleteRecoveryPointOutput{}, nil
}
