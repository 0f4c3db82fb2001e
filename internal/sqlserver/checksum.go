package sqlserver

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// TableSum is the content of one table in short.
type TableSum struct {
	Database string // of a PostgreSQL server, when Server.Checksums made it
	Schema   string
	Table    string
	Rows     int64
	// Sum is 32 hex digits. It is equal for equal rows in any order, and
	// differs when a cell, a NULL, a column's name or the number of times a
	// row occurs differs.
	Sum string
}

// Checksum sums up every user table of one schema (a database in MySQL), or of
// all that are not the server's own when schema is empty, sorted by schema and
// table. All are read as of one moment and within the server; 100,000 rows
// take some tenths of a second. Views, sequences and PostgreSQL's large objects
// are not part of it.
func Checksum(ctx context.Context, db *sql.DB, e Engine, schema string) ([]TableSum, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("checksum: %w", err)
	}
	// The connection ends here: its session settings are not for others.
	defer conn.Raw(func(any) error { return driver.ErrBadConn })
	s := summer{conn: conn, engine: e}
	sums, err := s.all(ctx, schema)
	if err != nil {
		return nil, fmt.Errorf("checksum: %w", err)
	}
	return sums, nil
}

type summer struct {
	conn   *sql.Conn
	engine Engine
}

// settings make both sides write values alike, and fix the moment.
var settings = map[Engine][]string{
	MySQL: {
		"SET SESSION sql_mode = '', time_zone = '+00:00'",
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
	},
	Postgres: {
		"SET extra_float_digits = 3",
		"SET datestyle = 'ISO, YMD'",
		"SET intervalstyle = 'postgres'",
		"SET bytea_output = 'hex'",
		"SET timezone = 'UTC'",
		"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	},
}

func (s summer) all(ctx context.Context, schema string) ([]TableSum, error) {
	for _, statement := range settings[s.engine] {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	tables, err := s.tables(ctx, schema)
	if err != nil {
		return nil, err
	}
	var sums []TableSum
	for _, t := range tables {
		sum, err := s.one(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("table %s.%s: %w", t.schema, t.name, err)
		}
		sums = append(sums, sum)
	}
	return sums, nil
}

type column struct{ name, kind string }

type table struct {
	schema, name string
	columns      []column
}

// columnQueries list schema, table, column and type of every base table; the
// only argument is the schema wanted.
var columnQueries = map[Engine]string{
	MySQL: `SELECT c.table_schema, c.table_name, c.column_name, c.data_type
		FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
		AND t.table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
		AND ? IN ('', t.table_schema) ORDER BY c.ordinal_position`,
	Postgres: `SELECT n.nspname, c.relname, a.attname, 'any'
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relkind = 'r' AND c.relpersistence <> 't'
		AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
		AND ($1::text = '' OR $1::text = n.nspname) ORDER BY a.attnum`,
}

func (s summer) tables(ctx context.Context, schema string) ([]table, error) {
	rows, err := s.conn.QueryContext(ctx, columnQueries[s.engine], schema)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns := map[[2]string][]column{}
	for rows.Next() {
		var key [2]string
		var name sql.NullString // a PostgreSQL table may have no column
		var c column
		if err := rows.Scan(&key[0], &key[1], &name, &c.kind); err != nil {
			return nil, err
		}
		c.name = name.String
		columns[key] = append(columns[key], c)
	}
	var tables []table
	for key, cols := range columns {
		tables = append(tables, table{key[0], key[1], cols})
	}
	slices.SortFunc(tables, func(a, b table) int {
		return strings.Compare(a.schema+"\x00"+a.name, b.schema+"\x00"+b.name)
	})
	return tables, rows.Err()
}

func (s summer) one(ctx context.Context, t table) (TableSum, error) {
	query := t.mysqlQuery()
	if s.engine == Postgres {
		query = t.postgresQuery()
	}
	var rows, hashed int64
	var high, low string
	if err := s.conn.QueryRowContext(ctx, query).Scan(&rows, &hashed, &high, &low); err != nil {
		return TableSum{}, err
	}
	if rows != hashed {
		return TableSum{}, errors.New("some rows are too long to be hashed; raise max_allowed_packet")
	}
	hash := sha256.New()
	for _, c := range t.columns {
		fmt.Fprintf(hash, "%q ", c.name)
	}
	fmt.Fprintf(hash, "%d %s %s", rows, high, low)
	return TableSum{Schema: t.schema, Table: t.name, Rows: rows, Sum: fmt.Sprintf("%x", hash.Sum(nil)[:16])}, nil
}

// mysqlQuery adds up both halves of each row's MD5: a sum, unlike XOR, sees a
// row that is there twice.
func (t table) mysqlQuery() string {
	cells := make([]string, len(t.columns))
	for i, c := range t.columns {
		cells[i] = c.mysqlCell()
	}
	half := func(side string) string {
		return fmt.Sprintf("COALESCE(SUM(CAST(CONV(%s(h, 16), 16, 10) AS UNSIGNED)), 0)", side)
	}
	return fmt.Sprintf("SELECT COUNT(*), COUNT(h), %s, %s FROM (SELECT MD5(CONCAT(%s)) AS h FROM %s.%s) AS hashed",
		half("LEFT"), half("RIGHT"), strings.Join(cells, ", "),
		QuoteName(MySQL, t.schema), QuoteName(MySQL, t.name))
}

// mysqlCell writes one value so that no two rows of different cells look
// alike: '-' for NULL, else the length in bytes and the value. Values that may
// be long are hashed first, since a cast is cut off at max_allowed_packet. A
// FLOAT shows six digits unless made a DOUBLE.
func (c column) mysqlCell() string {
	name := QuoteName(MySQL, c.name)
	value := fmt.Sprintf("CAST(%s AS BINARY)", name)
	switch kind := strings.ToLower(c.kind); {
	case strings.HasSuffix(kind, "text"), strings.HasSuffix(kind, "blob"):
		value = fmt.Sprintf("MD5(%s)", name)
	case kind == "json":
		value = fmt.Sprintf("MD5(CAST(%s AS CHAR))", name)
	case kind == "float":
		value = fmt.Sprintf("CAST(%s + 0e0 AS BINARY)", name)
	case kind == "bit":
		value = fmt.Sprintf("HEX(%s)", name)
	case isGeometry(kind):
		value = fmt.Sprintf("CONCAT(ST_SRID(%s), ' ', MD5(ST_AsBinary(%s)))", name, name)
	}
	return fmt.Sprintf("IF(%s IS NULL, '-', CONCAT(LENGTH(%s), ':', %s))", name, value, value)
}

func isGeometry(kind string) bool {
	switch kind {
	case "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection":
		return true
	}
	return false
}

// postgresQuery hashes the whole row as text, in which PostgreSQL itself tells
// NULL from an empty string and quotes what needs it.
func (t table) postgresQuery() string {
	half := func(side string) string {
		return fmt.Sprintf("COALESCE(SUM(('x' || %s(h, 16))::bit(64)::bigint::numeric), 0)::text", side)
	}
	return fmt.Sprintf("SELECT COUNT(*), COUNT(h), %s, %s FROM (SELECT md5((r.*)::text) AS h FROM ONLY %s.%s AS r) AS hashed",
		half("left"), half("right"), QuoteName(Postgres, t.schema), QuoteName(Postgres, t.name))
}
