package backup_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/backup"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/iam"
)

func TestCopyRefused(t *testing.T) {
	copyInto := `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"backup:CopyIntoBackupVault","Resource":"*"}`
	tests := []struct {
		name  string
		spoil func(s *scene)
		want  string
	}{
		{"other organization", func(s *scene) { s.w.Account(staging).Org = "o-other" }, "must be a member of the same organization"},
		{"switched off", func(s *scene) { s.backup.SetGlobalSettings(management, nil) }, "feature is not enabled for the current organization"},
		{"no vault policy", func(s *scene) {
			s.vault(staging, backup.VaultSpec{Name: "dbferry-staging", Key: s.stagingKey})
		}, "Access Denied trying to call AWS Backup service"},
		{"vault policy for somebody else", func(s *scene) {
			s.vault(staging, backup.VaultSpec{Name: "dbferry-staging", Key: s.stagingKey, Policy: s.policy(strings.ReplaceAll(copyInto, prod, "333333333333"))})
		}, "Access Denied trying to call AWS Backup service"},
		{"vault under the default key", func(s *scene) {
			s.vault(staging, backup.VaultSpec{Name: "dbferry-staging", Policy: s.policy(copyInto)})
		}, "encrypted with the default Backup service managed key"},
		{"vault is gone", func(s *scene) { s.w.AddAccount("333333333333", "other", "o-example") }, "was not found"},
		{"vault lock", func(s *scene) {
			s.vault(staging, backup.VaultSpec{Name: "dbferry-staging", Key: s.stagingKey, Policy: s.policy(copyInto), MinRetentionDays: 30, Locked: true})
		}, "not within the range specified"},
		{"vault key disabled", func(s *scene) { s.must(s.keys.SetState(s.stagingKey, kmstypes.KeyStateDisabled)) }, "is not enabled"},
		{"copy role may not copy into vaults", func(s *scene) {
			s.role(prod, backupRole).Policies = append(s.role(prod, backupRole).Policies, *s.policy(`{"Effect":"Deny","Action":"backup:CopyIntoBackupVault","Resource":"*"}`))
		}, "Access Denied trying to call AWS Backup service"},
		{"SCP on leaving the vault", func(s *scene) {
			s.w.Account(prod).ServicePolicies = []iam.Policy{
				*s.policy(`{"Effect":"Allow","Action":"*","Resource":"*"}`,
					`{"Effect":"Deny","Action":"backup:CopyFromBackupVault","Resource":"*","Condition":{"StringLike":{"backup:CopyTargets":"arn:aws:backup:*:222222222222:*"}}}`)}
		}, "Access Denied trying to call AWS Backup service"},
		{"copy role may not share", func(s *scene) {
			s.role(prod, backupRole).Policies = append(s.role(prod, backupRole).Policies, *s.policy(`{"Effect":"Deny","Action":"rds:ModifyDBClusterSnapshotAttribute","Resource":"*"}`))
		}, "does not have sufficient permissions to execute the copy"},
		{"no service-linked role", func(s *scene) { s.w.Account(staging).DeleteRole(linkedRole) }, "AWSServiceRoleForBackup does not exist in account 222222222222"},
		{"cluster key is not shared", func(s *scene) {
			s.must(s.keys.SetPolicy(s.clusterKey, []byte(clusterKeyPolicy("kms:ListGrants"))))
		}, "The source snapshot KMS key ["},
		{"cluster key without CreateGrant", func(s *scene) {
			s.must(s.keys.SetPolicy(s.clusterKey, []byte(clusterKeyPolicy("kms:DescribeKey", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Encrypt"))))
		}, "does not exist, is not enabled or you do not have permissions to access it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.run(func() {
				b := s.backUp(orders)
				tt.spoil(s)
				vault := stagingVault
				if tt.name == "vault is gone" {
					vault = strings.ReplaceAll(stagingVault, staging, "333333333333")
				}
				c := s.copyInto(*b.RecoveryPointArn, vault)
				if c.State != types.CopyJobStateFailed || !strings.Contains(aws.ToString(c.StatusMessage), tt.want) {
					t.Errorf("got %s %q, want %q", c.State, aws.ToString(c.StatusMessage), tt.want)
				}
				if c.DestinationRecoveryPointArn != nil {
					t.Errorf("a failed copy shows %s", *c.DestinationRecoveryPointArn)
				}
			})
		})
	}
}

func TestManagedKeyCannotLeaveTheAccount(t *testing.T) {
	s := newScene(t)
	s.must(s.rds.PutCluster(prod, rds.ClusterSpec{ID: "legacy", Engine: "aurora-mysql", KeyARN: s.keys.AWSManaged(prod, "rds"), SubnetGroup: "db", MasterPassword: "production-secret", VolumeBytes: 1e9}))
	s.run(func() {
		b := s.backUp(strings.Replace(orders, "orders", "legacy", 1))
		c := s.copyOver(aws.ToString(b.RecoveryPointArn))
		if want := "Snapshots encrypted with the AWS managed key can't be shared"; !strings.Contains(aws.ToString(c.StatusMessage), want) {
			t.Errorf("got %s %q, want %q", c.State, aws.ToString(c.StatusMessage), want)
		}
	})
}

// TestCopyRoleDeletedMidway: the copy is there, but the sharing stays.
func TestCopyRoleDeletedMidway(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		b := s.backUp(orders)
		s.w.Kernel.After(20*time.Minute, func() { s.w.Account(prod).DeleteRole(backupRole) })
		c := s.copyOver(*b.RecoveryPointArn)
		if c.State != types.CopyJobStateFailed || aws.ToString(c.StatusMessage) != "Failed to unshare snapshot" {
			t.Errorf("got %s %q", c.State, aws.ToString(c.StatusMessage))
		}
	})
}

