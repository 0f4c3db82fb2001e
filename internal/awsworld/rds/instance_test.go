package rds_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

func TestCreateInstance(t *testing.T) {
	cases := []struct {
		name   string
		change func(f fixture, in *sdk.CreateDBInstanceInput)
		want   string
	}{
		{"fine", func(fixture, *sdk.CreateDBInstanceInput) {}, "ok"},
		{"cluster of nowhere", func(_ fixture, in *sdk.CreateDBInstanceInput) { in.DBClusterIdentifier = aws.String("none") }, "DBClusterNotFoundFault"},
		{"other engine", func(_ fixture, in *sdk.CreateDBInstanceInput) { in.Engine = aws.String("aurora-postgresql") }, "InvalidParameterCombination"},
		{"name taken", func(_ fixture, in *sdk.CreateDBInstanceInput) { in.DBInstanceIdentifier = aws.String("shop-orders-1") }, "DBInstanceAlreadyExists"},
		{"bad name", func(_ fixture, in *sdk.CreateDBInstanceInput) { in.DBInstanceIdentifier = aws.String("-x") }, "InvalidParameterValue"},
		{"bad class", func(_ fixture, in *sdk.CreateDBInstanceInput) { in.DBInstanceClass = aws.String("large") }, "InvalidParameterValue"},
		{"serverless without scaling", func(_ fixture, in *sdk.CreateDBInstanceInput) { in.DBInstanceClass = aws.String("db.serverless") }, "InvalidDBClusterStateFault"},
		{"cluster busy", func(f fixture, _ *sdk.CreateDBInstanceInput) { f.Busy(prod, "shop-orders", "modifying", time.Minute) }, "InvalidDBClusterStateFault"},
		{"quota", func(f fixture, _ *sdk.CreateDBInstanceInput) { f.SetQuota(prod, rds.QuotaInstances, 1) }, "InstanceQuotaExceeded"},
		{"parameter group of nowhere", func(_ fixture, in *sdk.CreateDBInstanceInput) { in.DBParameterGroupName = aws.String("none") }, "DBParameterGroupNotFound"},
		{"parameter group", func(f fixture, in *sdk.CreateDBInstanceInput) {
			f.PutInstanceParameterGroup(prod, rds.ParameterGroup{Name: "own", Family: "aurora-mysql8.0"})
			in.DBParameterGroupName = aws.String("own")
		}, "ok"},
		{"monitoring without a role", func(_ fixture, in *sdk.CreateDBInstanceInput) { in.MonitoringInterval = aws.Int32(60) }, "InvalidParameterCombination"},
		{"monitoring with a role of nowhere", func(_ fixture, in *sdk.CreateDBInstanceInput) {
			in.MonitoringInterval, in.MonitoringRoleArn = aws.Int32(60), aws.String("arn:aws:iam::111111111111:role/none")
		}, "InvalidParameterValue"},
		{"insights", func(_ fixture, in *sdk.CreateDBInstanceInput) {
			in.EnablePerformanceInsights, in.PerformanceInsightsRetentionPeriod = aws.Bool(true), aws.Int32(465)
		}, "ok"},
		{"insights for an odd time", func(_ fixture, in *sdk.CreateDBInstanceInput) {
			in.EnablePerformanceInsights, in.PerformanceInsightsRetentionPeriod = aws.Bool(true), aws.Int32(30)
		}, "InvalidParameterValue"},
		{"insights in a class without them", func(_ fixture, in *sdk.CreateDBInstanceInput) {
			in.EnablePerformanceInsights, in.DBInstanceClass = aws.Bool(true), aws.String("db.t4g.medium")
		}, "InvalidParameterCombination"},
		{"protection", func(_ fixture, in *sdk.CreateDBInstanceInput) { in.DeletionProtection = aws.Bool(true) }, "InvalidParameterCombination"},
		{"password", func(_ fixture, in *sdk.CreateDBInstanceInput) { in.MasterUserPassword = aws.String("12345678") }, "InvalidParameterCombination"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(nil)
				in := &sdk.CreateDBInstanceInput{
					DBInstanceIdentifier: aws.String("shop-orders-2"), DBClusterIdentifier: aws.String("shop-orders"),
					Engine: aws.String(rds.AuroraMySQL), DBInstanceClass: aws.String("db.r6g.large"),
				}
				c.change(f, in)
				if _, err := f.client(prod).CreateDBInstance(ctx, in); code(err) != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		})
	}
}

