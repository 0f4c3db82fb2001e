package rds_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

func TestMembersThatAreNotReadyOrMissing(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		f.ok(f.PutTrouble(prod, "shop-orders", rds.Trouble{LateMember: 10 * time.Minute}))
		c := f.client(prod)
		made, err := f.create(c, nil)
		f.ok(err)
		id := made.BlueGreenDeploymentIdentifier
		f.until("AVAILABLE", func() string { return *f.deployment(c, id).Status })
		err = f.switchOver(c, id, 300)
		if code(err) != "InvalidBlueGreenDeploymentStateFault" || !strings.Contains(err.Error(), "is not in available state") {
			t.Errorf("switched over with a member that is not available: %v", err)
		}
		f.sleep(11 * time.Minute)
		reader := short(f.deployment(c, id).SwitchoverDetails[2].TargetMember)
		_, err = c.DeleteDBInstance(ctx, &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String(reader)})
		f.ok(err)
		f.sleep(10 * time.Minute)
		if got := *f.deployment(c, id).SwitchoverDetails[2].Status; got != "MISSING_TARGET" {
			t.Errorf("a deleted green member reads %s", got)
		}
		if err := f.switchOver(c, id, 300); code(err) != "InvalidBlueGreenDeploymentStateFault" {
			t.Errorf("switched over without a member: %v", err)
		}
	})
}

func TestCreationFailsOrWaits(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		f.ok(f.PutTrouble(prod, "shop-orders", rds.Trouble{CreateFails: "of an internal error"}))
		c := f.client(prod)
		made, err := f.create(c, nil)
		f.ok(err)
		id := made.BlueGreenDeploymentIdentifier
		f.until("INVALID_CONFIGURATION", func() string { return *f.deployment(c, id).Status })
		if all := f.messages(c, "blue-green-deployment", *id); len(all) != 1 || all[0] != "Creation of blue/green deployment failed because of an internal error." {
			t.Errorf("events %q", all)
		}
		if err := f.switchOver(c, id, 300); code(err) != "InvalidBlueGreenDeploymentStateFault" {
			t.Error(err)
		}
		_, err = c.DeleteBlueGreenDeployment(ctx, &sdk.DeleteBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: id, DeleteTarget: aws.Bool(true)})
		f.ok(err)
		f.sleep(5 * time.Minute)

		f.ok(f.PutTrouble(prod, "shop-orders", rds.Trouble{}))
		f.rows.work[prod+"/shop-orders"] = rds.OpenWork{Writing: 1}
		made, err = f.create(c, nil)
		f.ok(err)
		f.sleep(2 * time.Hour)
		if got := *f.deployment(c, made.BlueGreenDeploymentIdentifier).Tasks[0].Status; got != "IN_PROGRESS" {
			t.Errorf("with an open transaction on blue the first task is %s", got)
		}
		all := f.messages(c, "db-cluster", "shop-orders")
		if !strings.Contains(all[len(all)-1], "can't configure the DB cluster shop-orders as a replication source") {
			t.Errorf("events of the cluster: %q", all)
		}
		clear(f.rows.work)
		f.until("AVAILABLE", func() string { return *f.deployment(c, made.BlueGreenDeploymentIdentifier).Status })
	})
}

func TestDeleteBeforeTheSwitchover(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		c := f.client(prod)
		d := f.ready(c, nil)
		id, green := d.BlueGreenDeploymentIdentifier, short(d.Target)
		with := func(target bool) error {
			_, err := c.DeleteBlueGreenDeployment(ctx, &sdk.DeleteBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: id, DeleteTarget: aws.Bool(target)})
			return err
		}
		if err := with(true); code(err) != "InvalidParameterCombination" {
			t.Errorf("green is protected as blue is: %v", err)
		}
		_, err := c.DeleteDBCluster(ctx, &sdk.DeleteDBClusterInput{DBClusterIdentifier: aws.String(green), SkipFinalSnapshot: aws.Bool(true)})
		if err == nil {
			t.Error("green could be deleted by itself")
		}
		_, err = c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String(green), DeletionProtection: aws.Bool(false)})
		f.ok(err)
		f.ok(with(true))
		if got := f.deployment(c, id); *got.Status != "DELETING" || got.DeleteTime == nil {
			t.Errorf("%s, %v", *got.Status, got.DeleteTime)
		}
		f.sleep(30 * time.Minute)
		if _, err := c.DescribeDBClusters(ctx, &sdk.DescribeDBClustersInput{DBClusterIdentifier: aws.String(green)}); code(err) != "DBClusterNotFoundFault" {
			t.Errorf("green after its deployment: %v", err)
		}
		if !slices.Contains(f.rows.deleted, prod+"/"+green) || f.rows.access[prod+"/shop-orders"] != rds.ReadWrite {
			t.Errorf("deleted %v, access %v", f.rows.deleted, f.rows.access)
		}
		// A green that is kept goes on following until it is promoted.
		d = f.ready(c, nil)
		id, green = d.BlueGreenDeploymentIdentifier, short(d.Target)
		f.ok(with(false))
		f.sleep(10 * time.Minute)
		if f.cluster(c, green).ReplicationSourceIdentifier == nil {
			t.Error("a kept green of Aurora MySQL stopped following")
		}
		_, err = c.PromoteReadReplicaDBCluster(ctx, &sdk.PromoteReadReplicaDBClusterInput{DBClusterIdentifier: aws.String(green)})
		f.ok(err)
		if f.cluster(c, green).ReplicationSourceIdentifier != nil || f.rows.access[prod+"/"+green] != rds.ReadWrite {
			t.Error("a promoted green still follows")
		}
	})
}

