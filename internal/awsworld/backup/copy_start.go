package backup

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

type copyJob struct {
	job
	state      types.CopyJobState
	from       *point
	fromVault  string // ARN
	toAccount  string
	toVault    string // name
	toVaultARN string
	retention  retention
	to         *point // the copy; shown when it is complete
}

func (j *copyJob) crossAccount() bool { return j.toAccount != j.account }

// CopyVaultInput asks one side of a copy: the vault to be read or written.
type CopyVaultInput struct {
	VaultARN string // the vault that is asked
	Targets  string // the destination's ARN; for the source's side only
}

// CopyVaultOutput is empty: the call only asks for permission.
type CopyVaultOutput struct{}

func (s *Service) copyOps() []awsworld.Op {
	start := awsworld.On(ServiceID, "StartCopyJob", "backup:StartCopyJob", s.startCopy)
	start.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.StartCopyJobInput](c)
		point := s.pointResource(c.Account.ID, aws.ToString(in.RecoveryPointArn))
		return append([]awsworld.Resource{point}, passRole(c, in.IamRoleArn)...)
	}
	start.Source = "API StartCopyJob; docs/aws.md §1.1, §2, §3"
	start.Differs = "one Region; what is checked when the call is made and what when the job runs is not published; " +
		"a token lives for ever and answers whatever the other parameters are"

	describe := awsworld.On(ServiceID, "DescribeCopyJob", "backup:DescribeCopyJob", s.describeCopy)
	describe.Source = "API DescribeCopyJob; docs/aws.md §1.2, §1.5"
	describe.Differs = "DestinationRecoveryPointArn appears at COMPLETED, which is assumed"

	list := awsworld.On(ServiceID, "ListCopyJobs", "backup:ListCopyJobs", s.listCopies)
	list.Source = "API ListCopyJobs; docs/aws.md §1.5"
	list.Differs = "newest first is assumed; jobs are never forgotten (AWS keeps 30 days)"
	return append([]awsworld.Op{start, describe, list}, s.copyPermissionOps()...)
}

// copyPermissionOps are what the copy role must be allowed on either side.
func (s *Service) copyPermissionOps() []awsworld.Op {
	allow := func(*awsworld.Call, *CopyVaultInput) (*CopyVaultOutput, error) { return &CopyVaultOutput{}, nil }
	from := awsworld.On(ServiceID, "CopyFromBackupVault", "backup:CopyFromBackupVault", allow)
	from.Internal = true
	from.Resources = s.copyVault
	from.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		return map[string][]string{"backup:CopyTargets": {awsworld.Input[CopyVaultInput](c).Targets}}
	}
	from.Source = "Service Authorization Reference; docs/aws.md §1.6, §2.2"
	from.Differs = "backup:CopyTargetOrgPaths is not set: the world has no organization paths"

	into := awsworld.On(ServiceID, "CopyIntoBackupVault", iam.CopyIntoVault, allow)
	into.Internal = true
	into.Resources = s.copyVault
	into.Source = "AWS Backup developer guide, vault access policies; docs/aws.md §2.2"
	return []awsworld.Op{from, into}
}

func (s *Service) copyVault(c *awsworld.Call) []awsworld.Resource {
	account, _, name, _ := vaultARNParts(awsworld.Input[CopyVaultInput](c).VaultARN)
	return []awsworld.Resource{s.vaultResource(account, name)}
}

func (s *Service) startCopy(c *awsworld.Call, in *sdk.StartCopyJobInput) (*sdk.StartCopyJobOutput, error) {
	j, err := s.newCopy(c, in)
	if err != nil {
		return nil, err
	}
	remember, old := s.tokenFor(c, in.IdempotencyToken)
	a := s.of(c)
	if first := a.copy(old); first != nil {
		return first.reply(), nil
	}
	s.open(&j.job, "copy")
	a.copies = append(a.copies, j)
	remember(j.id)
	s.emitCopy(j)
	s.run(&j.job, func() error { return s.copyOver(j) }, func(err error) { s.endCopyJob(j, err) })
	return j.reply(), nil
}

// newCopy checks what AWS checks before there is a job, and makes the job.
func (s *Service) newCopy(c *awsworld.Call, in *sdk.StartCopyJobInput) (*copyJob, error) {
	v, p, err := s.pointIn(c, in.SourceBackupVaultName, in.RecoveryPointArn)
	if err != nil {
		return nil, err
	}
	to, region, name, ok := vaultARNParts(aws.ToString(in.DestinationBackupVaultArn))
	if !ok || region != s.w.Region {
		return nil, invalid("Invalid DestinationBackupVaultArn %q: want arn:aws:backup:%s:ACCOUNT:backup-vault:NAME", aws.ToString(in.DestinationBackupVaultArn), s.w.Region)
	}
	switch {
	case *in.DestinationBackupVaultArn == v.arn:
		return nil, invalid("The destination backup vault is the source backup vault: %s", v.arn)
	case !p.usable():
		return nil, badRequest("Recovery point %s is %s; only one that is complete can be copied", p.arn, p.status)
	case p.retention.coldAfter > 0 && s.w.Now().After(p.created.AddDate(0, 0, int(p.retention.coldAfter))):
		return nil, badRequest("Recovery point %s is in cold storage and cannot be copied", p.arn)
	}
	if err := s.checkRole(c, in.IamRoleArn); err != nil {
		return nil, err
	}
	if err := checkLifecycle(in.Lifecycle); err != nil {
		return nil, err
	}
	return &copyJob{
		job: s.newJob(c, p.source, in.IamRoleArn), state: types.CopyJobStateCreated, from: p, fromVault: v.arn,
		toAccount: to, toVault: name, toVaultARN: *in.DestinationBackupVaultArn, retention: copyRetention(p, in.Lifecycle),
	}, nil
}

