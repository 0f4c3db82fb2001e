package refresh

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

// Copied is the fact that copy-recovery-point leaves about an item.
type Copied struct {
	JobID         string `json:"jobId"`
	RecoveryPoint string `json:"recoveryPoint"` // ARN in the target's vault
	KeyARN        string `json:"keyArn,omitempty"`
}

// stuckAfter is how long a copy may stay in CREATED before people are told: AWS
// Backup has no window for copies and starts them within minutes (docs/aws.md
// §1.3). It may still start, so nothing else is done.
const stuckAfter = 2 * time.Hour

type copyRecoveryPoint struct {
	step
	backup *backup.Client
}

// NewCopyRecoveryPoint builds copy-recovery-point: it converges on one copy job
// into the target's vault, and insists that the copy is under the target's key.
func NewCopyRecoveryPoint(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	s := &copyRecoveryPoint{step: newStep(rt), backup: backup.NewFromConfig(rt.AWS)}
	return s.perItem(s.do), nil
}

func (s *copyRecoveryPoint) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	_, there, err := s.target(in.Target)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	var fact Copied
	job := converge.Job{
		Ledger: s.ledger, Key: intentKey(in.RefreshID, in.Item.Kind, in.Item.ID, s.Function), Name: "copy the backup of " + in.Item.ID + " to " + in.Target,
		Failure: fault.CopyFailed, Execution: in.Execution, Seed: []string{in.RefreshID, string(in.Item.Kind), in.Item.ID, in.Target, s.Function},
		Every: in.Item.every(), Now: s.Now,
		Start: func(ctx context.Context, _ converge.Intent, token string) (string, error) {
			var source BackedUp
			if err := s.fact(ctx, in, "back-up", &source); err != nil {
				return "", err
			}
			return s.start(ctx, source, there, token)
		},
		Look: func(ctx context.Context, in converge.Intent) (converge.JobState, error) {
			return s.look(ctx, in, there, &fact)
		},
	}
	a, intent, err := job.Converge(ctx)
	fact.JobID = intent.ResourceID
	return a, fact, err
}

func (s *copyRecoveryPoint) start(ctx context.Context, source BackedUp, there names.Place, token string) (string, error) {
	point := source.RecoveryPoint
	out, err := s.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{
		RecoveryPointArn: &point, SourceBackupVaultName: aws.String(s.here.Vault()), DestinationBackupVaultArn: aws.String(there.VaultARN()),
		IamRoleArn: aws.String(s.here.RoleARN(names.BackupRole)), IdempotencyToken: &token, Lifecycle: lifecycle(s.Config.Limits.Retention()),
	})
	if expires := source.CutOff.NotBefore.AddDate(0, 0, s.Config.Limits.Retention()); fault.IsNotFound(err) && s.Now().After(expires) {
		return "", fault.New(fault.CopyFailed, "start the copy", point, "start a new refresh", "the backup expired at %s", expires.Format(time.RFC3339))
	}
	if err != nil {
		return "", fault.AWS("start the copy", point, err)
	}
	return aws.ToString(out.CopyJobId), nil
}

func (s *copyRecoveryPoint) look(ctx context.Context, in converge.Intent, there names.Place, fact *Copied) (converge.JobState, error) {
	out, err := s.backup.DescribeCopyJob(ctx, &backup.DescribeCopyJobInput{CopyJobId: &in.ResourceID})
	if err != nil {
		return converge.JobState{}, err
	}
	job := out.CopyJob
	switch job.State {
	case backuptypes.CopyJobStateCompleted:
		fact.RecoveryPoint, fact.KeyARN = aws.ToString(job.DestinationRecoveryPointArn), aws.ToString(job.DestinationEncryptionKeyArn)
		return s.underTargetKey(*fact, there), nil
	case backuptypes.CopyJobStateFailed, backuptypes.CopyJobStatePartial:
		return failedJob(string(job.State), aws.ToString(job.StatusMessage)), nil
	}
	if waited := s.Now().Sub(in.At); job.State == backuptypes.CopyJobStateCreated && waited > stuckAfter {
		// An alarm counts this line (infra/stack/alarm_copy.go).
		s.Log.Warn("copy stuck", "job", in.ResourceID, "resource", aws.ToString(job.ResourceArn), "created", in.At, "waited", waited.String())
	}
	return converge.JobState{Running: true, Status: string(job.State)}, nil
}

// underTargetKey refuses a copy that staging could not restore by itself: one
// whose key is not the target's own.
func (s *copyRecoveryPoint) underTargetKey(fact Copied, there names.Place) converge.JobState {
	if fact.KeyARN == "" || strings.Contains(fact.KeyARN, ":"+there.Account+":key/") {
		return converge.JobState{}
	}
	return converge.JobState{
		Failed: fmt.Sprintf("the copy %s is under %s, which is not a key of account %s", fact.RecoveryPoint, fact.KeyARN, there.Account),
		Next:   "deploy the target again: its vault must be under its own key",
	}
}
