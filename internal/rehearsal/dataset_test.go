package rehearsal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// nightly is a tag that data sets are found by.
var nightly = config.Tag{Key: "refresh", Value: "nightly"}

// mixed finds clusters of both engines, provisioned and Serverless v2, and
// tables, by id, prefix and tag; some by more than one.
func mixed(c *config.Config) {
	c.DataSet.Clusters = []config.Selector{{ID: "shop-orders"}, {Prefix: "shop-"}, {Prefix: "ledger-"}, {Tag: &nightly}}
	c.DataSet.Tables = []config.Selector{{ID: "shop-carts"}, {Prefix: "shop-"}, {Tag: &nightly}}
	shop := c.Targets[0].Clusters[0]
	shop.Match, shop.Instances, shop.InstanceClass = "shop-orders", 2, "db.t4g.medium"
	c.Targets[0].Clusters = []config.ClusterSettings{
		shop,
		{Match: "shop-serverless", MasterSecret: shop.MasterSecret, Logins: shop.Logins, Instances: 2},
		{Match: "ledger-*", MasterSecret: "staging/ledger/master", Logins: []config.Login{{User: "ledger_app", Secret: "staging/ledger/app"}}},
		{Match: "*", MasterSecret: "staging/others/master"},
	}
}

// crowded is the ground of a configuration with what nobody refreshes around it:
// more clusters and tables than AWS lists on a page.
func crowded(t *testing.T, c config.Config) ground.Ground {
	t.Helper()
	c.DataSet = config.DataSet{}
	for _, id := range []string{"shop-orders", "shop-serverless", "ledger-pg", "ledger-pg-serverless", "zeta-audit"} {
		c.DataSet.Clusters = append(c.DataSet.Clusters, config.Selector{ID: id})
	}
	for _, id := range []string{"shop-carts", "shop-prices", "zeta-events"} {
		c.DataSet.Tables = append(c.DataSet.Tables, config.Selector{ID: id})
	}
	for n := range 120 {
		c.DataSet.Clusters = append(c.DataSet.Clusters, config.Selector{ID: fmt.Sprintf("other-%03d", n)})
		c.DataSet.Tables = append(c.DataSet.Tables, config.Selector{ID: fmt.Sprintf("other-%03d", n)})
	}
	g, err := ground.ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	g = g.WithoutApplications()
	for i, cl := range g.Clusters {
		g.Clusters[i].Writes = !strings.HasPrefix(cl.ID, "other-")
		if cl.ID == "zeta-audit" || cl.ID == "ledger-pg" {
			g.Clusters[i].Tags[nightly.Key] = nightly.Value
		}
	}
	for i, table := range g.Tables {
		switch table.Name {
		case "zeta-events", "shop-prices":
			g.Tables[i].Tags[nightly.Key] = nightly.Value
		case "other-001":
			g.Tables[i].Tags[nightly.Key] = "never"
		}
	}
	return g
}

func TestMixedDataSet(t *testing.T) {
	var c config.Config
	assembly := variant(t, func(have *config.Config) { mixed(have); c = *have })
	g := crowded(t, c)
	deepen(&g)
	play(t, rehearsal.Scenario{Assembly: assembly, Ground: &g}, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		p := partials{t, r, o}
		res := p.refresh()
		if res.Verdict != rehearsal.VerdictSucceeded {
			return fmt.Errorf("%s: %s", res.Verdict, res.Cause)
		}
		var got []string
		for _, it := range p.manifest(res).Items {
			got = append(got, string(it.Kind)+" "+it.ID)
		}
		slices.Sort(got)
		want := []string{"cluster ledger-pg", "cluster ledger-pg-serverless", "cluster shop-orders", "cluster shop-serverless", "cluster zeta-audit",
			"table shop-carts", "table shop-prices", "table zeta-events"}
		if !slices.Equal(got, want) {
			t.Errorf("items %q, want each of %q once", got, want)
		}
		everyRow(t, res, map[string]int{"ledger-pg": 4 + 2, "ledger-pg-serverless": 4, "shop-orders": 4, "shop-serverless": 4, "zeta-audit": 4, "shop-carts": 1, "shop-prices": 1, "zeta-events": 1})
		if len(res.SecretsLeaked) > 0 {
			t.Errorf("secrets leaked: %q", res.SecretsLeaked)
		}
		shapes(t, o, res.RefreshID)
		locked(t, o, g, res.RefreshID)

		part := p.refresh("ledger-pg", "zeta-events")
		if part.Verdict != rehearsal.VerdictSucceeded || len(part.Inherited) != 6 {
			t.Errorf("%s: %s; inherits %+v", part.Verdict, part.Cause, part.Inherited)
		}
		for _, in := range part.Inherited {
			if in.RefreshID != res.RefreshID {
				t.Errorf("inherits %+v", in)
			}
		}
		return nil
	})
}

