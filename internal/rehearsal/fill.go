package rehearsal

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dump"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

// fill gives every cluster of the data set its data and users: the sample shop,
// or the user's own dump. Other clusters are never looked into.
func (s *stage) fill(ctx context.Context) error {
	for _, c := range s.ground.Clusters {
		if !c.Writes && !s.selects(c) {
			continue
		}
		server, err := s.databases.server(s.config.Production.Account + "/" + c.ID)
		if err != nil {
			return err
		}
		s.tell("starting %s as %s", server.Engine(), c.ID)
		if err := s.fillOne(ctx, server, c); err != nil {
			return fmt.Errorf("data of cluster %s: %w", c.ID, err)
		}
	}
	return nil
}

// selects says whether a cluster is in the data set.
func (s *stage) selects(c ground.Cluster) bool {
	return slices.ContainsFunc(s.config.DataSet.Clusters, func(sel config.Selector) bool { return sel.Matches(c.ID, c.Tags) })
}

// fillOne works as the cluster's master user, as whoever filled production did.
func (s *stage) fillOne(ctx context.Context, server *sqlserver.Server, c ground.Cluster) error {
	open := func(database string) (*sql.DB, error) { return server.Open(c.Master.Name, c.Master.Password, database) }
	db, err := open("")
	if err != nil {
		return err
	}
	defer db.Close()
	if file := s.scenario.Load[string(server.Engine())]; file != "" {
		err = s.loadDump(ctx, server, open, file, c.ID)
	} else {
		err = sampleShop(ctx, db)
	}
	if err != nil {
		return err
	}
	if err := createUsers(ctx, db, server.Engine(), c.Users); err != nil {
		return err
	}
	if err := s.grant(ctx, server, open, c); err != nil {
		return err
	}
	for _, script := range c.SQL {
		if err := execIn(ctx, open, script.Database, script.Statements); err != nil {
			return err
		}
	}
	return nil
}

func execIn(ctx context.Context, open dump.Opener, database string, statements []string) error {
	db, err := open(database)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // one session: a script may set its role
	return execAll(ctx, db, statements)
}

// loadDump loads a user's dump in place of the sample.
func (s *stage) loadDump(ctx context.Context, server *sqlserver.Server, open dump.Opener, file, cluster string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	load := loadMySQL
	if server.Engine() == sqlserver.Postgres {
		load = loadPostgres
	}
	report, err := load(ctx, server, open, f)
	if err != nil {
		return err
	}
	s.loaded[cluster] = true
	s.tell("loaded %d statements of %s into %s (%s)", report.Statements, file, cluster, strings.Join(report.Schemas, ", "))
	for _, line := range report.Lines() {
		s.tell("%s", line)
	}
	return nil
}

// loadMySQL loads as a superuser, who becomes the definer of routines.
func loadMySQL(ctx context.Context, server *sqlserver.Server, _ dump.Opener, f *os.File) (dump.Report, error) {
	db, err := server.Superuser(ctx, "")
	if err != nil {
		return dump.Report{}, err
	}
	defer db.Close()
	target, err := dump.Detect(ctx, db)
	if err != nil {
		return dump.Report{}, err
	}
	return dump.Load(ctx, db, f, target, "shop")
}

// loadPostgres loads as the master user, who may do no more than on Aurora.
func loadPostgres(ctx context.Context, _ *sqlserver.Server, open dump.Opener, f *os.File) (dump.Report, error) {
	target, err := dump.DetectPostgres(ctx, open)
	if err != nil {
		return dump.Report{}, err
	}
	return dump.LoadPostgres(ctx, open, f, target)
}

// createUsers adds production's own users; the passwords are the ground's.
func createUsers(ctx context.Context, db *sql.DB, e sqlserver.Engine, users []ground.User) error {
	for _, u := range users {
		name, password := sqlserver.QuoteName(e, u.Name), "'"+strings.ReplaceAll(u.Password, "'", "''")+"'"
		statement := "CREATE USER " + name + "@'%' IDENTIFIED BY " + password
		if e == sqlserver.Postgres {
			statement = "CREATE ROLE " + name + " LOGIN PASSWORD " + password
		}
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("user %s: %w", u.Name, err)
		}
	}
	return nil
}

// grant lets production's users work with every row.
func (s *stage) grant(ctx context.Context, server *sqlserver.Server, open dump.Opener, c ground.Cluster) error {
	databases, err := server.Databases(ctx)
	if err != nil {
		return err
	}
	for _, database := range databases {
		if err := grantIn(ctx, open, server.Engine(), database, c.Users); err != nil {
			return fmt.Errorf("grant in %s: %w", database, err)
		}
	}
	return nil
}

// schemaQueries list the schemas that are not the server's own.
var schemaQueries = map[sqlserver.Engine]string{
	sqlserver.MySQL:    "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema') ORDER BY 1",
	sqlserver.Postgres: "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' ORDER BY 1",
}

func grantIn(ctx context.Context, open dump.Opener, e sqlserver.Engine, database string, users []ground.User) error {
	db, err := open(database)
	if err != nil {
		return err
	}
	defer db.Close()
	schemas, err := texts(ctx, db, schemaQueries[e])
	if err != nil {
		return err
	}
	for _, schema := range schemas {
		schema = sqlserver.QuoteName(e, schema)
		for _, u := range users {
			name := sqlserver.QuoteName(e, u.Name)
			statements := []string{"GRANT SELECT, INSERT, UPDATE, DELETE ON " + schema + ".* TO " + name + "@'%'"}
			if e == sqlserver.Postgres {
				statements = []string{"GRANT USAGE ON SCHEMA " + schema + " TO " + name,
					"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + schema + " TO " + name}
			}
			if err := execAll(ctx, db, statements); err != nil {
				return err
			}
		}
	}
	return nil
}

// texts are the answers of a query with one column.
func texts(ctx context.Context, db *sql.DB, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
