package rehearsal

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"

	"github.com/dbferry/dbferry/internal/dump"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

// fill gives every cluster of production its data and users: the sample shop,
// or the user's own dump.
func (s *stage) fill(ctx context.Context) error {
	for _, c := range s.ground.Clusters {
		server, err := s.databases.server(s.config.Production.Account + "/" + c.ID)
		if err != nil {
			return err
		}
		s.tell("starting %s as %s", server.Engine(), c.ID)
		db, err := server.Superuser(ctx, "")
		if err != nil {
			return err
		}
		err = s.fillOne(ctx, db, server.Engine(), c)
		db.Close()
		if err != nil {
			return fmt.Errorf("data of cluster %s: %w", c.ID, err)
		}
	}
	return nil
}

func (s *stage) fillOne(ctx context.Context, db *sql.DB, e sqlserver.Engine, c ground.Cluster) error {
	file := s.scenario.Load[string(e)]
	switch {
	case file == "":
		if err := sampleShop(ctx, db); err != nil {
			return err
		}
	case e != sqlserver.MySQL:
		return fmt.Errorf("a dump can be loaded into Aurora MySQL only")
	default:
		if err := s.loadDump(ctx, db, file, c.ID); err != nil {
			return err
		}
	}
	return createUsers(ctx, db, e, c.Users, file == "")
}

// loadDump loads a user's dump in place of the sample.
func (s *stage) loadDump(ctx context.Context, db *sql.DB, file, cluster string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	target, err := dump.Detect(ctx, db)
	if err != nil {
		return err
	}
	report, err := dump.Load(ctx, db, f, target, "shop")
	if err != nil {
		return err
	}
	s.loaded[cluster] = true
	s.tell("loaded %d statements of %s into %s", report.Statements, file, cluster)
	for _, line := range report.Lines() {
		s.tell("%s", line)
	}
	return nil
}

// sampleRows is how many rows the larger tables of the sample have.
const sampleRows = 400

// sampleShop creates the sample. The statements suit both engines.
func sampleShop(ctx context.Context, db *sql.DB) error {
	statements := []string{
		"CREATE SCHEMA shop",
		"CREATE TABLE shop.customers (id BIGINT PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(120))",
		"CREATE TABLE shop.products (id BIGINT PRIMARY KEY, sku VARCHAR(20) NOT NULL, price DECIMAL(10,2) NOT NULL)",
		"CREATE TABLE shop.orders (id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL REFERENCES shop.customers (id), placed_at VARCHAR(30) NOT NULL)",
		"CREATE TABLE shop.order_lines (order_id BIGINT NOT NULL REFERENCES shop.orders (id), line INT NOT NULL, product_id BIGINT NOT NULL, quantity INT NOT NULL, PRIMARY KEY (order_id, line))",
		insert("customers", 200, func(i int) string {
			if i%10 == 0 {
				return fmt.Sprintf("(%d, 'Customer %d', NULL)", i, i)
			}
			return fmt.Sprintf("(%d, 'Zoë Müller %d', 'c%d@example.com')", i, i, i)
		}),
		insert("products", 150, func(i int) string { return fmt.Sprintf("(%d, 'sku-%03d', %d.%02d)", i, i, i*7%90+1, i*13%100) }),
		insert("orders", sampleRows, func(i int) string {
			return fmt.Sprintf("(%d, %d, '2026-02-%02dT%02d:00:00Z')", i, i%200+1, i%28+1, i%24)
		}),
		insert("order_lines", 2*sampleRows, func(i int) string {
			return fmt.Sprintf("(%d, %d, %d, %d)", (i+1)/2, i%2+1, i%150+1, i%4+1)
		}),
	}
	return execAll(ctx, db, statements)
}

func insert(table string, n int, row func(int) string) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = row(i + 1)
	}
	return "INSERT INTO shop." + table + " VALUES " + strings.Join(rows, ", ")
}

// createUsers adds production's own users; the passwords are the ground's.
func createUsers(ctx context.Context, db *sql.DB, e sqlserver.Engine, users []ground.User, grant bool) error {
	for _, u := range users {
		name, password := sqlserver.QuoteName(e, u.Name), "'"+strings.ReplaceAll(u.Password, "'", "''")+"'"
		statements := []string{"CREATE USER " + name + "@'%' IDENTIFIED BY " + password}
		if grant {
			statements = append(statements, "GRANT SELECT, INSERT, UPDATE, DELETE ON shop.* TO "+name+"@'%'")
		}
		if e == sqlserver.Postgres {
			statements = []string{"CREATE ROLE " + name + " LOGIN PASSWORD " + password, "GRANT USAGE ON SCHEMA shop TO " + name,
				"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO " + name}
		}
		if err := execAll(ctx, db, statements); err != nil {
			return fmt.Errorf("user %s: %w", u.Name, err)
		}
	}
	return nil
}

func execAll(ctx context.Context, db *sql.DB, statements []string) error {
	for _, st := range statements {
		if _, err := db.ExecContext(ctx, st); err != nil {
			return fmt.Errorf("%.60s: %w", st, err)
		}
	}
	return nil
}
