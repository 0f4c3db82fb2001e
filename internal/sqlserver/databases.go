package sqlserver

import (
	"context"
	"fmt"
)

// MainDatabase is the PostgreSQL database that every server has and that a
// login without a database reaches.
const MainDatabase = "postgres"

// Databases lists what has to be connected to one by one to see every table: in
// PostgreSQL each database that is not the server's own, sorted; in MySQL, whose
// sessions see all databases, the empty name alone.
func (s *Server) Databases(ctx context.Context) ([]string, error) {
	if s.engine == MySQL {
		return []string{""}, nil
	}
	db, err := s.Superuser(ctx, MainDatabase)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> 'rdsadmin' ORDER BY datname COLLATE \"C\"")
	if err != nil {
		return nil, s.wrap(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, s.wrap(err)
		}
		all = append(all, name)
	}
	return all, s.wrap(rows.Err())
}

// Checksums sums up every user table of every database, as Checksum does for
// one. Each database is read as of a moment of its own.
func (s *Server) Checksums(ctx context.Context) ([]TableSum, error) {
	names, err := s.Databases(ctx)
	if err != nil {
		return nil, err
	}
	var all []TableSum
	for _, name := range names {
		sums, err := s.checksumsOf(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, sums...)
	}
	return all, nil
}

func (s *Server) checksumsOf(ctx context.Context, database string) ([]TableSum, error) {
	db, err := s.Superuser(ctx, database)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	sums, err := Checksum(ctx, db, s.engine, "")
	if err != nil {
		return nil, s.wrap(fmt.Errorf("database %s: %w", database, err))
	}
	for i := range sums {
		sums[i].Database = database
	}
	return sums, nil
}

// Name is how a table is named in a report: with its schema and, outside the
// main database of a PostgreSQL server, with its database.
func (t TableSum) Name() string {
	name := t.Schema + "." + t.Table
	if t.Database != "" && t.Database != MainDatabase {
		name = t.Database + "." + name
	}
	return name
}
