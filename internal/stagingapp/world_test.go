package stagingapp_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sdkecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	sdkrds "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/ecs"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/route53"
	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/awsworld/ssm"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/dbproxy"
	"github.com/dbferry/dbferry/internal/simnet"
	"github.com/dbferry/dbferry/internal/sqlserver"
	"github.com/dbferry/dbferry/internal/stagingapp"
)

const (
	account  = worldtest.Staging
	vpc      = "vpc-1"
	password = "staging-app-password"
	user     = "admin"
)

var ctx = context.Background()

// farm is shared: making it costs more than most tests.
var farm *sqlserver.Farm

func TestMain(m *testing.M) {
	sqlserver.RunWatcherIfAsked()
	var err error
	if farm, err = sqlserver.NewFarm(ctx, sqlserver.FarmOptions{}); err != nil {
		fmt.Fprintln(os.Stderr, "these tests need database servers:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := farm.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// servers is rds.Databases on real servers that are never copied.
type servers map[string]*sqlserver.Server

func (s servers) Create(_ context.Context, key, engine, user, password string) error {
	kind := sqlserver.MySQL
	if engine == rds.AuroraPostgreSQL {
		kind = sqlserver.Postgres
	}
	db, err := farm.Create(strings.ReplaceAll(key, "/", "-"), kind, sqlserver.Options{AdminUser: user, AdminPassword: password})
	s[key] = db
	return err
}

func (s servers) Snapshot(context.Context, string) (string, error) { panic("no test copies") }
func (s servers) Restore(context.Context, string, string, string) error {
	panic("no test copies")
}
func (s servers) DeleteImage(context.Context, string) error { panic("no test copies") }
func (s servers) SetPassword(context.Context, string, string, string) error {
	panic("no test changes a password")
}
func (s servers) Delete(_ context.Context, key string) error { return s[key].Remove() }
func (s servers) Addr(ctx context.Context, key string) (string, error) {
	return s[key].Addr(context.WithoutCancel(ctx))
}

func (s servers) Login(ctx context.Context, key, engine, user, password string) error {
	addr, err := s.Addr(ctx, key)
	if err != nil {
		return err
	}
	if err := dbproxy.Login(ctx, engine, addr, user, password); dbconn.IsAuth(err) {
		return fmt.Errorf("%w: %w", rds.ErrLogin, err)
	} else if err != nil {
		return err
	}
	return nil
}

// world is a staging account with two generations of a cluster and a table, two
// proxies, and an ECS service that uses the first generation.
type world struct {
	*worldtest.Fixture
	t       *testing.T
	rds     *rds.Service
	ssm     *ssm.Service
	ecs     *ecs.Service
	tables  *dynamodb.Service
	dns     *route53.Service
	secrets *secretsmanager.Service
	engine  string
	port    int
	rdsAPI  *sdkrds.Client
	ecsAPI  *sdkecs.Client
	app     *stagingapp.App
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sleep(d time.Duration) { _ = w.W.Kernel.Sleep(ctx, d) }

// inWorld runs a test in a world of each engine, onMySQL of one where the engine
// does not matter.
func inWorld(t *testing.T, test func(w *world)) {
	inWorlds(t, map[string]int{rds.AuroraMySQL: 3306, rds.AuroraPostgreSQL: 5432}, test)
}

func onMySQL(t *testing.T, test func(w *world)) {
	inWorlds(t, map[string]int{rds.AuroraMySQL: 3306}, test)
}

func inWorlds(t *testing.T, engines map[string]int, test func(w *world)) {
	t.Helper()
	for engine, port := range engines {
		t.Run(engine, func(t *testing.T) {
			f := worldtest.New(t)
			keys := kms.New(f.W)
			w := &world{
				Fixture: f, t: t, rds: rds.New(f.W, keys), ssm: ssm.New(f.W), ecs: ecs.New(f.W), tables: dynamodb.New(f.W, keys), dns: route53.New(f.W),
				secrets: secretsmanager.New(f.W), engine: engine, port: port,
			}
			databases := servers{}
			w.rds.Databases = struct {
				servers
				rds.Replicas // none is asked for
			}{servers: databases}
			w.network()
			w.generations()
			w.rdsAPI = sdkrds.NewFromConfig(f.As(account, "switch", worldtest.Allow("rds:*", "*")))
			w.ecsAPI = sdkecs.NewFromConfig(f.As(account, "roller", worldtest.Allow("ecs:*", "*")))
			over := false
			f.W.Kernel.Go(func() {
				defer func() { over = true }()
				w.startApp()
				test(w)
			})
			// An application works until it is stopped, whatever became of the test.
			w.ok(f.W.Kernel.Run(func() bool { return over }, time.Time{}))
			f.W.Kernel.Stop()
			for _, db := range databases {
				w.ok(db.Remove())
			}
		})
	}
}

func (w *world) network() {
	for i, id := range []string{"subnet-1", "subnet-2"} {
		w.rds.PutSubnet(account, rds.Subnet{ID: id, VPC: vpc, AZ: []string{"eu-west-1a", "eu-west-1b"}[i], CIDR: fmt.Sprintf("10.0.%d.0/24", i)})
	}
	w.ok(w.rds.PutSubnetGroup(account, rds.SubnetGroup{Name: "databases", VPC: vpc, Subnets: []string{"subnet-1", "subnet-2"}}))
	port := int32(w.port)
	w.rds.PutSecurityGroup(account, rds.SecurityGroup{ID: "sg-app", Name: "app", VPC: vpc})
	w.rds.PutSecurityGroup(account, rds.SecurityGroup{ID: "sg-proxy", Name: "proxy", VPC: vpc, Ingress: []rds.Rule{{FromPort: port, ToPort: port, Group: "sg-app"}}})
	w.rds.PutSecurityGroup(account, rds.SecurityGroup{ID: "sg-db", Name: "db", VPC: vpc, Ingress: []rds.Rule{{FromPort: port, ToPort: port, Group: "sg-proxy"}}})
}

// generations makes clusters and tables "old" and "new", and a proxy for each;
// the proxy "new" has no target.
func (w *world) generations() {
	secret, err := w.secrets.PutSecret(account, secretsmanager.SecretSpec{Name: "app", Value: `{"username":"` + user + `","password":"` + password + `"}`})
	w.ok(err)
	role := w.Role(account, "proxy", "rds.amazonaws.com", worldtest.Allow("secretsmanager:GetSecretValue", secret))
	family := map[string]string{rds.AuroraMySQL: rds.FamilyMySQL, rds.AuroraPostgreSQL: rds.FamilyPostgreSQL}[w.engine]
	for _, g := range []string{"old", "new"} {
		w.ok(w.rds.PutCluster(account, rds.ClusterSpec{ID: g, Engine: w.engine, SubnetGroup: "databases", SecurityGroups: []string{"sg-db"}, MasterUser: user, MasterPassword: password}))
		w.ok(w.rds.PutInstance(account, rds.InstanceSpec{ID: g + "-1", Cluster: g, Class: "db.r6g.large"}))
		w.ok(w.tables.PutTable(account, dynamodb.TableSpec{
			Name: "carts-" + g, Hash: dynamodb.Attribute{Name: "id", Type: types.ScalarAttributeTypeS},
			Items: []dynamodb.Item{{"id": &types.AttributeValueMemberS{Value: "cart-1"}, "generation": &types.AttributeValueMemberS{Value: g}}},
		}))
		spec := rds.ProxySpec{Name: g, Family: family, Secrets: []string{secret}, RoleARN: role, Subnets: []string{"subnet-1", "subnet-2"}, SecurityGroups: []string{"sg-proxy"}}
		if g == "old" {
			spec.Cluster = "old"
		}
		w.ok(w.rds.PutProxy(account, spec))
	}
}

func (w *world) endpoint(proxy string) string {
	host, _, _ := w.rds.ProxyEndpoint(account, proxy)
	return host
}

// point writes the application's parameters.
func (w *world) point(host, table string) {
	w.ok(w.ssm.PutParameter(account, ssm.ParameterSpec{Name: "/app/host", Value: host}))
	w.ok(w.ssm.PutParameter(account, ssm.ParameterSpec{Name: "/app/table", Value: table}))
}

// config is an application of the kind that the tests want.
func (w *world) config() stagingapp.Config {
	return stagingapp.Config{
		Kernel: w.W.Kernel, AWS: w.As(account, "app", worldtest.Allow("dynamodb:GetItem", "*"), worldtest.Allow("dynamodb:Query", "*")),
		Dialer:    simnet.Dialer{RDS: w.rds, From: rds.NetworkPlace{Account: account, VPC: vpc, Subnets: []string{"subnet-1"}, SecurityGroups: []string{"sg-app"}}},
		Tasks:     func() []ecs.Task { return w.ecs.Serving(account, "staging", "shop") },
		Databases: []stagingapp.Database{{Name: "orders", Engine: w.engine, HostVar: stagingapp.Variable{Name: "HOST"}, Port: w.port, SecretVar: "SECRET", Query: "SELECT 1"}},
		Tables:    []stagingapp.Table{{Name: "carts", TableVar: stagingapp.Variable{Name: "TABLE"}, Key: map[string]string{"id": "cart-1"}, Hash: [2]string{"id", "cart-1"}}},
		AtWork: func() bool {
			return w.rds.ProxySwitching(account, "old") || w.rds.ProxySwitching(account, "new") || w.ecs.Rolling(account, "staging", "shop") || w.dns.Syncing(account)
		},
	}
}

func (w *world) startApp() {
	w.point(w.endpoint("old"), "carts-old")
	role := w.Role(account, "execution", "ecs-tasks.amazonaws.com", worldtest.Allow("ssm:GetParameters", "*"), worldtest.Allow("secretsmanager:GetSecretValue", "*"))
	w.app = stagingapp.New(w.config())
	w.ok(w.ecs.PutService(account, ecs.ServiceSpec{
		Cluster: "staging", Name: "shop", TaskDefinition: "shop:1", Desired: 2, ExecutionRole: role, CircuitBreaker: true, Rollback: true, Healthy: w.app.Healthy,
		Parameters: map[string]string{"HOST": "/app/host", "TABLE": "/app/table"}, Secrets: map[string]string{"SECRET": "app"},
	}))
	w.app.Start()
}

func (w *world) register(proxy, cluster string) {
	w.t.Helper()
	_, err := w.rdsAPI.RegisterDBProxyTargets(ctx, &sdkrds.RegisterDBProxyTargetsInput{DBProxyName: &proxy, DBClusterIdentifiers: []string{cluster}})
	w.ok(err)
}

func (w *world) deregister(proxy, cluster string) {
	w.t.Helper()
	_, err := w.rdsAPI.DeregisterDBProxyTargets(ctx, &sdkrds.DeregisterDBProxyTargetsInput{DBProxyName: &proxy, DBClusterIdentifiers: []string{cluster}})
	w.ok(err)
}

// roll starts a deployment and returns its id, primary is the present one's.
func (w *world) roll() string {
	w.t.Helper()
	out, err := w.ecsAPI.UpdateService(ctx, &sdkecs.UpdateServiceInput{Cluster: aws.String("staging"), Service: aws.String("shop"), ForceNewDeployment: true})
	w.ok(err)
	return *out.Service.Deployments[0].Id
}

func (w *world) primary() string {
	w.t.Helper()
	out, err := w.ecsAPI.DescribeServices(ctx, &sdkecs.DescribeServicesInput{Cluster: aws.String("staging"), Services: []string{"shop"}})
	w.ok(err)
	return *out.Services[0].Deployments[0].Id
}

// settle waits until AWS is done, and a little longer.
func (w *world) settle() {
	w.t.Helper()
	for range 600 {
		w.sleep(5 * time.Second)
		if !w.config().AtWork() {
			w.sleep(time.Minute)
			return
		}
	}
	w.t.Fatal("AWS is never done")
}
