package backup

import (
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

type restoreJob struct {
	job
	status     types.RestoreJobStatus
	from       *point
	metadata   metadata
	copyTags   bool
	madeARN    string // of the new resource
	shownARN   string // the same, once AWS shows it
	vaultShown string
}

func (s *Service) restoreOps() []awsworld.Op {
	start := awsworld.On(ServiceID, "StartRestoreJob", "backup:StartRestoreJob", s.startRestore)
	start.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.StartRestoreJobInput](c)
		point := s.pointResource(c.Account.ID, aws.ToString(in.RecoveryPointArn))
		return append([]awsworld.Resource{point}, passRole(c, in.IamRoleArn)...)
	}
	start.Source = "API StartRestoreJob; docs/aws.md §1.1, §4"
	start.Differs = "metadata is checked for its keys when the job is started and for its values when it runs, which is assumed; " +
		"a token lives for ever and answers whatever the other parameters are"

	describe := awsworld.On(ServiceID, "DescribeRestoreJob", "backup:DescribeRestoreJob", s.describeRestore)
	describe.Source = "API DescribeRestoreJob; docs/aws.md §1.2, §1.5"
	describe.Differs = "CreatedResourceArn appears at COMPLETED, which is assumed"

	list := awsworld.On(ServiceID, "ListRestoreJobs", "backup:ListRestoreJobs", s.listRestores)
	list.Source = "API ListRestoreJobs"
	list.Differs = "newest first is assumed; jobs are never forgotten (AWS keeps 30 days)"
	return []awsworld.Op{start, describe, list}
}

func (s *Service) startRestore(c *awsworld.Call, in *sdk.StartRestoreJobInput) (*sdk.StartRestoreJobOutput, error) {
	j, err := s.newRestore(c, in)
	if err != nil {
		return nil, err
	}
	remember, old := s.tokenFor(c, in.IdempotencyToken)
	if old != "" {
		return &sdk.StartRestoreJobOutput{RestoreJobId: aws.String(old)}, nil
	}
	s.open(&j.job, "restore")
	a := s.of(c)
	a.restores = append(a.restores, j)
	remember(j.id)
	s.emitRestore(j, true)
	s.run(&j.job, func() error { return s.restore(j) }, func(err error) { s.endRestore(j, err) })
	return &sdk.StartRestoreJobOutput{RestoreJobId: aws.String(j.id)}, nil
}

// newRestore checks what AWS checks before there is a job, and makes the job.
func (s *Service) newRestore(c *awsworld.Call, in *sdk.StartRestoreJobInput) (*restoreJob, error) {
	p := s.of(c).point(aws.ToString(in.RecoveryPointArn))
	if p == nil {
		return nil, notFound("Recovery point %s was not found in account %s", aws.ToString(in.RecoveryPointArn), c.Account.ID)
	}
	if !p.usable() {
		return nil, badRequest("Recovery point %s is %s; only one that is complete can be restored", p.arn, p.status)
	}
	if !is(in.ResourceType, p.source.kind) {
		return nil, invalid("Recovery point %s is of type %s, not %s", p.arn, p.source.kind, *in.ResourceType)
	}
	if err := s.checkRole(c, in.IamRoleArn); err != nil {
		return nil, err
	}
	m, err := readMetadata(p.source.kind, in.Metadata)
	if err != nil {
		return nil, err
	}
	return &restoreJob{
		job: s.newJob(c, p.source, in.IamRoleArn), status: types.RestoreJobStatusPending,
		from: p, metadata: m, copyTags: in.CopySourceTagsToRestoredResource, vaultShown: s.vaultARN(p.account, p.vault),
	}, nil
}

func (s *Service) restore(j *restoreJob) error {
	if err := s.sleepUpTo(&j.job, s.Timing.Pending); err != nil {
		return err
	}
	caller, err := s.assume(&j.job)
	if err != nil {
		return err
	}
	e := s.engine(j.source.kind)
	if err := e.beginRestore(j.scope, caller, j); err != nil {
		if isDenied(err) {
			return denied(msgNotAuthorized)
		}
		return err
	}
	j.started = s.now()
	j.status = types.RestoreJobStatusRunning
	s.emitRestore(j, false)
	if err := s.spoil(j); err != nil {
		return err
	}
	return e.followRestore(caller, j)
}

