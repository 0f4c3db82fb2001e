package backup_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/backup"
)

func (s *scene) role(account, arn string) *awsworld.Role { return s.w.Account(account).Role(arn) }

func startInput() *sdk.StartBackupJobInput {
	return &sdk.StartBackupJobInput{
		BackupVaultName: aws.String("dbferry-production"), ResourceArn: aws.String(orders), IamRoleArn: aws.String(backupRole),
		Lifecycle: &types.Lifecycle{DeleteAfterDays: aws.Int64(7)},
	}
}

func TestStartBackupRefused(t *testing.T) {
	tests := []struct {
		name string
		edit func(s *scene, in *sdk.StartBackupJobInput)
		code string
		text string
	}{
		{"short window", func(_ *scene, in *sdk.StartBackupJobInput) { in.StartWindowMinutes = aws.Int64(30) }, "InvalidParameterValueException", "StartWindowMinutes"},
		{"vault name", func(_ *scene, in *sdk.StartBackupJobInput) { in.BackupVaultName = aws.String("no spaces") }, "InvalidParameterValueException", "backup vault name"},
		{"no such vault", func(_ *scene, in *sdk.StartBackupJobInput) { in.BackupVaultName = aws.String("other") }, "ResourceNotFoundException", "other"},
		{"no such cluster", func(_ *scene, in *sdk.StartBackupJobInput) { in.ResourceArn = aws.String(orders + "x") }, "ResourceNotFoundException", "ordersx"},
		{"an instance", func(_ *scene, in *sdk.StartBackupJobInput) {
			in.ResourceArn = aws.String("arn:aws:rds:eu-west-1:111111111111:db:orders-1")
		}, "InvalidParameterValueException", "resource ARN"},
		{"other account's cluster", func(_ *scene, in *sdk.StartBackupJobInput) {
			in.ResourceArn = aws.String(strings.ReplaceAll(orders, prod, staging))
		}, "InvalidParameterValueException", "not in account"},
		{"lifecycle event", func(_ *scene, in *sdk.StartBackupJobInput) {
			in.Lifecycle.DeleteAfterEvent = types.LifecycleDeleteAfterEventDeleteAfterCopy
		}, "InvalidParameterValueException", "DELETE_AFTER_COPY"},
		{"no days", func(_ *scene, in *sdk.StartBackupJobInput) { in.Lifecycle.DeleteAfterDays = aws.Int64(0) }, "InvalidParameterValueException", "DeleteAfterDays"},
		{"cold and gone too soon", func(_ *scene, in *sdk.StartBackupJobInput) {
			in.Lifecycle.MoveToColdStorageAfterDays, in.Lifecycle.DeleteAfterDays = aws.Int64(1), aws.Int64(30)
		}, "InvalidParameterValueException", "90 days"},
		{"role of another account", func(s *scene, in *sdk.StartBackupJobInput) {
			s.role(prod, "arn:aws:iam::111111111111:role/step").Policies = append(s.role(prod, "arn:aws:iam::111111111111:role/step").Policies, *s.policy(`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}`))
			in.IamRoleArn = aws.String("arn:aws:iam::222222222222:role/dbferry-backup")
		}, "InvalidParameterValueException", "Cross-account pass role"},
		{"role that may not be passed", func(_ *scene, in *sdk.StartBackupJobInput) {
			in.IamRoleArn = aws.String("arn:aws:iam::111111111111:role/step")
		}, "AccessDeniedException", "iam:PassRole"},
		{"role that does not trust AWS Backup", func(s *scene, _ *sdk.StartBackupJobInput) {
			s.role(prod, backupRole).Trust = *s.policy(`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`)
		}, "InvalidParameterValueException", "cannot be assumed by AWS Backup"},
		{"not opted in", func(s *scene, _ *sdk.StartBackupJobInput) {
			s.backup.SetRegionSettings(prod, map[string]bool{"DynamoDB": true}, nil)
		}, "InvalidRequestException", "not opted in"},
		{"may not tag", func(s *scene, in *sdk.StartBackupJobInput) {
			s.role(prod, "arn:aws:iam::111111111111:role/step").Policies[0] = *s.policy(
				`{"Effect":"Allow","Action":"backup:StartBackupJob","Resource":"`+prodVault+`"}`,
				`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}`)
			in.RecoveryPointTags = map[string]string{"dbferry:refresh": "r"}
		}, "AccessDeniedException", "backup:TagResource"},
		{"vault policy denies", func(s *scene, _ *sdk.StartBackupJobInput) {
			s.vault(prod, backup.VaultSpec{Name: "dbferry-production", Key: s.prodKey, Policy: s.policy(`{"Effect":"Deny","Principal":"*","Action":"backup:StartBackupJob","Resource":"*"}`)})
		}, "AccessDeniedException", "backup:StartBackupJob"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			in := startInput()
			tt.edit(s, in)
			s.run(func() {
				_, err := s.client(prod).StartBackupJob(context.Background(), in)
				var api smithy.APIError
				if !errors.As(err, &api) || api.ErrorCode() != tt.code || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("got %v, want %s about %s", err, tt.code, tt.text)
				}
			})
		})
	}
}

