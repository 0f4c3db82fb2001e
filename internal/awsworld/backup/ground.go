package backup

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// CutOff is the span of time in which the data behind a recovery point was
// taken: it holds everything before Earliest and nothing after Latest.
type CutOff struct{ Earliest, Latest time.Time }

// CutOff finds the cut-off of a recovery point by its ARN, or by the id of the
// backup or copy job that made it; false while there is none.
func (s *Service) CutOff(id string) (CutOff, bool) {
	p := s.find(id)
	if p == nil || p.cutOff.Latest.IsZero() {
		return CutOff{}, false
	}
	return p.cutOff, true
}

// Image names the data behind a recovery point, as its service keeps it: for
// Aurora the image of rds.Databases, for DynamoDB the image that the DynamoDB
// simulation knows. Empty when there is none.
func (s *Service) Image(recoveryPointARN string) string {
	p := s.find(recoveryPointARN)
	switch {
	case p == nil:
		return ""
	case p.source.kind == typeDynamoDB:
		return p.image
	}
	image, _, _ := s.rds.SnapshotImage(p.arn)
	return image
}

// find looks in every account for a recovery point by ARN or job id.
func (s *Service) find(id string) *point {
	for _, acct := range s.w.Accounts() {
		a := s.account(acct.ID)
		if p := a.point(id); p != nil {
			return p
		}
		if j := a.backup(id); j != nil {
			return j.point
		}
		if j := a.copy(id); j != nil {
			return j.to
		}
	}
	return nil
}

// RunForeignBackup starts a backup that a backup plan of the account would
// have started: it holds the resource for d, so that other jobs for it wait.
// It makes no recovery point. The id of the job is returned.
func (s *Service) RunForeignBackup(account, resourceARN string, d time.Duration) (string, error) {
	source, err := parseResource(resourceARN)
	if err != nil {
		return "", fmt.Errorf("foreign backup: %w", err)
	}
	j := &backupJob{
		job: job{
			id: strings.ToUpper(s.w.UUID()), account: account, source: source, created: s.now(), started: s.now(),
			scope: s.w.Kernel.NewScope(context.Background()), site: awsworld.Site{State: "AWS Backup"},
			role: "arn:aws:iam::" + account + ":role/service-role/AWSBackupDefaultServiceRole",
		},
		state: types.BackupJobStateRunning, vault: DefaultVault, plan: "daily-backups",
		startBy: s.now().Add(defaultStartWindow * time.Minute),
	}
	a := s.account(account)
	a.backups = append(a.backups, j)
	line := s.queueFor(source.arn)
	s.run(&j.job, func() error {
		if _, err := line.enter(j.scope, time.Time{}); err != nil {
			return err
		}
		defer line.leave()
		return s.spend(&j.job, d)
	}, func(err error) { s.endBackup(j, err) })
	return j.id, nil
}
