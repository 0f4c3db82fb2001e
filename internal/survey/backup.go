package survey

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
)

func (v *visit) optIns(ctx context.Context) error {
	out, err := v.backup.DescribeRegionSettings(ctx, &backup.DescribeRegionSettingsInput{})
	if err != nil {
		return fault.AWS("read AWS Backup's settings of the Region", v.config.Region, err)
	}
	v.f.OptIn, v.f.Management = out.ResourceTypeOptInPreference, out.ResourceTypeManagementPreference
	return nil
}

// vault reads the side's own vault. AWS Backup may answer AccessDenied for one
// that does not exist.
func (v *visit) vault(ctx context.Context) error {
	name := v.here.Vault()
	out, err := v.backup.DescribeBackupVault(ctx, &backup.DescribeBackupVaultInput{BackupVaultName: &name})
	if fault.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fault.AWS("describe the vault", v.here.VaultARN(), err)
	}
	v.f.Vault = &check.VaultFacts{Name: name, ARN: aws.ToString(out.BackupVaultArn), KeyARN: aws.ToString(out.EncryptionKeyArn),
		MinDays: aws.ToInt64(out.MinRetentionDays), MaxDays: aws.ToInt64(out.MaxRetentionDays)}
	return nil
}

// vaultKey reads the vault's key; only production's must admit the other side.
func (v *visit) vaultKey(ctx context.Context) error {
	if v.f.Vault == nil {
		return nil
	}
	return v.key(ctx, v.f.Vault.KeyARN, v.here.Side == names.ProductionSide)
}

func (v *visit) vaultPolicy(ctx context.Context) error {
	if v.f.Vault == nil {
		return nil
	}
	name := v.here.Vault()
	out, err := v.backup.GetBackupVaultAccessPolicy(ctx, &backup.GetBackupVaultAccessPolicyInput{BackupVaultName: &name})
	if fault.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fault.AWS("read the vault's policy", v.here.VaultARN(), err)
	}
	v.f.Vault.Policy = aws.ToString(out.Policy)
	return nil
}

// unfinished are the states in which a job holds its resource, or waits for it.
var (
	unfinishedBackups = []backuptypes.BackupJobState{backuptypes.BackupJobStateCreated, backuptypes.BackupJobStatePending, backuptypes.BackupJobStateRunning, backuptypes.BackupJobStateAborting}
	unfinishedCopies  = []backuptypes.CopyJobState{backuptypes.CopyJobStateCreated, backuptypes.CopyJobStateRunning}
)

// jobs lists the unfinished jobs of the account by state, not by resource:
// their number is small however many items a refresh has.
func (v *visit) jobs(ctx context.Context) error {
	for _, state := range unfinishedBackups {
		pages := backup.NewListBackupJobsPaginator(v.backup, &backup.ListBackupJobsInput{ByState: state})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fault.AWS("list the backup jobs", v.here.Account, err)
			}
			for _, j := range page.BackupJobs {
				v.job(check.JobFacts{Kind: "backup", ID: aws.ToString(j.BackupJobId), ResourceARN: aws.ToString(j.ResourceArn), State: string(j.State)}, j.IamRoleArn, j.CreatedBy)
			}
		}
	}
	for _, state := range unfinishedCopies {
		pages := backup.NewListCopyJobsPaginator(v.backup, &backup.ListCopyJobsInput{ByState: state})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fault.AWS("list the copy jobs", v.here.Account, err)
			}
			for _, j := range page.CopyJobs {
				v.job(check.JobFacts{Kind: "copy", ID: aws.ToString(j.CopyJobId), ResourceARN: aws.ToString(j.ResourceArn), State: string(j.State)}, j.IamRoleArn, j.CreatedBy)
			}
		}
	}
	return nil
}

func (v *visit) job(j check.JobFacts, role *string, by *backuptypes.RecoveryPointCreator) {
	j.Own = aws.ToString(role) == v.here.RoleARN(names.BackupRole)
	if by != nil {
		j.Plan = aws.ToString(by.BackupPlanId)
	}
	v.f.Jobs = append(v.f.Jobs, j)
}

func (v *visit) globalSettings(ctx context.Context) error {
	out, err := v.backup.DescribeGlobalSettings(ctx, &backup.DescribeGlobalSettingsInput{})
	if err != nil {
		return fault.AWS("read AWS Backup's settings of the organization", v.config.OrganizationID, err)
	}
	v.f.CrossAccount = out.GlobalSettings["isCrossAccountBackupEnabled"]
	return nil
}
