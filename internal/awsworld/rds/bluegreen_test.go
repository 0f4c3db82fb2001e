package rds_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

const (
	oldVersion = "8.0.mysql_aurora.3.08.2"
	newVersion = "8.4.mysql_aurora.8.4.7"
)

// production puts the cluster to be moved: binary logging on, a writer, a
// reader, a custom endpoint, a role; and the groups that green may have.
func (f fixture) production(change func(*rds.ClusterSpec)) {
	f.t.Helper()
	f.PutEngineVersion(rds.EngineVersion{Engine: rds.AuroraMySQL, Version: newVersion})
	f.PutParameterGroup(prod, rds.ParameterGroup{Name: "shop-80", Family: "aurora-mysql8.0", Parameters: map[string]string{"binlog_format": "ROW"}})
	f.PutParameterGroup(prod, rds.ParameterGroup{Name: "shop-84", Family: "aurora-mysql8.4", Parameters: map[string]string{"binlog_format": "ROW"}})
	f.PutInstanceParameterGroup(prod, rds.ParameterGroup{Name: "shop-84-instance", Family: "aurora-mysql8.4"})
	f.shop(func(c *rds.ClusterSpec) {
		c.EngineVersion, c.ParameterGroup, c.DeletionProtection = oldVersion, "shop-80", true
		c.Roles = []rds.Role{{ARN: "arn:aws:iam::" + prod + ":role/load", Feature: "s3Import"}}
		c.BacktrackSeconds = 3600
		if change != nil {
			change(c)
		}
	})
	f.ok(f.PutInstance(prod, rds.InstanceSpec{ID: "shop-orders-2", Cluster: "shop-orders", Class: "db.r6g.large", Tags: map[string]string{"role": "reader"}}))
	f.ok(f.PutClusterEndpoint(prod, rds.EndpointSpec{ID: "shop-reports", Cluster: "shop-orders", Type: "READER", Members: []string{"shop-orders-2"}}))
	f.rows.write("111111111111/shop-orders", 10)
}

func (f fixture) blueARN() string { return f.w.ARN("rds", prod, "cluster:shop-orders") }

// create asks for a green of the new version.
func (f fixture) create(c *sdk.Client, change func(*sdk.CreateBlueGreenDeploymentInput)) (types.BlueGreenDeployment, error) {
	in := &sdk.CreateBlueGreenDeploymentInput{
		BlueGreenDeploymentName: aws.String("shop-to-84"), Source: aws.String(f.blueARN()), TargetEngineVersion: aws.String(newVersion),
		TargetDBClusterParameterGroupName: aws.String("shop-84"), TargetDBParameterGroupName: aws.String("shop-84-instance"), Tags: tagged("plan", "abc"),
	}
	if change != nil {
		change(in)
	}
	out, err := c.CreateBlueGreenDeployment(ctx, in)
	if err != nil {
		return types.BlueGreenDeployment{}, err
	}
	return *out.BlueGreenDeployment, nil
}

func (f fixture) deployment(c *sdk.Client, id *string) types.BlueGreenDeployment {
	f.t.Helper()
	out, err := c.DescribeBlueGreenDeployments(ctx, &sdk.DescribeBlueGreenDeploymentsInput{BlueGreenDeploymentIdentifier: id})
	f.ok(err)
	return out.BlueGreenDeployments[0]
}

// ready builds green and waits until every member is available.
func (f fixture) ready(c *sdk.Client, change func(*sdk.CreateBlueGreenDeploymentInput)) types.BlueGreenDeployment {
	f.t.Helper()
	made, err := f.create(c, change)
	f.ok(err)
	id := made.BlueGreenDeploymentIdentifier
	f.until("AVAILABLE", func() string { return *f.deployment(c, id).Status })
	f.sleep(5 * time.Minute)
	return f.deployment(c, id)
}

func (f fixture) switchOver(c *sdk.Client, id *string, timeout int32) error {
	_, err := c.SwitchoverBlueGreenDeployment(ctx, &sdk.SwitchoverBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: id, SwitchoverTimeout: aws.Int32(timeout)})
	return err
}

func short(arn *string) string {
	return aws.ToString(arn)[strings.LastIndex(aws.ToString(arn), ":")+1:]
}

