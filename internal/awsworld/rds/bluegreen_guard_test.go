package rds_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

// TestGuardrails: each keeps a switchover from beginning, before anything is
// refused, and a later one goes through when its cause is gone.
func TestGuardrails(t *testing.T) {
	cases := map[string]struct {
		cause func(f fixture, green string)
		mend  func(f fixture, green string)
		want  string
	}{
		"lag": {func(f fixture, green string) { f.ok(f.HoldReplica(prod, green, 0)); f.sleep(2 * time.Minute) },
			func(f fixture, green string) { f.ok(f.ReleaseReplica(prod, green)) }, "replication lag"},
		"broken":               {func(f fixture, green string) { f.rows.broken[prod+"/"+green] = "1062" }, func(f fixture, green string) { delete(f.rows.broken, prod+"/"+green) }, "replication"},
		"writes on green":      {func(f fixture, green string) { f.rows.work[prod+"/"+green] = rds.OpenWork{Writing: 1} }, func(f fixture, green string) { clear(f.rows.work) }, "active writes on the green"},
		"long transaction":     {func(f fixture, green string) { f.ok(f.LongTransaction(prod, "shop-orders", time.Minute)) }, nil, "long-running active writes"},
		"real transaction":     {func(f fixture, green string) { f.rows.work[prod+"/shop-orders"] = rds.OpenWork{Writing: 1} }, func(f fixture, green string) { clear(f.rows.work) }, "long-running active writes"},
		"DDL":                  {func(f fixture, green string) { f.ok(f.RunDDL(prod, "shop-orders", time.Minute)) }, nil, "DDL"},
		"external replication": {func(f fixture, green string) { f.ok(f.FeedFromOutside(prod, "shop-orders", true)) }, func(f fixture, green string) { f.ok(f.FeedFromOutside(prod, "shop-orders", false)) }, "external"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.production(nil)
				c := f.client(prod)
				d := f.ready(c, nil)
				id, green := d.BlueGreenDeploymentIdentifier, short(d.Target)
				tc.cause(f, green)
				f.ok(f.switchOver(c, id, 300))
				f.until("SWITCHOVER_FAILED", func() string { return *f.deployment(c, id).Status })
				d = f.deployment(c, id)
				if !strings.Contains(*d.StatusDetails, tc.want) || short(d.Source) != "shop-orders" || len(f.Outages()) != 0 {
					t.Errorf("%s: source %s, outages %v", *d.StatusDetails, short(d.Source), f.Outages())
				}
				all := f.messages(c, "blue-green-deployment", *id)
				if !strings.Contains(all[len(all)-2], "was canceled due to ") || all[len(all)-1] != "Switchover canceled on blue/green deployment." {
					t.Errorf("events %q", all)
				}
				if tc.mend != nil {
					tc.mend(f, green)
				}
				f.sleep(2 * time.Minute)
				f.ok(f.switchOver(c, id, 300))
				f.until("SWITCHOVER_COMPLETED", func() string { return *f.deployment(c, id).Status })
			})
		})
	}
}

func TestSwitchoverTimeoutGivesEverythingBack(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		c := f.client(prod)
		d := f.ready(c, nil)
		id, green := d.BlueGreenDeploymentIdentifier, short(d.Target)
		f.ok(f.StallSwitchover(prod, "shop-orders", 1))
		for _, wrong := range []int32{29, 3601} {
			if err := f.switchOver(c, id, wrong); code(err) != "InvalidParameterValue" {
				t.Errorf("timeout %d: %v", wrong, err)
			}
		}
		f.ok(f.switchOver(c, id, 60))
		took := f.until("SWITCHOVER_FAILED", func() string { return *f.deployment(c, id).Status })
		if took < 55*time.Second || took > 80*time.Second {
			t.Errorf("rolled back after %s", took)
		}
		if f.clusterStatus(c, "shop-orders") != "available" || f.clusterStatus(c, green) != "available" {
			t.Error("names were not given back")
		}
		if f.rows.access[prod+"/shop-orders"] != rds.ReadWrite || f.rows.access[prod+"/"+green] != rds.ReadOnly || f.rows.held[prod+"/"+green] {
			t.Errorf("access %v, held %v", f.rows.access, f.rows.held)
		}
		if _, err := c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String(green), DeletionProtection: aws.Bool(false)}); err != nil {
			t.Error(err)
		}
		f.sleep(time.Minute)
		f.ok(f.switchOver(c, id, 300))
		_, err := c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String(green), CopyTagsToSnapshot: aws.Bool(true)})
		if code(err) != "InvalidDBClusterStateFault" {
			t.Errorf("a change in the middle of the switchover: %v", err)
		}
		f.until("SWITCHOVER_COMPLETED", func() string { return *f.deployment(c, id).Status })
	})
}

// TestRenamingCanTimeOutToo: names that were changed already are given back.
func TestRenamingCanTimeOutToo(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		f.Timing.SwitchRename = rds.Range{Low: time.Minute, High: time.Minute}
		c := f.client(prod)
		d := f.ready(c, nil)
		f.ok(f.switchOver(c, d.BlueGreenDeploymentIdentifier, 30))
		f.until("SWITCHOVER_FAILED", func() string { return *f.deployment(c, d.BlueGreenDeploymentIdentifier).Status })
		after := f.deployment(c, d.BlueGreenDeploymentIdentifier)
		for i := range after.SwitchoverDetails {
			if *after.SwitchoverDetails[i].SourceMember != *d.SwitchoverDetails[i].SourceMember || *after.SwitchoverDetails[i].TargetMember != *d.SwitchoverDetails[i].TargetMember {
				t.Errorf("member %s → %s", *after.SwitchoverDetails[i].SourceMember, *after.SwitchoverDetails[i].TargetMember)
			}
		}
		if w := f.cluster(c, "shop-orders"); len(w.CustomEndpoints) != 1 || !strings.HasPrefix(w.CustomEndpoints[0], "shop-reports.") || *w.DBClusterMembers[0].DBInstanceIdentifier != "shop-orders-1" {
			t.Errorf("blue after the roll-back: %v %v", w.CustomEndpoints, *w.DBClusterMembers[0].DBInstanceIdentifier)
		}
		f.sleep(time.Second)
	})
}
