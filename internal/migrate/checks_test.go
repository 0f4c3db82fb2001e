package migrate_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkrds "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/golden"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/simnet"
)

func TestCheckTable(t *testing.T) {
	got := migrate.CheckTable()
	golden.Equal(t, "../../docs/migrate-checks.md", got)
	for _, name := range migrate.CheckNames() {
		if strings.Count(string(got), "`"+name+"` |") != 1 {
			t.Errorf("docs/migrate-checks.md has not one row for %s", name)
		}
	}
}

// blue is the cluster that shall be migrated, as its owner sees it.
type blue struct {
	*rehearsal.Operator
	t       *testing.T
	wish    migrate.Input // that passes
	engine  string
	account string
	held    map[string]string // secrets, before they were spoiled
}

func newBlue(o *rehearsal.Operator, t *testing.T, wish migrate.Input, engine string) *blue {
	return &blue{o, t, wish, engine, o.Config().Production.Account, map[string]string{}}
}

func (b *blue) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Error(err)
	}
}

func (b *blue) api() *sdkrds.Client { return sdkrds.NewFromConfig(b.AWS(b.account)) }

func (b *blue) secret() string {
	set, err := b.Config().Production.Migrate.Cluster(b.wish.Cluster)
	b.must(err)
	return set.MasterSecret
}

// spoil puts a password into a secret that no account has.
func (b *blue) spoil(secret, user string) {
	b.held[secret], _ = b.SecretValues().Value(b.account, secret)
	b.put(secret, `{"username":"`+user+`","password":"Another-one-1"}`)
}

func (b *blue) unspoil(secret string) {
	b.put(secret, b.held[secret])
	b.must(b.Sleep(30 * time.Minute)) // for a proxy that has tried it
}

func (b *blue) put(secret, value string) {
	_, err := b.SecretValues().PutSecret(b.account, secretsmanager.SecretSpec{Name: secret, Value: value})
	b.must(err)
}

// session logs in as the master user.
func (b *blue) session() (db *sql.DB) {
	b.t.Helper()
	raw, _ := b.SecretValues().Value(b.account, b.secret())
	var v struct{ Username, Password string }
	b.must(json.Unmarshal([]byte(raw), &v))
	host, _, _ := b.RDS().ClusterEndpoints(b.account, b.wish.Cluster)
	n := b.Config().Production.Migrate.Network
	db, err := dbconn.Open(b.t.Context(), simnet.Dialer{RDS: b.RDS(), From: rds.NetworkPlace{Account: b.account, VPC: n.VPC, Subnets: n.FunctionSubnets, SecurityGroups: n.DatabaseSecurityGroups}},
		dbconn.Login{Engine: b.engine, Host: host, Port: map[string]int{dbconn.AuroraMySQL: 3306, dbconn.AuroraPostgres: 5432}[b.engine], User: v.Username, Password: v.Password})
	if err != nil {
		b.t.Fatal(err)
	}
	return db
}

func (b *blue) sql(statements ...string) {
	b.t.Helper()
	db := b.session()
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(b.t.Context(), s); err != nil {
			b.t.Errorf("%s: %v", s, err)
		}
	}
}

func (b *blue) modify(in sdkrds.ModifyDBClusterInput) {
	b.t.Helper()
	in.DBClusterIdentifier, in.ApplyImmediately = &b.wish.Cluster, aws.Bool(true)
	_, err := b.api().ModifyDBCluster(b.t.Context(), &in)
	b.must(err)
	b.must(b.Sleep(15 * time.Minute))
}

func (b *blue) shown(x rds.Shown) { b.RDS().SetShown(b.account, cluster, x) }

func plain(b *blue) { b.shown(rds.Shown{}) }

func (b *blue) parameter(name, value string) {
	b.must(b.RDS().SetParameter(b.account, ground.MigrationGroup, name, value))
}

// ill is a ground on which a check has something to say.
type ill struct {
	check   string
	with    []string // that cannot but say something as well
	unread  []string // of which nothing is known then
	warns   bool     // in the plan; otherwise the migration is refused
	in      migrate.Input
	disturb func(b *blue)
	mend    func(b *blue)
}

func wish(change func(*migrate.Input)) migrate.Input {
	in := upgrade
	change(&in)
	return in
}