func (f fixture) messages(c *sdk.Client, kind types.SourceType, id string) []string {
	f.t.Helper()
	out, err := c.DescribeEvents(ctx, &sdk.DescribeEventsInput{SourceType: kind, SourceIdentifier: aws.String(id), Duration: aws.Int32(1440)})
	f.ok(err)
	var all []string
	for _, e := range out.Events {
		all = append(all, *e.Message)
	}
	return all
}

func TestGreenIsBuiltTaskByTask(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		c := f.client(prod)
		made, err := f.create(c, nil)
		f.ok(err)
		if *made.Status != "PROVISIONING" || made.Target != nil || len(made.SwitchoverDetails) != 4 || made.SwitchoverDetails[0].TargetMember != nil {
			t.Errorf("right after the call: %+v", made)
		}
		if !regexp.MustCompile(`^bgd-[0-9a-z]{16}$`).MatchString(*made.BlueGreenDeploymentIdentifier) {
			t.Errorf("identifier %s", *made.BlueGreenDeploymentIdentifier)
		}
		id := made.BlueGreenDeploymentIdentifier
		var seen []string
		f.until("AVAILABLE", func() string {
			d := f.deployment(c, aws.String(strings.ToUpper(*id)))
			line := ""
			for _, task := range d.Tasks {
				line += fmt.Sprintf("%s=%s ", *task.Name, *task.Status)
			}
			if !slices.Contains(seen, line) {
				seen = append(seen, line)
			}
			if strings.Count(line, "IN_PROGRESS") > 1 || *d.Status == "PROVISIONING" && d.Target != nil {
				t.Errorf("%s: %s target %v", *d.Status, line, d.Target)
			}
			return *d.Status
		})
		if len(seen) < 5 || !strings.Contains(seen[len(seen)-1], "CREATE_CUSTOM_ENDPOINTS=COMPLETED") || !strings.Contains(seen[0], "DB_ENGINE_VERSION_UPGRADE=PENDING") {
			t.Errorf("tasks went %q", seen)
		}
		f.sleep(5 * time.Minute)
		f.judgeGreen(c, f.deployment(c, id))
	})
}

// judgeGreen looks at a green that is ready.
func (f fixture) judgeGreen(c *sdk.Client, d types.BlueGreenDeployment) {
	t := f.t
	suffixes := map[string]bool{}
	for _, m := range d.SwitchoverDetails {
		found := regexp.MustCompile(`^(.*)-green-([0-9a-z]{6})$`).FindStringSubmatch(short(m.TargetMember))
		if found == nil || found[1] != short(m.SourceMember) || *m.Status != "AVAILABLE" {
			t.Errorf("member %s → %s, %s", short(m.SourceMember), short(m.TargetMember), *m.Status)
			continue
		}
		suffixes[found[2]] = true
	}
	if len(suffixes) != 4 {
		t.Errorf("members share suffixes: %v", suffixes)
	}
	green, blue := f.cluster(c, short(d.Target)), f.cluster(c, "shop-orders")
	if *green.EngineVersion != newVersion || *green.DBClusterParameterGroup != "shop-84" || aws.ToString(green.ReplicationSourceIdentifier) != f.blueARN() {
		t.Errorf("green is %s with %s, follows %s", *green.EngineVersion, *green.DBClusterParameterGroup, aws.ToString(green.ReplicationSourceIdentifier))
	}
	if len(green.AssociatedRoles) != 0 || *green.BacktrackWindow != 0 || *green.DbClusterResourceId == *blue.DbClusterResourceId || len(green.CustomEndpoints) != 1 {
		t.Errorf("green carried over what AWS does not: %+v", green)
	}
	if diff := cmp.Diff(tags(blue.TagList), tags(green.TagList)); diff != "" {
		t.Error(diff)
	}
	if got := f.rows.access[prod+"/"+*green.DBClusterIdentifier]; got != rds.ReadOnly {
		t.Errorf("access to green is %v", got)
	}
	if l, ok := f.ReplicaLag(prod, map[string]string{"DBClusterIdentifier": *green.DBClusterIdentifier, "Role": "WRITER"}, f.w.Now()); !ok || l != 0 {
		t.Errorf("lag %v %v", l, ok)
	}
	want := []string{"Blue/green deployment tasks completed. You can make more modifications to the green environment databases or switch over the deployment."}
	if diff := cmp.Diff(want, f.messages(c, "blue-green-deployment", *d.BlueGreenDeploymentIdentifier)); diff != "" {
		t.Error(diff)
	}
}

