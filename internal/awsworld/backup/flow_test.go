package backup_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	rdssdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-cmp/cmp"
)

// TestClusterGoesFromProductionToStaging is the whole way of one cluster.
func TestClusterGoesFromProductionToStaging(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		b := s.backUp(orders)
		if b.State != types.BackupJobStateCompleted || aws.ToString(b.EncryptionKeyArn) != s.clusterKey {
			t.Errorf("backup is %s %q under %v", b.State, aws.ToString(b.StatusMessage), aws.ToString(b.EncryptionKeyArn))
			return
		}
		cut, ok := s.backup.CutOff(*b.RecoveryPointArn)
		if !ok || cut.Latest.Before(cut.Earliest) || cut.Latest.After(*b.CompletionDate) {
			t.Errorf("cut-off %v %v of a backup that ended at %v", cut, ok, b.CompletionDate)
		}
		c := s.copyOver(*b.RecoveryPointArn)
		if c.State != types.CopyJobStateCompleted || aws.ToString(c.DestinationEncryptionKeyArn) != s.stagingKey {
			t.Errorf("copy is %s %q under %q", c.State, aws.ToString(c.StatusMessage), aws.ToString(c.DestinationEncryptionKeyArn))
			return
		}
		s.compareCopy(b, c)
		s.restoreOrders(c)
	})
	for _, w := range s.w.Waits.All() {
		if w.Item != "orders" && w.Phase != "settings" || w.Finished.IsZero() && w.Phase != "settings" {
			t.Logf("wait %+v", w)
		}
		if (w.Phase == "backup" || w.Phase == "copy" || w.Phase == "restore") && w.Noticed.IsZero() {
			t.Errorf("nobody noticed the end of %s", w.What)
		}
	}
}

// compareCopy checks what a copy keeps of its source.
func (s *scene) compareCopy(b *sdk.DescribeBackupJobOutput, c *types.CopyJob) {
	p, err := s.client(staging).DescribeRecoveryPoint(context.Background(), &sdk.DescribeRecoveryPointInput{
		BackupVaultName: aws.String("dbferry-staging"), RecoveryPointArn: c.DestinationRecoveryPointArn,
	})
	if err != nil {
		s.t.Error(err)
		return
	}
	if !p.CreationDate.Equal(*b.CreationDate) {
		s.t.Errorf("the copy says it was created at %v, its source at %v", p.CreationDate, b.CreationDate)
	}
	if want := b.CreationDate.AddDate(0, 0, 7); !p.CalculatedLifecycle.DeleteAt.Equal(want) {
		s.t.Errorf("the copy ends at %v, want %v", p.CalculatedLifecycle.DeleteAt, want)
	}
	if p.Status != types.RecoveryPointStatusCompleted || aws.ToString(p.ResourceArn) != orders || aws.ToString(p.SourceBackupVaultArn) != prodVault {
		s.t.Errorf("copy %s of %s from %s", p.Status, *p.ResourceArn, aws.ToString(p.SourceBackupVaultArn))
	}
	src, ok := s.backup.CutOff(*b.RecoveryPointArn)
	dst, ok2 := s.backup.CutOff(*c.CopyJobId)
	if !ok || !ok2 || src != dst {
		s.t.Errorf("cut-offs %v and %v differ", src, dst)
	}
}

func (s *scene) restoreOrders(c *types.CopyJob) {
	t := s.t
	meta, err := s.client(staging).GetRecoveryPointRestoreMetadata(context.Background(), &sdk.GetRecoveryPointRestoreMetadataInput{
		BackupVaultName: aws.String("dbferry-staging"), RecoveryPointArn: c.DestinationRecoveryPointArn,
	})
	if err != nil {
		t.Error(err)
		return
	}
	m := meta.RestoreMetadata
	if m["DBClusterIdentifier"] != "orders" || m["KmsKeyId"] != s.clusterKey {
		t.Errorf("metadata is not production's: %v", m)
	}
	m["DBClusterIdentifier"], m["KmsKeyId"], m["VpcSecurityGroupIds"], m["AvailabilityZones"] = "orders-copy", s.stagingKey, `["sg-quarantine"]`, ""
	r := s.restore(&sdk.StartRestoreJobInput{RecoveryPointArn: c.DestinationRecoveryPointArn, Metadata: m, ResourceType: aws.String("Aurora")})
	if r.Status != types.RestoreJobStatusCompleted || aws.ToString(r.CreatedResourceArn) != "arn:aws:rds:eu-west-1:222222222222:cluster:orders-copy" || *r.PercentDone != "100.00%" {
		t.Errorf("restore %s %q made %q, %s", r.Status, aws.ToString(r.StatusMessage), aws.ToString(r.CreatedResourceArn), *r.PercentDone)
		return
	}
	out, err := rdssdk.NewFromConfig(s.w.Config(s.step(staging))).DescribeDBClusters(context.Background(), &rdssdk.DescribeDBClustersInput{DBClusterIdentifier: aws.String("orders-copy")})
	if err != nil {
		t.Error(err)
		return
	}
	made := out.DBClusters[0]
	if len(made.DBClusterMembers) != 0 || aws.ToString(made.KmsKeyId) != s.stagingKey {
		t.Errorf("restored with %d instances under %s", len(made.DBClusterMembers), aws.ToString(made.KmsKeyId))
	}
	tags := map[string]string{}
	for _, tag := range made.TagList {
		tags[*tag.Key] = *tag.Value
	}
	if diff := cmp.Diff(map[string]string{"team": "shop"}, tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

// TestDurations keeps the defaults realistic for 100 GB.
func TestDurations(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		began := s.w.Now()
		b := s.backUp(orders)
		copyFrom := s.w.Now()
		c := s.copyOver(*b.RecoveryPointArn)
		restoreFrom := s.w.Now()
		s.restore(&sdk.StartRestoreJobInput{RecoveryPointArn: c.DestinationRecoveryPointArn, Metadata: map[string]string{
			"DBClusterIdentifier": "orders-copy", "Engine": "aurora-postgresql", "DBSubnetGroupName": "db",
		}})
		for _, d := range []struct {
			name     string
			got      time.Duration
			min, max time.Duration
		}{
			{"backup", copyFrom.Sub(began), 7 * time.Minute, 18 * time.Minute},
			{"copy", restoreFrom.Sub(copyFrom), 35 * time.Minute, 60 * time.Minute},
			{"restore", s.w.Now().Sub(restoreFrom), 18 * time.Minute, 35 * time.Minute},
		} {
			if d.got < d.min || d.got > d.max {
				t.Errorf("the %s took %v, want between %v and %v", d.name, d.got, d.min, d.max)
			}
		}
	})
}