func ills() []ill {
	return []ill{
		{check: "version-reachable", in: wish(func(in *migrate.Input) { in.TargetEngineVersion = "8.0.mysql_aurora.9.99.9" })},
		{check: "way-back", disturb: func(b *blue) { b.sql("REVOKE REPLICATION SLAVE ON *.* FROM 'shop_replication'@'%'") },
			mend: func(b *blue) { b.sql("GRANT REPLICATION SLAVE ON *.* TO 'shop_replication'@'%'") }},
		{check: "something-changes", warns: true, in: migrate.Input{Cluster: cluster}},
		{check: "cluster-parameter-group", in: wish(func(in *migrate.Input) { in.ClusterParameterGroup = "nobodys" })},
		{check: "instance-parameter-group", in: wish(func(in *migrate.Input) { in.InstanceParameterGroup = "nobodys" })},
		{check: "deletion-protection", warns: true, disturb: func(b *blue) { b.modify(sdkrds.ModifyDBClusterInput{DeletionProtection: aws.Bool(false)}) },
			mend: func(b *blue) { b.modify(sdkrds.ModifyDBClusterInput{DeletionProtection: aws.Bool(true)}) }},
		{check: "binlog-on", with: []string{"writer-in-sync", "way-back"}, disturb: func(b *blue) { b.parameter("binlog_format", "OFF") }, mend: func(b *blue) { b.parameter("binlog_format", "ROW") }},
		{check: "binlog-retention", disturb: func(b *blue) { b.sql("CALL mysql.rds_set_configuration('binlog retention hours', NULL)") },
			mend: func(b *blue) { b.sql("CALL mysql.rds_set_configuration('binlog retention hours', 168)") }},
		{check: "event-scheduler-off", disturb: func(b *blue) { b.parameter("event_scheduler", "ON") }, mend: func(b *blue) { b.parameter("event_scheduler", "OFF") }},
		{check: "no-tmp-schema", disturb: func(b *blue) { b.sql("CREATE DATABASE tmp") }, mend: func(b *blue) { b.sql("DROP DATABASE tmp") }},
		{check: "primary-keys", warns: true, disturb: func(b *blue) { b.sql("CREATE DATABASE checked", "CREATE TABLE checked.one (id INT)") }, mend: func(b *blue) { b.sql("DROP DATABASE checked") }},
		{check: "innodb-only", disturb: func(b *blue) {
			b.sql("CREATE DATABASE checked", "CREATE TABLE checked.one (id INT PRIMARY KEY) ENGINE=MyISAM")
		},
			mend: func(b *blue) { b.sql("DROP DATABASE checked") }},
		{check: "cluster-quota", disturb: func(b *blue) { b.RDS().SetQuota(b.account, "DBClusters", 1) }, mend: func(b *blue) { b.RDS().SetQuota(b.account, "DBClusters", 40) }},
		{check: "instance-quota", disturb: func(b *blue) { b.RDS().SetQuota(b.account, "DBInstances", 2) }, mend: func(b *blue) { b.RDS().SetQuota(b.account, "DBInstances", 40) }},
		{check: "old-names-free", disturb: func(b *blue) {
			out, err := b.api().DescribeDBClusters(b.t.Context(), &sdkrds.DescribeDBClustersInput{DBClusterIdentifier: aws.String(cluster)})
			b.must(err)
			b.must(b.RDS().PutCluster(b.account, rds.ClusterSpec{ID: "left", Engine: rds.AuroraMySQL, MasterUser: "admin", MasterPassword: "Left-behind-1", SubnetGroup: *out.DBClusters[0].DBSubnetGroup, OwnedKey: true}))
			b.must(b.RDS().PutInstance(b.account, rds.InstanceSpec{ID: cluster + "-1-old1", Cluster: "left", Class: "db.r6g.large"}))
		}, mend: func(b *blue) {
			_, err := b.api().DeleteDBInstance(b.t.Context(), &sdkrds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String(cluster + "-1-old1"), SkipFinalSnapshot: aws.Bool(true)})
			b.must(err)
			b.must(b.Sleep(30 * time.Minute))
		}},
		{check: "iam-authentication", warns: true, disturb: func(b *blue) { b.modify(sdkrds.ModifyDBClusterInput{EnableIAMDatabaseAuthentication: aws.Bool(true)}) },
			mend: func(b *blue) { b.modify(sdkrds.ModifyDBClusterInput{EnableIAMDatabaseAuthentication: aws.Bool(false)}) }},
		{check: "custom-parameter-group", with: []string{"writer-in-sync", "binlog-on", "way-back"}, disturb: func(b *blue) {
			b.modify(sdkrds.ModifyDBClusterInput{DBClusterParameterGroupName: aws.String("default.aurora-mysql8.0")})
		},
			mend: func(b *blue) {
				b.modify(sdkrds.ModifyDBClusterInput{DBClusterParameterGroupName: aws.String(ground.MigrationGroup)})
			}},
		{check: "checksum-tables", with: []string{"smoke-queries"}, disturb: func(b *blue) { b.sql("RENAME TABLE shop.orders TO shop.renamed") },
			mend: func(b *blue) { b.sql("RENAME TABLE shop.renamed TO shop.orders") }},
		{check: "cluster-available", with: []string{"proxy-healthy"}, disturb: func(b *blue) {
			_, err := b.api().RebootDBInstance(b.t.Context(), &sdkrds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String(cluster + "-2")})
			b.must(err)
		}, mend: func(b *blue) { b.must(b.Sleep(15 * time.Minute)) }},
		{check: "no-other-deployment", disturb: func(b *blue) {
			_, err := b.api().CreateBlueGreenDeployment(b.t.Context(), &sdkrds.CreateBlueGreenDeploymentInput{BlueGreenDeploymentName: aws.String("somebody-elses"),
				Source: aws.String(b.Config().ProductionPlace().Cluster(cluster))})
			b.must(err)
			b.must(b.Sleep(6 * time.Hour))
		}, mend: func(b *blue) {
			out, err := b.api().DescribeBlueGreenDeployments(b.t.Context(), &sdkrds.DescribeBlueGreenDeploymentsInput{})
			if err != nil || len(out.BlueGreenDeployments) != 1 {
				b.t.Errorf("deployments: %v", err)
				return
			}
			green := out.BlueGreenDeployments[0].Target
			_, err = b.api().ModifyDBCluster(b.t.Context(), &sdkrds.ModifyDBClusterInput{DBClusterIdentifier: aws.String((*green)[strings.LastIndex(*green, ":")+1:]), DeletionProtection: aws.Bool(false)})
			b.must(err)
			b.must(b.Sleep(15 * time.Minute))
			_, err = b.api().DeleteBlueGreenDeployment(b.t.Context(), &sdkrds.DeleteBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: out.BlueGreenDeployments[0].BlueGreenDeploymentIdentifier, DeleteTarget: aws.Bool(true)})
			b.must(err)
			b.must(b.Sleep(2 * time.Hour))
		}},
		{check: "application-login", with: []string{"proxy-healthy"}, disturb: func(b *blue) { b.spoil("production/shop/app", "shop_app") },
			mend: func(b *blue) { b.unspoil("production/shop/app") }},
		{check: "no-managed-password", disturb: func(b *blue) {
			b.shown(rds.Shown{ManagedSecretARN: "arn:aws:secretsmanager:eu-west-1:" + b.account + ":secret:rds!cluster-1-AbCdEf"})
		}, mend: plain},
		{check: "cluster-supported", disturb: func(b *blue) { b.shown(rds.Shown{EngineMode: "serverless"}) }, mend: plain},
		{check: "names-fit", warns: true, in: wish(func(in *migrate.Input) { in.Cluster = longName }), disturb: func(b *blue) { b.rename(cluster, longName) }, mend: func(b *blue) { b.rename(longName, cluster) }},
		{check: "no-activity-stream", warns: true, disturb: func(b *blue) { b.shown(rds.Shown{Stream: true}) }, mend: plain},
		{check: "not-a-replica", disturb: func(b *blue) {
			b.shown(rds.Shown{SourceARN: "arn:aws:rds:us-east-1:" + b.account + ":cluster:far"})
		}, mend: plain},
		{check: "no-cross-region-replica", disturb: func(b *blue) {
			b.shown(rds.Shown{ReplicaARN: "arn:aws:rds:us-east-1:" + b.account + ":cluster:far"})
		}, mend: plain},
		{check: "not-global", disturb: func(b *blue) { b.shown(rds.Shown{Global: "shop-world"}) }, mend: plain},
		{check: "no-prepared-transactions", disturb: func(b *blue) {
			b.sql("CREATE DATABASE checked", "CREATE TABLE checked.one (id INT PRIMARY KEY)", "XA START 'forgotten'", "INSERT INTO checked.one VALUES (1)", "XA END 'forgotten'", "XA PREPARE 'forgotten'")
		}, mend: func(b *blue) { b.sql("XA ROLLBACK 'forgotten'", "DROP DATABASE checked") }},
		{check: "not-fed-from-outside", disturb: func(b *blue) {
			b.sql("CALL mysql.rds_set_external_source('outside.example', 3306, 'repl', 'replicate', 'mysql-bin.000001', 4, 0)", "CALL mysql.rds_start_replication")
		}, mend: func(b *blue) { b.sql("CALL mysql.rds_stop_replication", "CALL mysql.rds_reset_external_source") }},
		{check: "login-not-admin", disturb: func(b *blue) { b.sql("GRANT READ_ONLY ADMIN ON *.* TO 'shop_app'@'%'") },
			mend: func(b *blue) { b.sql("REVOKE READ_ONLY ADMIN ON *.* FROM 'shop_app'@'%'") }},
		{check: "master-login", unread: []string{"binlog-retention", "way-back", "not-fed-from-outside", "event-scheduler-off", "no-tmp-schema", "no-prepared-transactions", "no-long-transaction", "checksum-tables",
			"primary-keys", "innodb-only"}, disturb: func(b *blue) { b.spoil(b.secret(), "admin") }, mend: func(b *blue) { b.unspoil(b.secret()) }},
	}
}