func TestSwitchoverSwapsNamesAndKeepsResourceIDs(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		c := f.client(prod)
		d := f.ready(c, nil)
		id, greenName := d.BlueGreenDeploymentIdentifier, short(d.Target)
		blueID, greenID := *f.cluster(c, "shop-orders").DbClusterResourceId, *f.cluster(c, greenName).DbClusterResourceId
		greenWriter := short(d.SwitchoverDetails[1].TargetMember)
		f.rows.write(prod+"/shop-orders", 5)
		f.ok(f.switchOver(c, id, 300))
		if d := f.deployment(c, id); *d.Status != "SWITCHOVER_IN_PROGRESS" || *d.SwitchoverDetails[0].Status != "AVAILABLE" {
			t.Errorf("right after the call: %s, member %s", *d.Status, *d.SwitchoverDetails[0].Status)
		}
		f.until("SWITCHOVER_COMPLETED", func() string { return *f.deployment(c, id).Status })
		d = f.deployment(c, id)
		for i, want := range []string{"shop-orders", "shop-orders-1", "shop-orders-2", "shop-reports"} {
			m := d.SwitchoverDetails[i]
			if short(m.SourceMember) != want+"-old1" || short(m.TargetMember) != want || *m.Status != "SWITCHOVER_COMPLETED" {
				t.Errorf("member %d: %s → %s, %s", i, short(m.SourceMember), short(m.TargetMember), *m.Status)
			}
		}
		now, old := f.cluster(c, "shop-orders"), f.cluster(c, "shop-orders-old1")
		if *now.DbClusterResourceId != greenID || *old.DbClusterResourceId != blueID || now.ReplicationSourceIdentifier != nil || *now.EngineVersion != newVersion {
			t.Errorf("now %s of %s, old %s", *now.DbClusterResourceId, *now.EngineVersion, *old.DbClusterResourceId)
		}
		if f.rows.live[prod+"/shop-orders"].rows != 15 || f.rows.access[prod+"/shop-orders"] != rds.ReadWrite || f.rows.access[prod+"/shop-orders-old1"] != rds.Frozen {
			t.Errorf("rows %v, access %v", f.rows.live, f.rows.access)
		}
		want := []string{"Switchover from shop-orders to " + greenName + " started.", "Switchover from DB cluster shop-orders to " + greenName + " started.",
			"Switchover from DB cluster shop-orders to " + greenName + " completed. Renamed shop-orders to shop-orders-old1 and " + greenName + " to shop-orders.",
			"Switchover completed on blue/green deployment."}
		if diff := cmp.Diff(want, f.messages(c, "blue-green-deployment", *id)[1:]); diff != "" {
			t.Error(diff)
		}
		coordinates := f.messages(c, "db-instance", greenWriter)
		if last := coordinates[len(coordinates)-1]; last != "Binary log coordinates in green environment after switchover: file mysql-bin-changelog.000003 and position 40134574" {
			t.Errorf("coordinates event %q", last)
		}
		f.judgeAfter(c, id)
	})
}

// judgeAfter deletes the deployment: both clusters stay, and the old one may
// be written to again.
func (f fixture) judgeAfter(c *sdk.Client, id *string) {
	_, err := c.DeleteBlueGreenDeployment(ctx, &sdk.DeleteBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: id, DeleteTarget: aws.Bool(true)})
	if code(err) != "InvalidParameterCombination" {
		f.t.Errorf("DeleteTarget after the switchover: %v", err)
	}
	_, err = c.DeleteBlueGreenDeployment(ctx, &sdk.DeleteBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: id})
	f.ok(err)
	f.sleep(5 * time.Minute)
	_, err = c.DescribeBlueGreenDeployments(ctx, &sdk.DescribeBlueGreenDeploymentsInput{BlueGreenDeploymentIdentifier: id})
	if code(err) != "BlueGreenDeploymentNotFoundFault" {
		f.t.Errorf("a deleted deployment answers %v", err)
	}
	if f.clusterStatus(c, "shop-orders") != "available" || f.clusterStatus(c, "shop-orders-old1") != "available" {
		f.t.Error("a cluster went with the deployment")
	}
	if f.rows.access[prod+"/shop-orders-old1"] != rds.ReadWrite {
		f.t.Errorf("the old cluster is %v after the deployment is gone, its read_only is 0", f.rows.access[prod+"/shop-orders-old1"])
	}
}

