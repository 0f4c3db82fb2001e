package backup_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"
)

const carts = "arn:aws:dynamodb:eu-west-1:111111111111:table/carts"

func TestTableGoesFromProductionToStaging(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		in := startInput()
		in.ResourceArn = aws.String(carts)
		started, err := s.client(prod).StartBackupJob(context.Background(), in)
		s.check(err)
		b := s.backupEnd(*started.BackupJobId)
		if b.State != types.BackupJobStateCompleted || aws.ToString(started.RecoveryPointArn) != aws.ToString(b.RecoveryPointArn) ||
			!strings.HasPrefix(*b.RecoveryPointArn, "arn:aws:backup:eu-west-1:111111111111:recovery-point:") || *b.EncryptionKeyArn != s.prodKey || *b.BackupSizeInBytes != 10<<30 {
			t.Errorf("backup %s %q, %q then %q", b.State, aws.ToString(b.StatusMessage), aws.ToString(started.RecoveryPointArn), aws.ToString(b.RecoveryPointArn))
			return
		}
		cut, ok := s.backup.CutOff(*b.BackupJobId)
		if !ok || cut.Latest.Sub(cut.Earliest) > time.Minute || b.CompletionDate.Sub(cut.Latest) < 3*time.Minute {
			t.Errorf("cut-off %v of a backup that ended at %v", cut, b.CompletionDate)
		}
		c := s.copyOver(*b.RecoveryPointArn)
		if c.State != types.CopyJobStateCompleted || *c.DestinationEncryptionKeyArn != s.stagingKey {
			t.Errorf("copy %s %q", c.State, aws.ToString(c.StatusMessage))
			return
		}
		if image := s.backup.Image(*b.RecoveryPointArn); image == "" || s.backup.Image(*c.DestinationRecoveryPointArn) != image {
			t.Error("the copy holds other data")
		}
		tags, err := s.client(staging).ListTags(context.Background(), &sdk.ListTagsInput{ResourceArn: c.DestinationRecoveryPointArn})
		s.check(err)
		if diff := cmp.Diff(map[string]string{"team": "shop"}, tags.Tags); diff != "" {
			t.Errorf("tags of the copy (-want +got):\n%s", diff)
		}
		_, err = s.client(prod).DeleteRecoveryPoint(context.Background(), &sdk.DeleteRecoveryPointInput{BackupVaultName: aws.String("dbferry-production"), RecoveryPointArn: b.RecoveryPointArn})
		s.check(err)
		s.sleep(time.Minute) // the copy keeps its data
		s.restoreCarts(*c.DestinationRecoveryPointArn)
	})
}

func (s *scene) restoreCarts(point string) {
	meta := map[string]string{"TargetTableName": "carts-copy", "encryptionType": "KMS", "kmsMasterKeyArn": s.stagingKey}
	tagged := s.restore(&sdk.StartRestoreJobInput{RecoveryPointArn: aws.String(point), Metadata: meta, CopySourceTagsToRestoredResource: true})
	if tagged.Status != types.RestoreJobStatusFailed {
		s.t.Errorf("with the source's tags: %s", tagged.Status)
	}
	r := s.restore(&sdk.StartRestoreJobInput{RecoveryPointArn: aws.String(point), Metadata: meta})
	if r.Status != types.RestoreJobStatusCompleted || aws.ToString(r.CreatedResourceArn) != "arn:aws:dynamodb:eu-west-1:222222222222:table/carts-copy" {
		s.t.Errorf("restore %s %q made %s", r.Status, aws.ToString(r.StatusMessage), aws.ToString(r.CreatedResourceArn))
	}
	out, err := dynamodb.NewFromConfig(s.w.Config(s.step(staging))).DescribeTable(context.Background(), &dynamodb.DescribeTableInput{TableName: aws.String("carts-copy")})
	s.check(err)
	sum := out.Table.RestoreSummary
	if *out.Table.SSEDescription.KMSMasterKeyArn != s.stagingKey || *sum.SourceTableArn != carts || *sum.SourceBackupArn != point {
		s.t.Errorf("restored as %+v, %+v", out.Table.SSEDescription, sum)
	}
	again := s.restore(&sdk.StartRestoreJobInput{RecoveryPointArn: aws.String(point), Metadata: meta})
	if again.Status != types.RestoreJobStatusFailed || !strings.Contains(aws.ToString(again.StatusMessage), "already exists") {
		s.t.Errorf("a second time: %s %q", again.Status, aws.ToString(again.StatusMessage))
	}
}

// TestBasicTableBackupCannotBeCopied: without the advanced features the ARN is
// DynamoDB's, is not in the reply, and the copy fails.
func TestBasicTableBackupCannotBeCopied(t *testing.T) {
	s := newScene(t)
	s.backup.SetRegionSettings(prod, map[string]bool{"Aurora": true, "DynamoDB": true}, map[string]bool{"DynamoDB": false})
	s.run(func() {
		in := startInput()
		in.ResourceArn = aws.String(carts)
		started, err := s.client(prod).StartBackupJob(context.Background(), in)
		s.check(err)
		b := s.backupEnd(*started.BackupJobId)
		if started.RecoveryPointArn != nil || !strings.HasPrefix(*b.RecoveryPointArn, carts+"/backup/0") {
			t.Errorf("recovery point %s", *b.RecoveryPointArn)
		}
		if c := s.copyOver(*b.RecoveryPointArn); c.State != types.CopyJobStateFailed {
			t.Errorf("copy %s", c.State)
		}
	})
}

func TestRunningTableBackupCannotBeStopped(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		in := startInput()
		in.ResourceArn = aws.String(carts)
		out, err := s.client(prod).StartBackupJob(context.Background(), in)
		s.check(err)
		s.sleep(6 * time.Minute)
		if _, err := s.client(prod).StopBackupJob(context.Background(), &sdk.StopBackupJobInput{BackupJobId: out.BackupJobId}); code(err) != "InvalidRequestException" {
			t.Errorf("got %v", err)
		}
		if b := s.backupEnd(*out.BackupJobId); b.State != types.BackupJobStateCompleted {
			t.Errorf("got %s", b.State)
		}
	})
}
