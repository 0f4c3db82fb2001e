package backup

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

// eventSource is the source of all of AWS Backup's events.
const eventSource = "aws.backup"

// Detail types of job events.
const (
	BackupEvent  = "Backup Job State Change"
	CopyEvent    = "Copy Job State Change"
	RestoreEvent = "Restore Job State Change"
)

type event struct {
	account, detailType string
	resources           []string
	detail              map[string]any
}

// stamp is how events give a time: ISO with milliseconds and Z.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// post puts an event into the current batch, which goes out at the next round
// five minutes (docs/aws.md §5.1).
func (s *Service) post(e event) {
	if s.Emit == nil {
		return
	}
	s.batch = append(s.batch, e)
	if s.flushing {
		return
	}
	s.flushing = true
	every := max(s.Timing.EventBatch, time.Second)
	since := s.w.Now().Sub(s.w.Start())
	s.w.Kernel.At(s.w.Start().Add((since/every+1)*every), s.flush)
}

// flush sends the batch, less what is lost, with doubles and delays.
func (s *Service) flush() {
	batch := s.batch
	s.batch, s.flushing = nil, false
	for _, e := range batch {
		if s.EventLoss > 0 && s.w.Chance(s.EventLoss) {
			continue
		}
		s.deliver(e)
		if s.EventDup > 0 && s.w.Chance(s.EventDup) {
			s.deliver(e)
		}
	}
}

func (s *Service) deliver(e event) {
	s.w.Kernel.After(s.w.Between(0, s.EventDelayMax), func() {
		s.Emit(e.account, eventSource, e.detailType, e.resources, e.detail)
	})
}

// emitBackup tells the state of a backup job. Sizes are text, progress is a
// number; the recovery point is named in resources, at COMPLETED only.
func (s *Service) emitBackup(j *backupJob) {
	d := map[string]any{
		"backupJobId": j.id, "state": string(j.state), "backupVaultArn": s.vaultARN(j.account, j.vault), "backupVaultName": j.vault,
		"resourceArn": j.source.arn, "resourceType": j.source.kind, "iamRoleArn": j.role,
		"creationDate": stamp(j.created), "startBy": stamp(j.startBy), "percentDone": j.percent, "retryCount": 0,
		"bytesTransferred": "0",
	}
	if j.plan != "" {
		d["createdBy"] = map[string]any{
			"backupPlanId": j.plan, "backupPlanArn": s.w.ARN("backup", j.account, "backup-plan:"+j.plan),
			"backupPlanVersion": "1", "backupPlanRuleId": j.plan + "-rule",
		}
	}
	resources := []string{}
	if j.state == types.BackupJobStateCompleted && j.point != nil {
		resources = []string{j.point.arn}
		d["backupSizeInBytes"] = strconv.FormatInt(j.point.size, 10)
		d["bytesTransferred"] = d["backupSizeInBytes"]
	}
	if j.ended() {
		d["completionDate"] = stamp(j.completed)
		d["expectedCompletionDate"] = j.completed.UTC().Format("Jan 2, 2006 3:04:05 PM")
	}
	if j.message != "" {
		d["statusMessage"] = fmt.Sprintf("%q", j.message)
	}
	s.post(event{j.account, BackupEvent, resources, d})
}

// emitCopy tells the state of a copy job, in the account that started it. The
// result is text when COMPLETED, an empty object in RUNNING and FAILED, and
// absent, like the job's id, in CREATED.
func (s *Service) emitCopy(j *copyJob) {
	d := map[string]any{
		"state": string(j.state), "creationDate": stamp(j.created), "iamRoleArn": j.role, "resourceArn": j.source.arn,
		"resourceType": j.source.kind, "sourceBackupVaultArn": j.fromVault, "destinationBackupVaultArn": j.toVaultARN,
	}
	if j.state != types.CopyJobStateCreated {
		d["copyJobId"] = j.id
		d["backupSizeInBytes"] = j.from.size
		d["destinationRecoveryPointArn"] = map[string]any{}
	}
	if j.state == types.CopyJobStateCompleted {
		d["destinationRecoveryPointArn"] = j.to.arn
	}
	if !j.completed.IsZero() {
		d["completionDate"] = stamp(j.completed)
	}
	if j.message != "" {
		d["statusMessage"] = j.message
	}
	s.post(event{j.account, CopyEvent, []string{j.from.arn}, d})
}

// emitRestore tells the state of a restore job. The first event says "state":
// "CREATED", which the API has no word for; all later ones say "status".
func (s *Service) emitRestore(j *restoreJob, first bool) {
	if first {
		s.post(event{j.account, RestoreEvent, []string{j.from.arn}, map[string]any{"restoreJobId": j.id, "state": "CREATED"}})
		return
	}
	d := map[string]any{
		"restoreJobId": j.id, "status": string(j.status), "backupSizeInBytes": strconv.FormatInt(j.from.size, 10),
		"percentDone": 0, "backupVaultArn": j.vaultShown, "creationDate": stamp(j.created), "iamRoleArn": j.role,
		"recoveryPointArn": j.from.arn, "sourceResourceArn": j.source.arn, "resourceType": j.source.kind,
	}
	if !j.completed.IsZero() {
		d["completionDate"] = stamp(j.completed)
	}
	if j.shownARN != "" {
		d["createdResourceArn"] = j.shownARN
	}
	if j.message != "" {
		d["statusMessage"] = j.message
	}
	s.post(event{j.account, RestoreEvent, []string{j.from.arn}, d})
}