// TestDNSFollowsLate: the name leads to the old cluster for half a minute
// after the new one is open, and the green name is not gone at once.
func TestDNSFollowsLate(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		c := f.client(prod)
		d := f.ready(c, nil)
		blueHost, greenHost := *f.cluster(c, "shop-orders").Endpoint, *f.cluster(c, short(d.Target)).Endpoint
		place := rds.NetworkPlace{Account: prod, VPC: "vpc-1", SecurityGroups: []string{*f.cluster(c, "shop-orders").VpcSecurityGroups[0].VpcSecurityGroupId}}
		dial := func(host string) string {
			at, err := f.Dial(ctx, place, host, 3306)
			if errors.Is(err, syscall.ECONNREFUSED) {
				return "refused"
			}
			if err != nil {
				return "unknown"
			}
			return strings.TrimPrefix(at, "127.0.0.1:1/"+prod+"/")
		}
		f.ok(f.switchOver(c, d.BlueGreenDeploymentIdentifier, 300))
		var seen []string
		for range 900 {
			if line := dial(blueHost) + " " + dial(greenHost); len(seen) == 0 || seen[len(seen)-1] != line {
				seen = append(seen, line)
			}
			f.sleep(100 * time.Millisecond)
		}
		green := short(d.Target)
		want := []string{"shop-orders " + green, "refused refused", "shop-orders-old1 shop-orders", "shop-orders shop-orders", "shop-orders unknown"}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Error(diff)
		}
		outages := f.Outages()
		if len(outages) != 2 || outages[0].To.Sub(outages[0].From) > 5*time.Second || outages[1].To.Sub(outages[1].From) < 25*time.Second {
			t.Errorf("outages %+v", outages)
		}
	})
}

func TestWhatBlueMustBe(t *testing.T) {
	cases := map[string]struct {
		prepare func(f fixture)
		change  func(*sdk.CreateBlueGreenDeploymentInput)
		want    string
	}{
		"no binary log":          {func(f fixture) { f.production(func(c *rds.ClusterSpec) { c.ParameterGroup = "" }) }, nil, "SourceClusterNotSupportedFault"},
		"managed password":       {func(f fixture) { f.production(func(c *rds.ClusterSpec) { c.ManagedSecretARN = "arn:secret" }) }, nil, "SourceClusterNotSupportedFault"},
		"pending reboot":         {func(f fixture) { f.production(nil); f.ok(f.SetParameter(prod, "shop-80", "read_only", "1")) }, nil, "SourceClusterNotSupportedFault"},
		"instance not available": {func(f fixture) { f.production(nil); f.ok(f.MemberLate(prod, "shop-orders-2", time.Hour)) }, nil, "InvalidDBInstanceState"},
		"cluster busy":           {func(f fixture) { f.production(nil); f.Busy(prod, "shop-orders", "modifying", time.Hour) }, nil, "InvalidDBClusterStateFault"},
		"no such cluster": {nil, func(in *sdk.CreateBlueGreenDeploymentInput) {
			in.Source = aws.String("arn:aws:rds:eu-west-1:111111111111:cluster:other")
		}, "DBClusterNotFoundFault"},
		"cluster id, not ARN": {nil, func(in *sdk.CreateBlueGreenDeploymentInput) { in.Source = aws.String("shop-orders") }, "InvalidParameterValue"},
		"instance class":      {nil, func(in *sdk.CreateBlueGreenDeploymentInput) { in.TargetDBInstanceClass = aws.String("db.r7g.large") }, "InvalidParameterCombination"},
		"unknown version":     {nil, func(in *sdk.CreateBlueGreenDeploymentInput) { in.TargetEngineVersion = aws.String("9.9") }, "InvalidParameterCombination"},
		"older version": {nil, func(in *sdk.CreateBlueGreenDeploymentInput) {
			in.TargetEngineVersion = aws.String("8.0.mysql_aurora.3.04.4")
		}, "InvalidParameterCombination"},
		"no such group": {nil, func(in *sdk.CreateBlueGreenDeploymentInput) {
			in.TargetDBClusterParameterGroupName = aws.String("nowhere")
		}, "DBClusterParameterGroupNotFound"},
		"group of another family": {nil, func(in *sdk.CreateBlueGreenDeploymentInput) {
			in.TargetDBClusterParameterGroupName = aws.String("shop-80")
		}, "InvalidParameterCombination"},
		"no such instance group":   {nil, func(in *sdk.CreateBlueGreenDeploymentInput) { in.TargetDBParameterGroupName = aws.String("nowhere") }, "DBParameterGroupNotFound"},
		"bad name":                 {nil, func(in *sdk.CreateBlueGreenDeploymentInput) { in.BlueGreenDeploymentName = aws.String("a--b") }, "InvalidParameterValue"},
		"clusters at the quota":    {func(f fixture) { f.production(nil); f.SetQuota(prod, rds.QuotaClusters, 1) }, nil, "DBClusterQuotaExceededFault"},
		"instances at the quota":   {func(f fixture) { f.production(nil); f.SetQuota(prod, rds.QuotaInstances, 3) }, nil, "InstanceQuotaExceeded"},
		"everything as it must be": {nil, nil, "ok"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				if tc.prepare == nil {
					tc.prepare = func(f fixture) { f.production(nil) }
				}
				tc.prepare(f)
				f.sleep(time.Second)
				c := f.client(prod)
				if _, err := f.create(c, tc.change); code(err) != tc.want {
					t.Errorf("got %v, want %s", err, tc.want)
				}
				if tc.want != "ok" {
					return
				}
				if _, err := f.create(c, nil); code(err) != "BlueGreenDeploymentAlreadyExistsFault" {
					t.Errorf("a second of the same name: %v", err)
				}
				other := func(in *sdk.CreateBlueGreenDeploymentInput) { in.BlueGreenDeploymentName = aws.String("other") }
				if _, err := f.create(c, other); code(err) != "SourceClusterNotSupportedFault" {
					t.Errorf("a second of the same cluster: %v", err)
				}
			})
		})
	}
}

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

