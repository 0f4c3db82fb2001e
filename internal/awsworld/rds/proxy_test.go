package rds_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/iam"
)

// Login makes rows a rds.Logins: only the master exists.
func (r *rows) Login(_ context.Context, key, _, user, password string) error {
	if c := r.live[key]; c.user != user || c.password != password {
		return rds.ErrLogin
	}
	return nil
}

// proxied is a staging account with two clusters, and a proxy in front of the
// first.
type proxied struct {
	fixture
	secrets *secretsmanager.Service
	secret  string
	client  *sdk.Client
	events  []string
}

const (
	masterPassword = "staging-master-secret"
	proxyGroup     = "sg-proxy"
	appGroup       = "sg-app"
	databaseGroup  = "sg-db"
)

func behindProxy(t *testing.T, test func(f *proxied)) {
	inWorld(t, func(base fixture) {
		f := &proxied{fixture: base, secrets: secretsmanager.New(base.w)}
		f.PutSecurityGroup(staging, rds.SecurityGroup{ID: appGroup, Name: "app", VPC: "vpc-2"})
		f.PutSecurityGroup(staging, rds.SecurityGroup{ID: proxyGroup, Name: "proxy", VPC: "vpc-2", Ingress: []rds.Rule{{FromPort: 3306, ToPort: 3306, Group: appGroup}}})
		f.PutSecurityGroup(staging, rds.SecurityGroup{ID: databaseGroup, Name: "db", VPC: "vpc-2", Ingress: []rds.Rule{{FromPort: 3306, ToPort: 3306, Group: proxyGroup}}})
		for _, id := range []string{"old", "new"} {
			f.ok(f.PutCluster(staging, rds.ClusterSpec{ID: id, Engine: rds.AuroraMySQL, SubnetGroup: "databases", SecurityGroups: []string{databaseGroup}, MasterPassword: masterPassword}))
			f.ok(f.PutInstance(staging, rds.InstanceSpec{ID: id + "-1", Cluster: id, Class: "db.r6g.large"}))
		}
		f.secret = f.put(masterPassword)
		f.proxyRole(`{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*"}`)
		f.ok(f.PutProxy(staging, rds.ProxySpec{
			Name: "shop", Family: rds.FamilyMySQL, Secrets: []string{f.secret}, RoleARN: proxyRoleARN, Subnets: []string{"subnet-21", "subnet-22"},
			SecurityGroups: []string{proxyGroup}, Cluster: "old", Tags: map[string]string{"team": "shop"},
		}))
		f.Emit = func(_, _, detailType string, _ []string, detail map[string]any) {
			f.events = append(f.events, fmt.Sprint(detailType, " ", detail["EventID"]))
		}
		f.client = f.fixture.client(staging)
		test(f)
	})
}

const proxyRoleARN = "arn:aws:iam::222222222222:role/proxy"

func (f *proxied) put(password string) string {
	arn, err := f.secrets.PutSecret(staging, secretsmanager.SecretSpec{Name: "shop-app", Value: `{"username":"admin","password":"` + password + `"}`})
	f.ok(err)
	return arn
}

// proxyRole replaces the role with which the proxy reads its secrets.
func (f *proxied) proxyRole(statement string) {
	parse := func(text string) iam.Policy {
		doc, err := iam.ParseDocument([]byte(`{"Version":"2012-10-17","Statement":[` + text + `]}`))
		f.ok(err)
		return iam.Policy{Name: "proxy", Account: staging, Doc: doc}
	}
	f.w.Account(staging).PutRole(&awsworld.Role{
		ARN: proxyRoleARN, Name: "proxy", Account: staging, Policies: []iam.Policy{parse(statement)},
		Trust: parse(`{"Effect":"Allow","Principal":{"Service":"rds.amazonaws.com"},"Action":"sts:AssumeRole"}`),
	})
}

func (f *proxied) targets() []types.DBProxyTarget {
	out, err := f.client.DescribeDBProxyTargets(ctx, &sdk.DescribeDBProxyTargetsInput{DBProxyName: aws.String("shop")})
	f.ok(err)
	return out.Targets
}

// health is the writer's row: its state, reason and description.
func (f *proxied) health() (state, description string) {
	f.t.Helper()
	for _, t := range f.targets() {
		if t.Type == types.TargetTypeRdsInstance && t.Role == types.TargetRoleReadWrite {
			return strings.TrimSuffix(fmt.Sprintf("%s/%s", t.TargetHealth.State, t.TargetHealth.Reason), "/"), aws.ToString(t.TargetHealth.Description)
		}
	}
	return "none", ""
}

