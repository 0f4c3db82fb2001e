package rds_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

func TestParametersOfGroups(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		c := f.client(prod)
		read := func(source string) map[string]types.Parameter {
			in := &sdk.DescribeDBClusterParametersInput{DBClusterParameterGroupName: aws.String("shop-80")}
			if source != "" {
				in.Source = aws.String(source)
			}
			out, err := c.DescribeDBClusterParameters(ctx, in)
			f.ok(err)
			all := map[string]types.Parameter{}
			for _, p := range out.Parameters {
				all[*p.ParameterName] = p
			}
			return all
		}
		all := read("")
		if *all["binlog_format"].ParameterValue != "ROW" || *all["binlog_format"].Source != "user" || *all["binlog_format"].ApplyType != "static" {
			t.Errorf("binlog_format %+v", all["binlog_format"])
		}
		if *all["time_zone"].ParameterValue != "UTC" || *all["time_zone"].Source != "engine-default" || all["time_zone"].ApplyMethod != types.ApplyMethodImmediate {
			t.Errorf("time_zone %+v", all["time_zone"])
		}
		if own := read("user"); len(own) != 1 {
			t.Errorf("set by the user: %v", own)
		}
		out, err := c.DescribeDBClusterParameters(ctx, &sdk.DescribeDBClusterParametersInput{DBClusterParameterGroupName: aws.String("default.aurora-mysql8.0")})
		f.ok(err)
		if i := slices.IndexFunc(out.Parameters, func(p types.Parameter) bool { return *p.ParameterName == "binlog_format" }); *out.Parameters[i].ParameterValue != "OFF" {
			t.Error("the default group has a binary log")
		}
		single, err := c.DescribeDBParameters(ctx, &sdk.DescribeDBParametersInput{DBParameterGroupName: aws.String("shop-84-instance")})
		f.ok(err)
		if len(single.Parameters) == 0 {
			t.Error("no instance parameters")
		}
		_, err = c.DescribeDBClusterParameters(ctx, &sdk.DescribeDBClusterParametersInput{DBClusterParameterGroupName: aws.String("nowhere")})
		if code(err) != "DBParameterGroupNotFound" {
			t.Error(err)
		}
		if f.SetParameter(prod, "shop-80", "no_such_parameter", "1") == nil || f.SetParameter(prod, "nowhere", "read_only", "1") == nil {
			t.Error("a wrong parameter or group was accepted")
		}
	})
}

func TestStaticParametersWaitForAReboot(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		c := f.client(prod)
		writer := func() string { return *f.cluster(c, "shop-orders").DBClusterMembers[0].DBClusterParameterGroupStatus }
		f.ok(f.SetParameter(prod, "shop-80", "time_zone", "Europe/Berlin"))
		if got := writer(); got != "in-sync" {
			t.Errorf("after a dynamic change: %s", got)
		}
		f.ok(f.SetParameter(prod, "shop-80", "read_only", "1"))
		if got := writer(); got != "pending-reboot" {
			t.Errorf("after a static change: %s", got)
		}
		if f.rows.access[prod+"/shop-orders"] != rds.ReadWrite {
			t.Error("read_only took effect without a reboot")
		}
		_, err := c.RebootDBInstance(ctx, &sdk.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("shop-orders-1")})
		f.ok(err)
		f.sleep(2 * time.Minute)
		if got := writer(); got != "in-sync" || f.rows.access[prod+"/shop-orders"] != rds.ReadOnly || !slices.Contains(f.rows.cut, prod+"/shop-orders") {
			t.Errorf("after the reboot: %s, access %v, cut off %v", got, f.rows.access, f.rows.cut)
		}
		_, err = c.ModifyDBInstance(ctx, &sdk.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("shop-orders-2"), DBInstanceClass: aws.String("db.r7g.large"), ApplyImmediately: aws.Bool(true)})
		f.ok(err)
		if got := f.instanceStatus(c, "shop-orders-2"); got != "rebooting" {
			t.Errorf("a new class: %s", got)
		}
	})
}