// proxies is an RDS Proxy that knows its target and what it reaches.
type proxies struct {
	target map[string]string
	unable string
	told   []string
}

func (p *proxies) Targeting(_, cluster string) []string {
	var out []string
	for _, name := range []string{"proxy-a", "proxy-b"} {
		if p.target[name] == cluster {
			out = append(out, name)
		}
	}
	return out
}
func (p *proxies) Reaches(_, _, cluster string) bool { return cluster != p.unable }
func (p *proxies) Moved(_, cluster string)           { p.told = append(p.told, cluster) }

func TestProxies(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.production(nil)
		p := &proxies{target: map[string]string{"proxy-a": "shop-orders"}}
		f.Proxies = p
		c := f.client(prod)
		f.Timing.ProxiesBlock = true
		if _, err := f.create(c, nil); code(err) != "SourceClusterNotSupportedFault" {
			t.Errorf("a proxy that blocks: %v", err)
		}
		f.Timing.ProxiesBlock = false
		d := f.ready(c, nil)
		if err := f.MayRegister(prod, "shop-orders"); code(err) != "InvalidDBClusterStateFault" {
			t.Errorf("a late registration: %v", err)
		}
		fails := func(what string) {
			t.Helper()
			f.ok(f.switchOver(c, d.BlueGreenDeploymentIdentifier, 300))
			f.until("SWITCHOVER_FAILED", func() string { return *f.deployment(c, d.BlueGreenDeploymentIdentifier).Status })
			if got := *f.deployment(c, d.BlueGreenDeploymentIdentifier).StatusDetails; !strings.Contains(got, what) {
				t.Errorf("%s: %s", what, got)
			}
		}
		p.target["proxy-b"] = "shop-orders"
		fails("proxy-b, which was registered after")
		delete(p.target, "proxy-b")
		p.unable = short(d.Target)
		fails("proxy-a not reaching")
		p.unable = ""
		f.ok(f.switchOver(c, d.BlueGreenDeploymentIdentifier, 300))
		f.until("SWITCHOVER_COMPLETED", func() string { return *f.deployment(c, d.BlueGreenDeploymentIdentifier).Status })
		if diff := cmp.Diff([]string{"shop-orders"}, p.told); diff != "" {
			t.Error(diff)
		}
	})
}