func TestCreateInstancePermissions(t *testing.T) {
	const arn = "arn:aws:rds:eu-west-1:111111111111:"
	full := []string{arn + "db:shop-orders-2", arn + "cluster:shop-orders", arn + "subgrp:databases", arn + "pg:default.aurora-mysql8.0", arn + "og:default:aurora-mysql-8-0"}
	try := func(f fixture, resources []string) string {
		c := f.client(prod, `{"Effect":"Allow","Action":"rds:CreateDBInstance","Resource":["`+strings.Join(resources, `","`)+`"]}`)
		_, err := c.CreateDBInstance(ctx, &sdk.CreateDBInstanceInput{
			DBInstanceIdentifier: aws.String("shop-orders-2"), DBClusterIdentifier: aws.String("shop-orders"),
			Engine: aws.String(rds.AuroraMySQL), DBInstanceClass: aws.String("db.r6g.large"),
		})
		return code(err)
	}
	for i := range full {
		inWorld(t, func(f fixture) {
			f.shop(nil)
			less := append(append([]string{}, full[:i]...), full[i+1:]...)
			if got := try(f, less); got != "AccessDenied" {
				t.Errorf("without %s: %s", full[i], got)
			}
			if got := try(f, full); got != "ok" {
				t.Errorf("with all: %s", got)
			}
		})
	}
}

func TestInstanceBecomesAvailableByTheClock(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(nil)
		f.role(prod, "monitoring", allowRDS)
		c := f.client(prod)
		_, err := c.CreateDBInstance(ctx, &sdk.CreateDBInstanceInput{
			DBInstanceIdentifier: aws.String("shop-orders-2"), DBClusterIdentifier: aws.String("shop-orders"), Engine: aws.String(rds.AuroraMySQL),
			DBInstanceClass: aws.String("db.r6g.large"), MonitoringInterval: aws.Int32(60), MonitoringRoleArn: aws.String("arn:aws:iam::111111111111:role/monitoring"),
		})
		f.ok(err)
		for range 500 { // looking does not hurry it
			if got := f.instanceStatus(c, "shop-orders-2"); got != "creating" {
				t.Fatalf("%s after %s", got, f.w.Now().Sub(f.w.Start()))
			}
		}
		f.until("configuring-enhanced-monitoring", func() string { return f.instanceStatus(c, "shop-orders-2") })
		f.until("available", func() string { return f.instanceStatus(c, "shop-orders-2") })
		if w := f.w.Waits.All(); len(w) != 1 || w[0].Phase != "instance" || w[0].Item != "shop-orders" || w[0].Noticed.IsZero() {
			t.Errorf("waits %+v", w)
		}
	})
}

