package rds_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

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
