package rds_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

func TestDescribeShowsEverySetting(t *testing.T) {
	inWorld(t, func(f fixture) {
		key := f.key(prod, "")
		f.shop(func(c *rds.ClusterSpec) {
			c.KeyARN, c.Serverless = key, rds.Scaling{Min: 0, Max: 16, AutoPause: 600}
			c.LogExports, c.BacktrackSeconds, c.IAMAuthentication = []string{"error"}, 3600, true
			c.Roles = []rds.Role{{ARN: "arn:aws:iam::111111111111:role/load", Feature: "s3Import"}}
			c.DatabaseName, c.StorageType = "shop", "aurora-iopt1"
		})
		f.ok(f.PutInstance(prod, rds.InstanceSpec{
			ID: "shop-orders-2", Cluster: "shop-orders", Class: "db.serverless", MonitoringInterval: 60,
			MonitoringRoleARN: "arn:aws:iam::111111111111:role/monitoring", PerformanceInsights: true, InsightsDays: 31,
		}))
		c := f.client(prod)
		got := f.cluster(c, "shop-orders")
		if !strings.HasPrefix(*got.DbClusterResourceId, "cluster-") || len(*got.DbClusterResourceId) != len("cluster-")+26 {
			t.Errorf("resource id %s", *got.DbClusterResourceId)
		}
		if !strings.HasPrefix(*got.Endpoint, "shop-orders.cluster-c") || !strings.HasSuffix(*got.Endpoint, ".eu-west-1.rds.amazonaws.com") {
			t.Errorf("endpoint %s", *got.Endpoint)
		}
		want := map[string]any{
			"key": key, "encryption": types.StorageEncryptionTypeCmk, "max": 16.0, "pause": int32(600), "logs": []string{"error"},
			"role": "arn:aws:iam::111111111111:role/load", "backtrack": int64(3600), "db": "shop", "storage": "aurora-iopt1", "writer": "shop-orders-1", "multi": true,
		}
		have := map[string]any{
			"key": *got.KmsKeyId, "encryption": got.StorageEncryptionType, "max": *got.ServerlessV2ScalingConfiguration.MaxCapacity,
			"pause": *got.ServerlessV2ScalingConfiguration.SecondsUntilAutoPause, "logs": got.EnabledCloudwatchLogsExports,
			"role": *got.AssociatedRoles[0].RoleArn, "backtrack": *got.BacktrackWindow, "db": *got.DatabaseName, "storage": *got.StorageType, "multi": *got.MultiAZ,
		}
		for _, m := range got.DBClusterMembers {
			if *m.IsClusterWriter {
				have["writer"] = *m.DBInstanceIdentifier
			}
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Error(diff)
		}
		out, err := c.DescribeDBInstances(ctx, &sdk.DescribeDBInstancesInput{Filters: []types.Filter{{Name: aws.String("db-cluster-id"), Values: []string{*got.DBClusterArn}}}})
		f.ok(err)
		if len(out.DBInstances) != 2 || *out.DBInstances[1].MonitoringInterval != 60 || !*out.DBInstances[1].PerformanceInsightsEnabled || *out.DBInstances[1].DBSubnetGroup.VpcId != "vpc-1" {
			t.Errorf("instances %+v", out.DBInstances)
		}
		if n, ok := f.VolumeBytes(prod, "shop-orders"); !ok || n != 100*gigabyte {
			t.Errorf("VolumeBytes %d %v", n, ok)
		}
	})
}

func TestAnswersAreNotTheState(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(func(c *rds.ClusterSpec) { c.LogExports = []string{"error"} })
		c := f.client(prod)
		got := f.cluster(c, "shop-orders")
		got.EnabledCloudwatchLogsExports[0], got.AvailabilityZones[0], *got.VpcSecurityGroups[0].VpcSecurityGroupId = "spoilt", "spoilt", "spoilt"
		if diff := fmt.Sprintf("%+v", f.cluster(c, "shop-orders")); strings.Contains(diff, "spoilt") {
			t.Error("an answer shares memory with the world")
		}
	})
}