func TestHeldCopyStaysInCreated(t *testing.T) {
	s := newScene(t)
	s.backup.HoldCopiesInCreated(3 * time.Hour)
	s.run(func() {
		b := s.backUp(orders)
		out, err := s.startCopy("t-1", *b.RecoveryPointArn)
		s.check(err)
		s.sleep(3 * time.Hour)
		if state := s.copyState(*out.CopyJobId); state != types.CopyJobStateCreated {
			t.Errorf("after three hours the copy is %s", state)
		}
	})
}

func (s *scene) startCopy(token, point string) (*sdk.StartCopyJobOutput, error) {
	return s.client(prod).StartCopyJob(context.Background(), &sdk.StartCopyJobInput{
		RecoveryPointArn: aws.String(point), SourceBackupVaultName: aws.String("dbferry-production"), IdempotencyToken: aws.String(token),
		DestinationBackupVaultArn: aws.String(stagingVault), IamRoleArn: aws.String(backupRole),
	})
}

func (s *scene) copyState(id string) types.CopyJobState {
	out, err := s.client(prod).DescribeCopyJob(context.Background(), &sdk.DescribeCopyJobInput{CopyJobId: aws.String(id)})
	s.check(err)
	return out.CopyJob.State
}

// TestFiveCopiesAtATime: the sixth waits in CREATED until a place is free.
func TestFiveCopiesAtATime(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		var ids []string
		for _, name := range []string{"a1", "a2", "a3", "a4", "a5", "a6"} {
			s.must(s.rds.PutCluster(prod, rds.ClusterSpec{ID: name, Engine: "aurora-mysql", KeyARN: s.clusterKey, SubnetGroup: "db", MasterPassword: "production-secret", VolumeBytes: 100e9}))
			b := s.backUp(strings.Replace(orders, "orders", name, 1))
			ids = append(ids, *b.RecoveryPointArn)
		}
		for i, point := range ids {
			out, err := s.startCopy(point, point)
			s.check(err)
			again, err := s.startCopy(point, point)
			s.check(err)
			if *again.CopyJobId != *out.CopyJobId {
				t.Errorf("copy %d: the same token made two jobs", i)
			}
			ids[i] = *out.CopyJobId
		}
		s.sleep(10 * time.Minute)
		states := map[types.CopyJobState]int{}
		for _, id := range ids {
			states[s.copyState(id)]++
		}
		if states[types.CopyJobStateRunning] != 5 || states[types.CopyJobStateCreated] != 1 {
			t.Errorf("after ten minutes: %v", states)
		}
		s.sleep(3 * time.Hour)
		for _, id := range ids {
			if state := s.copyState(id); state != types.CopyJobStateCompleted {
				t.Errorf("copy %s is %s", id, state)
			}
		}
		list, err := s.client(prod).ListCopyJobs(context.Background(), &sdk.ListCopyJobsInput{ByState: types.CopyJobStateCompleted, ByDestinationVaultArn: aws.String(stagingVault), MaxResults: aws.Int32(4)})
		s.check(err)
		if len(list.CopyJobs) != 4 || list.NextToken == nil {
			t.Errorf("first page has %d copies", len(list.CopyJobs))
		}
	})
}