func (f *proxied) register(id string) error {
	_, err := f.client.RegisterDBProxyTargets(ctx, &sdk.RegisterDBProxyTargetsInput{DBProxyName: aws.String("shop"), DBClusterIdentifiers: []string{id}})
	return err
}

func (f *proxied) deregister(id string) error {
	_, err := f.client.DeregisterDBProxyTargets(ctx, &sdk.DeregisterDBProxyTargetsInput{DBProxyName: aws.String("shop"), DBClusterIdentifiers: []string{id}})
	return err
}

func (f *proxied) visit() (*rds.ProxyVisit, error) {
	host, port, _ := f.ProxyEndpoint(staging, "shop")
	return f.Visit(ctx, rds.NetworkPlace{Account: staging, VPC: "vpc-2", SecurityGroups: []string{appGroup}}, host, port)
}

func TestProxySwitchesItsTarget(t *testing.T) {
	behindProxy(t, func(f *proxied) {
		rows := f.targets()
		if len(rows) != 2 || rows[0].Type != types.TargetTypeTrackedCluster || *rows[0].Port != 0 || rows[0].Endpoint != nil || *rows[1].TrackedClusterId != "old" {
			t.Fatalf("targets of a serving proxy: %+v", rows)
		}
		if code(f.register("new")) != "DBProxyTargetAlreadyRegisteredFault" {
			t.Error("a second target was accepted")
		}
		f.ok(f.deregister("old"))
		if n := len(f.targets()); n != 0 {
			t.Errorf("%d targets after deregistering", n)
		}
		begun := f.w.Now()
		f.ok(f.register("new"))
		var seen []string
		for range 60 {
			state, _ := f.health()
			if len(seen) == 0 || seen[len(seen)-1] != state {
				seen = append(seen, state)
			}
			f.sleep(10 * time.Second)
		}
		want := "[REGISTERING UNAVAILABLE/PENDING_PROXY_CAPACITY AVAILABLE]"
		if fmt.Sprint(seen) != want {
			t.Errorf("states %v, want %s", seen, want)
		}
		waits := f.w.Waits.All()
		last := waits[len(waits)-1]
		if took := last.Finished.Sub(begun); last.Phase != "proxy" || took < time.Minute || took > 6*time.Minute || last.Noticed.IsZero() {
			t.Errorf("wait %+v after %s", last, took)
		}
	})
}

