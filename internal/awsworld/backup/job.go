package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/sim"
)

// job is what backup, copy and restore jobs have in common.
type job struct {
	id        string
	account   string
	source    resource // what was, or is to be, backed up
	role      string
	site      awsworld.Site
	scope     *sim.Scope
	created   time.Time
	started   time.Time
	completed time.Time
	message   string
	category  string
	percent   float64
}

// newJob makes a job on behalf of a call; open puts it to work.
func (s *Service) newJob(c *awsworld.Call, source resource, role *string) job {
	return job{
		id: strings.ToUpper(s.w.UUID()), account: c.Account.ID, source: source, role: aws.ToString(role),
		site:    awsworld.Site{Machine: c.Caller.Site.Machine, Item: c.Caller.Site.Item, State: "AWS Backup"},
		scope:   s.w.Kernel.NewScope(context.Background()),
		created: s.now(),
	}
}

// open notes that AWS has work to do.
func (s *Service) open(j *job, phase string) {
	s.w.Waits.Begin(j.id, awsworld.Wait{What: phase + " of " + j.source.name, Item: j.source.name, Phase: phase})
}

// now is the time to the millisecond, as AWS Backup keeps it.
func (s *Service) now() time.Time { return s.w.Now().Truncate(time.Millisecond) }

// run is a job as a process: body does the work, end records how it ended.
func (s *Service) run(j *job, body func() error, end func(error)) {
	s.w.Kernel.Go(func() {
		err := body()
		if errors.Is(err, sim.ErrStopped) {
			return
		}
		j.completed = s.now()
		s.w.Waits.Finish(j.id)
		j.category = categorySuccess
		if err != nil {
			j.message, j.category = messageOf(err), categoryFailure
			var f *failure
			if errors.As(err, &f) {
				j.category = f.category
			}
		}
		end(err)
	})
}

// assume takes the job's role, as AWS Backup does for every job.
func (s *Service) assume(j *job) (awsworld.Caller, error) {
	name := j.role[strings.LastIndex(j.role, "/")+1:]
	caller, err := s.w.AssumeAsService(principal, j.role, "AWSBackup-"+name, "")
	if err != nil {
		return awsworld.Caller{}, denied(fmt.Sprintf("The provided role %s cannot be assumed by AWS Backup.", j.role))
	}
	caller.Site = j.site
	return caller, nil
}

// passRole is the permission to hand a role to AWS Backup.
func passRole(c *awsworld.Call, role *string) []awsworld.Resource {
	if aws.ToString(role) == "" {
		return nil
	}
	return []awsworld.Resource{{
		ARN: *role, Owner: c.Account.ID, Kind: iam.NoPolicy, Action: "iam:PassRole",
		Context: map[string][]string{"iam:PassedToService": {principal}},
	}}
}

// checkRole refuses a role that AWS Backup could not use; AWS looks when the
// job is started, and again when it runs.
func (s *Service) checkRole(c *awsworld.Call, role *string) error {
	arn := aws.ToString(role)
	if arn == "" {
		return missing("IamRoleArn")
	}
	if !strings.HasPrefix(arn, "arn:aws:iam::"+c.Account.ID+":role/") {
		return invalid("Cross-account pass role is not allowed: %s", arn)
	}
	if _, err := s.w.AssumeAsService(principal, arn, "AWSBackup", ""); err != nil {
		return invalid("The provided role %s cannot be assumed by AWS Backup.", arn)
	}
	return nil
}

// persist does try again and again while it fails in a way that AWS Backup
// retries, waiting pause() in between; false from more ends it with the error.
func (s *Service) persist(ctx context.Context, try func() error, pause func() time.Duration, more func() bool) error {
	for {
		err := try()
		if err == nil || !retriable(err) {
			return err
		}
		if !more() {
			return err
		}
		if err := s.w.Kernel.Sleep(ctx, pause()); err != nil {
			return err
		}
	}
}

// watch looks every Timing.Look until done answers true. Trouble with a look
// itself is passed over.
func (s *Service) watch(ctx context.Context, done func() (bool, error)) error {
	for {
		ok, err := done()
		if err != nil && !retriable(err) || ok {
			return err
		}
		if err := s.w.Kernel.Sleep(ctx, s.Timing.Look); err != nil {
			return err
		}
	}
}

// spend lets d pass and shows it as the job's progress.
func (s *Service) spend(j *job, d time.Duration) error {
	const steps = 10
	for i := range steps {
		if err := s.w.Kernel.Sleep(j.scope, d/steps); err != nil {
			return err
		}
		j.percent = float64(100*(i+1)) / steps
	}
	return nil
}

// tableTime is how long AWS Backup moves a table of so many bytes.
func (s *Service) tableTime(bytes int64) time.Duration {
	return s.Timing.TableBase + time.Duration(float64(bytes)/float64(max(s.Timing.TableRate, 1))*float64(time.Second))
}

// roleFailure words what a service answered to the job's role.
func roleFailure(j *job, verb string, err error) error {
	if err == nil || retriable(err) || !isDenied(err) {
		return err
	}
	return denied(fmt.Sprintf("IAM Role %s does not have sufficient permissions to execute the %s", j.role, verb))
}

// creator is the backup plan behind a job; nil for jobs that were asked for.
func creator(plan string) *types.RecoveryPointCreator {
	if plan == "" {
		return nil
	}
	return &types.RecoveryPointCreator{BackupPlanId: aws.String(plan), BackupPlanName: aws.String(plan), BackupRuleId: aws.String(plan + "-rule")}
}

// timeOrNil leaves out a time that has not come yet.
func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return aws.Time(t)
}

// textOrNil leaves out an empty text.
func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(s)
}