func TestStartCopyRefused(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		b := s.backUp(orders)
		for _, tt := range []struct {
			name string
			edit func(in *sdk.StartCopyJobInput)
			code string
		}{
			{"other Region", func(in *sdk.StartCopyJobInput) {
				in.DestinationBackupVaultArn = aws.String(strings.Replace(stagingVault, "eu-west-1", "us-east-1", 1))
			}, "InvalidParameterValueException"},
			{"a name for an ARN", func(in *sdk.StartCopyJobInput) { in.DestinationBackupVaultArn = aws.String("dbferry-staging") }, "InvalidParameterValueException"},
			{"into itself", func(in *sdk.StartCopyJobInput) { in.DestinationBackupVaultArn = aws.String(prodVault) }, "InvalidParameterValueException"},
			{"an ARN for a name", func(in *sdk.StartCopyJobInput) { in.SourceBackupVaultName = aws.String(prodVault) }, "InvalidParameterValueException"},
			{"no such point", func(in *sdk.StartCopyJobInput) { in.RecoveryPointArn = aws.String(*b.RecoveryPointArn + "0") }, "ResourceNotFoundException"},
			{"lifecycle", func(in *sdk.StartCopyJobInput) { in.Lifecycle = &types.Lifecycle{DeleteAfterDays: aws.Int64(-2)} }, "InvalidParameterValueException"},
		} {
			in := &sdk.StartCopyJobInput{
				RecoveryPointArn: b.RecoveryPointArn, SourceBackupVaultName: aws.String("dbferry-production"),
				DestinationBackupVaultArn: aws.String(stagingVault), IamRoleArn: aws.String(backupRole),
			}
			tt.edit(in)
			if _, err := s.client(prod).StartCopyJob(context.Background(), in); code(err) != tt.code {
				t.Errorf("%s: got %v, want %s", tt.name, err, tt.code)
			}
		}
		s.w.Account(prod).PutRole(&awsworld.Role{ARN: "arn:aws:iam::111111111111:role/step", Name: "step", Account: prod, Trust: s.role(prod, "arn:aws:iam::111111111111:role/step").Trust,
			Policies: []iam.Policy{*s.policy(`{"Effect":"Allow","Action":["backup:StartCopyJob","iam:PassRole"],"Resource":["` + prodVault + `","` + backupRole + `"]}`)}})
		if _, err := s.startCopy("t", *b.RecoveryPointArn); code(err) != "AccessDeniedException" {
			t.Errorf("StartCopyJob is asked for on the recovery point, not on the vault: %v", err)
		}
	})
}

// TestCopyWithinTheAccount needs no organization and no service-linked role.
func TestCopyWithinTheAccount(t *testing.T) {
	s := newScene(t)
	s.backup.SetGlobalSettings(management, nil)
	s.vault(prod, backup.VaultSpec{Name: "second", Key: s.prodKey})
	// RDS asks the copier itself for these; the managed policy has them for EBS only.
	s.role(prod, backupRole).Policies = append(s.role(prod, backupRole).Policies, *s.policy(`{"Effect":"Allow","Action":["kms:ReEncrypt*","kms:GenerateDataKey*"],"Resource":"*"}`))
	s.run(func() {
		c := s.copyInto(*s.backUp(orders).RecoveryPointArn, strings.Replace(prodVault, "dbferry-production", "second", 1))
		if c.State != types.CopyJobStateCompleted || aws.ToString(c.DestinationEncryptionKeyArn) != s.prodKey {
			t.Errorf("copy %s %q", c.State, aws.ToString(c.StatusMessage))
		}
	})
}
