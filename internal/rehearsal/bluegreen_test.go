package rehearsal

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/sim"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

const (
	movedAccount  = "111111111111"
	movedKey      = movedAccount + "/shop-orders"
	movedPassword = "master-of-the-shop"
)

// move is a production account with one cluster on a real server, which a
// client writes to while it is moved.
type move struct {
	t         *testing.T
	ctx       context.Context
	w         *awsworld.World
	rds       *rds.Service
	databases *databases
	api       *sdk.Client
	client    *client
	broken    error
}

// inMove runs the test as a process of such a world.
func inMove(t *testing.T, engine string, test func(m *move)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	farm, err := sqlserver.NewFarm(ctx, sqlserver.FarmOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	w := awsworld.New(sim.New(begin), "eu-west-1", 7)
	m := &move{t: t, ctx: ctx, w: w, rds: rds.New(w, kms.New(w)), databases: newDatabases(farm)}
	m.rds.Databases = m.databases
	m.rds.Broken = func(err error) { m.broken = err }
	w.AddAccount(movedAccount, "production", "o-example")
	m.api = sdk.NewFromConfig(w.Config(w.GroundCaller(movedAccount)))
	m.scene(engine)
	w.Kernel.Go(func() { test(m) })
	if err := w.Kernel.Run(nil, begin.AddDate(0, 0, 20)); err != nil {
		t.Fatal(err)
	}
	w.Kernel.Stop()
	if m.broken != nil {
		t.Error(m.broken)
	}
}

func (m *move) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Error(err)
		panic(err)
	}
}

func (m *move) scene(engine string) {
	for i, az := range []string{"a", "b"} {
		m.rds.PutSubnet(movedAccount, rds.Subnet{ID: "subnet-" + az, VPC: "vpc-1", AZ: "eu-west-1" + az, CIDR: fmt.Sprintf("10.0.%d.0/24", i)})
	}
	m.ok(m.rds.PutSubnetGroup(movedAccount, rds.SubnetGroup{Name: "databases", VPC: "vpc-1", Subnets: []string{"subnet-a", "subnet-b"}}))
	m.rds.PutSecurityGroup(movedAccount, rds.SecurityGroup{ID: "sg-app", VPC: "vpc-1"})
	m.rds.PutSecurityGroup(movedAccount, rds.SecurityGroup{ID: "sg-db", VPC: "vpc-1", Ingress: []rds.Rule{{FromPort: 3306, ToPort: 5432, Group: "sg-app"}, {FromPort: 3306, ToPort: 3306, Group: "sg-db"}}})
	version, family, parameter := "8.0.mysql_aurora.3.08.2", "aurora-mysql8.0", map[string]string{"binlog_format": "ROW"}
	if engine == rds.AuroraPostgreSQL {
		version, family, parameter = "16.4", "aurora-postgresql16", map[string]string{"rds.logical_replication": "1"}
	}
	m.rds.PutParameterGroup(movedAccount, rds.ParameterGroup{Name: "shop", Family: family, Parameters: parameter})
	m.ok(m.rds.PutCluster(movedAccount, rds.ClusterSpec{ID: "shop-orders", Engine: engine, EngineVersion: version, SubnetGroup: "databases", SecurityGroups: []string{"sg-db"},
		ParameterGroup: "shop", MasterPassword: movedPassword, VolumeBytes: 10e9}))
	for n := range 2 {
		m.ok(m.rds.PutInstance(movedAccount, rds.InstanceSpec{ID: fmt.Sprintf("shop-orders-%d", n+1), Cluster: "shop-orders", Class: "db.r6g.large"}))
	}
	server, err := m.databases.server(movedKey)
	m.ok(err)
	db, err := server.Superuser(m.ctx, "")
	m.ok(err)
	create := "CREATE USER 'app'@'%' IDENTIFIED BY 'application'"
	if engine == rds.AuroraPostgreSQL {
		create = "CREATE ROLE app LOGIN PASSWORD 'application'"
	}
	m.ok(execAll(m.ctx, db, []string{create}))
	m.ok(db.Close())
	m.ok(prepareProbe(m.ctx, server, "app"))
	m.client = &client{
		w: m.w, rds: m.rds, databases: m.databases, account: movedAccount, cluster: "shop-orders",
		dial:  dialer{m.rds, rds.NetworkPlace{Account: movedAccount, VPC: "vpc-1", Subnets: []string{"subnet-a"}, SecurityGroups: []string{"sg-app"}}},
		login: dbconn.Login{Engine: engine, User: "app", Password: "application", Port: map[string]int{rds.AuroraMySQL: 3306, rds.AuroraPostgreSQL: 5432}[engine]},
	}
}

