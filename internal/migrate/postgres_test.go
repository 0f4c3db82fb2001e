package migrate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

const (
	postgresCluster = "ledger-pg"
	postgresVersion = "17.5"
)

// withPostgres is a configuration whose production has an Aurora PostgreSQL
// cluster that may be migrated.
func withPostgres(t *testing.T) string {
	t.Helper()
	return variant(t, func(c *config.Config) {
		c.DataSet.Clusters = append(c.DataSet.Clusters, config.Selector{ID: postgresCluster})
		c.Production.Migrate.Clusters = append(c.Production.Migrate.Clusters, config.MigrateCluster{
			Match: postgresCluster, MasterSecret: "production/ledger/master", Login: config.Account{User: "shop_app", Secret: "production/ledger/app"},
			Smoke: []string{"SELECT 1 FROM shop.orders LIMIT 1"}, Checksums: []string{"shop.orders"},
		})
		c.Targets[0].Clusters = append(c.Targets[0].Clusters, config.ClusterSettings{Match: postgresCluster, MasterSecret: "staging/ledger/master", Logins: []config.Login{{User: "shop_app", Secret: "staging/ledger/app"}}})
	})
}

var toPostgres = migrate.Input{Cluster: postgresCluster, TargetEngineVersion: postgresVersion}

// TestPostgres: the whole way of a major upgrade of Aurora PostgreSQL under a client that never stops
// writing, in both lanes.
func TestPostgres(t *testing.T) {
	for _, proxied := range []bool{false, true} {
		t.Run(map[bool]string{false: "none", true: "native"}[proxied], func(t *testing.T) {
			r := migrated(t, rehearsal.Scenario{Assembly: withPostgres(t), Migrate: &rehearsal.MigrationScenario{Input: toPostgres, Proxy: proxied}})
			m := r.Migration
			ends(t, m, rehearsal.VerdictSucceeded, migrate.Retired)
			outage := map[bool]float64{false: 45, true: 5}[proxied]
			if c := m.Client; c.Acknowledged < 100 || c.Failed == 0 || c.LongestOutageSeconds > outage || m.Record.Green.Version != postgresVersion {
				t.Errorf("%s, %+v", m.Record.Green.Version, c)
			}
		})
	}
}

func postgresIlls() []ill {
	return []ill{
		{check: "logical-replication-on", with: []string{"writer-in-sync"}, disturb: func(b *blue) { b.parameter("rds.logical_replication", "0") },
			mend: func(b *blue) { b.parameter("rds.logical_replication", "1") }},
		{check: "synchronous-commit", disturb: func(b *blue) { b.parameter("synchronous_commit", "off") }, mend: func(b *blue) { b.parameter("synchronous_commit", "on") }},
		{check: "replication-slots", with: []string{"writer-in-sync"}, disturb: func(b *blue) {
			for i := range 6 {
				b.sql(fmt.Sprintf("CREATE DATABASE more%d", i))
			}
			b.parameter("max_replication_slots", "5")
		}, mend: func(b *blue) {
			b.parameter("max_replication_slots", "20")
			for i := range 6 {
				b.sql(fmt.Sprintf("DROP DATABASE more%d", i))
			}
		}},
		// A real one needs its library; what the check reads is the catalog, of every database.
		{check: "hostile-extensions", disturb: func(b *blue) {
			b.inside("SET allow_system_table_mods = on", "INSERT INTO pg_extension SELECT 999999::oid, 'pglogical', extowner, extnamespace, extrelocatable, extversion, extconfig, extcondition FROM pg_extension WHERE extname = 'plpgsql'")
		}, mend: func(b *blue) {
			b.inside("SET allow_system_table_mods = on", "DELETE FROM pg_extension WHERE extname = 'pglogical'")
		}},
		{check: "no-large-objects", warns: true, disturb: func(b *blue) { b.sql("SELECT lo_create(4711)") }, mend: func(b *blue) { b.sql("SELECT lo_unlink(4711)") }},
		{check: "primary-keys", disturb: func(b *blue) { b.sql("CREATE TABLE shop.keyless (n INT)") }, mend: func(b *blue) { b.sql("DROP TABLE shop.keyless") }},
		{check: "login-not-admin", disturb: func(b *blue) { b.sql("GRANT rds_superuser TO shop_app") }, mend: func(b *blue) { b.sql("REVOKE rds_superuser FROM shop_app") }},
		{check: "checksum-tables", with: []string{"smoke-queries"}, disturb: func(b *blue) { b.sql("ALTER TABLE shop.orders RENAME TO renamed") },
			mend: func(b *blue) { b.sql("ALTER TABLE shop.renamed RENAME TO orders") }},
	}
}

// inside works as RDS itself does, in one session.
func (b *blue) inside(statements ...string) {
	b.t.Helper()
	db, err := b.Superuser(b.account, b.wish.Cluster)
	b.must(err)
	if err != nil {
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		_, err := db.ExecContext(b.t.Context(), s)
		b.must(err)
	}
}

// TestPostgresChecks: as TestChecks, of what is PostgreSQL's own.
func TestPostgresChecks(t *testing.T) {
	worldOf(t, withPostgres(t), rehearsal.MigrationScenario{Input: toPostgres, Proxy: true}, func(o *rehearsal.Operator) error {
		newBlue(o, t, toPostgres, dbconn.AuroraPostgres).disturbed(postgresIlls())
		return nil
	})
}

// TestPostgresTroubles: DDL on blue ends the replication of Aurora PostgreSQL for
// good, so that green has to be built anew; a rollback of AWS's does not.
func TestPostgresTroubles(t *testing.T) {
	for trouble, phase := range map[string]migrate.Phase{"ddl": migrate.Verified, "switchover-timeout": migrate.Verified, "late-proxy": migrate.Retired} {
		sc := rehearsal.MigrationScenario{Input: toPostgres}
		if err := sc.Plan(trouble); err != nil {
			t.Fatal(err)
		}
		worldOf(t, withPostgres(t), sc, func(o *rehearsal.Operator) error {
			m, err := o.Migrate(toPostgres)
			if err != nil {
				return err
			}
			if trouble == "ddl" && !strings.Contains(m.Cause, `remove green with {"mode":"abandon"}`) {
				t.Errorf("%s: %s", trouble, m.Cause)
			}
			if m.Record.Phase != phase || (m.Verdict == rehearsal.VerdictSucceeded) != (phase == migrate.Retired) {
				t.Errorf("%s: %s, %s: %s", trouble, m.Verdict, m.Record.Phase, m.Cause)
			}
			return nil
		})
	}
}