func TestNotFoundIsBadRequest(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		_, err := s.client(prod).DescribeBackupJob(context.Background(), &sdk.DescribeBackupJobInput{BackupJobId: aws.String("X")})
		var missing *types.ResourceNotFoundException
		var http *awshttp.ResponseError
		if !errors.As(err, &missing) || !errors.As(err, &http) || http.HTTPStatusCode() != 400 {
			t.Errorf("got %v", err)
		}
	})
}

func TestTokenAnswersWithItsJob(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		in := startInput()
		in.IdempotencyToken = aws.String("token")
		first, err := s.client(prod).StartBackupJob(context.Background(), in)
		s.check(err)
		if first.RecoveryPointArn != nil {
			t.Errorf("Aurora's recovery point %s in the reply", *first.RecoveryPointArn)
		}
		s.sleep(time.Hour)
		second, err := s.client(prod).StartBackupJob(context.Background(), in)
		s.check(err)
		if *first.BackupJobId != *second.BackupJobId || !first.CreationDate.Equal(*second.CreationDate) {
			t.Errorf("two jobs: %s, %s", *first.BackupJobId, *second.BackupJobId)
		}
		list, err := s.client(prod).ListBackupJobs(context.Background(), &sdk.ListBackupJobsInput{ByResourceArn: aws.String(orders)})
		s.check(err)
		if len(list.BackupJobs) != 1 {
			t.Errorf("%d jobs in the list", len(list.BackupJobs))
		}
	})
}

// TestAnotherPlansBackup: ours waits in CREATED, and runs or expires.
func TestAnotherPlansBackup(t *testing.T) {
	tests := []struct {
		name    string
		foreign time.Duration
		want    types.BackupJobState
		text    string
	}{
		{"shorter than the window", 40 * time.Minute, types.BackupJobStateCompleted, ""},
		{"longer than the window", 2 * time.Hour, types.BackupJobStateExpired, "Backup job failed because there was a running job for the same resource."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			_, err := s.backup.RunForeignBackup(prod, orders, tt.foreign)
			s.must(err)
			s.run(func() {
				in := startInput()
				in.StartWindowMinutes = aws.Int64(60)
				out, err := s.client(prod).StartBackupJob(context.Background(), in)
				s.check(err)
				s.sleep(30 * time.Minute)
				waiting, err := s.client(prod).ListBackupJobs(context.Background(), &sdk.ListBackupJobsInput{ByResourceArn: aws.String(orders)})
				s.check(err)
				if len(waiting.BackupJobs) != 2 || waiting.BackupJobs[0].State != types.BackupJobStateCreated || waiting.BackupJobs[1].State != types.BackupJobStateRunning || waiting.BackupJobs[1].CreatedBy == nil {
					t.Errorf("after half an hour: %+v", waiting.BackupJobs)
				}
				got := s.backupEnd(*out.BackupJobId)
				if got.State != tt.want || aws.ToString(got.StatusMessage) != tt.text {
					t.Errorf("got %s %q", got.State, aws.ToString(got.StatusMessage))
				}
			})
		})
	}
}

