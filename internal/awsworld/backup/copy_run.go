package backup

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// copyLane is where copies stand in line: the account that receives them and
// the type of resource.
type copyLane struct{ account, kind string }

// How many copies run at a time into one account (docs/aws.md §3): Aurora's
// snapshot copies, and copies of fully managed types.
const (
	clusterCopies = 5
	tableCopies   = 100
)

func (s *Service) lane(j *copyJob) *queue {
	key := copyLane{j.toAccount, j.source.kind}
	if s.copying[key] == nil {
		places := clusterCopies
		if j.source.kind == typeDynamoDB {
			places = tableCopies
		}
		s.copying[key] = newQueue(s.w.Kernel, places)
	}
	return s.copying[key]
}

// copyOver is the life of a copy job. It stays in CREATED until the copying
// itself has begun; there is no EXPIRED for copies (docs/aws.md §1.3).
func (s *Service) copyOver(j *copyJob) error {
	if err := s.sleepUpTo(&j.job, s.Timing.CopyCreated); err != nil {
		return err
	}
	if err := s.w.Kernel.Sleep(j.scope, s.copyHold); err != nil {
		return err
	}
	line := s.queueFor(j.source.arn)
	ok, err := line.enter(j.scope, s.w.Now().Add(s.Timing.CopyRetry))
	if err != nil {
		return err
	}
	if !ok {
		return failf(msgBusyCopy)
	}
	defer line.leave()
	lane := s.lane(j)
	if _, err := lane.enter(j.scope, time.Time{}); err != nil {
		return err
	}
	defer lane.leave()
	return s.move(j)
}

func (s *Service) move(j *copyJob) error {
	if err := s.mayCopy(j); err != nil {
		return err
	}
	e := s.engine(j.source.kind)
	byHand := j.created.Add(s.Timing.CopyRetry)
	pause := func() time.Duration {
		if s.w.Now().Before(byHand) {
			return s.Timing.Retry
		}
		return s.Timing.CopyByHand
	}
	if err := s.persist(j.scope, func() error { return e.beginCopy(j) }, pause, func() bool { return true }); err != nil {
		return err
	}
	j.started = s.now()
	j.state = types.CopyJobStateRunning
	s.emitCopy(j)
	if err := e.followCopy(j); err != nil {
		return err
	}
	return e.endCopy(j)
}

// mayCopy checks everything that stands between the two accounts, in an order
// that AWS does not publish.
func (s *Service) mayCopy(j *copyJob) error {
	if err := s.mayCross(j); err != nil {
		return err
	}
	if basic(j.from) {
		return failf("Copy job failed. Feature is not supported for provided resource type: turn on the advanced features for Amazon DynamoDB backups.")
	}
	caller, err := s.assume(&j.job)
	if err != nil {
		return err
	}
	v := s.account(j.toAccount).vaults[j.toVault]
	if v == nil {
		return failf("Copy job failed. The destination backup vault %s was not found.", j.toVaultARN)
	}
	if j.crossAccount() && (v.awsBackup || v.Name == DefaultVault) {
		return failf(msgDefaultKey)
	}
	if err := s.askBothVaults(j, caller); err != nil {
		return err
	}
	if !v.admits(max(j.retention.deleteAfter, 0)) {
		return failf("Copy job failed. %s", msgRetention)
	}
	if len(j.from.tags) > maxTags {
		return failf(msgTags)
	}
	return s.usable(v)
}

// mayCross is about the organization (docs/aws.md §2.1).
func (s *Service) mayCross(j *copyJob) error {
	if !j.crossAccount() {
		return nil
	}
	from, to := s.w.Account(j.account), s.w.Account(j.toAccount)
	if to == nil || from.Org == "" || from.Org != to.Org {
		return failf(msgOrganization)
	}
	if !s.crossAccount() {
		return failf(msgSwitchedOff)
	}
	return nil
}

// askBothVaults asks for the copy role's permission on the source vault and on
// the destination vault, whose own policy must allow it too.
func (s *Service) askBothVaults(j *copyJob, role awsworld.Caller) error {
	from := &CopyVaultInput{VaultARN: j.fromVault, Targets: j.toVaultARN}
	if _, err := service.Call[CopyVaultOutput](j.scope, s.w, role, ServiceID, "CopyFromBackupVault", from); err != nil {
		return vaultFailure(err)
	}
	_, err := service.Call[CopyVaultOutput](j.scope, s.w, role, ServiceID, "CopyIntoBackupVault", &CopyVaultInput{VaultARN: j.toVaultARN})
	return vaultFailure(err)
}

func vaultFailure(err error) error {
	if err == nil || !isDenied(err) {
		return err
	}
	return denied(msgVaultDenied)
}

// copied is the recovery point that a copy makes. It keeps the creation time
// of its source, and is deleted by the service-linked role.
func (s *Service) copied(j *copyJob, arn string) *point {
	p := *j.from
	p.arn, p.account, p.vault, p.role = arn, j.toAccount, j.toVault, ""
	p.status, p.completed = types.RecoveryPointStatusCreating, time.Time{}
	p.retention, p.sourceVault, p.cancelExpiry = j.retention, j.fromVault, nil
	p.tags = merged(p.tags)
	return &p
}

// encrypt puts the point under the destination vault's key (docs/aws.md §2.3).
func (p *point) encrypt(v *vault) { p.key, p.customerKey = v.keyARN, v.customer }

func (s *Service) endCopyJob(j *copyJob, err error) {
	if err != nil {
		j.state = types.CopyJobStateFailed
		s.emitCopy(j)
		return
	}
	a := s.account(j.toAccount)
	a.points = append(a.points, j.to)
	s.keep(j.to)
	j.percent = 100
	j.state = types.CopyJobStateCompleted
	s.emitCopy(j)
}