// longName leaves no room for green's suffix.
var longName = "shop-orders-" + strings.Repeat("x", 63-len("shop-orders-"))

func (b *blue) rename(from, to string) {
	b.t.Helper()
	_, err := b.api().ModifyDBCluster(b.t.Context(), &sdkrds.ModifyDBClusterInput{DBClusterIdentifier: &from, NewDBClusterIdentifier: &to, ApplyImmediately: aws.Bool(true)})
	b.must(err)
	b.must(b.Sleep(15 * time.Minute))
}

// neverIll are checks that only inform: no ground makes them wrong.
var neverIll = []string{
	"tags", "iam-roles", "auto-scaling",
}

// TestEveryCheckIsDisturbed: a new check needs a ground on which it fails, or a
// place among those that have none.
func TestEveryCheckIsDisturbed(t *testing.T) {
	seen := append(slices.Clone(neverIll), "backtrack", "no-long-transaction", "new-family-named", "proxy-lane", "audit-log") // TestChecks begins with the first, the others have their own tests
	all := append(ills(), postgresIlls()...)
	for _, x := range all {
		seen = append(append(seen, x.check), x.with...)
	}
	for _, x := range all {
		if slices.Contains(neverIll, x.check) {
			t.Errorf("%s is disturbed, and excused", x.check)
		}
	}
	slices.Sort(seen)
	want := slices.Sorted(slices.Values(migrate.CheckNames()))
	if got := slices.Compact(seen); !slices.Equal(got, want) {
		t.Errorf("disturbed or excused: %v\nchecks: %v", got, want)
	}
}

