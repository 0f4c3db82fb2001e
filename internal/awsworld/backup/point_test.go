package backup_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld/backup"
	"github.com/dbferry/dbferry/internal/iam"
)

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func (s *scene) points(account, vault string) []types.RecoveryPointByBackupVault {
	out, err := s.client(account).ListRecoveryPointsByBackupVault(context.Background(), &sdk.ListRecoveryPointsByBackupVaultInput{BackupVaultName: aws.String(vault)})
	s.check(err)
	return out.RecoveryPoints
}

func TestRecoveryPointsEnd(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		b := s.backUp(orders)
		s.copyOver(*b.RecoveryPointArn)
		s.sleep(6 * 24 * time.Hour)
		if len(s.points(prod, "dbferry-production")) != 1 || len(s.points(staging, "dbferry-staging")) != 1 {
			t.Error("gone before their time")
		}
		s.sleep(36 * time.Hour)
		if n := len(s.points(prod, "dbferry-production")) + len(s.points(staging, "dbferry-staging")); n != 0 {
			t.Errorf("%d recovery points outlived their lifecycle", n)
		}
	})
}

func TestRecoveryPointThatCannotBeDeleted(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		s.backUp(orders)
		s.w.Account(prod).DeleteRole(backupRole)
		s.sleep(8 * 24 * time.Hour)
		left := s.points(prod, "dbferry-production")
		if len(left) != 1 || left[0].Status != types.RecoveryPointStatusExpired || aws.ToString(left[0].StatusMessage) == "" {
			t.Errorf("got %+v", left)
		}
	})
}

func TestDeleteRecoveryPoint(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		b := s.backUp(orders)
		del := func() error {
			_, err := s.client(prod).DeleteRecoveryPoint(context.Background(), &sdk.DeleteRecoveryPointInput{BackupVaultName: aws.String("dbferry-production"), RecoveryPointArn: b.RecoveryPointArn})
			return err
		}
		s.vault(prod, backup.VaultSpec{Name: "dbferry-production", Key: s.prodKey, Policy: s.policy(`{"Effect":"Deny","Principal":"*","Action":"backup:DeleteRecoveryPoint","Resource":"*"}`)})
		if got := code(del()); got != "AccessDeniedException" {
			t.Errorf("against the vault's policy: %s", got)
		}
		s.vault(prod, backup.VaultSpec{Name: "dbferry-production", Key: s.prodKey, Locked: true, MinRetentionDays: 1})
		if got := code(del()); got != "InvalidParameterValueException" {
			t.Errorf("in a locked vault: %s", got)
		}
		s.vault(prod, backup.VaultSpec{Name: "dbferry-production", Key: s.prodKey})
		s.check(del())
		s.sleep(time.Hour)
		if got := code(del()); got != "ResourceNotFoundException" {
			t.Errorf("a second time: %s", got)
		}
		_, err := s.client(prod).StartCopyJob(context.Background(), &sdk.StartCopyJobInput{
			RecoveryPointArn: b.RecoveryPointArn, SourceBackupVaultName: aws.String("dbferry-production"),
			DestinationBackupVaultArn: aws.String(stagingVault), IamRoleArn: aws.String(backupRole),
		})
		if got := code(err); got != "ResourceNotFoundException" {
			t.Errorf("copy of what is gone: %s", got)
		}
	})
}

func TestStagingCannotSeeProductionsPoints(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		b := s.backUp(orders)
		_, err := s.client(staging).StartRestoreJob(context.Background(), &sdk.StartRestoreJobInput{
			RecoveryPointArn: b.RecoveryPointArn, IamRoleArn: aws.String(restoreRole), Metadata: map[string]string{"DBClusterIdentifier": "c", "Engine": "aurora-postgresql"},
		})
		if got := code(err); got != "ResourceNotFoundException" {
			t.Errorf("got %v", err)
		}
	})
}

