package backup

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// backUp is the life of a backup job, from CREATED to its end.
func (s *Service) backUp(j *backupJob) error {
	if !j.finishBy.IsZero() {
		cancel := s.w.Kernel.At(j.finishBy, func() { j.scope.Cancel(errTooLate) })
		defer cancel()
	}
	if err := s.sleepUpTo(&j.job, s.Timing.Created); err != nil {
		return err
	}
	line := s.queueFor(j.source.arn)
	ok, err := line.enter(j.scope, j.startBy)
	if err != nil {
		return err
	}
	if !ok {
		return expired(msgBusy)
	}
	defer line.leave()
	if err := s.beginBackup(j); err != nil {
		return err
	}
	if err := s.engine(j.source.kind).followBackup(j); err != nil {
		return err
	}
	s.keep(j.point)
	return nil
}

// beginBackup brings the job to RUNNING, trying again while the resource is
// not in a state to be backed up, until the start window ends.
func (s *Service) beginBackup(j *backupJob) error {
	v := s.account(j.account).vaults[j.vault]
	days := max(j.retention.deleteAfter, 0)
	switch {
	case v == nil:
		return failf("Backup vault %s was not found.", j.vault)
	case !v.admits(days):
		return failf("Backup job failed. %s", msgRetention)
	}
	s.setBackup(j, types.BackupJobStatePending)
	if err := s.sleepUpTo(&j.job, s.Timing.Pending); err != nil {
		return err
	}
	err := s.persist(j.scope, func() error { return s.tryBackup(j, v) },
		func() time.Duration { return s.Timing.Retry },
		func() bool { return s.w.Now().Add(s.Timing.Retry).Before(j.startBy) })
	if err != nil && retriable(err) {
		return expired(messageOf(err))
	}
	if err != nil {
		return err
	}
	j.started = s.now()
	s.setBackup(j, types.BackupJobStateRunning)
	return nil
}

func (s *Service) tryBackup(j *backupJob, v *vault) error {
	if err := s.usable(v); err != nil {
		return err
	}
	caller, err := s.assume(&j.job)
	if err != nil {
		return err
	}
	p := &point{
		arn: j.nextPoint, account: j.account, vault: j.vault, source: j.source, status: types.RecoveryPointStatusCreating,
		created: j.created, retention: j.retention, role: j.role,
	}
	if err := s.engine(j.source.kind).beginBackup(j.scope, caller, j, p, v); err != nil {
		return roleFailure(&j.job, "backup", err)
	}
	j.point, j.pointARN = p, p.arn
	a := s.account(j.account)
	a.points = append(a.points, p)
	return nil
}

func (s *Service) setBackup(j *backupJob, state types.BackupJobState) {
	j.state = state
	s.emitBackup(j)
}

// endBackup records how a backup ended and takes away what it left behind.
func (s *Service) endBackup(j *backupJob, err error) {
	var f *failure
	switch {
	case err == nil:
		j.percent = 100
		s.setBackup(j, types.BackupJobStateCompleted)
		return
	case errors.Is(err, errStopped):
		j.message = "The job was stopped."
		j.state = types.BackupJobStateAborted
	case errors.Is(err, errTooLate):
		j.message = msgWindow
		j.state = types.BackupJobStateExpired
	case errors.As(err, &f) && f.expired:
		j.state = types.BackupJobStateExpired
	default:
		j.state = types.BackupJobStateFailed
	}
	s.emitBackup(j)
	if j.point != nil {
		j.pointARN = ""
		s.remove(j.point, j.site)
	}
}

// engine is how AWS Backup works with one service.
type engine interface {
	// exists refuses a resource that is not there.
	exists(resource) error
	// pointARN names the recovery point that the job will make.
	pointARN(*backupJob) string
	// beginBackup asks the service for the backup and fills in what is known.
	beginBackup(context.Context, awsworld.Caller, *backupJob, *point, *vault) error
	// followBackup waits until the backup is complete.
	followBackup(*backupJob) error
	// beginCopy starts the copy, followCopy waits for it, endCopy cleans up.
	beginCopy(*copyJob) error
	followCopy(*copyJob) error
	endCopy(*copyJob) error
	// beginRestore asks for the new resource and names it.
	beginRestore(context.Context, awsworld.Caller, *restoreJob) error
	// followRestore waits until the new resource can be used.
	followRestore(awsworld.Caller, *restoreJob) error
	// drop deletes the data of a recovery point.
	drop(context.Context, awsworld.Caller, *point) error
}

func (s *Service) engine(kind string) engine {
	if kind == typeDynamoDB {
		return tables{s}
	}
	return clusters{s}
}