// TestChecks: on a ground that passes, one thing is disturbed at a time. The plan
// names the check and no other that passed before, and passes again when it is
// mended.
func TestChecks(t *testing.T) {
	world(t, rehearsal.MigrationScenario{Proxy: true}, func(o *rehearsal.Operator) error {
		b := newBlue(o, t, upgrade, dbconn.AuroraMySQL)
		// Backtrack can be turned off and not on again: the ground's own is what is warned of.
		if verdict, cause, warned := b.said(upgrade); !slices.Equal(warned, []string{"backtrack"}) {
			t.Errorf("with backtrack: %s, warned of %v: %s", verdict, warned, cause)
		}
		b.modify(sdkrds.ModifyDBClusterInput{BacktrackWindow: aws.Int64(0)})
		b.disturbed(ills())
		return nil
	})
}

// said is what comes of planning.
func (b *blue) said(in migrate.Input) (verdict, cause string, warned []string) {
	b.t.Helper()
	in.Mode = migrate.ModePlan
	m, err := b.Migrate(in)
	if err != nil {
		b.t.Fatal(err)
	}
	if m.Verdict == rehearsal.VerdictSucceeded {
		for _, w := range m.Record.Plan.Warnings {
			name, _, _ := strings.Cut(strings.TrimPrefix(w, "["), "]")
			warned = append(warned, name)
		}
	}
	return m.Verdict, m.Cause, warned
}

