package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/dbconn"
)

// Rows of a chunk, and how often a chunk that differs is read again: blue goes
// on changing, and green gets it a moment later.
const (
	chunkRows  = 5000
	chunkTries = 6
	chunkPause = 2 * time.Second
)

// Compared is one table whose rows were compared.
type Compared struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	Chunks int    `json:"chunks"`
	Sum    string `json:"sum"` // of all chunks, as they were when they agreed
}

// chunk is a count and a sum over the rows with from < key <= to.
type chunk struct {
	rows int64
	sum  string
	last sql.NullString
}

// table is what is needed to compare one.
type table struct {
	engine  string
	name    string // schema.table
	key     string // its one-column primary key; empty: it is compared as a whole
	columns []string
}

// compare compares a table of both sides chunk by chunk. The text names the
// first chunk that stays different.
func (s *step) compare(ctx context.Context, blue, green *sql.DB, engine, name string) (c Compared, why string, err error) {
	t, err := describe(ctx, blue, engine, name)
	if err != nil {
		return c, "", err
	}
	c.Table = name
	var sums strings.Builder
	for from := (sql.NullString{}); ; {
		a, b, err := s.agree(ctx, blue, green, t, from)
		if err != nil {
			return c, "", err
		}
		if a.rows != b.rows || a.sum != b.sum {
			return c, fmt.Sprintf("%s differs in the %d. chunk (after key %q): %d rows with sum %s on blue, %d with %s on green", name, c.Chunks+1, from.String, a.rows, a.sum, b.rows, b.sum), nil
		}
		c.Rows, c.Chunks = c.Rows+a.rows, c.Chunks+1
		sums.WriteString(a.sum + " ")
		if t.key == "" || a.rows < chunkRows || !a.last.Valid {
			c.Sum = hashOf(sums.String())[:16]
			return c, "", nil
		}
		from = a.last
	}
}

// agree reads a chunk of both sides until they are the same, or for the last
// time.
func (s *step) agree(ctx context.Context, blue, green *sql.DB, t table, from sql.NullString) (a, b chunk, err error) {
	for try := range chunkTries {
		if a, err = t.read(ctx, blue, from, sql.NullString{}); err != nil {
			return a, b, fmt.Errorf("blue: %w", err)
		}
		to := a.last
		if a.rows < chunkRows {
			to = sql.NullString{} // the last chunk has no end: rows may come meanwhile
		}
		if b, err = t.read(ctx, green, from, to); err != nil {
			return a, b, fmt.Errorf("green: %w", err)
		}
		if a.rows == b.rows && a.sum == b.sum || try == chunkTries-1 {
			break
		}
		if err := s.Sleep(ctx, chunkPause); err != nil {
			return a, b, err
		}
	}
	return a, b, nil
}

func describe(ctx context.Context, db *sql.DB, engine, name string) (table, error) {
	t := table{engine: engine, name: name}
	schema, tab, _ := strings.Cut(name, ".")
	marks := [2]string{"?", "?"}
	if engine == dbconn.AuroraPostgres {
		marks = [2]string{"$1", "$2"}
	}
	where := "table_schema = " + marks[0] + " AND table_name = " + marks[1]
	var err error
	if t.columns, err = texts(ctx, db, "SELECT column_name FROM information_schema.columns WHERE "+where+" ORDER BY ordinal_position", schema, tab); err != nil {
		return t, err
	}
	if len(t.columns) == 0 {
		return t, fmt.Errorf("table %s is not there, or may not be read", name)
	}
	keys, err := texts(ctx, db, `SELECT k.column_name FROM information_schema.key_column_usage k JOIN information_schema.table_constraints c
		ON c.constraint_name = k.constraint_name AND c.table_schema = k.table_schema AND c.table_name = k.table_name
		WHERE c.constraint_type = 'PRIMARY KEY' AND k.`+where[:len("table_schema")]+" = "+marks[0]+" AND k.table_name = "+marks[1]+" ORDER BY k.ordinal_position", schema, tab)
	if len(keys) == 1 {
		t.key = keys[0]
	}
	return t, err
}

func (t table) quote(name string) string {
	if t.engine == dbconn.AuroraPostgres {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// read sums one chunk. The order of rows does not matter to the sum.
func (t table) read(ctx context.Context, db *sql.DB, from, to sql.NullString) (c chunk, err error) {
	schema, tab, _ := strings.Cut(t.name, ".")
	of := t.quote(schema) + "." + t.quote(tab)
	var args []any
	var where []string
	mark := func() string {
		if t.engine == dbconn.AuroraPostgres {
			return fmt.Sprintf("$%d", len(args))
		}
		return "?"
	}
	if from.Valid {
		args = append(args, from.String)
		where = append(where, t.quote(t.key)+" > "+mark())
	}
	if to.Valid {
		args = append(args, to.String)
		where = append(where, t.quote(t.key)+" <= "+mark())
	}
	rows := "SELECT * FROM " + of
	if len(where) > 0 {
		rows += " WHERE " + strings.Join(where, " AND ")
	}
	if t.key != "" && !to.Valid {
		rows += " ORDER BY " + t.quote(t.key) + fmt.Sprintf(" LIMIT %d", chunkRows)
	}
	last := "NULL"
	if t.key != "" {
		last = "MAX(" + t.quote(t.key) + ")"
	}
	query := "SELECT COUNT(*), " + t.sum() + ", " + last + " FROM (" + rows + ") AS chunk"
	err = db.QueryRowContext(ctx, query, args...).Scan(&c.rows, &c.sum, &c.last)
	return c, err
}

func (t table) sum() string {
	if t.engine == dbconn.AuroraPostgres {
		return "COALESCE(SUM(('x' || substr(md5(chunk::text), 1, 15))::bit(60)::bigint), 0)::text"
	}
	parts := make([]string, len(t.columns))
	for i, c := range t.columns {
		parts[i] = "COALESCE(" + t.quote(c) + ", 0x00)"
	}
	return "CAST(COALESCE(BIT_XOR(CAST(CONV(LEFT(MD5(CONCAT_WS(0x1f, " + strings.Join(parts, ", ") + ")), 15), 16, 10) AS UNSIGNED)), 0) AS CHAR)"
}