func TestBackupEndsBadly(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(s *scene)
		edit  func(in *sdk.StartBackupJobInput)
		want  types.BackupJobState
		text  string
	}{
		{"role lost its policy", func(s *scene) { s.role(prod, backupRole).Policies = nil }, nil, types.BackupJobStateFailed, "does not have sufficient permissions to execute the backup"},
		{"role is gone", func(s *scene) { s.w.Account(prod).DeleteRole(backupRole) }, nil, types.BackupJobStateFailed, "cannot be assumed by AWS Backup"},
		{"vault key disabled", func(s *scene) { s.must(s.keys.SetState(s.prodKey, kmstypes.KeyStateDisabled)) }, nil, types.BackupJobStateFailed, "is not enabled"},
		{"vault lock", func(s *scene) {
			s.vault(prod, backup.VaultSpec{Name: "dbferry-production", Key: s.prodKey, MaxRetentionDays: 3, Locked: true})
		}, nil, types.BackupJobStateFailed, "not within the range"},
		{"completion window", nil, func(in *sdk.StartBackupJobInput) { in.CompleteWindowMinutes = aws.Int64(5) }, types.BackupJobStateExpired, "expired before completion"},
		{"cluster never available", func(s *scene) { s.rds.Busy(prod, "orders", "modifying", 3*time.Hour) },
			func(in *sdk.StartBackupJobInput) { in.StartWindowMinutes = aws.Int64(60) }, types.BackupJobStateExpired, ""},
		{"cluster available in time", func(s *scene) { s.rds.Busy(prod, "orders", "modifying", 30*time.Minute) },
			func(in *sdk.StartBackupJobInput) { in.StartWindowMinutes = aws.Int64(60) }, types.BackupJobStateCompleted, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.run(func() {
				in := startInput()
				if tt.edit != nil {
					tt.edit(in)
				}
				out, err := s.client(prod).StartBackupJob(context.Background(), in)
				s.check(err)
				if tt.spoil != nil {
					tt.spoil(s)
				}
				got := s.backupEnd(*out.BackupJobId)
				if got.State != tt.want || !strings.Contains(aws.ToString(got.StatusMessage), tt.text) {
					t.Errorf("got %s %q", got.State, aws.ToString(got.StatusMessage))
				}
				if tt.want != types.BackupJobStateCompleted && got.RecoveryPointArn != nil {
					t.Errorf("a failed backup shows %s", *got.RecoveryPointArn)
				}
			})
		})
	}
}

func TestStopBackup(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 8 * time.Minute} {
		t.Run(after.String(), func(t *testing.T) {
			s := newScene(t)
			s.run(func() {
				out, err := s.client(prod).StartBackupJob(context.Background(), startInput())
				s.check(err)
				s.sleep(after)
				_, err = s.client(prod).StopBackupJob(context.Background(), &sdk.StopBackupJobInput{BackupJobId: out.BackupJobId})
				s.check(err)
				if got := s.backupEnd(*out.BackupJobId); got.State != types.BackupJobStateAborted {
					t.Errorf("got %s", got.State)
				}
				_, err = s.client(prod).StopBackupJob(context.Background(), &sdk.StopBackupJobInput{BackupJobId: out.BackupJobId})
				if err == nil {
					t.Error("stopped twice")
				}
				s.sleep(time.Hour) // a snapshot cannot be deleted while it is being made
				left, err := s.client(prod).ListRecoveryPointsByBackupVault(context.Background(), &sdk.ListRecoveryPointsByBackupVaultInput{BackupVaultName: aws.String("dbferry-production")})
				s.check(err)
				if len(left.RecoveryPoints) != 0 {
					t.Errorf("%d recovery points left", len(left.RecoveryPoints))
				}
			})
		})
	}
}
