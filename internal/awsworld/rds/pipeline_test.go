package rds_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

func TestSnapshotShareCopyRestore(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(func(c *rds.ClusterSpec) { c.KeyARN = f.key(prod, keyForStaging) })
		p, s := f.client(prod), f.client(staging)
		f.rows.write(prod+"/shop-orders", 10)

		began := f.w.Now()
		out, err := p.CreateDBClusterSnapshot(ctx, &sdk.CreateDBClusterSnapshotInput{
			DBClusterIdentifier: aws.String("shop-orders"), DBClusterSnapshotIdentifier: aws.String("awsbackup:job-1"),
		})
		f.ok(err)
		if got := f.clusterStatus(p, "shop-orders"); got != "backing-up" {
			t.Errorf("cluster is %s during a snapshot", got)
		}
		f.rows.write(prod+"/shop-orders", 5) // before the cut-off
		f.sleep(time.Minute)
		f.rows.write(prod+"/shop-orders", 100) // after it
		f.until("available", func() string { return *f.snapshot(p, "awsbackup:job-1").Status })
		if took := f.w.Now().Sub(began); took < 8*time.Minute || took > 12*time.Minute {
			t.Errorf("a snapshot of 100 GB took %s", took)
		}
		arn := *out.DBClusterSnapshot.DBClusterSnapshotArn
		_, cutOff, ok := f.SnapshotImage(arn)
		if !ok || cutOff.Before(began) || cutOff.After(began.Add(time.Minute)) {
			t.Errorf("cut-off %s, began %s", cutOff, began)
		}

		copied := f.ferry(arn)
		f.ok(f.restore(s, copied, "shop-orders-new", nil))
		if got := f.clusterStatus(s, "shop-orders-new"); got != "creating" {
			t.Errorf("restored cluster is %s at first", got)
		}
		f.until("available", func() string { return f.clusterStatus(s, "shop-orders-new") })
		want := content{rows: 15, user: "admin", password: "production-secret"}
		if got := f.rows.live[staging+"/shop-orders-new"]; got != want {
			t.Errorf("restored rows %+v, want %+v", got, want)
		}
		if n := len(f.cluster(s, "shop-orders-new").DBClusterMembers); n != 0 {
			t.Errorf("a restored cluster has %d members", n)
		}
	})
}

func TestCopyNeedsKeys(t *testing.T) {
	without := func(action string) string {
		return strings.ReplaceAll(keyForStaging, `"kms:`+action+`"`, `"kms:GetPublicKey"`)
	}
	const slr = `{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*"},
	 {"Effect":"Allow","Action":["kms:ListGrants","kms:ReEncryptFrom","kms:GenerateDataKeyWithoutPlaintext"],"Resource":"*","Condition":{"StringLike":{"kms:ViaService":"rds.*.amazonaws.com"}}},
	 {"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"},"StringLike":{"kms:ViaService":"rds.*.amazonaws.com"}}}`
	cases := []struct {
		name      string
		sourceKey string // policy
		identity  string
		want      string
	}{
		{"service-linked role's permissions are enough", keyForStaging, slr, "ok"},
		{"key policy without CreateGrant", without("CreateGrant"), slr, "KMSKeyNotAccessibleFault"},
		{"key policy without DescribeKey", without("DescribeKey"), slr, "KMSKeyNotAccessibleFault"},
		{"key policy without ReEncrypt", without("ReEncrypt*"), slr, "KMSKeyNotAccessibleFault"},
		{"key policy for backup instead of rds", strings.ReplaceAll(keyForStaging, "rds.eu-west-1", "backup.eu-west-1"), slr, "KMSKeyNotAccessibleFault"},
		{"key policy of production alone", "", slr, "KMSKeyNotAccessibleFault"},
		{"identity without KMS", keyForStaging, `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`, "KMSKeyNotAccessibleFault"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				key := f.key(prod, c.sourceKey)
				f.shop(func(spec *rds.ClusterSpec) { spec.KeyARN = key })
				p := f.client(prod)
				arn := f.backUp(p, "nightly")
				_, err := p.ModifyDBClusterSnapshotAttribute(ctx, &sdk.ModifyDBClusterSnapshotAttributeInput{
					DBClusterSnapshotIdentifier: aws.String(arn), AttributeName: aws.String("restore"), ValuesToAdd: []string{staging},
				})
				f.ok(err)
				_, err = f.client(staging, allowRDS, c.identity).CopyDBClusterSnapshot(ctx, &sdk.CopyDBClusterSnapshotInput{
					SourceDBClusterSnapshotIdentifier: aws.String(arn), TargetDBClusterSnapshotIdentifier: aws.String("copy"), KmsKeyId: aws.String(f.key(staging, "")),
				})
				if code(err) != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
				if err != nil && !strings.Contains(err.Error(), "The source snapshot KMS key ["+key+"] does not exist, is not enabled or you do not have permissions") {
					t.Errorf("words: %v", err)
				}
			})
		})
	}
}