func (m *move) sleep(d time.Duration) { m.ok(m.w.Kernel.Sleep(context.Background(), d)) }

func (m *move) cluster(id string) types.DBCluster {
	out, err := m.api.DescribeDBClusters(m.ctx, &sdk.DescribeDBClustersInput{DBClusterIdentifier: &id})
	m.ok(err)
	return out.DBClusters[0]
}

func (m *move) deployment(id *string) types.BlueGreenDeployment {
	out, err := m.api.DescribeBlueGreenDeployments(m.ctx, &sdk.DescribeBlueGreenDeploymentsInput{BlueGreenDeploymentIdentifier: id})
	m.ok(err)
	return out.BlueGreenDeployments[0]
}

func (m *move) await(id *string, status string) {
	m.t.Helper()
	for range 2000 {
		if *m.deployment(id).Status == status {
			return
		}
		m.sleep(5 * time.Second)
	}
	m.t.Fatalf("the deployment is %s, not %s", *m.deployment(id).Status, status)
}

// green lets the client write and builds green.
func (m *move) green() (id *string, green string) {
	m.t.Helper()
	m.client.login.Host = *m.cluster("shop-orders").Endpoint
	m.client.Start(context.Background())
	m.sleep(10 * time.Minute)
	out, err := m.api.CreateBlueGreenDeployment(m.ctx, &sdk.CreateBlueGreenDeploymentInput{BlueGreenDeploymentName: aws.String("move"), Source: m.cluster("shop-orders").DBClusterArn})
	m.ok(err)
	id = out.BlueGreenDeployment.BlueGreenDeploymentIdentifier
	m.await(id, "AVAILABLE")
	m.sleep(5 * time.Minute)
	target := *m.deployment(id).Target
	return id, target[strings.LastIndex(target, ":")+1:]
}

func (m *move) switchOver(id *string, timeout int32) {
	m.t.Helper()
	_, err := m.api.SwitchoverBlueGreenDeployment(m.ctx, &sdk.SwitchoverBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: id, SwitchoverTimeout: &timeout})
	m.ok(err)
}

func (m *move) rows(key string) int {
	m.t.Helper()
	server, err := m.databases.server(key)
	m.ok(err)
	db, err := server.Superuser(m.ctx, "")
	m.ok(err)
	defer db.Close()
	var n int
	m.ok(db.QueryRowContext(m.ctx, "SELECT COUNT(*) FROM "+clientSchema+".rows").Scan(&n))
	return n
}

// coordinates reads the event from which the way back begins.
func (m *move) coordinates(writer string) (file, position string) {
	m.t.Helper()
	out, err := m.api.DescribeEvents(m.ctx, &sdk.DescribeEventsInput{SourceType: "db-instance", SourceIdentifier: &writer, Duration: aws.Int32(1440)})
	m.ok(err)
	for _, e := range out.Events {
		if found := regexp.MustCompile(`file (\S+) and position (\d+)$`).FindStringSubmatch(*e.Message); found != nil {
			return found[1], found[2]
		}
	}
	m.t.Fatalf("no coordinates among %d events of %s", len(out.Events), writer)
	return "", ""
}

// TestClientLosesNothingInASwitchover: a client that never stops writing has
// every acknowledged row on the new cluster, and what it had to wait is AWS's.
func TestClientLosesNothingInASwitchover(t *testing.T) {
	for _, engine := range []string{rds.AuroraMySQL, rds.AuroraPostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			inMove(t, engine, func(m *move) {
				id, green := m.green()
				_, err := m.rds.Dial(m.ctx, m.client.dial.(dialer).from, *m.cluster(green).Endpoint, m.client.login.Port)
				m.ok(err) // green can be reached
				if blue, got := m.caughtUp(green); got != blue || blue < 20 {
					t.Errorf("green has %d rows of %d before the switchover", got, blue)
				}
				m.switchOver(id, 300)
				m.await(id, "SWITCHOVER_COMPLETED")
				m.sleep(10 * time.Minute)
				r, err := m.client.Finish(m.ctx)
				m.ok(err)
				t.Logf("%+v", r)
				if r.Lost != 0 || r.Acknowledged < 100 || r.Failed == 0 || r.Probes != r.Acknowledged+r.Failed {
					t.Errorf("%+v", r)
				}
				if r.AWSModelledSeconds < 25 || r.AWSModelledSeconds > 45 || r.OursSeconds < 0 || r.OursSeconds > 1 {
					t.Errorf("outage %vs, AWS's %vs, ours %vs", r.LongestOutageSeconds, r.AWSModelledSeconds, r.OursSeconds)
				}
				if r.Errors["connection refused"] == 0 || r.Errors["MySQL error 1290"]+r.Errors["read-only transaction"] == 0 {
					t.Errorf("failures %v", r.Errors)
				}
			})
		})
	}
}