func TestProxyTargetErrors(t *testing.T) {
	other := func(in *sdk.RegisterDBProxyTargetsInput) *sdk.RegisterDBProxyTargetsInput {
		in.DBProxyName = aws.String("shop")
		return in
	}
	one := &sdk.RegisterDBProxyTargetsInput{DBClusterIdentifiers: []string{"new"}}
	for name, c := range map[string]struct {
		ground func(f *proxied)
		in     *sdk.RegisterDBProxyTargetsInput
		want   string
	}{
		"unknown group":    {nil, &sdk.RegisterDBProxyTargetsInput{TargetGroupName: aws.String("blue"), DBClusterIdentifiers: []string{"new"}}, "DBProxyTargetGroupNotFoundFault"},
		"unknown cluster":  {nil, &sdk.RegisterDBProxyTargetsInput{DBClusterIdentifiers: []string{"none"}}, "DBClusterNotFoundFault"},
		"unknown instance": {nil, &sdk.RegisterDBProxyTargetsInput{DBInstanceIdentifiers: []string{"none"}}, "DBInstanceNotFound"},
		"two clusters":     {nil, &sdk.RegisterDBProxyTargetsInput{DBClusterIdentifiers: []string{"new", "old"}}, "InvalidParameterCombination"},
		"busy proxy":       {func(f *proxied) { f.SetProxyStatus(staging, "shop", types.DBProxyStatusSuspended) }, one, "InvalidDBProxyStateFault"},
		"no instances": {func(f *proxied) {
			_, err := f.client.DeleteDBInstance(ctx, &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("new-1")})
			f.ok(err)
			f.sleep(10 * time.Minute)
		}, one, "InvalidDBClusterStateFault"},
		"writer settles": {func(f *proxied) {
			_, err := f.client.CreateDBInstance(ctx, &sdk.CreateDBInstanceInput{
				DBInstanceIdentifier: aws.String("new-2"), DBClusterIdentifier: aws.String("new"), Engine: aws.String(rds.AuroraMySQL), DBInstanceClass: aws.String("db.r6g.large"),
				MonitoringInterval: aws.Int32(60), MonitoringRoleArn: aws.String(proxyRoleARN),
			})
			f.ok(err)
			f.until("configuring-enhanced-monitoring", func() string { return f.instanceStatus(f.client, "new-2") })
		}, one, "InvalidDBInstanceState"},
	} {
		t.Run(name, func(t *testing.T) {
			behindProxy(t, func(f *proxied) {
				f.ok(f.deregister("old"))
				if c.ground != nil {
					c.ground(f)
				}
				if _, err := f.client.RegisterDBProxyTargets(ctx, other(c.in)); code(err) != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		})
	}
	behindProxy(t, func(f *proxied) {
		if got := code(f.deregister("new")); got != "DBProxyTargetNotFoundFault" {
			t.Errorf("deregistering what is not registered: %s", got)
		}
		_, err := f.client.DescribeDBProxies(ctx, &sdk.DescribeDBProxiesInput{DBProxyName: aws.String("none")})
		if code(err) != "DBProxyNotFoundFault" {
			t.Errorf("unknown proxy: %v", err)
		}
	})
}

func TestProxyHealthFollowsTheWorld(t *testing.T) {
	for name, c := range map[string]struct {
		ground      func(f *proxied)
		want, texts string
	}{
		"all well":          {func(*proxied) {}, "AVAILABLE", ""},
		"secret differs":    {func(f *proxied) { f.put("another-password") }, "UNAVAILABLE/AUTH_FAILURE", "refuses the user admin"},
		"role may not read": {func(f *proxied) { f.proxyRole(`{"Effect":"Deny","Action":"*","Resource":"*"}`) }, "UNAVAILABLE/AUTH_FAILURE", "does not have any registered credentials"},
		"role is gone":      {func(f *proxied) { f.w.Account(staging).DeleteRole(proxyRoleARN) }, "UNAVAILABLE/AUTH_FAILURE", "does not exist"},
		"group lets none in": {func(f *proxied) {
			f.PutSecurityGroup(staging, rds.SecurityGroup{ID: databaseGroup, Name: "db", VPC: "vpc-2"})
		}, "UNAVAILABLE/UNREACHABLE", "do not let port 3306 through"},
		"writer is going": {func(f *proxied) {
			_, err := f.client.DeleteDBInstance(ctx, &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("old-1")})
			f.ok(err)
		}, "none", ""},
	} {
		t.Run(name, func(t *testing.T) {
			behindProxy(t, func(f *proxied) {
				c.ground(f)
				if got, text := f.health(); got != c.want || !strings.Contains(text, c.texts) {
					t.Errorf("%s: %s, want %s: …%s…", got, text, c.want, c.texts)
				}
			})
		})
	}
}

func TestAuthFailureHealsWithTheSecret(t *testing.T) {
	behindProxy(t, func(f *proxied) {
		f.put("another-password")
		if got, _ := f.health(); got != "UNAVAILABLE/AUTH_FAILURE" {
			t.Fatal(got)
		}
		f.put(masterPassword)
		f.sleep(f.Timing.Proxy.HealthCheck)
		if got, text := f.health(); got != "AVAILABLE" {
			t.Errorf("%s: %s", got, text)
		}
	})
}

func TestProxyBorrowWaitsInSimulatedTime(t *testing.T) {
	behindProxy(t, func(f *proxied) {
		v, err := f.visit()
		f.ok(err)
		if addr, err := v.Borrow(); err != nil || !strings.HasSuffix(addr, staging+"/old") {
			t.Fatalf("%s, %v", addr, err)
		}
		dropped := false
		v.OnDrop(func() { dropped = true })
		f.ok(f.deregister("old"))
		if !dropped {
			t.Error("the session of a client outlived its target")
		}
		v, err = f.visit()
		f.ok(err)
		begun := f.w.Now()
		if _, err := v.Borrow(); !errors.Is(err, rds.ErrBorrowTimeout) || f.w.Now().Sub(begun) < 2*time.Minute || f.w.Now().Sub(begun) > 121*time.Second {
			t.Errorf("%v after %s", err, f.w.Now().Sub(begun))
		}
		v.End()
		f.ok(f.register("new"))
		for range 5 {
			if v, err = f.visit(); err != nil {
				t.Fatal(err)
			}
			if addr, err := v.Borrow(); err == nil {
				if !strings.HasSuffix(addr, staging+"/new") || f.ProxySwitching(staging, "shop") {
					t.Errorf("borrowed %s", addr)
				}
				return
			}
			if !f.ProxySwitching(staging, "shop") {
				t.Error("AWS is not shown at work while its target starts")
			}
		}
		t.Error("never came to a database")
	})
}

