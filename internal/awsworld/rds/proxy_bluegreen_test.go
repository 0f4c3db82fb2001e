package rds_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
)

// TestProxyFollowsASwitchover: a proxy that was there when the deployment was
// created leads its clients to green; one may not be registered meanwhile.
func TestProxyFollowsASwitchover(t *testing.T) {
	inWorld(t, func(base fixture) {
		f := &proxied{fixture: base, secrets: secretsmanager.New(base.w)}
		f.PutSecurityGroup(prod, rds.SecurityGroup{ID: proxyGroup, Name: "proxy", VPC: "vpc-1", Ingress: []rds.Rule{{FromPort: 3306, ToPort: 3306, Group: proxyGroup}}})
		f.production(func(c *rds.ClusterSpec) { c.SecurityGroups = []string{proxyGroup} })
		arn, err := f.secrets.PutSecret(prod, secretsmanager.SecretSpec{Name: "shop-app", Value: `{"username":"admin","password":"production-secret"}`})
		f.ok(err)
		for name, cluster := range map[string]string{"shop": "shop-orders", "late": ""} {
			f.ok(f.PutProxy(prod, rds.ProxySpec{
				Name: name, Family: rds.FamilyMySQL, Secrets: []string{arn}, RoleARN: "arn:aws:iam::" + prod + ":role/proxy", Subnets: []string{"subnet-11", "subnet-12"},
				SecurityGroups: []string{proxyGroup}, Cluster: cluster,
			}))
		}
		c := f.fixture.client(prod)
		d := f.ready(c, nil)
		_, err = c.RegisterDBProxyTargets(ctx, &sdk.RegisterDBProxyTargetsInput{DBProxyName: aws.String("late"), DBClusterIdentifiers: []string{"shop-orders"}})
		if code(err) != "InvalidDBClusterStateFault" {
			t.Errorf("a late registration: %v", err)
		}
		host, port, _ := f.ProxyEndpoint(prod, "shop")
		v, err := f.Visit(ctx, rds.NetworkPlace{Account: prod, VPC: "vpc-1", SecurityGroups: []string{proxyGroup}}, host, port)
		f.ok(err)
		dropped := false
		v.OnDrop(func() { dropped = true })
		f.ok(f.switchOver(c, d.BlueGreenDeploymentIdentifier, 300))
		f.until("SWITCHOVER_COMPLETED", func() string {
			d := f.deployment(c, d.BlueGreenDeploymentIdentifier)
			if *d.Status == "SWITCHOVER_FAILED" {
				t.Fatal(aws.ToString(d.StatusDetails))
			}
			return *d.Status
		})
		f.sleep(time.Minute)
		out, err := c.DescribeDBProxyTargets(ctx, &sdk.DescribeDBProxyTargetsInput{DBProxyName: aws.String("shop")})
		f.ok(err)
		if !dropped || len(out.Targets) == 0 {
			t.Errorf("session ended %v, %d targets", dropped, len(out.Targets))
		}
		for _, x := range out.Targets {
			if id := aws.ToString(x.RdsResourceId); strings.Contains(id, "old1") {
				t.Errorf("the proxy still leads to %s", id)
			}
		}
	})
}
