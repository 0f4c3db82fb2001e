// Package dump loads a user's own dump, of MySQL or PostgreSQL, into a server of
// the rehearsal.
//
// The known differences between Aurora and that server are rewritten and each
// rewrite is reported; what cannot be loaded alike is refused with its line,
// before anything is loaded where it can be seen before.
package dump

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Target is the server that a dump is loaded into.
type Target struct {
	MariaDB bool
	Version string // as in "10.11.19" or "8.0.36"
}

// number is the version as version comments have it: 101119, 80036.
func (t Target) number() int {
	n := 0
	parts := strings.SplitN(t.Version, ".", 3)
	for i := range 3 {
		n *= 100
		if i < len(parts) {
			suffix := strings.TrimLeft(parts[i], "0123456789")
			v, _ := strconv.Atoi(strings.TrimSuffix(parts[i], suffix))
			n += v
		}
	}
	return n
}

// Detect asks a server what it is.
func Detect(ctx context.Context, db *sql.DB) (Target, error) {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return Target{}, fmt.Errorf("ask the server for its version: %w", err)
	}
	number, rest, _ := strings.Cut(version, "-")
	return Target{MariaDB: strings.Contains(strings.ToLower(rest), "mariadb"), Version: number}, nil
}

// Report is what a load did.
type Report struct {
	Schemas    []string // that hold the loaded tables, sorted; for PostgreSQL, databases
	Statements int      // executed
	Rewrites   []Rewrite
}

// Lines says in one line for each kind of rewrite what was changed, how often
// and where first.
func (r Report) Lines() []string {
	type group struct {
		first Rewrite
		count int
	}
	groups := map[string]*group{}
	for _, w := range r.Rewrites {
		key := w.What + "\x00" + w.From + "\x00" + w.To
		if w.What != "collation" && w.What != "definer left out" {
			key = w.What
		}
		if groups[key] == nil {
			groups[key] = &group{first: w}
		}
		groups[key].count++
	}
	sorted := slices.SortedFunc(maps.Values(groups), func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.first.Line, b.first.Line), strings.Compare(a.first.What+a.first.From, b.first.What+b.first.From))
	})
	var lines []string
	for _, g := range sorted {
		lines = append(lines, g.first.line(g.count))
	}
	return lines
}

func (w Rewrite) line(count int) string {
	text := w.What + ": " + w.From
	if w.To != "" {
		text += " → " + w.To
	}
	if count == 1 {
		return fmt.Sprintf("%s (line %d)", text, w.Line)
	}
	return fmt.Sprintf("%s (%d times, first on line %d)", text, count, w.Line)
}

// Refused is the error for a dump that was not loaded; nothing was executed.
type Refused []Refusal

func (r Refused) Error() string {
	lines := []string{"the dump cannot be loaded:"}
	for i, refusal := range r {
		if i == 10 {
			lines = append(lines, fmt.Sprintf("and %d more", len(r)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("line %d: %s", refusal.Line, refusal.What))
	}
	return strings.Join(lines, "\n  ")
}

// StatementError is the error for a statement that the server did not take.
type StatementError struct {
	Line      int
	Statement string // its beginning, as sent
	Err       error  // the server's
}

func (e *StatementError) Error() string {
	return fmt.Sprintf("the dump stops on line %d: %v\n  in: %s", e.Line, e.Err, e.Statement)
}

// Unwrap returns the server's error.
func (e *StatementError) Unwrap() error { return e.Err }

// Load reads the dump twice: once to find what it must refuse (the error is
// then Refused), and once to load it. A dump that names no database is loaded
// into defaultSchema, which is made if needed. The login of db should be a
// superuser's: it becomes the definer of views, triggers and routines.
func Load(ctx context.Context, db *sql.DB, dump io.ReadSeeker, target Target, defaultSchema string) (Report, error) {
	checked, err := check(dump, target)
	if err != nil {
		return Report{}, err
	}
	if checked.homeless > 0 && defaultSchema == "" {
		return Report{}, Refused{{checked.homeless, "this needs a database and the dump names none before it; name one"}}
	}
	if _, err := dump.Seek(0, io.SeekStart); err != nil {
		return Report{}, fmt.Errorf("read the dump a second time: %w", err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("connect to load the dump: %w", err)
	}
	// The connection ends here: a dump leaves its settings behind.
	defer conn.Raw(func(any) error { return driver.ErrBadConn })
	l := loader{conn: conn, rewriter: newRewriter(target)}
	if checked.homeless > 0 {
		if err := l.useDefault(ctx, defaultSchema); err != nil {
			return Report{}, err
		}
	}
	err = l.load(ctx, dump)
	return l.report(), err
}

func newRewriter(t Target) *rewriter { return &rewriter{target: t, schemas: map[string]bool{}} }

// check goes through the dump without a server.
func check(dump io.Reader, target Target) (*rewriter, error) {
	r := newRewriter(target)
	in := NewScanner(dump)
	for {
		s, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the dump: %w", err)
		}
		r.rewrite(s)
		r.rewrites = r.rewrites[:0]
	}
	if len(r.refusals) > 0 {
		return nil, Refused(r.refusals)
	}
	return r, nil
}

type loader struct {
	conn       *sql.Conn
	rewriter   *rewriter
	statements int
}

func (l *loader) useDefault(ctx context.Context, schema string) error {
	quoted := "`" + strings.ReplaceAll(schema, "`", "``") + "`"
	for _, statement := range []string{"CREATE DATABASE IF NOT EXISTS " + quoted, "USE " + quoted} {
		if _, err := l.conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("database %s for the dump: %w", schema, err)
		}
	}
	l.rewriter.schema, l.rewriter.schemas[schema] = schema, true
	return nil
}

func (l *loader) load(ctx context.Context, dump io.Reader) error {
	in := NewScanner(dump)
	for {
		s, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the dump: %w", err)
		}
		adapted := l.rewriter.rewrite(s)
		if adapted == "" {
			continue
		}
		if _, err := l.conn.ExecContext(ctx, adapted); err != nil {
			return &StatementError{Line: s.Line, Statement: shorten(adapted[:min(len(adapted), 1000)], 120), Err: err}
		}
		l.statements++
	}
}

func (l *loader) report() Report {
	return Report{
		Schemas:    slices.Sorted(maps.Keys(l.rewriter.schemas)),
		Statements: l.statements,
		Rewrites:   l.rewriter.rewrites,
	}
}