func TestCopyRefusals(t *testing.T) {
	cases := []struct {
		name  string
		shop  func(f fixture, c *rds.ClusterSpec)
		share bool
		key   bool // give a key of staging
		want  string
	}{
		{"not shared", nil, false, false, "DBClusterSnapshotNotFoundFault"},
		{"unencrypted stays unencrypted", nil, true, false, "ok"},
		{"unencrypted with a key", nil, true, true, "InvalidParameterCombination"},
		{"encrypted without a key", func(f fixture, c *rds.ClusterSpec) { c.KeyARN = f.key(prod, keyForStaging) }, true, false, "InvalidParameterCombination"},
		{"aws/rds", func(f fixture, c *rds.ClusterSpec) { c.KeyARN = f.kms.AWSManaged(prod, "rds") }, true, true, "InvalidDBClusterSnapshotStateFault"},
		{"AWS owned key", func(_ fixture, c *rds.ClusterSpec) { c.OwnedKey = true }, true, true, "InvalidDBClusterSnapshotStateFault"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(func(spec *rds.ClusterSpec) {
					if c.shop != nil {
						c.shop(f, spec)
					}
				})
				p := f.client(prod)
				arn := f.backUp(p, "nightly")
				var err error
				if c.share {
					_, err = p.ModifyDBClusterSnapshotAttribute(ctx, &sdk.ModifyDBClusterSnapshotAttributeInput{
						DBClusterSnapshotIdentifier: aws.String("nightly"), AttributeName: aws.String("restore"), ValuesToAdd: []string{staging},
					})
				}
				in := &sdk.CopyDBClusterSnapshotInput{SourceDBClusterSnapshotIdentifier: aws.String(arn), TargetDBClusterSnapshotIdentifier: aws.String("copy")}
				if c.key {
					in.KmsKeyId = aws.String(f.key(staging, ""))
				}
				if err == nil {
					_, err = f.client(staging).CopyDBClusterSnapshot(ctx, in)
				}
				if code(err) != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		})
	}
}

func TestCopyFailsWhenItsGroundIsTakenAway(t *testing.T) {
	cases := []struct {
		name string
		take func(f fixture, key string)
		want string
	}{
		{"nothing", func(fixture, string) {}, "available"},
		{"unshared by a well-meaning robot", func(f fixture, _ string) {
			_, err := f.client(prod).ModifyDBClusterSnapshotAttribute(ctx, &sdk.ModifyDBClusterSnapshotAttributeInput{
				DBClusterSnapshotIdentifier: aws.String("nightly"), AttributeName: aws.String("restore"), ValuesToRemove: []string{staging},
			})
			f.ok(err)
		}, "failed"},
		{"source deleted", func(f fixture, _ string) {
			_, err := f.client(prod).DeleteDBClusterSnapshot(ctx, &sdk.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String("nightly")})
			f.ok(err)
		}, "failed"},
		{"key disabled", func(f fixture, key string) { f.ok(f.kms.SetState(key, "Disabled")) }, "failed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				key := f.key(prod, keyForStaging)
				f.shop(func(spec *rds.ClusterSpec) { spec.KeyARN = key })
				p, s := f.client(prod), f.client(staging)
				arn := f.backUp(p, "nightly")
				_, err := p.ModifyDBClusterSnapshotAttribute(ctx, &sdk.ModifyDBClusterSnapshotAttributeInput{
					DBClusterSnapshotIdentifier: aws.String("nightly"), AttributeName: aws.String("restore"), ValuesToAdd: []string{staging},
				})
				f.ok(err)
				_, err = s.CopyDBClusterSnapshot(ctx, &sdk.CopyDBClusterSnapshotInput{
					SourceDBClusterSnapshotIdentifier: aws.String(arn), TargetDBClusterSnapshotIdentifier: aws.String("copy"), KmsKeyId: aws.String(f.key(staging, "")),
				})
				f.ok(err)
				f.sleep(time.Minute)
				c.take(f, key)
				took := f.until(c.want, func() string { return *f.snapshot(s, "copy").Status })
				if took < 40*time.Minute || took > 50*time.Minute {
					t.Errorf("a copy of 100 GB took %s", took)
				}
			})
		})
	}
}