// TestPostgresNeedsLogicalReplication and is degraded by DDL on blue.
func TestPostgresNeedsLogicalReplication(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.PutParameterGroup(prod, rds.ParameterGroup{Name: "pg16", Family: "aurora-postgresql16", Parameters: map[string]string{"rds.logical_replication": "1"}})
		f.ok(f.PutCluster(prod, rds.ClusterSpec{ID: "shop-orders", Engine: rds.AuroraPostgreSQL, EngineVersion: "16.4", SubnetGroup: "databases", MasterPassword: "secret-word"}))
		f.ok(f.PutInstance(prod, rds.InstanceSpec{ID: "shop-orders-1", Cluster: "shop-orders", Class: "db.r6g.large"}))
		c := f.client(prod)
		plain := func(in *sdk.CreateBlueGreenDeploymentInput) {
			in.TargetDBClusterParameterGroupName, in.TargetDBParameterGroupName, in.TargetEngineVersion = nil, nil, aws.String("16.8")
		}
		if _, err := f.create(c, plain); code(err) != "SourceClusterNotSupportedFault" || !strings.Contains(err.Error(), "logical replication") {
			t.Errorf("without logical replication: %v", err)
		}
		_, err := c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), DBClusterParameterGroupName: aws.String("pg16"), ApplyImmediately: aws.Bool(true)})
		f.ok(err)
		f.sleep(2 * time.Minute)
		if _, err := f.create(c, plain); !strings.Contains(fmt.Sprint(err), "not in sync") {
			t.Errorf("before the reboot: %v", err)
		}
		_, err = c.RebootDBInstance(ctx, &sdk.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("shop-orders-1")})
		f.ok(err)
		f.sleep(2 * time.Minute)
		d := f.ready(c, plain)
		if v, ok := f.SlotLag(prod, map[string]string{"DBClusterIdentifier": "shop-orders"}, f.w.Now()); !ok || v != 0 {
			t.Errorf("slot lag %v %v", v, ok)
		}
		f.ok(f.RunDDL(prod, "shop-orders", time.Second))
		f.ok(f.switchOver(c, d.BlueGreenDeploymentIdentifier, 300))
		f.until("SWITCHOVER_FAILED", func() string { return *f.deployment(c, d.BlueGreenDeploymentIdentifier).Status })
		if got := *f.deployment(c, d.BlueGreenDeploymentIdentifier).StatusDetails; !strings.Contains(got, "Replication degraded") {
			t.Error(got)
		}
	})
}

// TestPermissionsOfDeployments: a caller needs what AWS needs to do for it.
func TestPermissionsOfDeployments(t *testing.T) {
	allow := func(actions ...string) string {
		return `{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}`
	}
	inWorld(t, func(f fixture) {
		f.production(nil)
		create := []string{"rds:CreateBlueGreenDeployment", "rds:AddTagsToResource", "rds:CreateDBCluster", "rds:CreateDBInstance", "rds:CreateDBClusterEndpoint"}
		for i, missing := range create {
			c := sdk.NewFromConfig(f.w.Config(f.role(prod, fmt.Sprint("creator-", i), allow(slices.Delete(slices.Clone(create), i, i+1)...))))
			if _, err := f.create(c, nil); !strings.Contains(fmt.Sprint(err), missing) {
				t.Errorf("without %s: %v", missing, err)
			}
		}
		named := strings.Replace(allow(create...), `"*"`, `"arn:aws:rds:eu-west-1:111111111111:*:shop-*"`, 1)
		if _, err := f.create(sdk.NewFromConfig(f.w.Config(f.role(prod, "named", named))), nil); err == nil {
			t.Error("name patterns covered members whose names AWS makes up")
		}
		all := f.client(prod)
		d := f.ready(sdk.NewFromConfig(f.w.Config(f.role(prod, "creator", allow(append(create, "rds:Describe*")...)))), nil)
		over := []string{"rds:SwitchoverBlueGreenDeployment", "rds:ModifyDBCluster", "rds:PromoteReadReplicaDBCluster"}
		for i, missing := range over {
			c := sdk.NewFromConfig(f.w.Config(f.role(prod, fmt.Sprint("switcher-", i), allow(slices.Delete(slices.Clone(over), i, i+1)...))))
			if err := f.switchOver(c, d.BlueGreenDeploymentIdentifier, 300); !strings.Contains(fmt.Sprint(err), missing) {
				t.Errorf("without %s: %v", missing, err)
			}
		}
		f.ok(f.switchOver(all, d.BlueGreenDeploymentIdentifier, 300))
	})
}
