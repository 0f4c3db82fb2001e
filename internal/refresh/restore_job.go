package refresh

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
)

// Restored is the fact that restore-cluster and restore-table leave. Later steps
// take the name from it: it depends on the attempt that succeeded.
type Restored struct {
	JobID string `json:"jobId"`
	Name  string `json:"name"` // cluster identifier or table name in the target
	ARN   string `json:"arn"`
	// ResourceID is AWS's own id, which a later resource of the same name does not
	// have.
	ResourceID string `json:"resourceId"`
}

// restoring is what restores of both kinds have in common. Each attempt has a
// name of its own, so that what a failed one left is neither in the way nor
// ever taken for the new one.
type restoring struct {
	*step
	backup *backup.Client
	in     ItemInput

	name    func(source, refreshID string) string
	arn     func(name string) string
	created func(ctx context.Context, name string) (at time.Time, found bool, err error)
	start   func(ctx context.Context, name, token string) (jobID string, err error)
}

// converge brings one restore job to its end; fact is that of the attempt.
func (r restoring) converge(ctx context.Context) (converge.Answer, Restored, error) {
	job := converge.Job{
		Ledger: r.ledger, Key: intentKey(r.in.RefreshID, r.in.Item.Kind, r.in.Item.ID, r.Function), Name: "restore " + r.in.Item.ID,
		Failure: fault.RestoreFailed, Execution: r.in.Execution, Every: r.in.Item.every(), Now: r.Now,
		Seed: []string{r.in.RefreshID, string(r.in.Item.Kind), r.in.Item.ID, r.in.Target, r.Function},
		Start: func(ctx context.Context, intent converge.Intent, token string) (string, error) {
			fact := r.fact(intent)
			if err := r.nameFree(ctx, intent, fact.Name); err != nil {
				return "", err
			}
			return r.start(ctx, fact.Name, token)
		},
		Look: r.look,
	}
	a, intent, err := job.Converge(ctx)
	return a, r.fact(intent), err
}

func (r restoring) fact(intent converge.Intent) Restored {
	name := r.name(r.in.Item.ID, names.Attempt(r.in.RefreshID, intent.Attempt))
	return Restored{JobID: intent.ResourceID, Name: name, ARN: r.arn(name)}
}

// clockSkew is how far the clocks of AWS's services and ours may lie apart.
const clockSkew = time.Minute

// nameFree refuses a name that something else had before this attempt was
// intended. What is younger is the attempt's own, whose job id was lost: the
// job's token makes AWS answer with the same job. Should it be a stranger's
// after all, AWS refuses the name itself, and the next attempt has another one.
func (r restoring) nameFree(ctx context.Context, intent converge.Intent, name string) error {
	at, found, err := r.created(ctx, name)
	if err != nil || !found || at.After(intent.At.Add(-clockSkew)) {
		return err
	}
	return fault.New(fault.NameTaken, "restore as "+name, name,
		fmt.Sprintf("dbferry leaves it alone; see whose it is, then continue with {\"resume\":%q}, which restores under another name", r.in.RefreshID),
		"a %s of %s that dbferry did not make has this name", r.in.Item.Kind, at.Format(time.RFC3339))
}

func (r restoring) look(ctx context.Context, intent converge.Intent) (converge.JobState, error) {
	fact := r.fact(intent)
	out, err := r.backup.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: &intent.ResourceID})
	if err != nil {
		return converge.JobState{}, err
	}
	switch out.Status {
	case backuptypes.RestoreJobStatusCompleted:
		return madeAsWished(aws.ToString(out.CreatedResourceArn), fact), nil
	case backuptypes.RestoreJobStatusAborted, backuptypes.RestoreJobStatusFailed:
		return r.failed(ctx, fact, utc(out.CreationDate), failedJob(string(out.Status), aws.ToString(out.StatusMessage)))
	}
	return converge.JobState{Running: true, Status: string(out.Status)}, nil
}

// failed adds what stands under the attempt's name: a resource that is older than
// the job cannot be the job's. Either way dbferry deletes nothing of which it is
// not sure that nobody uses it.
func (r restoring) failed(ctx context.Context, fact Restored, jobBegan time.Time, state converge.JobState) (converge.JobState, error) {
	at, found, err := r.created(ctx, fact.Name)
	if err != nil || !found {
		return state, err
	}
	if at.Before(jobBegan) {
		state.Failed += fmt.Sprintf("; the %s %s is older than the job and was not touched", r.in.Item.Kind, fact.Name)
		state.Next = "see whose it is; resume restores under another name"
		return state, nil
	}
	state.Failed += fmt.Sprintf("; it left the %s %s, made at %s", r.in.Item.Kind, fact.Name, at.Format(time.RFC3339))
	state.Next += "; resume restores under another name, delete what was left when you have looked at it"
	return state, nil
}

func madeAsWished(arn string, fact Restored) converge.JobState {
	if arn != fact.ARN {
		return converge.JobState{Failed: fmt.Sprintf("AWS Backup made %s instead of %s", arn, fact.ARN), Next: "report this; it must not happen"}
	}
	return converge.JobState{}
}