func TestAtMostFiveCopiesAtATime(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(nil)
		p := f.client(prod)
		f.backUp(p, "nightly")
		copyTo := func(id string) error {
			_, err := p.CopyDBClusterSnapshot(ctx, &sdk.CopyDBClusterSnapshotInput{
				SourceDBClusterSnapshotIdentifier: aws.String("nightly"), TargetDBClusterSnapshotIdentifier: aws.String(id),
			})
			return err
		}
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			f.ok(copyTo(id))
		}
		if got := code(copyTo("f")); got != "SnapshotQuotaExceeded" {
			t.Errorf("sixth copy: %s", got)
		}
		f.sleep(2 * time.Hour)
		f.ok(copyTo("f"))
	})
}

func TestRestoreForgetsWhatItIsNotTold(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.PutSecurityGroup(staging, rds.SecurityGroup{ID: "sg-app", VPC: "vpc-2"})
		f.PutParameterGroup(staging, rds.ParameterGroup{Name: "staging-mysql8", Family: "aurora-mysql8.0"})
		f.shop(func(c *rds.ClusterSpec) {
			c.EngineVersion = "8.0.mysql_aurora.3.04.4"
			c.Serverless = rds.Scaling{Min: 0.5, Max: 8}
			c.LogExports, c.BacktrackSeconds, c.IAMAuthentication = []string{"error", "slowquery"}, 3600, true
			c.DeletionProtection, c.CopyTagsToSnapshot, c.BackupRetentionDays, c.Port = true, true, 14, 3307
			c.Roles = []rds.Role{{ARN: "arn:aws:iam::111111111111:role/load", Feature: "s3Import"}}
		})
		p, s := f.client(prod), f.client(staging)
		from := f.ferry(f.backUp(p, "nightly"))
		f.ok(f.restore(s, from, "bare", nil))
		bare := f.cluster(s, "bare")
		got := map[string]any{
			"version": *bare.EngineVersion, "port": *bare.Port, "group": *bare.DBClusterParameterGroup, "protected": *bare.DeletionProtection,
			"iam": *bare.IAMDatabaseAuthenticationEnabled, "logs": len(bare.EnabledCloudwatchLogsExports), "serverless": bare.ServerlessV2ScalingConfiguration != nil,
			"roles": len(bare.AssociatedRoles), "retention": *bare.BackupRetentionPeriod, "tags": len(bare.TagList), "encrypted": *bare.StorageEncrypted,
			"groups": len(bare.VpcSecurityGroups), "user": *bare.MasterUsername,
		}
		want := map[string]any{
			"version": "8.0.mysql_aurora.3.08.2", "port": int32(3307), "group": "default.aurora-mysql8.0", "protected": false, "iam": false,
			"logs": 0, "serverless": false, "roles": 0, "retention": int32(1), "tags": 0, "encrypted": false, "groups": 1, "user": "admin",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("bare restore (-want +got):\n%s", diff)
		}
		f.ok(f.restore(s, from, "told", func(in *sdk.RestoreDBClusterFromSnapshotInput) {
			in.EngineVersion, in.DBClusterParameterGroupName = aws.String("8.0.mysql_aurora.3.04.4"), aws.String("staging-mysql8")
			in.VpcSecurityGroupIds, in.EnableCloudwatchLogsExports = []string{"sg-app"}, []string{"error"}
			in.KmsKeyId, in.Port = aws.String(f.key(staging, "")), aws.Int32(3306)
			in.Tags = []types.Tag{{Key: aws.String("dbferry:owner"), Value: aws.String("dbferry")}}
		}))
		told := f.cluster(s, "told")
		if *told.EngineVersion != "8.0.mysql_aurora.3.04.4" || *told.DBClusterParameterGroup != "staging-mysql8" || *told.VpcSecurityGroups[0].VpcSecurityGroupId != "sg-app" ||
			!*told.StorageEncrypted || *told.Port != 3306 || tags(told.TagList)["dbferry:owner"] != "dbferry" {
			t.Errorf("told restore: %+v", told)
		}
	})
}