func TestDeleteInOrder(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(func(c *rds.ClusterSpec) { c.DeletionProtection = true })
		f.ok(f.PutInstance(prod, rds.InstanceSpec{ID: "shop-orders-2", Cluster: "shop-orders", Class: "db.r6g.large"}))
		c := f.client(prod)
		dropCluster := func(in sdk.DeleteDBClusterInput) string {
			in.DBClusterIdentifier = aws.String("shop-orders")
			_, err := c.DeleteDBCluster(ctx, &in)
			return code(err)
		}
		dropInstance := func(id string) string {
			_, err := c.DeleteDBInstance(ctx, &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String(id)})
			return code(err)
		}
		skip := sdk.DeleteDBClusterInput{SkipFinalSnapshot: aws.Bool(true)}
		if got := dropCluster(skip); got != "InvalidParameterCombination" {
			t.Errorf("protected: %s", got)
		}
		_, err := c.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), DeletionProtection: aws.Bool(false)})
		f.ok(err)
		if got := dropCluster(skip); got != "InvalidDBClusterStateFault" {
			t.Errorf("with members: %s", got)
		}
		if got := dropInstance("shop-orders-1"); got != "ok" {
			t.Errorf("writer: %s", got)
		}
		if got := dropInstance("shop-orders-1"); got != "InvalidDBInstanceState" {
			t.Errorf("twice: %s", got)
		}
		for _, m := range f.cluster(c, "shop-orders").DBClusterMembers {
			if *m.IsClusterWriter != (*m.DBInstanceIdentifier == "shop-orders-2") {
				t.Errorf("after the writer went: %s writes: %v", *m.DBInstanceIdentifier, *m.IsClusterWriter)
			}
		}
		if got := dropInstance("shop-orders-2"); got != "ok" {
			t.Errorf("reader: %s", got)
		}
		if got := dropCluster(sdk.DeleteDBClusterInput{}); got != "InvalidParameterCombination" {
			t.Errorf("neither snapshot nor skip: %s", got)
		}
		if got := dropCluster(sdk.DeleteDBClusterInput{FinalDBSnapshotIdentifier: aws.String("last")}); got != "ok" {
			t.Errorf("with a final snapshot: %s", got)
		}
		if got := f.clusterStatus(c, "shop-orders"); got != "deleting" {
			t.Errorf("status %s", got)
		}
		f.sleep(20 * time.Minute)
		if _, err := c.DescribeDBClusters(ctx, &sdk.DescribeDBClustersInput{DBClusterIdentifier: aws.String("shop-orders")}); code(err) != "DBClusterNotFoundFault" {
			t.Errorf("after all: %v", err)
		}
		if got := *f.snapshot(c, "last").Status; got != "available" {
			t.Errorf("final snapshot is %s", got)
		}
		if diff := cmp.Diff([]string{prod + "/shop-orders"}, f.rows.deleted); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDial(t *testing.T) {
	const writer, instance = "writer", "instance"
	cases := []struct {
		name  string
		from  rds.NetworkPlace
		setup func(f fixture)
		host  string
		port  int
		want  string // "ok" or a part of the error
	}{
		{"member of the admitted group", rds.NetworkPlace{Account: prod, VPC: "vpc-1", SecurityGroups: []string{"sg-fn"}}, nil, writer, 3306, "ok"},
		{"instance endpoint", rds.NetworkPlace{Account: prod, VPC: "vpc-1", SecurityGroups: []string{"sg-fn"}}, nil, instance, 3306, "ok"},
		{"by address", rds.NetworkPlace{Account: prod, VPC: "vpc-1", Subnets: []string{"subnet-11"}, SecurityGroups: []string{"sg-other"}}, func(f fixture) {
			f.PutSecurityGroup(prod, rds.SecurityGroup{ID: "sg-db", VPC: "vpc-1", Ingress: []rds.Rule{{FromPort: 3306, ToPort: 3306, CIDR: "10.1.0.0/16"}}})
		}, writer, 3306, "ok"},
		{"by another address", rds.NetworkPlace{Account: prod, VPC: "vpc-1", Subnets: []string{"subnet-11"}, SecurityGroups: []string{"sg-other"}}, func(f fixture) {
			f.PutSecurityGroup(prod, rds.SecurityGroup{ID: "sg-db", VPC: "vpc-1", Ingress: []rds.Rule{{FromPort: 3306, ToPort: 3306, CIDR: "10.9.0.0/16"}}})
		}, writer, 3306, "timeout"},
		{"another group", rds.NetworkPlace{Account: prod, VPC: "vpc-1", SecurityGroups: []string{"sg-other"}}, nil, writer, 3306, "security groups sg-other of the caller and sg-db"},
		{"nothing may leave", rds.NetworkPlace{Account: prod, VPC: "vpc-1", SecurityGroups: []string{"sg-fn"}}, func(f fixture) {
			f.PutSecurityGroup(prod, rds.SecurityGroup{ID: "sg-fn", VPC: "vpc-1", Egress: []rds.Rule{}})
		}, writer, 3306, "timeout"},
		{"may leave towards the database", rds.NetworkPlace{Account: prod, VPC: "vpc-1", SecurityGroups: []string{"sg-fn"}}, func(f fixture) {
			f.PutSecurityGroup(prod, rds.SecurityGroup{ID: "sg-fn", VPC: "vpc-1", Egress: []rds.Rule{{FromPort: 3306, ToPort: 3306, Group: "sg-db"}}})
		}, writer, 3306, "ok"},
		{"another account", rds.NetworkPlace{Account: staging, VPC: "vpc-2", SecurityGroups: []string{"sg-fn"}}, nil, writer, 3306, "nothing connects them"},
		{"no network", rds.NetworkPlace{}, nil, writer, 3306, "nothing connects them"},
		{"wrong port", rds.NetworkPlace{Account: prod, VPC: "vpc-1", SecurityGroups: []string{"sg-fn"}}, func(f fixture) {
			f.PutSecurityGroup(prod, rds.SecurityGroup{ID: "sg-db", VPC: "vpc-1", Ingress: []rds.Rule{{FromPort: 0, ToPort: 65535, Group: "sg-fn"}}})
		}, writer, 3307, "connection refused"},
		{"unknown host", rds.NetworkPlace{Account: prod, VPC: "vpc-1", SecurityGroups: []string{"sg-fn"}}, nil, "db.example.com", 3306, "no such host"},
		{"no writer", rds.NetworkPlace{Account: prod, VPC: "vpc-1", SecurityGroups: []string{"sg-fn"}}, func(f fixture) {
			_, err := f.client(prod).DeleteDBInstance(ctx, &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("shop-orders-1")})
			f.ok(err)
		}, writer, 3306, "no such host"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.PutSecurityGroup(prod, rds.SecurityGroup{ID: "sg-fn", VPC: "vpc-1"})
				f.PutSecurityGroup(prod, rds.SecurityGroup{ID: "sg-other", VPC: "vpc-1"})
				f.PutSecurityGroup(prod, rds.SecurityGroup{ID: "sg-db", VPC: "vpc-1", Ingress: []rds.Rule{{FromPort: 3306, ToPort: 3306, Group: "sg-fn"}}})
				f.shop(func(spec *rds.ClusterSpec) { spec.SecurityGroups = []string{"sg-db"} })
				endpoint := *f.cluster(f.client(prod), "shop-orders").Endpoint
				host := map[string]string{writer: endpoint, instance: strings.Replace(endpoint, "shop-orders.cluster-", "shop-orders-1.", 1)}[c.host]
				if host == "" {
					host = c.host
				}
				if c.setup != nil {
					c.setup(f)
				}
				begun := f.w.Now()
				addr, err := f.Dial(ctx, c.from, host, c.port)
				checkDial(t, c.want, addr, err, f.w.Now().Sub(begun))
			})
		})
	}
}