func TestPages(t *testing.T) {
	inWorld(t, func(f fixture) {
		for i := range 45 {
			f.ok(f.PutCluster(prod, rds.ClusterSpec{ID: fmt.Sprintf("c%02d", i), Engine: rds.AuroraPostgreSQL, SubnetGroup: "databases"}))
		}
		c := f.client(prod)
		var ids []string
		pages := 0
		for p := sdk.NewDescribeDBClustersPaginator(c, &sdk.DescribeDBClustersInput{MaxRecords: aws.Int32(20)}); p.HasMorePages(); pages++ {
			out, err := p.NextPage(ctx)
			f.ok(err)
			for _, cl := range out.DBClusters {
				ids = append(ids, *cl.DBClusterIdentifier)
			}
		}
		if pages != 3 || len(ids) != 45 || ids[0] != "c00" || ids[44] != "c44" {
			t.Errorf("%d pages, %d ids", pages, len(ids))
		}
		for _, n := range []int32{19, 101} {
			if _, err := c.DescribeDBClusters(ctx, &sdk.DescribeDBClustersInput{MaxRecords: aws.Int32(n)}); code(err) != "InvalidParameterValue" {
				t.Errorf("MaxRecords %d: %v", n, err)
			}
		}
	})
}

func TestPermissions(t *testing.T) {
	only := func(actions, resource string) string {
		return `{"Effect":"Allow","Action":[` + actions + `],"Resource":"` + resource + `"}`
	}
	describeOne := func(c *sdk.Client) error {
		_, err := c.DescribeDBClusters(ctx, &sdk.DescribeDBClustersInput{DBClusterIdentifier: aws.String("shop-orders")})
		return err
	}
	describeAll := func(c *sdk.Client) error {
		_, err := c.DescribeDBClusters(ctx, &sdk.DescribeDBClustersInput{})
		return err
	}
	modify := func(c *sdk.Client) error {
		_, err := c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), DeletionProtection: aws.Bool(true)})
		return err
	}
	tagged := func(c *sdk.Client) error {
		_, err := c.CreateDBClusterSnapshot(ctx, &sdk.CreateDBClusterSnapshotInput{
			DBClusterIdentifier: aws.String("shop-orders"), DBClusterSnapshotIdentifier: aws.String("s"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
		})
		return err
	}
	one := "arn:aws:rds:eu-west-1:111111111111:cluster:shop-orders"
	cases := []struct {
		name   string
		policy string
		call   func(*sdk.Client) error
		want   string
	}{
		{"one cluster", only(`"rds:DescribeDBClusters"`, one), describeOne, "ok"},
		{"all clusters with the permission for one", only(`"rds:DescribeDBClusters"`, one), describeAll, "AccessDenied"},
		{"no permission", only(`"rds:DescribeDBInstances"`, "*"), describeOne, "AccessDenied"},
		{"tag condition met", `{"Effect":"Allow","Action":"rds:ModifyDBCluster","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"shop"}}}`, modify, "ok"},
		{"RDS's own tag key", `{"Effect":"Allow","Action":"rds:ModifyDBCluster","Resource":"*","Condition":{"StringEquals":{"rds:cluster-tag/owner":"shop"}}}`, modify, "ok"},
		{"tag condition not met", `{"Effect":"Allow","Action":"rds:ModifyDBCluster","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"other"}}}`, modify, "AccessDenied"},
		{"tags need AddTagsToResource", only(`"rds:CreateDBClusterSnapshot"`, "*"), tagged, "AccessDenied"},
		{"with AddTagsToResource", only(`"rds:CreateDBClusterSnapshot","rds:AddTagsToResource"`, "*"), tagged, "ok"},
		{"request tag not allowed", `{"Effect":"Allow","Action":["rds:CreateDBClusterSnapshot","rds:AddTagsToResource"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/k":"w"}}}`, tagged, "AccessDenied"},
		{"snapshot needs both resources", only(`"rds:CreateDBClusterSnapshot","rds:AddTagsToResource"`, "arn:aws:rds:*:*:cluster-snapshot:*"), tagged, "AccessDenied"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(nil)
				if err := c.call(f.client(prod, c.policy)); code(err) != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		})
	}
}