// TestDeleteWhileGreenIsBuilt at every stage of it leaves blue alone.
func TestDeleteWhileGreenIsBuilt(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 5 * time.Minute, 25 * time.Minute, 45 * time.Minute, 60 * time.Minute} {
		t.Run(after.String(), func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.production(nil)
				c := f.client(prod)
				made, err := f.create(c, nil)
				f.ok(err)
				f.sleep(after)
				if got := *f.deployment(c, made.BlueGreenDeploymentIdentifier).Status; got != "PROVISIONING" {
					t.Fatalf("after %s: %s", after, got)
				}
				_, err = c.DeleteBlueGreenDeployment(ctx, &sdk.DeleteBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: made.BlueGreenDeploymentIdentifier, DeleteTarget: aws.Bool(true)})
				f.ok(err)
				f.sleep(time.Hour)
				f.judgeGone(c)
				if _, err := f.create(c, nil); err != nil {
					t.Errorf("a second try: %v", err)
				}
			})
		})
	}
}

// judgeGone: nothing but blue is left.
func (f fixture) judgeGone(c *sdk.Client) {
	out, err := c.DescribeDBClusters(ctx, &sdk.DescribeDBClustersInput{})
	f.ok(err)
	left, err := c.DescribeDBInstances(ctx, &sdk.DescribeDBInstancesInput{})
	f.ok(err)
	if len(out.DBClusters) != 1 || len(left.DBInstances) != 2 || len(f.rows.live) != 1 || len(f.rows.follows) != 0 || f.rows.access[prod+"/shop-orders"] != rds.ReadWrite {
		f.t.Errorf("%d clusters, %d instances, rows %v, followers %v", len(out.DBClusters), len(left.DBInstances), f.rows.live, f.rows.follows)
	}
}

func TestPromotingGreenByHandInvalidates(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		c := f.client(prod)
		d := f.ready(c, nil)
		_, err := c.PromoteReadReplicaDBCluster(ctx, &sdk.PromoteReadReplicaDBClusterInput{DBClusterIdentifier: aws.String(short(d.Target))})
		f.ok(err)
		if got := *f.deployment(c, d.BlueGreenDeploymentIdentifier).Status; got != "INVALID_CONFIGURATION" {
			t.Errorf("status %s", got)
		}
	})
}

func TestPendingRebootOfGreen(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		f.ok(f.PutTrouble(prod, "shop-orders", rds.Trouble{PendingReboot: true}))
		c := f.client(prod)
		d := f.ready(c, nil)
		green := short(d.Target)
		status := func() string {
			m := f.cluster(c, green).DBClusterMembers
			return *m[0].DBClusterParameterGroupStatus + " " + *m[1].DBClusterParameterGroupStatus
		}
		if got := status(); got != "pending-reboot pending-reboot" {
			t.Errorf("before: %s", got)
		}
		for _, m := range d.SwitchoverDetails[1:3] {
			i := short(m.TargetMember)
			_, err := c.RebootDBInstance(ctx, &sdk.RebootDBInstanceInput{DBInstanceIdentifier: aws.String(i)})
			f.ok(err)
			if got := f.instanceStatus(c, i); got != "rebooting" {
				t.Errorf("right after the call: %s", got)
			}
			f.until("available", func() string { return f.instanceStatus(c, i) })
		}
		if got := status(); got != "in-sync in-sync" {
			t.Errorf("after: %s", got)
		}
	})
}

// TestLagMetric: it grows while green is held, and is -1 when replication is
// broken.
func TestLagMetric(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		c := f.client(prod)
		d := f.ready(c, nil)
		green := short(d.Target)
		lag := func() float64 {
			v, ok := f.ReplicaLag(prod, map[string]string{"DBInstanceIdentifier": short(d.SwitchoverDetails[1].TargetMember)}, f.w.Now())
			if !ok {
				t.Error("no data point")
			}
			return v
		}
		f.ok(f.HoldReplica(prod, green, 10*time.Minute))
		f.sleep(5 * time.Minute)
		if got := lag(); got < 299 || got > 301 {
			t.Errorf("held for five minutes the lag is %v", got)
		}
		f.sleep(5*time.Minute + 10*time.Second)
		if got := lag(); got < 380 || got > 410 {
			t.Errorf("ten seconds after the release, gaining 20 s a second, the lag is %v", got)
		}
		f.sleep(time.Minute)
		if got := lag(); got != 0 {
			t.Errorf("lag %v", got)
		}
		past, ok := f.ReplicaLag(prod, map[string]string{"DBClusterIdentifier": green}, f.w.Now().Add(-5*time.Minute))
		if !ok || past < 300 || past > 400 {
			t.Errorf("five minutes ago the lag was %v, %v", past, ok)
		}
		f.ok(f.BreakReplication(prod, green, "Error 1062: Duplicate entry"))
		if got := lag(); got != -1 {
			t.Errorf("broken, the lag is %v", got)
		}
		if _, ok := f.ReplicaLag(prod, map[string]string{"DBClusterIdentifier": "shop-orders"}, f.w.Now()); ok {
			t.Error("a cluster that follows nobody has a lag")
		}
		if all := f.messages(c, "db-instance", short(d.SwitchoverDetails[1].TargetMember)); all[len(all)-1] != "Replication has stopped." {
			t.Errorf("events %q", all)
		}
	})
}