func TestProxyIsBehindItsSecurityGroups(t *testing.T) {
	behindProxy(t, func(f *proxied) {
		host, port, _ := f.ProxyEndpoint(staging, "shop")
		place := rds.NetworkPlace{Account: staging, VPC: "vpc-2", SecurityGroups: []string{databaseGroup}}
		if _, err := f.Visit(ctx, place, host, port); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), appGroup) && !strings.Contains(err.Error(), proxyGroup) {
			t.Errorf("from a group that may not: %v", err)
		}
		if v, err := f.Visit(ctx, place, "nothing.example.com", port); v != nil || err != nil {
			t.Errorf("a host that is no proxy's: %v, %v", v, err)
		}
		v, err := f.visit()
		f.ok(err)
		if _, ok := v.Password("somebody"); ok {
			t.Error("a user without a secret has a password")
		}
		if p, ok := v.Password("admin"); !ok || p != masterPassword {
			t.Error("the secret's password is not known")
		}
	})
}

func TestModifyProxyChangesItsSecrets(t *testing.T) {
	behindProxy(t, func(f *proxied) {
		arn, err := f.secrets.PutSecret(staging, secretsmanager.SecretSpec{Name: "next", Value: `{"username":"admin","password":"not-the-password"}`})
		f.ok(err)
		_, err = f.client.ModifyDBProxy(ctx, &sdk.ModifyDBProxyInput{DBProxyName: aws.String("shop"), Auth: []types.UserAuthConfig{{AuthScheme: types.AuthSchemeSecrets, SecretArn: &arn}}})
		f.ok(err)
		if got := code(f.deregister("old")); got != "InvalidDBProxyStateFault" {
			t.Errorf("a change of a proxy that is being modified: %s", got)
		}
		f.sleep(2 * time.Minute)
		out, err := f.client.DescribeDBProxies(ctx, &sdk.DescribeDBProxiesInput{})
		f.ok(err)
		if p := out.DBProxies[0]; p.Status != types.DBProxyStatusAvailable || *p.Auth[0].SecretArn != arn {
			t.Errorf("after the change: %+v", p)
		}
		if got, _ := f.health(); got != "UNAVAILABLE/AUTH_FAILURE" {
			t.Errorf("health with the wrong secret: %s", got)
		}
	})
}

func TestADeletedClusterLeavesTheProxy(t *testing.T) {
	behindProxy(t, func(f *proxied) {
		f.sleep(time.Minute)
		_, err := f.client.DeleteDBInstance(ctx, &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("old-1")})
		f.ok(err)
		_, err = f.client.DeleteDBCluster(ctx, &sdk.DeleteDBClusterInput{DBClusterIdentifier: aws.String("old"), SkipFinalSnapshot: aws.Bool(true)})
		f.ok(err)
		f.sleep(30 * time.Minute)
		if n := len(f.targets()); n != 0 {
			t.Errorf("%d targets", n)
		}
		got := strings.Join(f.events, ", ")
		for _, want := range []string{"RDS DB Proxy Event RDS-EVENT-0214", "RDS DB Proxy Event RDS-EVENT-0215"} {
			if !strings.Contains(got, want) {
				t.Errorf("events %s, want %s", got, want)
			}
		}
	})
}

func TestProxyPermissionsNameProxyGroupAndCluster(t *testing.T) {
	behindProxy(t, func(f *proxied) {
		may := func(resources string) *sdk.Client {
			return f.fixture.client(staging, `{"Effect":"Allow","Action":"rds:DeregisterDBProxyTargets","Resource":[`+resources+`]}`)
		}
		all := []string{`"arn:aws:rds:eu-west-1:222222222222:db-proxy:prx-*"`, `"arn:aws:rds:eu-west-1:222222222222:target-group:prx-tg-*"`, `"arn:aws:rds:eu-west-1:222222222222:cluster:old"`}
		for i := range all {
			some := append(append([]string{}, all[:i]...), all[i+1:]...)
			in := &sdk.DeregisterDBProxyTargetsInput{DBProxyName: aws.String("shop"), DBClusterIdentifiers: []string{"old"}}
			if _, err := may(strings.Join(some, ",")).DeregisterDBProxyTargets(ctx, in); code(err) != "AccessDenied" {
				t.Errorf("without %s: %v", all[i], err)
			}
			if i == len(all)-1 {
				_, err := may(strings.Join(all, ",")).DeregisterDBProxyTargets(ctx, in)
				f.ok(err)
			}
		}
	})
}