func TestRenaming(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		c := f.client(prod)
		rename := func(to string, now bool) error {
			_, err := c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), NewDBClusterIdentifier: aws.String(to), ApplyImmediately: aws.Bool(now)})
			return err
		}
		if err := rename("shop-later", false); code(err) != "InvalidParameterCombination" {
			t.Error(err)
		}
		if err := rename("9wrong", true); code(err) != "InvalidParameterValue" {
			t.Error(err)
		}
		host, id := *f.cluster(c, "shop-orders").Endpoint, *f.cluster(c, "shop-orders").DbClusterResourceId
		f.ok(rename("shop-failed", true))
		_, err := c.ModifyDBInstance(ctx, &sdk.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("shop-orders-1"), NewDBInstanceIdentifier: aws.String("shop-failed-1"), ApplyImmediately: aws.Bool(true)})
		f.ok(err)
		now := f.cluster(c, "shop-failed")
		if *now.DbClusterResourceId != id || *now.DBClusterMembers[0].DBInstanceIdentifier != "shop-failed-1" || !*now.DBClusterMembers[0].IsClusterWriter {
			t.Errorf("renamed: %s %s", *now.DbClusterResourceId, *now.DBClusterMembers[0].DBInstanceIdentifier)
		}
		if _, ok := f.rows.live[prod+"/shop-failed"]; !ok {
			t.Error("the rows did not come along")
		}
		if all := f.messages(c, "db-cluster", "shop-failed"); all[len(all)-1] != "Renamed cluster from shop-orders to shop-failed." {
			t.Errorf("events %q", all)
		}
		place := rds.NetworkPlace{Account: prod, VPC: "vpc-1", SecurityGroups: []string{*now.VpcSecurityGroups[0].VpcSecurityGroupId}}
		if at, err := f.Dial(ctx, place, host, 3306); err != nil || !strings.HasSuffix(at, "shop-failed") {
			t.Errorf("the old name, just after: %s, %v", at, err)
		}
		f.sleep(time.Minute)
		if _, err := f.Dial(ctx, place, host, 3306); err == nil {
			t.Error("the old name still resolves")
		}
	})
}

func TestEventsHaveAWindow(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		c := f.client(prod)
		_, err := c.RebootDBInstance(ctx, &sdk.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("shop-orders-1")})
		f.ok(err)
		f.sleep(2 * time.Hour)
		count := func(in *sdk.DescribeEventsInput) int {
			out, err := c.DescribeEvents(ctx, in)
			f.ok(err)
			return len(out.Events)
		}
		if n := count(&sdk.DescribeEventsInput{}); n != 0 {
			t.Errorf("%d events of the last hour", n)
		}
		if n := count(&sdk.DescribeEventsInput{Duration: aws.Int32(180), SourceType: "db-instance", EventCategories: []string{"availability"}}); n != 1 {
			t.Errorf("%d events of the last three hours", n)
		}
		if n := count(&sdk.DescribeEventsInput{Duration: aws.Int32(180), EventCategories: []string{"failure"}}); n != 0 {
			t.Errorf("%d failures", n)
		}
		_, err = c.DescribeEvents(ctx, &sdk.DescribeEventsInput{SourceIdentifier: aws.String("shop-orders-1")})
		if code(err) != "InvalidParameterCombination" {
			t.Errorf("an identifier without a type: %v", err)
		}
		f.sleep(15 * 24 * time.Hour)
		if n := count(&sdk.DescribeEventsInput{StartTime: aws.Time(f.w.Start())}); n != 0 {
			t.Errorf("%d events older than two weeks", n)
		}
	})
}

func TestUpgradeTargetsAndMaintenance(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		f.PutMaintenance(prod, rds.Maintenance{Resource: f.blueARN(), Action: "system-update", Description: "New version"})
		c := f.client(prod)
		out, err := c.DescribeDBEngineVersions(ctx, &sdk.DescribeDBEngineVersionsInput{Engine: aws.String(rds.AuroraMySQL), EngineVersion: aws.String(oldVersion)})
		f.ok(err)
		targets := map[string]bool{}
		for _, u := range out.DBEngineVersions[0].ValidUpgradeTarget {
			targets[*u.EngineVersion] = *u.IsMajorVersionUpgrade
		}
		if major, ok := targets[newVersion]; !ok || !major {
			t.Errorf("targets of %s: %v", oldVersion, targets)
		}
		if _, ok := targets["8.0.mysql_aurora.3.04.4"]; ok {
			t.Errorf("an older version is a target: %v", targets)
		}
		pending, err := c.DescribePendingMaintenanceActions(ctx, &sdk.DescribePendingMaintenanceActionsInput{Filters: []types.Filter{{Name: aws.String("db-cluster-id"), Values: []string{f.blueARN()}}}})
		f.ok(err)
		if len(pending.PendingMaintenanceActions) != 1 || *pending.PendingMaintenanceActions[0].PendingMaintenanceActionDetails[0].Action != "system-update" {
			t.Errorf("pending %+v", pending.PendingMaintenanceActions)
		}
	})
}

func TestManagedPasswordCanBeLeft(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(func(c *rds.ClusterSpec) {
			c.ManagedSecretARN = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:rds!cluster-x"
		})
		c := f.client(prod)
		if f.cluster(c, "shop-orders").MasterUserSecret == nil {
			t.Fatal("no managed secret is shown")
		}
		leave := func(password *string) error {
			_, err := c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), ManageMasterUserPassword: aws.Bool(false),
				MasterUserPassword: password, ApplyImmediately: aws.Bool(true)})
			return err
		}
		if err := leave(nil); code(err) != "InvalidParameterCombination" {
			t.Errorf("without a password: %v", err)
		}
		f.ok(leave(aws.String("an-own-password")))
		f.sleep(5 * time.Minute)
		if f.cluster(c, "shop-orders").MasterUserSecret != nil || f.rows.live[prod+"/shop-orders"].password != "an-own-password" {
			t.Error("the secret is still managed, or the password did not change")
		}
	})
}