// disturbed disturbs one thing at a time.
func (b *blue) disturbed(all []ill) {
	verdict, cause, usual := b.said(b.wish)
	if verdict != rehearsal.VerdictSucceeded {
		b.t.Errorf("undisturbed: %s: %s", verdict, cause)
		return
	}
	for _, x := range all {
		in := x.in
		if in.Cluster == "" {
			in = b.wish
		}
		if x.disturb != nil {
			x.disturb(b)
		}
		verdict, cause, warned := b.said(in)
		named := fmt.Sprintf("[%s]", x.check)
		switch more := slices.DeleteFunc(slices.Clone(warned), func(c string) bool { return slices.Contains(usual, c) }); {
		case x.warns && (verdict != rehearsal.VerdictSucceeded || !slices.Equal(more, []string{x.check})):
			b.t.Errorf("%s: %s, warned of %v: %s", x.check, verdict, more, cause)
		case !x.warns && (verdict != rehearsal.VerdictRefused || !strings.Contains(cause, named) || !strings.Contains(cause, fmt.Sprintf("%d problem(s)", 1+len(x.with)+len(x.unread))) || !strings.Contains(cause, "Fix: ")):
			b.t.Errorf("%s: %s: %s", x.check, verdict, cause)
		}
		b.t.Logf("%s: %s", x.check, verdict)
		if x.mend != nil {
			x.mend(b)
		}
		if verdict, cause, warned := b.said(b.wish); verdict != rehearsal.VerdictSucceeded || !slices.Equal(warned, usual) {
			b.t.Errorf("%s, mended: %s, warned of %v: %s", x.check, verdict, warned, cause)
		}
	}
}

// TestNewFamily: a new major version whose group is not named gets the default
// one, which is told; where a way back is asked for it is refused, since the new
// production would write no binary log.
func TestNewFamily(t *testing.T) {
	to84 := wish(func(in *migrate.Input) { in.TargetEngineVersion, in.Mode = "8.4.mysql_aurora.8.4.7", migrate.ModePlan })
	for name, x := range map[string]struct {
		assembly string
		verdict  string
		says     string
	}{
		"with a way back":    {assembly, rehearsal.VerdictRefused, "[way-back] the new production would write no binary log"},
		"without a way back": {variant(t, func(c *config.Config) { c.Production.Migrate.Clusters[0].WayBack = nil }), rehearsal.VerdictSucceeded, "[new-family-named]"},
	} {
		worldOf(t, x.assembly, rehearsal.MigrationScenario{}, func(o *rehearsal.Operator) error {
			o.RDS().PutEngineVersion(rds.EngineVersion{Engine: rds.AuroraMySQL, Version: "8.4.mysql_aurora.8.4.7"})
			m, err := o.Migrate(to84)
			if err != nil {
				return err
			}
			if said := m.Cause + strings.Join(m.Record.Plan.Warnings, "\n"); m.Verdict != x.verdict || !strings.Contains(said, x.says) {
				t.Errorf("%s: %s: %s", name, m.Verdict, said)
			}
			return nil
		})
	}
}

// TestLongTransaction: a transaction that is open for longer than the limit is
// refused. InnoDB's clock is real, so the limit is a second here.
func TestLongTransaction(t *testing.T) {
	short := variant(t, func(c *config.Config) { c.Production.Migrate.Limits.TransactionSeconds = 1 })
	worldOf(t, short, rehearsal.MigrationScenario{Proxy: true}, func(o *rehearsal.Operator) error {
		b := newBlue(o, t, upgrade, dbconn.AuroraMySQL)
		plan := func() *rehearsal.Migrated {
			in := upgrade
			in.Mode = migrate.ModePlan
			m, err := o.Migrate(in)
			b.must(err)
			return m
		}
		b.sql("CREATE DATABASE checked", "CREATE TABLE checked.one (id INT PRIMARY KEY)")
		db := b.session()
		defer db.Close()
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO checked.one VALUES (1)"); err != nil {
			return err
		}
		time.Sleep(3 * time.Second)
		if m := plan(); m.Verdict != rehearsal.VerdictRefused || !strings.Contains(m.Cause, "[no-long-transaction]") || !strings.Contains(m.Cause, "1 problem(s)") {
			t.Errorf("%s: %s", m.Verdict, m.Cause)
		}
		if err := tx.Rollback(); err != nil {
			return err
		}
		time.Sleep(time.Second) // information_schema.innodb_trx answers from a cache of 0.1 s
		if m := plan(); m.Verdict != rehearsal.VerdictSucceeded {
			t.Errorf("ended: %s: %s", m.Verdict, m.Cause)
		}
		return nil
	})
}