func TestListRecoveryPointsByResource(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		first, second := s.backUp(orders), s.backUp(orders)
		var got []string
		in := &sdk.ListRecoveryPointsByResourceInput{ResourceArn: aws.String(orders), MaxResults: aws.Int32(1)}
		pages := sdk.NewListRecoveryPointsByResourcePaginator(s.client(prod), in)
		for pages.HasMorePages() {
			out, err := pages.NextPage(context.Background())
			s.check(err)
			for _, p := range out.RecoveryPoints {
				got = append(got, *p.RecoveryPointArn)
			}
		}
		if diff := cmp.Diff([]string{*second.RecoveryPointArn, *first.RecoveryPointArn}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestSettings(t *testing.T) {
	s := newScene(t)
	s.backup.SetRegionSettings(prod, map[string]bool{"Aurora": true, "DynamoDB": false}, map[string]bool{"DynamoDB": true})
	s.run(func() {
		region, err := s.client(prod).DescribeRegionSettings(context.Background(), &sdk.DescribeRegionSettingsInput{})
		s.check(err)
		if !region.ResourceTypeOptInPreference["Aurora"] || region.ResourceTypeOptInPreference["DynamoDB"] || !region.ResourceTypeManagementPreference["DynamoDB"] {
			t.Errorf("got %+v", region)
		}
		global, err := s.client(management).DescribeGlobalSettings(context.Background(), &sdk.DescribeGlobalSettingsInput{})
		s.check(err)
		if global.GlobalSettings[backup.CrossAccountSetting] != "true" {
			t.Errorf("got %v", global.GlobalSettings)
		}
		if _, err := s.client(prod).DescribeGlobalSettings(context.Background(), &sdk.DescribeGlobalSettingsInput{}); code(err) != "InvalidRequestException" {
			t.Errorf("a member account got %v", err)
		}
	})
}

func TestVaultAndItsTags(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		v, err := s.client(staging).DescribeBackupVault(context.Background(), &sdk.DescribeBackupVaultInput{BackupVaultName: aws.String("dbferry-staging")})
		s.check(err)
		if *v.EncryptionKeyArn != s.stagingKey || v.EncryptionKeyType != types.EncryptionKeyTypeCustomerManagedKmsKey || *v.BackupVaultArn != stagingVault {
			t.Errorf("got %+v", v)
		}
		p, err := s.client(staging).GetBackupVaultAccessPolicy(context.Background(), &sdk.GetBackupVaultAccessPolicyInput{BackupVaultName: aws.String("dbferry-staging")})
		s.check(err)
		if doc, err := iam.ParseDocument([]byte(*p.Policy)); err != nil || doc.Statements[0].Action[0] != iam.CopyIntoVault {
			t.Errorf("policy %s: %v", *p.Policy, err)
		}
		_, err = s.client(prod).GetBackupVaultAccessPolicy(context.Background(), &sdk.GetBackupVaultAccessPolicyInput{BackupVaultName: aws.String("dbferry-production")})
		if code(err) != "ResourceNotFoundException" {
			t.Errorf("a vault without policy: %v", err)
		}
		_, err = s.client(prod).TagResource(context.Background(), &sdk.TagResourceInput{ResourceArn: aws.String(prodVault), Tags: map[string]string{"a": "b"}})
		s.check(err)
		tags, err := s.client(prod).ListTags(context.Background(), &sdk.ListTagsInput{ResourceArn: aws.String(prodVault)})
		s.check(err)
		if diff := cmp.Diff(map[string]string{"a": "b"}, tags.Tags); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_, err = s.client(prod).ListTags(context.Background(), &sdk.ListTagsInput{ResourceArn: aws.String(orders)})
		if code(err) != "InvalidParameterValueException" {
			t.Errorf("tags of a cluster: %v", err)
		}
	})
	if err := s.backup.PutVault(prod, backup.VaultSpec{Name: "other", Key: "alias/missing"}); err == nil {
		t.Error("a vault under a key that does not exist")
	}
}