func checkDial(t *testing.T, want, addr string, err error, took time.Duration) {
	t.Helper()
	var dns *net.DNSError
	switch {
	case want == "ok":
		if err != nil || addr != "127.0.0.1:1/"+prod+"/shop-orders" {
			t.Errorf("%s, %v", addr, err)
		}
	case err == nil || !strings.Contains(err.Error(), want):
		t.Errorf("got %v, want %q", err, want)
	case errors.Is(err, os.ErrDeadlineExceeded) != (took >= 3*time.Second):
		t.Errorf("%v after %s", err, took)
	case want == "no such host" && !errors.As(err, &dns):
		t.Errorf("%T is no DNS error", err)
	}
}

func TestEndpointsExistWithAWriter(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.ok(f.PutCluster(prod, rds.ClusterSpec{ID: "empty", Engine: rds.AuroraPostgreSQL, SubnetGroup: "databases"}))
		c := f.client(prod)
		status := func() string {
			out, err := c.DescribeDBClusterEndpoints(ctx, &sdk.DescribeDBClusterEndpointsInput{DBClusterIdentifier: aws.String("empty")})
			f.ok(err)
			return *out.DBClusterEndpoints[0].Status
		}
		if got := status(); got != "creating" {
			t.Errorf("without an instance: %s", got)
		}
		f.ok(f.PutInstance(prod, rds.InstanceSpec{ID: "empty-1", Cluster: "empty", Class: "db.r6g.large"}))
		if got := status(); got != "available" {
			t.Errorf("with one: %s", got)
		}
		if got := *f.cluster(c, "empty").Port; got != 5432 {
			t.Errorf("port %d", got)
		}
	})
}