func TestModifyClusterSettles(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.PutSecurityGroup(prod, rds.SecurityGroup{ID: "sg-new", VPC: "vpc-1"})
		f.shop(nil)
		c := f.client(prod)
		_, err := c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{
			DBClusterIdentifier: aws.String("shop-orders"), ApplyImmediately: aws.Bool(true), VpcSecurityGroupIds: []string{"sg-new"},
			ServerlessV2ScalingConfiguration:  &types.ServerlessV2ScalingConfiguration{MinCapacity: aws.Float64(1), MaxCapacity: aws.Float64(4)},
			CloudwatchLogsExportConfiguration: &types.CloudwatchLogsExportConfiguration{EnableLogTypes: []string{"error", "audit"}},
			EnableIAMDatabaseAuthentication:   aws.Bool(true), BackupRetentionPeriod: aws.Int32(7), DeletionProtection: aws.Bool(true), CopyTagsToSnapshot: aws.Bool(true),
		})
		f.ok(err)
		at := f.cluster(c, "shop-orders")
		if *at.Status != "available" || *at.VpcSecurityGroups[0].Status != "adding" || at.PendingModifiedValues == nil || !*at.DeletionProtection || *at.IAMDatabaseAuthenticationEnabled {
			t.Errorf("right after the call: %+v", at)
		}
		f.until("modifying", func() string { return f.clusterStatus(c, "shop-orders") })
		_, err = c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), DeletionProtection: aws.Bool(false)})
		if code(err) != "InvalidDBClusterStateFault" {
			t.Errorf("while modifying: %v", err)
		}
		f.until("available", func() string { return f.clusterStatus(c, "shop-orders") })
		end := f.cluster(c, "shop-orders")
		if *end.VpcSecurityGroups[0].Status != "active" || end.PendingModifiedValues != nil || !*end.IAMDatabaseAuthenticationEnabled ||
			cmp.Diff([]string{"audit", "error"}, end.EnabledCloudwatchLogsExports) != "" || *end.ServerlessV2ScalingConfiguration.MaxCapacity != 4 {
			t.Errorf("at the end: %+v", end)
		}
		var phases []string
		for _, w := range f.w.Waits.All() {
			phases = append(phases, w.Phase)
			if w.Item != "shop-orders" || w.Noticed.IsZero() || w.Noticed.Before(w.Finished) {
				t.Errorf("wait %+v", w)
			}
		}
		if diff := cmp.Diff([]string{"settings"}, phases); diff != "" {
			t.Error(diff)
		}
	})
}

func TestModifyWithoutEffectDoesNotBegin(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(nil)
		c := f.client(prod)
		_, err := c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), BackupRetentionPeriod: aws.Int32(1)})
		f.ok(err)
		if n := len(f.w.Waits.All()); n != 0 {
			t.Errorf("%d waits", n)
		}
		_, err = c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), EngineVersion: aws.String("9")})
		if err == nil || !strings.Contains(err.Error(), "does not simulate RDS.ModifyDBCluster with EngineVersion") {
			t.Errorf("a field that is not simulated: %v", err)
		}
	})
}

func TestModifyRefusals(t *testing.T) {
	cases := []struct {
		name string
		in   sdk.ModifyDBClusterInput
		want string
	}{
		{"short password", sdk.ModifyDBClusterInput{MasterUserPassword: aws.String("1234567")}, "InvalidParameterValue"},
		{"long password", sdk.ModifyDBClusterInput{MasterUserPassword: aws.String(strings.Repeat("x", 42))}, "InvalidParameterValue"},
		{"slash in the password", sdk.ModifyDBClusterInput{MasterUserPassword: aws.String("12345678/")}, "InvalidParameterValue"},
		{"quote in the password", sdk.ModifyDBClusterInput{MasterUserPassword: aws.String(`12345678"`)}, "InvalidParameterValue"},
		{"at in the password", sdk.ModifyDBClusterInput{MasterUserPassword: aws.String("12345678@")}, "InvalidParameterValue"},
		{"umlaut in the password", sdk.ModifyDBClusterInput{MasterUserPassword: aws.String("12345678ä")}, "InvalidParameterValue"},
		{"41 characters", sdk.ModifyDBClusterInput{MasterUserPassword: aws.String(strings.Repeat("x", 41))}, "ok"},
		{"retention 0", sdk.ModifyDBClusterInput{BackupRetentionPeriod: aws.Int32(0)}, "InvalidParameterValue"},
		{"retention 36", sdk.ModifyDBClusterInput{BackupRetentionPeriod: aws.Int32(36)}, "InvalidParameterValue"},
		{"postgres log", sdk.ModifyDBClusterInput{CloudwatchLogsExportConfiguration: &types.CloudwatchLogsExportConfiguration{EnableLogTypes: []string{"postgresql"}}}, "InvalidParameterCombination"},
		{"scaling upside down", sdk.ModifyDBClusterInput{ServerlessV2ScalingConfiguration: &types.ServerlessV2ScalingConfiguration{MinCapacity: aws.Float64(4), MaxCapacity: aws.Float64(2)}}, "InvalidParameterValue"},
		{"scaling in quarters", sdk.ModifyDBClusterInput{ServerlessV2ScalingConfiguration: &types.ServerlessV2ScalingConfiguration{MinCapacity: aws.Float64(0.25), MaxCapacity: aws.Float64(2)}}, "InvalidParameterValue"},
		{"auto pause above zero", sdk.ModifyDBClusterInput{ServerlessV2ScalingConfiguration: &types.ServerlessV2ScalingConfiguration{MinCapacity: aws.Float64(1), MaxCapacity: aws.Float64(2), SecondsUntilAutoPause: aws.Int32(300)}}, "InvalidParameterCombination"},
		{"group of nowhere", sdk.ModifyDBClusterInput{VpcSecurityGroupIds: []string{"sg-none"}}, "InvalidParameterValue"},
		{"parameter group of nowhere", sdk.ModifyDBClusterInput{DBClusterParameterGroupName: aws.String("none")}, "DBParameterGroupNotFound"},
		{"no such cluster", sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("none")}, "DBClusterNotFoundFault"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(nil)
				in := c.in
				if in.DBClusterIdentifier == nil {
					in.DBClusterIdentifier = aws.String("shop-orders")
				}
				if _, err := f.client(prod).ModifyDBCluster(ctx, &in); code(err) != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		})
	}
}

