package rds_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

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
		f.ProxiesBlock = true
		if _, err := f.create(c, nil); code(err) != "SourceClusterNotSupportedFault" {
			t.Errorf("a proxy that blocks: %v", err)
		}
		f.ProxiesBlock = false
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