func TestGroupsAndQuotas(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(nil)
		f.PutParameterGroup(prod, rds.ParameterGroup{Name: "own", Family: "aurora-mysql8.0"})
		c := f.client(prod)
		groups, err := c.DescribeDBClusterParameterGroups(ctx, &sdk.DescribeDBClusterParameterGroupsInput{})
		f.ok(err)
		var names []string
		for _, g := range groups.DBClusterParameterGroups {
			names = append(names, *g.DBClusterParameterGroupName)
		}
		want := []string{"default.aurora-mysql8.0", "default.aurora-postgresql15", "default.aurora-postgresql16", "default.aurora-postgresql17", "own"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Error(diff)
		}
		if _, err := c.DescribeDBSubnetGroups(ctx, &sdk.DescribeDBSubnetGroupsInput{DBSubnetGroupName: aws.String("none")}); code(err) != "DBSubnetGroupNotFoundFault" {
			t.Errorf("subnet group: %v", err)
		}
		if _, err := c.DescribeDBParameterGroups(ctx, &sdk.DescribeDBParameterGroupsInput{DBParameterGroupName: aws.String("default.aurora-mysql8.0")}); err != nil {
			t.Error(err)
		}
		versions, err := c.DescribeDBEngineVersions(ctx, &sdk.DescribeDBEngineVersionsInput{Engine: aws.String(rds.AuroraPostgreSQL), DefaultOnly: aws.Bool(true)})
		if err != nil || len(versions.DBEngineVersions) != 1 {
			t.Errorf("default version: %v", err)
		}
		out, err := c.DescribeAccountAttributes(ctx, &sdk.DescribeAccountAttributesInput{})
		f.ok(err)
		for _, q := range out.AccountQuotas {
			if *q.AccountQuotaName == rds.QuotaInstances && (*q.Used != 1 || *q.Max != 40) {
				t.Errorf("instances: %d of %d", *q.Used, *q.Max)
			}
		}
	})
}

func TestTags(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(nil)
		c := f.client(prod)
		arn := f.cluster(c, "shop-orders").DBClusterArn
		_, err := c.AddTagsToResource(ctx, &sdk.AddTagsToResourceInput{ResourceName: arn, Tags: tagged("a", "1", "b", "2")})
		f.ok(err)
		_, err = c.RemoveTagsFromResource(ctx, &sdk.RemoveTagsFromResourceInput{ResourceName: arn, TagKeys: []string{"a"}})
		f.ok(err)
		out, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceName: arn})
		f.ok(err)
		if diff := cmp.Diff(map[string]string{"owner": "shop", "b": "2"}, tags(out.TagList)); diff != "" {
			t.Error(diff)
		}
		if _, err := c.AddTagsToResource(ctx, &sdk.AddTagsToResourceInput{ResourceName: arn, Tags: tagged("aws:x", "1")}); code(err) != "InvalidParameterValue" {
			t.Errorf("reserved prefix: %v", err)
		}
		if _, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceName: aws.String(strings.Replace(*arn, prod, staging, 1))}); code(err) != "AccessDenied" {
			t.Errorf("another account's: %v", err)
		}
		if _, err := f.client(prod, `{"Effect":"Allow","Action":"rds:Describe*","Resource":"*"}`).ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceName: arn}); code(err) != "AccessDenied" {
			t.Errorf("without permission: %v", err)
		}
	})
}

func TestServiceIDsFit(t *testing.T) {
	inWorld(t, func(f fixture) {
		_, err := f.client(prod).DescribeGlobalClusters(ctx, &sdk.DescribeGlobalClustersInput{})
		var un *awsworld.Unsimulated
		if !errors.As(err, &un) || un.Service != "RDS" {
			t.Errorf("an operation that is not simulated: %v", err)
		}
	})
}