func TestPasswordResetTakesItsTime(t *testing.T) {
	inWorld(t, func(f fixture) {
		var events []string
		f.Emit = func(_, _, _ string, _ []string, detail map[string]any) {
			events = append(events, detail["EventID"].(string))
		}
		f.shop(nil)
		c, db := f.client(prod), prod+"/shop-orders"
		_, err := c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), MasterUserPassword: aws.String("new-secret")})
		f.ok(err)
		now := f.cluster(c, "shop-orders")
		if *now.Status != "available" || now.PendingModifiedValues == nil || *now.PendingModifiedValues.MasterUserPassword != "****" {
			t.Errorf("right after the call: %s %+v", *now.Status, now.PendingModifiedValues)
		}
		f.until("resetting-master-credentials", func() string { return f.clusterStatus(c, "shop-orders") })
		if got := f.rows.live[db].password; got != "production-secret" {
			t.Errorf("password changed early: %s", got)
		}
		f.until("available", func() string { return f.clusterStatus(c, "shop-orders") })
		if got := f.rows.live[db].password; got != "new-secret" {
			t.Errorf("password is %s", got)
		}
		if diff := cmp.Diff([]string{"RDS-EVENT-0016"}, events); diff != "" {
			t.Error(diff)
		}
		if w := f.w.Waits.All(); len(w) != 1 || w[0].Phase != "password" || w[0].Noticed.IsZero() {
			t.Errorf("waits %+v", w)
		}
	})
}

func TestPasswordWaitsForAWriter(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(nil)
		p := f.client(prod)
		f.backUp(p, "nightly")
		f.ok(f.restore(p, "nightly", "clone", nil))
		f.until("available", func() string { return f.clusterStatus(p, "clone") })
		_, err := p.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("clone"), MasterUserPassword: aws.String("new-secret")})
		f.ok(err)
		f.sleep(time.Hour)
		if got := f.rows.live[prod+"/clone"].password; got != "production-secret" {
			t.Errorf("without an instance the password became %s", got)
		}
		f.addWriter(p, "clone")
		f.sleep(5 * time.Minute)
		if got := f.rows.live[prod+"/clone"].password; got != "new-secret" {
			t.Errorf("with an instance the password is %s", got)
		}
	})
}

func TestBusyClusterRefuses(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(nil)
		c := f.client(prod)
		f.Busy(prod, "shop-orders", "upgrading", 10*time.Minute)
		_, err := c.CreateDBClusterSnapshot(ctx, &sdk.CreateDBClusterSnapshotInput{DBClusterIdentifier: aws.String("shop-orders"), DBClusterSnapshotIdentifier: aws.String("s")})
		if code(err) != "InvalidDBClusterStateFault" {
			t.Errorf("snapshot: %v", err)
		}
		f.sleep(11 * time.Minute)
		f.backUp(c, "s")
	})
}

func TestSecretsStayInside(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(nil)
		f.w.Secrets.Search("answer", fmt.Sprintf("%+v", f.cluster(f.client(prod), "shop-orders")))
		if len(f.w.Secrets.Leaks()) != 0 {
			t.Error("the master password is in an answer")
		}
		f.w.Secrets.Search("log", "production-secret")
		if len(f.w.Secrets.Leaks()) != 1 {
			t.Error("the master password is not known as a secret")
		}
	})
}

func TestEveryOperationNamesItsSource(t *testing.T) {
	inWorld(t, func(f fixture) {
		n := 0
		for _, op := range f.w.Ops() {
			if op.Service == "RDS" {
				n++
				if !strings.HasPrefix(op.Source, "https://docs.aws.amazon.com/") {
					t.Errorf("%s: %s", op.Name, op.Source)
				}
			}
		}
		if n < 20 {
			t.Errorf("%d operations", n)
		}
	})
}