// everyRow checks that each item has its tables, with the rows of its cut-off.
func everyRow(t *testing.T, r *rehearsal.Result, tables map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, i := range r.Items {
		id, _, _ := strings.Cut(i.Source, "/")
		got[id]++
		if !i.Same() || i.RowsSource == 0 {
			t.Errorf("not the same as at the cut-off: %+v", i)
		}
	}
	for id, n := range tables {
		if got[id] != n {
			t.Errorf("%s: %d tables, want %d", id, got[id], n)
		}
		delete(got, id)
	}
	if len(got) > 0 {
		t.Errorf("more than was asked for: %v", got)
	}
}

// shapes checks what the restored clusters run on.
func shapes(t *testing.T, o *rehearsal.Operator, refreshID string) {
	t.Helper()
	client := rds.NewFromConfig(o.AWS("222222222222"))
	for source, want := range map[string]struct {
		class     string
		instances int
	}{
		"shop-orders": {"db.t4g.medium", 2}, "shop-serverless": {"db.serverless", 2},
		"ledger-pg": {"db.r6g.large", 1}, "ledger-pg-serverless": {"db.serverless", 1}, "zeta-audit": {"db.r6g.large", 1},
	} {
		id := names.RestoredCluster(source, refreshID)
		out, err := client.DescribeDBClusters(context.Background(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
		if err != nil {
			t.Error(err)
			continue
		}
		cl := out.DBClusters[0]
		scaling := cl.ServerlessV2ScalingConfiguration
		if (scaling != nil) != (want.class == "db.serverless") || scaling != nil && (aws.ToFloat64(scaling.MinCapacity) != 0.5 || aws.ToFloat64(scaling.MaxCapacity) != 16) {
			t.Errorf("%s: scaling %+v", source, scaling)
		}
		if len(cl.DBClusterMembers) != want.instances {
			t.Errorf("%s: %d instances, want %d", source, len(cl.DBClusterMembers), want.instances)
		}
		for _, m := range cl.DBClusterMembers {
			i, err := client.DescribeDBInstances(context.Background(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: m.DBInstanceIdentifier})
			if err != nil || aws.ToString(i.DBInstances[0].DBInstanceClass) != want.class {
				t.Errorf("%s: instance %+v, %v; want class %s", source, i, err, want.class)
			}
		}
	}
}

// deepen gives two clusters accounts of every sort, and one more databases.
func deepen(g *ground.Ground) {
	for i := range g.Clusters {
		switch g.Clusters[i].ID {
		case "shop-orders":
			g.Clusters[i].SQL = []ground.Script{{Statements: mysqlAccounts}}
		case "ledger-pg":
			g.Clusters[i].Writes = false // its user may not reach the database that is written to
			g.Clusters[i].SQL = []ground.Script{{Statements: postgresAccounts}, {Database: "archive", Statements: archive}, {Database: "Odd name", Statements: []string{"CREATE TABLE here AS SELECT 1 AS a"}}}
		}
	}
}

const oldPassword = "Production-only-1"

var mysqlAccounts = []string{
	"CREATE USER 'shop_app'@'10.%' IDENTIFIED BY '" + oldPassword + "'", // listed, from a second host
	"CREATE USER 'admin'@'10.%' IDENTIFIED BY '" + oldPassword + "'",    // the master's name, which RDS does not look after there
	"CREATE USER 'batch'@'%' IDENTIFIED BY '" + oldPassword + "'",
	"CREATE USER 'batch'@'192.168.%' IDENTIFIED BY '" + oldPassword + "'",
	"CREATE USER 'rds_reader'@'%' IDENTIFIED BY '" + oldPassword + "'", // no account of AWS's, whatever its name
	"CREATE USER 'it''s \\\\ odd'@'%' IDENTIFIED BY '" + oldPassword + "'",
	"CREATE USER ''@'%' IDENTIFIED BY '" + oldPassword + "'", // lets in whatever name comes
	"CREATE USER 'old'@'%' IDENTIFIED BY '" + oldPassword + "' ACCOUNT LOCK",
	"CREATE ROLE reporting",
	"GRANT SELECT ON shop.* TO reporting",
	"GRANT reporting TO 'batch'@'%'",
}

var postgresAccounts = []string{
	"CREATE ROLE ledger_owner NOLOGIN",
	"CREATE ROLE batch LOGIN PASSWORD '" + oldPassword + "'",
	"CREATE ROLE rds_reader LOGIN PASSWORD '" + oldPassword + "'",
	`CREATE ROLE "Odd ""name" LOGIN CREATEROLE PASSWORD '` + oldPassword + "'",
	"CREATE ROLE old NOLOGIN PASSWORD '" + oldPassword + "'",
	"GRANT ledger_owner TO batch, postgres",
	"CREATE DATABASE archive OWNER ledger_owner",
	`CREATE DATABASE "Odd name"`,
	"REVOKE CONNECT ON DATABASE archive FROM PUBLIC",
	"REVOKE CONNECT ON DATABASE postgres FROM PUBLIC", // the listed user may not even reach the first database
	"GRANT CONNECT ON DATABASE postgres TO report",
	"GRANT CONNECT ON DATABASE archive TO ledger_app",
}

var archive = []string{
	"SET ROLE ledger_owner",
	"CREATE SCHEMA y2025",
	"CREATE TABLE y2025.entries (id int PRIMARY KEY, what text)",
	"INSERT INTO y2025.entries SELECT n, 'entry ' || n FROM generate_series(1, 300) AS n",
	"GRANT USAGE ON SCHEMA y2025 TO ledger_app",
	"GRANT SELECT ON y2025.entries TO ledger_app",
}

// locked logs in to the restored clusters: with every password of production,
// which must be refused, and with staging's, which must not.
func locked(t *testing.T, o *rehearsal.Operator, g ground.Ground, refreshID string) {
	t.Helper()
	shop, ledger := names.RestoredCluster("shop-orders", refreshID), names.RestoredCluster("ledger-pg", refreshID)
	login := func(cluster, user, password, database string) error {
		db, err := o.Database("222222222222", cluster, user, password, database)
		if err != nil {
			return err
		}
		defer db.Close()
		return db.PingContext(context.Background())
	}
	for cluster, users := range map[string][]string{
		shop:   {"shop_app", "admin", "batch", "rds_reader", `it's \ odd`, "old", "anybody"},
		ledger: {"ledger_app", "postgres", "batch", "rds_reader", `Odd "name`, "old", "ledger_owner"},
	} {
		for _, user := range users {
			if err := login(cluster, user, oldPassword, ""); !dbconn.IsAuth(err) {
				t.Errorf("%s in %s: production's password: %v", user, cluster, err)
			}
		}
	}
	staging := map[string]string{}
	for _, s := range g.Account("222222222222").Secrets {
		staging[s.Name] = s.Password
	}
	for _, x := range []struct{ cluster, user, secret, database string }{
		{shop, "admin", "staging/shop/master", ""}, {shop, "shop_app", "staging/shop/app", "shop"},
		{ledger, "postgres", "staging/ledger/master", ""}, {ledger, "ledger_app", "staging/ledger/app", "archive"},
	} {
		if err := login(x.cluster, x.user, staging[x.secret], x.database); staging[x.secret] == "" || err != nil {
			t.Errorf("%s in %s with %s: %v", x.user, x.cluster, x.secret, err)
		}
	}
	if err := login(ledger, "ledger_app", staging["staging/ledger/app"], ""); !dbconn.IsForbidden(err) {
		t.Errorf("what production forbids is allowed: %v", err)
	}
	for _, x := range []struct{ cluster, user, secret, database, question, want string }{
		{shop, "admin", "staging/shop/master", "", "SELECT COUNT(DISTINCT authentication_string) FROM mysql.user WHERE user = 'shop_app'", "1"},
		{shop, "admin", "staging/shop/master", "", "SELECT COUNT(DISTINCT authentication_string) FROM mysql.user WHERE user = 'admin'", "1"},
		{shop, "admin", "staging/shop/master", "", "SELECT COUNT(*) FROM mysql.global_priv WHERE host <> 'localhost' AND user NOT IN ('shop_app', 'admin') AND NOT JSON_VALUE(priv, '$.account_locked') <=> '1' AND NOT JSON_VALUE(priv, '$.is_role') <=> '1'", "0"},
		{ledger, "postgres", "staging/ledger/master", "", "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolcanlogin", "ledger_app postgres rdsadmin"},
		{ledger, "postgres", "staging/ledger/master", "archive", "SELECT tableowner FROM pg_tables WHERE schemaname = 'y2025'", "ledger_owner"},
		{ledger, "ledger_app", "staging/ledger/app", "archive", "SELECT count(*) FROM y2025.entries", "300"},
	} {
		db, err := o.Database("222222222222", x.cluster, x.user, staging[x.secret], x.database)
		if err != nil {
			t.Error(err)
			continue
		}
		var got string
		if err := db.QueryRowContext(context.Background(), x.question).Scan(&got); err != nil || got != x.want {
			t.Errorf("%s: got %q, %v, want %q", x.question, got, err, x.want)
		}
		db.Close()
	}
	credentials(t, o, refreshID)
}

// credentials reads what the step recorded: names, all of them, and no secret.
func credentials(t *testing.T, o *rehearsal.Operator, refreshID string) {
	t.Helper()
	for cluster, want := range map[string]refresh.Credentials{
		"shop-orders": {Proved: []string{"admin", "shop_app"}, Locked: []string{"@%", "batch@%", "batch@192.168.%", `it's \ odd@%`, "rds_reader@%", "report@%"}},
		"ledger-pg":   {Proved: []string{"postgres", "ledger_app"}, Locked: []string{`Odd "name`, "batch", "rds_reader", "report"}},
	} {
		raw, _ := o.Objects().Object(o.Config().Place(o.Config().Targets[0]).Ledger(), "runs/"+refreshID+"/items/cluster/"+cluster+"/reset-credentials.json")
		var got refresh.Credentials
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Error(err)
		}
		slices.Sort(got.Locked)
		if !slices.Equal(got.Proved, want.Proved) || !slices.Equal(got.Locked, want.Locked) {
			t.Errorf("%s: %+v, want %+v", cluster, got, want)
		}
	}
}
