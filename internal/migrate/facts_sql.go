package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
)

// readMaster reads what only the master user may see of blue.
func readMaster(ctx context.Context, db *sql.DB, engine string, checksums []string, out *sqlFacts) error {
	if engine == dbconn.AuroraPostgres {
		return readPostgres(ctx, db, checksums, out)
	}
	for _, read := range []func(context.Context, *sql.DB, *sqlFacts) error{mysqlRetention, mysqlWork, mysqlSchemas} {
		if err := read(ctx, db, out); err != nil {
			return err
		}
	}
	return missingTables(ctx, db, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", checksums, out)
}

func mysqlRetention(ctx context.Context, db *sql.DB, out *sqlFacts) error {
	r, err := dbconn.Row(ctx, db, "CALL mysql.rds_show_configuration")
	if err != nil {
		return err
	}
	if hours, err := strconv.Atoi(r["value"]); err == nil {
		out.retention = &hours
	}
	return db.QueryRowContext(ctx, "SELECT @@global.event_scheduler").Scan(&out.scheduler)
}

func mysqlWork(ctx context.Context, db *sql.DB, out *sqlFacts) error {
	status, err := dbconn.ReplicaStatus(ctx, db)
	if err != nil {
		return err
	}
	out.following = status.Applying
	prepared, err := texts(ctx, db, "XA RECOVER")
	if err != nil {
		return err
	}
	out.prepared = len(prepared)
	out.oldest, err = oldestTransaction(ctx, db, dbconn.AuroraMySQL)
	return err
}

// oldestTransaction is for how many seconds the oldest transaction is open.
func oldestTransaction(ctx context.Context, db *sql.DB, engine string) (int, error) {
	query := "SELECT COALESCE(MAX(TIMESTAMPDIFF(SECOND, trx_started, NOW())), 0) FROM information_schema.innodb_trx"
	if engine == dbconn.AuroraPostgres {
		query = "SELECT COALESCE(MAX(EXTRACT(EPOCH FROM now() - xact_start))::int, 0) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
	}
	var seconds int
	err := db.QueryRowContext(ctx, query).Scan(&seconds)
	return seconds, err
}

const ownSchemas = "('mysql','information_schema','performance_schema','sys','rds_rehearsal')"

func mysqlSchemas(ctx context.Context, db *sql.DB, out *sqlFacts) error {
	tmp, err := texts(ctx, db, "SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'tmp'")
	if err != nil {
		return err
	}
	out.tmpSchema = len(tmp) > 0
	if out.withoutKey, err = texts(ctx, db, `SELECT CONCAT(t.table_schema, '.', t.table_name) FROM information_schema.tables t
		LEFT JOIN information_schema.table_constraints k ON k.table_schema = t.table_schema AND k.table_name = t.table_name AND k.constraint_type = 'PRIMARY KEY'
		WHERE t.table_type = 'BASE TABLE' AND k.constraint_name IS NULL AND t.table_schema NOT IN `+ownSchemas+` ORDER BY 1`); err != nil {
		return err
	}
	out.notInnoDB, err = texts(ctx, db, `SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables
		WHERE table_type = 'BASE TABLE' AND engine <> 'InnoDB' AND table_schema NOT IN `+ownSchemas+` ORDER BY 1`)
	return err
}

func missingTables(ctx context.Context, db *sql.DB, query string, tables []string, out *sqlFacts) error {
	for _, t := range tables {
		schema, name, _ := strings.Cut(t, ".")
		var n int
		if err := db.QueryRowContext(ctx, query, schema, name).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			out.missing = append(out.missing, t)
		}
	}
	return nil
}

// hostile are the extensions that AWS wants off on blue (docs/migration.md §1.7).
var hostile = "('pg_partman','pglogical','pgactive')"

func readPostgres(ctx context.Context, db *sql.DB, checksums []string, out *sqlFacts) error {
	var err error
	if out.oldest, err = oldestTransaction(ctx, db, dbconn.AuroraPostgres); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM pg_prepared_xacts").Scan(&out.prepared); err != nil {
		return err
	}
	return missingTables(ctx, db, "SELECT count(*) FROM information_schema.tables WHERE table_schema = $1 AND table_name = $2", checksums, out)
}

// eachDatabase reads what PostgreSQL tells of the connected database alone: one
// replication slot is needed for each of them.
func (s *step) eachDatabase(ctx context.Context, f *facts, master *sql.DB, host string, port int, out *sqlFacts) error {
	if f.engine() != dbconn.AuroraPostgres {
		return nil
	}
	names, err := texts(ctx, master, "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> 'rdsadmin' ORDER BY 1")
	if err != nil {
		return err
	}
	out.databases = len(names)
	for _, name := range names {
		db, err := s.login(ctx, config.MigrateCluster{Database: name}, f.set.MasterSecret, f.engine(), host, port)
		if err != nil {
			return err
		}
		err = readDatabase(ctx, db, name, out)
		db.Close()
		if err != nil {
			return fmt.Errorf("database %s: %w", name, err)
		}
	}
	return nil
}

func readDatabase(ctx context.Context, db *sql.DB, name string, out *sqlFacts) error {
	without, err := texts(ctx, db, `SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r','p') AND n.nspname NOT IN ('pg_catalog','information_schema') AND n.nspname NOT LIKE 'pg_%'
		AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) ORDER BY 1`)
	if err != nil {
		return err
	}
	extensions, err := texts(ctx, db, "SELECT extname FROM pg_extension WHERE extname IN "+hostile+" ORDER BY 1")
	if err != nil {
		return err
	}
	for _, t := range without {
		out.withoutKey = append(out.withoutKey, name+"."+t)
	}
	for _, x := range extensions {
		out.extensions = append(out.extensions, x+" in "+name)
	}
	var large bool
	err = db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pg_largeobject_metadata)").Scan(&large)
	out.largeObject = out.largeObject || large
	return err
}