// copyRetention: a copy without a retention of its own, or with "always", ends
// when its source does (docs/aws.md §1.7).
func copyRetention(p *point, l *types.Lifecycle) retention {
	r := retentionOf(l)
	if r.deleteAfter <= 0 {
		r.deleteAfter = p.retention.deleteAfter
	}
	if l == nil {
		r.coldAfter = p.retention.coldAfter
	}
	return r
}

func (j *copyJob) reply() *sdk.StartCopyJobOutput {
	return &sdk.StartCopyJobOutput{CopyJobId: aws.String(j.id), CreationDate: aws.Time(j.created)}
}

func (a *account) copy(id string) *copyJob {
	for _, j := range slices.Backward(a.copies) {
		if j.id == id {
			return j
		}
	}
	return nil
}

func (s *Service) describeCopy(c *awsworld.Call, in *sdk.DescribeCopyJobInput) (*sdk.DescribeCopyJobOutput, error) {
	j := s.of(c).copy(aws.ToString(in.CopyJobId))
	if j == nil {
		return nil, notFound("Copy job %s was not found", aws.ToString(in.CopyJobId))
	}
	if !j.completed.IsZero() {
		s.w.Waits.Notice(c.Caller, j.id)
	}
	shown := s.shownCopy(j)
	return &sdk.DescribeCopyJobOutput{CopyJob: &shown}, nil
}

func (s *Service) shownCopy(j *copyJob) types.CopyJob {
	out := types.CopyJob{
		AccountId: aws.String(j.account), CopyJobId: aws.String(j.id), CreationDate: aws.Time(j.created),
		CompletionDate: timeOrNil(j.completed), DestinationBackupVaultArn: aws.String(j.toVaultARN),
		DestinationRecoveryPointLifecycle: j.retention.lifecycle(), DestinationVaultType: aws.String(string(types.VaultTypeBackupVault)),
		IamRoleArn: aws.String(j.role), MessageCategory: textOrNil(j.category), ResourceArn: aws.String(j.source.arn),
		ResourceName: aws.String(j.source.name), ResourceType: aws.String(j.source.kind), SourceBackupVaultArn: aws.String(j.fromVault),
		SourceRecoveryPointArn: aws.String(j.from.arn), State: j.state, StatusMessage: textOrNil(j.message),
	}
	if v := s.account(j.toAccount).vaults[j.toVault]; v != nil && v.Locked {
		out.DestinationVaultLockState = aws.String("LOCKED")
	}
	if j.state == types.CopyJobStateCompleted {
		out.DestinationRecoveryPointArn = aws.String(j.to.arn)
		out.DestinationEncryptionKeyArn = textOrNil(j.to.key)
		out.BackupSizeInBytes = j.to.sizeShown()
	}
	return out
}

func (s *Service) listCopies(c *awsworld.Call, in *sdk.ListCopyJobsInput) (*sdk.ListCopyJobsOutput, error) {
	if err := service.OnlyFields(c, "ByResourceArn", "ByResourceType", "ByAccountId", "ByDestinationVaultArn", "BySourceRecoveryPointArn", "ByMessageCategory", "ByState",
		"ByCreatedAfter", "ByCreatedBefore", "ByCompleteAfter", "ByCompleteBefore", "MaxResults", "NextToken"); err != nil {
		return nil, err
	}
	var found []*copyJob
	for _, j := range slices.Backward(s.of(c).copies) {
		if is(in.ByResourceArn, j.source.arn) && is(in.ByResourceType, j.source.kind) && is(in.ByAccountId, j.account) &&
			is(in.ByDestinationVaultArn, j.toVaultARN) && is(in.BySourceRecoveryPointArn, j.from.arn) &&
			is(in.ByMessageCategory, j.category) && (in.ByState == "" || in.ByState == j.state) &&
			within(j.created, in.ByCreatedAfter, in.ByCreatedBefore) && endedWithin(j.completed, in.ByCompleteAfter, in.ByCompleteBefore) {
			found = append(found, j)
		}
	}
	found, next, err := page(found, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListCopyJobsOutput{CopyJobs: []types.CopyJob{}, NextToken: next}
	for _, j := range found {
		out.CopyJobs = append(out.CopyJobs, s.shownCopy(j))
	}
	return out, nil
}

// HoldCopiesInCreated keeps every copy that starts from now on in CREATED for
// d, as when AWS has trouble of its own (docs/aws.md §1.3).
func (s *Service) HoldCopiesInCreated(d time.Duration) { s.copyHold = d }