// TestSameMoveSameHistory: real servers do not make two runs differ.
func TestSameMoveSameHistory(t *testing.T) {
	run := func() (history []string) {
		inMove(t, rds.AuroraMySQL, func(m *move) {
			id, _ := m.green()
			m.switchOver(id, 300)
			m.await(id, "SWITCHOVER_COMPLETED")
			r, err := m.client.Finish(m.ctx)
			m.ok(err)
			history = append(history, fmt.Sprintf("%+v", r))
			out, err := m.api.DescribeEvents(m.ctx, &sdk.DescribeEventsInput{Duration: aws.Int32(1440)})
			m.ok(err)
			for _, e := range out.Events {
				history = append(history, e.Date.Format(time.RFC3339Nano)+" "+*e.SourceIdentifier+" "+*e.Message)
			}
		})
		return history
	}
	if diff := cmp.Diff(run(), run()); diff != "" {
		t.Error(diff)
	}
}

// TestSwitchoverRollsBackUnderAClient: green never catches up; the client goes
// on with blue after the timeout, and a later switchover goes through.
func TestSwitchoverRollsBackUnderAClient(t *testing.T) {
	inMove(t, rds.AuroraMySQL, func(m *move) {
		id, green := m.green()
		m.ok(m.rds.StallSwitchover(movedAccount, "shop-orders", 1))
		m.switchOver(id, 30)
		m.await(id, "SWITCHOVER_FAILED")
		m.sleep(3 * time.Minute)
		if blue, got := m.caughtUp(green); got != blue {
			t.Errorf("after the roll-back green has %d rows of %d", got, blue)
		}
		m.switchOver(id, 300)
		m.await(id, "SWITCHOVER_COMPLETED")
		m.sleep(5 * time.Minute)
		r, err := m.client.Finish(m.ctx)
		m.ok(err)
		if r.Lost != 0 || r.Failed == 0 || len(m.client.outages) < 2 || r.OursSeconds > 1 {
			t.Errorf("%+v, outages %v", r, m.client.outages)
		}
	})
}