func (s *Service) endRestore(j *restoreJob, err error) {
	j.status = types.RestoreJobStatusFailed
	if err == nil {
		j.percent = 100
		j.status, j.shownARN = types.RestoreJobStatusCompleted, j.madeARN
	}
	s.emitRestore(j, false)
}

// Jobs and points that are looked for are mostly young, so the search begins at
// the end.
func (a *account) restore(id string) *restoreJob {
	for _, j := range slices.Backward(a.restores) {
		if j.id == id {
			return j
		}
	}
	return nil
}

func (s *Service) describeRestore(c *awsworld.Call, in *sdk.DescribeRestoreJobInput) (*sdk.DescribeRestoreJobOutput, error) {
	j := s.of(c).restore(aws.ToString(in.RestoreJobId))
	if j == nil {
		return nil, notFound("Restore job %s was not found", aws.ToString(in.RestoreJobId))
	}
	if !j.completed.IsZero() {
		s.w.Waits.Notice(c.Caller, j.id)
	}
	r := j.shown()
	return &sdk.DescribeRestoreJobOutput{
		AccountId: r.AccountId, BackupSizeInBytes: r.BackupSizeInBytes, BackupVaultArn: r.BackupVaultArn,
		CompletionDate: r.CompletionDate, CreatedResourceArn: r.CreatedResourceArn, CreationDate: r.CreationDate,
		IamRoleArn: r.IamRoleArn, PercentDone: r.PercentDone, RecoveryPointArn: r.RecoveryPointArn,
		RecoveryPointCreationDate: r.RecoveryPointCreationDate, ResourceType: r.ResourceType, RestoreJobId: r.RestoreJobId,
		SourceResourceArn: r.SourceResourceArn, Status: r.Status, StatusMessage: r.StatusMessage,
	}, nil
}

func (j *restoreJob) shown() types.RestoreJobsListMember {
	return types.RestoreJobsListMember{
		AccountId: aws.String(j.account), BackupSizeInBytes: j.from.sizeShown(), BackupVaultArn: aws.String(j.vaultShown),
		CompletionDate: timeOrNil(j.completed), CreatedResourceArn: textOrNil(j.shownARN), CreationDate: aws.Time(j.created),
		IamRoleArn: aws.String(j.role), PercentDone: aws.String(strconv.FormatFloat(j.percent, 'f', 2, 64) + "%"),
		RecoveryPointArn: aws.String(j.from.arn), RecoveryPointCreationDate: aws.Time(j.from.created),
		ResourceType: aws.String(j.source.kind), RestoreJobId: aws.String(j.id), SourceResourceArn: aws.String(j.source.arn),
		Status: j.status, StatusMessage: textOrNil(j.message),
	}
}

func (s *Service) listRestores(c *awsworld.Call, in *sdk.ListRestoreJobsInput) (*sdk.ListRestoreJobsOutput, error) {
	if err := service.OnlyFields(c, "ByAccountId", "ByResourceType", "ByStatus", "ByCreatedAfter", "ByCreatedBefore", "ByCompleteAfter", "ByCompleteBefore", "MaxResults", "NextToken"); err != nil {
		return nil, err
	}
	var found []*restoreJob
	for _, j := range slices.Backward(s.of(c).restores) {
		if is(in.ByAccountId, j.account) && is(in.ByResourceType, j.source.kind) && (in.ByStatus == "" || in.ByStatus == j.status) &&
			within(j.created, in.ByCreatedAfter, in.ByCreatedBefore) && endedWithin(j.completed, in.ByCompleteAfter, in.ByCompleteBefore) {
			found = append(found, j)
		}
	}
	found, next, err := page(found, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListRestoreJobsOutput{RestoreJobs: []types.RestoreJobsListMember{}, NextToken: next}
	for _, j := range found {
		out.RestoreJobs = append(out.RestoreJobs, j.shown())
	}
	return out, nil
}