func TestTagsOfTheSnapshotComeAlong(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(func(c *rds.ClusterSpec) { c.CopyTagsToSnapshot = true })
		p := f.client(prod)
		f.backUp(p, "nightly")
		f.ok(f.restore(p, "nightly", "clone", nil))
		if diff := cmp.Diff(map[string]string{"owner": "shop"}, tags(f.cluster(p, "clone").TagList)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRestoreRefusals(t *testing.T) {
	cases := []struct {
		name   string
		change func(f fixture, in *sdk.RestoreDBClusterFromSnapshotInput)
		want   string
	}{
		{"fine", func(fixture, *sdk.RestoreDBClusterFromSnapshotInput) {}, "ok"},
		{"name taken", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) {
			in.DBClusterIdentifier = aws.String("Shop-Orders")
		}, "DBClusterAlreadyExistsFault"},
		{"bad name", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) {
			in.DBClusterIdentifier = aws.String("a--b")
		}, "InvalidParameterValue"},
		{"64 characters", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) {
			in.DBClusterIdentifier = aws.String(strings.Repeat("a", 64))
		}, "InvalidParameterValue"},
		{"no snapshot", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) { in.SnapshotIdentifier = aws.String("none") }, "DBClusterSnapshotNotFoundFault"},
		{"other engine", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) {
			in.Engine = aws.String("aurora-postgresql")
		}, "InvalidParameterCombination"},
		{"older version", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) {
			in.EngineVersion = aws.String("8.0.mysql_aurora.3.04.4")
		}, "InvalidParameterCombination"},
		{"unknown version", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) { in.EngineVersion = aws.String("9.9") }, "InvalidParameterCombination"},
		{"no subnet group named, no default one", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) { in.DBSubnetGroupName = nil }, "DBSubnetGroupNotFoundFault"},
		{"subnet group of nowhere", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) { in.DBSubnetGroupName = aws.String("x") }, "DBSubnetGroupNotFoundFault"},
		{"security group of another VPC", func(f fixture, in *sdk.RestoreDBClusterFromSnapshotInput) {
			f.PutSecurityGroup(prod, rds.SecurityGroup{ID: "sg-far", VPC: "vpc-9"})
			in.VpcSecurityGroupIds = []string{"sg-far"}
		}, "InvalidVPCNetworkStateFault"},
		{"security group of nowhere", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) {
			in.VpcSecurityGroupIds = []string{"sg-none"}
		}, "InvalidParameterValue"},
		{"parameter group of nowhere", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) {
			in.DBClusterParameterGroupName = aws.String("none")
		}, "DBParameterGroupNotFound"},
		{"parameter group of another family", func(f fixture, in *sdk.RestoreDBClusterFromSnapshotInput) {
			f.PutParameterGroup(prod, rds.ParameterGroup{Name: "old", Family: "aurora-mysql5.7"})
			in.DBClusterParameterGroupName = aws.String("old")
		}, "InvalidParameterCombination"},
		{"key of nowhere", func(_ fixture, in *sdk.RestoreDBClusterFromSnapshotInput) { in.KmsKeyId = aws.String("alias/none") }, "KMSKeyNotAccessibleFault"},
		{"cluster quota", func(f fixture, _ *sdk.RestoreDBClusterFromSnapshotInput) { f.SetQuota(prod, rds.QuotaClusters, 1) }, "DBClusterQuotaExceededFault"},
		{"account without RDS's service-linked role", func(f fixture, _ *sdk.RestoreDBClusterFromSnapshotInput) {
			f.w.Account(prod).DeleteRole("arn:aws:iam::" + prod + ":role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS")
		}, "InvalidParameterValue"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(nil)
				p := f.client(prod)
				f.backUp(p, "nightly")
				err := f.restore(p, "nightly", "clone", func(in *sdk.RestoreDBClusterFromSnapshotInput) { c.change(f, in) })
				if code(err) != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		})
	}
}

func TestFirstRestoreMakesTheServiceLinkedRole(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(nil)
		f.backUp(f.client(prod), "nightly")
		f.w.Account(prod).DeleteRole("arn:aws:iam::" + prod + ":role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS")
		f.ok(f.restore(f.client(prod, allowRDS, allowSLR), "nightly", "clone", nil))
		if _, err := f.w.ServiceLinked(prod, "rds.amazonaws.com"); err != nil {
			t.Error(err)
		}
	})
}

func TestImagesLiveAsLongAsASnapshotHoldsThem(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(nil)
		p, s := f.client(prod), f.client(staging)
		from := f.ferry(f.backUp(p, "nightly"))
		drop := func(c *sdk.Client, id string) {
			_, err := c.DeleteDBClusterSnapshot(ctx, &sdk.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String(id)})
			f.ok(err)
		}
		drop(p, "nightly")
		if len(f.rows.deleted) != 0 {
			t.Errorf("deleted %v while the copy holds it", f.rows.deleted)
		}
		f.ok(f.restore(s, from, "clone", nil))
		drop(s, from)
		f.until("available", func() string { return f.clusterStatus(s, "clone") })
		if diff := cmp.Diff([]string{"image-1"}, f.rows.deleted); diff != "" {
			t.Error(diff)
		}
	})
}