// TestWriteOnGreenBreaksReplication: the master user's row on green meets the
// client's own, and the switchover is refused.
func TestWriteOnGreenBreaksReplication(t *testing.T) {
	inMove(t, rds.AuroraMySQL, func(m *move) {
		id, green := m.green()
		key := movedAccount + "/" + green
		m.ok(m.databases.writeAsMaster(m.ctx, key, "admin", movedPassword, m.client.next+1))
		m.sleep(2 * clientIdle)
		m.ok(m.databases.awaitBroken(m.ctx, key))
		if l, ok := m.rds.ReplicaLag(movedAccount, map[string]string{"DBClusterIdentifier": green}, m.w.Now()); !ok || l != -1 {
			t.Errorf("lag %v, %v", l, ok)
		}
		m.switchOver(id, 300)
		m.await(id, "SWITCHOVER_FAILED")
		if got := *m.deployment(id).StatusDetails; !strings.Contains(got, "Error 1062") {
			t.Error(got)
		}
		r, err := m.client.Finish(m.ctx)
		m.ok(err)
		if r.Lost != 0 || r.Failed != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// TestOpenWorkOnBlueIsSeen: a real transaction and a real ALTER each keep a
// switchover from beginning.
func TestOpenWorkOnBlueIsSeen(t *testing.T) {
	inMove(t, rds.AuroraMySQL, func(m *move) {
		id, _ := m.green()
		for what, hold := range map[string]func(context.Context, string) (func() error, error){
			"long-running active writes": m.databases.holdTransaction, "long-running DDL": m.databases.holdDDL,
		} {
			end, err := hold(m.ctx, movedKey)
			m.ok(err)
			m.switchOver(id, 300)
			m.await(id, "SWITCHOVER_FAILED")
			if got := *m.deployment(id).StatusDetails; !strings.Contains(got, what) {
				t.Errorf("%s: %s", what, got)
			}
			m.ok(end())
		}
		m.switchOver(id, 300)
		m.await(id, "SWITCHOVER_COMPLETED")
		r, err := m.client.Finish(m.ctx)
		m.ok(err)
		if r.Lost != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// TestHeldGreenIsBehindForReal: rows are missing on green while it is held,
// and the switchover is refused for its lag.
func TestHeldGreenIsBehindForReal(t *testing.T) {
	inMove(t, rds.AuroraMySQL, func(m *move) {
		id, green := m.green()
		m.ok(m.rds.HoldReplica(movedAccount, green, 10*time.Minute))
		m.sleep(9 * time.Minute)
		if blue, got := m.rows(movedKey), m.rows(movedAccount+"/"+green); blue-got < 5 {
			t.Errorf("held, green has %d rows of %d", got, blue)
		}
		m.switchOver(id, 300)
		m.await(id, "SWITCHOVER_FAILED")
		if got := *m.deployment(id).StatusDetails; !strings.Contains(got, "replication lag of 5") {
			t.Error(got)
		}
		m.sleep(5 * time.Minute)
		m.switchOver(id, 300)
		m.await(id, "SWITCHOVER_COMPLETED")
		r, err := m.client.Finish(m.ctx)
		m.ok(err)
		if r.Lost != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// TestWayBackToTheOldCluster: the old cluster follows the new one from the
// event's coordinates, by the procedures of the master user, while AWS still
// keeps it read-only; then names are changed back and nothing is lost.
func TestWayBackToTheOldCluster(t *testing.T) {
	inMove(t, rds.AuroraMySQL, func(m *move) {
		id, _ := m.green()
		writer := m.deployment(id).SwitchoverDetails[1].TargetMember
		m.master(movedKey, "CREATE USER 'back'@'%' IDENTIFIED BY 'replication'", "GRANT REPLICATION SLAVE ON *.* TO 'back'@'%'")
		m.switchOver(id, 300)
		m.await(id, "SWITCHOVER_COMPLETED")
		file, position := m.coordinates((*writer)[strings.LastIndex(*writer, ":")+1:])
		m.master(movedAccount+"/shop-orders-old1",
			fmt.Sprintf("CALL mysql.rds_set_external_source('%s', 3306, 'back', 'replication', '%s', %s, 0)", *m.cluster("shop-orders").Endpoint, file, position),
			"CALL mysql.rds_start_replication")
		m.sleep(10 * time.Minute)
		lag := func() (float64, bool) {
			return m.rds.ReplicaLag(movedAccount, map[string]string{"DBClusterIdentifier": "shop-orders-old1"}, m.w.Now())
		}
		l, ok := lag()
		for range 2000 { // the real server connects in its own time
			if ok && l == 0 {
				break
			}
			m.rows(movedKey)
			l, ok = lag()
		}
		if !ok || l != 0 {
			t.Errorf("lag of the way back %v, %v", l, ok)
		}
		m.goBack(id)
		m.sleep(5 * time.Minute)
		r, err := m.client.Finish(m.ctx)
		m.ok(err)
		t.Logf("%+v", r)
		if r.Lost != 0 || m.cluster("shop-orders").ReplicationSourceIdentifier != nil {
			t.Errorf("%+v", r)
		}
	})
}

// caughtUp counts the rows of blue and of green once they are the same, or after
// many looks: the real servers replicate in their own time.
func (m *move) caughtUp(green string) (blue, got int) {
	m.t.Helper()
	for range 2000 {
		if blue, got = m.rows(movedKey), m.rows(movedAccount+"/"+green); blue == got {
			break
		}
	}
	return blue, got
}

// master runs statements as a cluster's master user.
func (m *move) master(key string, statements ...string) {
	m.t.Helper()
	server, err := m.databases.server(key)
	m.ok(err)
	db, err := server.Open("admin", movedPassword, "")
	m.ok(err)
	defer db.Close()
	m.ok(execAll(m.ctx, db, statements))
}

// goBack stops writes on the new cluster, waits for the old one, and gives it
// its name again.
func (m *move) goBack(id *string) {
	m.t.Helper()
	_, err := m.api.DeleteBlueGreenDeployment(m.ctx, &sdk.DeleteBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: id})
	m.ok(err)
	m.sleep(5 * time.Minute)
	m.master(movedKey, "CALL mysql.rds_set_read_only(1)")
	for range 2000 {
		if m.rows(movedKey) == m.rows(movedAccount+"/shop-orders-old1") {
			break
		}
	}
	m.master(movedAccount+"/shop-orders-old1", "CALL mysql.rds_stop_replication", "CALL mysql.rds_reset_external_source")
	for _, r := range [][2]string{{"shop-orders", "shop-orders-failed"}, {"shop-orders-old1", "shop-orders"}} {
		_, err := m.api.ModifyDBCluster(m.ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: &r[0], NewDBClusterIdentifier: &r[1], ApplyImmediately: aws.Bool(true)})
		m.ok(err)
	}
}
