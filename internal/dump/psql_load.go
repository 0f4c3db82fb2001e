package dump

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Opener opens a database of a PostgreSQL server, as the user who loads.
type Opener func(database string) (*sql.DB, error)

// DetectPostgres asks a server what it has.
func DetectPostgres(ctx context.Context, open Opener) (PostgresTarget, error) {
	t := PostgresTarget{Settings: map[string]bool{}, Extensions: map[string]bool{}}
	db, err := open(mainDatabase)
	if err != nil {
		return t, err
	}
	defer db.Close()
	for question, into := range map[string]map[string]bool{
		"SELECT name, true FROM pg_settings": t.Settings,
		"SELECT name, bool_or(trusted OR NOT superuser) FROM pg_available_extension_versions GROUP BY name": t.Extensions,
	} {
		if err := readFlags(ctx, db, question, into); err != nil {
			return t, fmt.Errorf("ask the server what it has: %w", err)
		}
	}
	return t, nil
}

func readFlags(ctx context.Context, db *sql.DB, question string, into map[string]bool) error {
	rows, err := db.QueryContext(ctx, question)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var flag bool
		if err := rows.Scan(&name, &flag); err != nil {
			return err
		}
		into[name] = flag
	}
	return rows.Err()
}

// LoadPostgres reads a script for psql twice, as Load does: once to find what it
// must refuse, and once to load it. It stops at the first statement that the
// server does not take. Rows go to the server as they stand.
//
// Nothing of the script reaches a shell or a file: no psql is run, and the one
// command of psql that is followed is \connect. What a statement may do is for
// the server to decide, so the login should be the cluster's master user, who
// is no superuser.
func LoadPostgres(ctx context.Context, open Opener, dump io.ReadSeeker, target PostgresTarget) (Report, error) {
	if err := checkPostgres(dump, target); err != nil {
		return Report{}, err
	}
	if _, err := dump.Seek(0, io.SeekStart); err != nil {
		return Report{}, fmt.Errorf("read the dump a second time: %w", err)
	}
	l := psLoader{open: open, in: newPsqlScanner(dump), rewriter: newPsRewriter(target)}
	err := l.load(ctx)
	return l.report(), errors.Join(err, l.close())
}

// checkPostgres goes through the dump without a server.
func checkPostgres(dump io.Reader, target PostgresTarget) error {
	r, in := newPsRewriter(target), newPsqlScanner(dump)
	for {
		p, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && r.rewrite(p).rows {
			err = skipRows(in)
		}
		if err != nil {
			return fmt.Errorf("read the dump: %w", err)
		}
		r.rewrites = r.rewrites[:0]
	}
	if len(r.refusals) > 0 {
		return Refused(r.refusals)
	}
	return nil
}

func skipRows(in *psqlScanner) error {
	rows, err := in.rows()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, rows)
	return err
}

type psLoader struct {
	open       Opener
	in         *psqlScanner
	rewriter   *psRewriter
	db         *sql.DB
	conn       *sql.Conn
	statements int
}

func (l *psLoader) load(ctx context.Context) error {
	if err := l.connect(ctx, mainDatabase, 1); err != nil {
		return err
	}
	for {
		p, err := l.in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the dump: %w", err)
		}
		if err := l.one(ctx, p); err != nil {
			return err
		}
	}
}

func (l *psLoader) one(ctx context.Context, p piece) error {
	switch a := l.rewriter.rewrite(p); {
	case a.database != "":
		return l.connect(ctx, a.database, p.line)
	case a.rows && a.sql == "":
		return skipRows(l.in)
	case a.rows:
		return l.copy(ctx, p, a.sql)
	case a.sql != "":
		return l.exec(ctx, p, a.sql)
	}
	return nil
}

// connect ends the session, as psql does, and begins one in another database.
func (l *psLoader) connect(ctx context.Context, database string, line int) error {
	if err := l.close(); err != nil {
		return err
	}
	var err error
	if l.db, err = l.open(database); err == nil {
		l.conn, err = l.db.Conn(ctx)
	}
	if err != nil {
		return &StatementError{Line: line, Statement: `\connect ` + database, Err: err}
	}
	return nil
}

func (l *psLoader) close() error {
	if l.conn != nil {
		l.conn.Raw(func(any) error { return driver.ErrBadConn }) // a dump leaves its settings behind
		l.conn = nil
	}
	if l.db == nil {
		return nil
	}
	err := l.db.Close()
	l.db = nil
	return err
}

func (l *psLoader) exec(ctx context.Context, p piece, text string) error {
	err := l.raw(func(c *pgconn.PgConn) error {
		_, err := c.Exec(ctx, text).ReadAll()
		return err
	})
	if err != nil {
		return l.failed(p.line, p, text, err)
	}
	l.statements++
	return nil
}

// copy streams the rows of one COPY.
func (l *psLoader) copy(ctx context.Context, p piece, text string) error {
	rows, err := l.in.rows()
	if err != nil {
		return fmt.Errorf("read the dump: %w", err)
	}
	first := l.in.line
	err = l.raw(func(c *pgconn.PgConn) error {
		_, err := c.CopyFrom(ctx, rows, text)
		return err
	})
	if err != nil {
		return l.failed(first+copyLine(err), p, text, err)
	}
	l.statements++
	return nil
}

// raw is the connection below database/sql, whose simple protocol is psql's.
func (l *psLoader) raw(do func(*pgconn.PgConn) error) error {
	return l.conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection of %T is not one to PostgreSQL", driverConn)
		}
		return do(c.Conn().PgConn())
	})
}

// failed names the line within a statement when the server does, and the
// extensions that were left out, which are a usual reason.
func (l *psLoader) failed(line int, p piece, text string, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Position > 0 && text == p.text {
		runes := []rune(text)
		line += strings.Count(string(runes[:min(len(runes), int(pg.Position)-1)]), "\n")
	}
	if left := l.extensionsLeftOut(); left != "" {
		err = fmt.Errorf("%w (extensions that were left out: %s)", err, left)
	}
	return &StatementError{Line: line, Statement: shorten(text[:min(len(text), 1000)], 120), Err: err}
}

func (l *psLoader) extensionsLeftOut() string {
	var names []string
	for _, w := range l.rewriter.rewrites {
		if strings.HasPrefix(w.What, "extension left out") {
			names = append(names, w.From)
		}
	}
	return strings.Join(names, ", ")
}

var copyWhere = regexp.MustCompile(`, line (\d+)`)

// copyLine is how many rows before the one that the server names.
func copyLine(err error) int {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return 0
	}
	m := copyWhere.FindStringSubmatch(pg.Where)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return max(0, n-1)
}

func (l *psLoader) report() Report {
	return Report{Schemas: slices.Sorted(maps.Keys(l.rewriter.databases)), Statements: l.statements, Rewrites: l.rewriter.rewrites}
}
