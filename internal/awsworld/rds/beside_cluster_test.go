package rds_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

const loadRole = "arn:aws:iam::111111111111:role/load"

// TestAddRole: a role is PENDING until RDS can use it, by the clock.
func TestAddRole(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(nil)
		f.role(prod, "load", allowRDS)
		c := f.client(prod)
		in := &sdk.AddRoleToDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), RoleArn: aws.String(loadRole)}
		_, err := c.AddRoleToDBCluster(ctx, in)
		f.ok(err)
		status := func() string { return *f.cluster(c, "shop-orders").AssociatedRoles[0].Status }
		for range 100 {
			if got := status(); got != "PENDING" {
				t.Fatalf("%s at once", got)
			}
		}
		if _, err := c.AddRoleToDBCluster(ctx, in); code(err) != "DBClusterRoleAlreadyExists" {
			t.Errorf("again: %v", err)
		}
		f.until("ACTIVE", status)
	})
}

func TestAddRoleRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(f fixture)
		policy  []string
		change  func(*sdk.AddRoleToDBClusterInput)
		want    string
	}{
		"no such cluster": {nil, nil, func(in *sdk.AddRoleToDBClusterInput) { in.DBClusterIdentifier = aws.String("none") }, "DBClusterNotFoundFault"},
		"no such role":    {nil, nil, func(in *sdk.AddRoleToDBClusterInput) { in.RoleArn = aws.String(loadRole + "er") }, "InvalidParameterValue"},
		"busy":            {func(f fixture) { f.Busy(prod, "shop-orders", "modifying", time.Minute) }, nil, nil, "InvalidDBClusterStateFault"},
		"may not pass it": {nil, []string{`{"Effect":"Allow","Action":"rds:*","Resource":"*"}`}, nil, "AccessDenied"},
		"for another service": {nil, []string{`{"Effect":"Allow","Action":"rds:*","Resource":"*"}`,
			`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"monitoring.rds.amazonaws.com"}}}`}, nil, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(nil)
				f.role(prod, "load", allowRDS)
				if c.prepare != nil {
					c.prepare(f)
				}
				in := &sdk.AddRoleToDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), RoleArn: aws.String(loadRole)}
				if c.change != nil {
					c.change(in)
				}
				if _, err := f.client(prod, c.policy...).AddRoleToDBCluster(ctx, in); code(err) != c.want {
					t.Errorf("%v, want %s", err, c.want)
				}
			})
		})
	}
}

// TestDatabaseInsights: the advanced mode wants Performance Insights with 465
// days in the same call, and sets them on every instance.
func TestDatabaseInsights(t *testing.T) {
	advanced := func(change func(*sdk.ModifyDBClusterInput)) *sdk.ModifyDBClusterInput {
		in := &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), ApplyImmediately: aws.Bool(true), DatabaseInsightsMode: types.DatabaseInsightsModeAdvanced,
			EnablePerformanceInsights: aws.Bool(true), PerformanceInsightsRetentionPeriod: aws.Int32(465)}
		if change != nil {
			change(in)
		}
		return in
	}
	inWorld(t, func(f fixture) {
		f.shop(nil)
		c := f.client(prod)
		for name, in := range map[string]*sdk.ModifyDBClusterInput{
			"without insights": advanced(func(in *sdk.ModifyDBClusterInput) { in.EnablePerformanceInsights = nil }),
			"for a week":       advanced(func(in *sdk.ModifyDBClusterInput) { in.PerformanceInsightsRetentionPeriod = aws.Int32(7) }),
		} {
			if _, err := c.ModifyDBCluster(ctx, in); code(err) != "InvalidParameterCombination" {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := c.ModifyDBCluster(ctx, advanced(nil))
		f.ok(err)
		out, err := c.DescribeDBInstances(ctx, &sdk.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("shop-orders-1")})
		f.ok(err)
		if got := f.cluster(c, "shop-orders").DatabaseInsightsMode; got != types.DatabaseInsightsModeAdvanced || aws.ToInt32(out.DBInstances[0].PerformanceInsightsRetentionPeriod) != 465 {
			t.Errorf("mode %s, instance %+v", got, out.DBInstances[0].PerformanceInsightsRetentionPeriod)
		}
	})
}

// TestBacktrackCannotBeSwitchedOn: only a restore can (Aurora user guide,
// "Configuring backtracking").
func TestBacktrackCannotBeSwitchedOn(t *testing.T) {
	for name, c := range map[string]struct {
		have, want int64
		code       string
	}{"on": {0, 3600, "InvalidParameterCombination"}, "longer": {3600, 7200, "ok"}, "off": {3600, 0, "ok"}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(func(s *rds.ClusterSpec) { s.BacktrackSeconds = c.have })
				_, err := f.client(prod).ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: aws.String("shop-orders"), BacktrackWindow: &c.want})
				if code(err) != c.code {
					t.Errorf("%v, want %s", err, c.code)
				}
			})
		})
	}
}
