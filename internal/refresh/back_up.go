package refresh

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

// BackedUp is the fact that back-up leaves about an item.
type BackedUp struct {
	JobID         string `json:"jobId"`
	RecoveryPoint string `json:"recoveryPoint"` // ARN in production's vault
	CutOff        CutOff `json:"cutOff"`
	Bytes         int64  `json:"bytes"`
}

type backUp struct {
	step
	backup *backup.Client
}

// NewBackUp builds back-up: it converges on one AWS Backup job for one item.
func NewBackUp(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	s := &backUp{step: newStep(rt), backup: backup.NewFromConfig(rt.AWS)}
	return s.perItem(s.do), nil
}

func (s *backUp) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	var fact BackedUp
	job := converge.Job{
		Ledger: s.ledger, Key: intentKey(in.RefreshID, in.Item.Kind, in.Item.ID, s.Function), Name: "back up " + in.Item.ID,
		Failure: fault.BackupFailed, Execution: in.Execution, Seed: []string{in.RefreshID, string(in.Item.Kind), in.Item.ID, in.Target, s.Function},
		Every: in.Item.every(), Now: s.Now,
		Start: func(ctx context.Context, _ converge.Intent, token string) (string, error) {
			return s.start(ctx, in, token)
		},
		Look: func(ctx context.Context, in converge.Intent) (converge.JobState, error) {
			return s.look(ctx, in.ResourceID, &fact)
		},
	}
	a, intent, err := job.Converge(ctx)
	fact.JobID = intent.ResourceID
	return a, fact, err
}

func (s *backUp) start(ctx context.Context, in ItemInput, token string) (string, error) {
	out, err := s.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{
		BackupVaultName: aws.String(s.here.Vault()), ResourceArn: aws.String(sourceARN(s.here, in.Item)),
		IamRoleArn: aws.String(s.here.RoleARN(names.BackupRole)), IdempotencyToken: &token,
		// An hour is the least that AWS Backup takes; another plan's job on the
		// same resource makes ours wait in CREATED until then.
		StartWindowMinutes: aws.Int64(60), CompleteWindowMinutes: aws.Int64(7 * 24 * 60),
		Lifecycle:         lifecycle(s.Config.Limits.Retention()),
		RecoveryPointTags: map[string]string{names.TagOwner: names.Prefix, names.TagRefresh: in.RefreshID, names.TagTarget: in.Target},
	})
	if err != nil {
		return "", fault.AWS("start the backup of "+in.Item.ID, s.here.VaultARN(), err)
	}
	return aws.ToString(out.BackupJobId), nil
}

func (s *backUp) look(ctx context.Context, id string, fact *BackedUp) (converge.JobState, error) {
	out, err := s.backup.DescribeBackupJob(ctx, &backup.DescribeBackupJobInput{BackupJobId: &id})
	if err != nil {
		return converge.JobState{}, err
	}
	msg := aws.ToString(out.StatusMessage)
	switch out.State {
	case backuptypes.BackupJobStateCompleted:
		if msg != "" {
			// AWS's "completed with issues": not a backup to trust.
			return failedJob(string(out.State), msg), nil
		}
		fact.RecoveryPoint = aws.ToString(out.RecoveryPointArn)
		fact.CutOff = CutOff{NotBefore: utc(out.CreationDate), NotAfter: utc(out.CompletionDate)}
		fact.Bytes = aws.ToInt64(out.BackupSizeInBytes)
		return converge.JobState{}, nil
	case backuptypes.BackupJobStateAborted, backuptypes.BackupJobStateFailed, backuptypes.BackupJobStateExpired, backuptypes.BackupJobStatePartial:
		return failedJob(string(out.State), msg), nil
	}
	return converge.JobState{Running: true, Status: string(out.State)}, nil
}

func lifecycle(days int) *backuptypes.Lifecycle {
	return &backuptypes.Lifecycle{DeleteAfterDays: aws.Int64(int64(days))}
}

// sourceARN is the ARN of an item in production.
func sourceARN(p names.Place, it MapItem) string {
	if it.Kind == Cluster {
		return p.Cluster(it.ID)
	}
	return p.Table(it.ID)
}

func utc(t *time.Time) time.Time { return aws.ToTime(t).UTC() }
