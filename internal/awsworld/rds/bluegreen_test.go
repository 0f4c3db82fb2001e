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
