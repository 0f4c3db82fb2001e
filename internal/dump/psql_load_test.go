package dump

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/sqlserver"
)

// postgresServer starts a fresh one; the opener logs in as its master user.
func postgresServer(t *testing.T) (*sqlserver.Server, Opener, PostgresTarget) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	farm, err := sqlserver.NewFarm(ctx, sqlserver.FarmOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { farm.Close() })
	s, err := farm.Create("load", sqlserver.Postgres, sqlserver.Options{AdminUser: "postgres", AdminPassword: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	open := func(database string) (*sql.DB, error) { return s.Open("postgres", "secret", database) }
	target, err := DetectPostgres(ctx, open)
	if err != nil {
		t.Fatal(err)
	}
	return s, open, target
}

func loadPostgresFile(t *testing.T, path string) (*sqlserver.Server, Opener, Report) {
	t.Helper()
	s, open, target := postgresServer(t)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	report, err := LoadPostgres(t.Context(), open, file, target)
	if err != nil {
		t.Fatal(err)
	}
	return s, open, report
}

func ask(t *testing.T, open Opener, database, question string) string {
	t.Helper()
	db, err := open(database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return query(t, db, question)
}

func TestLoadScriptForPsql(t *testing.T) {
	s, open, report := loadPostgresFile(t, "testdata/psql-script.sql")
	if diff := cmp.Diff([]string{"music"}, report.Schemas); diff != "" || len(report.Rewrites) != 0 {
		t.Errorf("databases %s, rewrites %v", diff, report.Rewrites)
	}
	if got := ask(t, open, "music", "SELECT name FROM artist WHERE artist_id = 3"); got != `Guns N' Roses; \! not a command` {
		t.Errorf("name %q", got)
	}
	sums, err := s.Checksums(t.Context())
	if err != nil || len(sums) != 2 || sums[0].Name() != "music.public.artist" || sums[0].Rows != 4 || sums[1].Rows != 3 {
		t.Errorf("%+v, %v", sums, err)
	}
}

func TestLoadPgDump(t *testing.T) {
	_, open, report := loadPostgresFile(t, "testdata/pg_dump17.sql")
	if diff := cmp.Diff([]string{"webshop"}, report.Schemas); diff != "" {
		t.Error("databases:", diff)
	}
	for _, c := range []struct{ name, question, want string }{
		{"rows", `SELECT count(*) FROM sales."order"`, "3"},
		{"quotes in a row", `SELECT "Customer" FROM sales."order" WHERE id = 1`, "O'Hara; -- no comment"},
		{"line break in a row", `SELECT "Customer" FROM sales."order" WHERE id = 2`, "Zoë\nand a line break"},
		{"backslash in a row", `SELECT "Customer" FROM sales."order" WHERE id = 3`, `\! not a command`},
		{"type of an extension", `SELECT id FROM sales."order" WHERE "Customer" = 'o''hara; -- NO comment'`, "1"},
		{"enum", `SELECT state FROM sales."order" WHERE id = 2`, "it's; done"},
		{"bytes", `SELECT encode(raw, 'hex') FROM sales."order" WHERE id = 1`, "6100625c"},
		{"partition", "SELECT count(*) FROM sales.event", "2"},
		{"sequence", "SELECT nextval('sales.order_id_seq')", "4"},
		{"function in dollar quotes", "SELECT count(*) FROM pg_trigger WHERE tgname = 'touch'", "1"},
		{"SQL function", "SELECT sales.total(2, 3)", "5"},
		{"view", "SELECT count(*) FROM sales.open", "2"},
		{"owner", "SELECT tableowner FROM pg_tables WHERE tablename = 'order'", "postgres"},
		{"accounts", "SELECT count(*) FROM pg_roles WHERE rolname = 'reporting'", "0"},
		{"rows are not hidden", "SELECT count(*) FROM pg_class WHERE relrowsecurity", "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ask(t, open, "webshop", c.question); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestReportOfPgDump is what a user reads, for PostgreSQL 15 without pg_stat_statements.
func TestReportOfPgDump(t *testing.T) {
	raw, err := os.ReadFile("testdata/pg_dump17.sql")
	if err != nil {
		t.Fatal(err)
	}
	target := PostgresTarget{Settings: map[string]bool{}, Extensions: map[string]bool{"citext": true, "pg_stat_statements": false}}
	for _, name := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "client_encoding", "standard_conforming_strings",
		"check_function_bodies", "xmloption", "client_min_messages", "row_security", "default_tablespace", "default_table_access_method"} {
		target.Settings[name] = true
	}
	r := newPsRewriter(target)
	in := newPsqlScanner(strings.NewReader(string(raw)))
	for {
		p, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.rewrite(p).rows {
			if err := skipRows(in); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []string{
		"setting that this server lacks left out: SET transaction_timeout = 0 (line 10)",
		"database option left out: LOCALE_PROVIDER = libc (2 times, first on line 23)",
		"owner left out (who loads owns it): ALTER DATABASE webshop OWNER TO shop_owner (5 times, first on line 26)",
		"account left out (accounts come from the configuration): CREATE ROLE reporting LOGIN (4 times, first on line 39)",
		"schema that is there already: public (line 42)",
		"extension in the version of this server: citext (line 44)",
		"comment on a part of the server left out: COMMENT ON EXTENSION citext IS 'data type for case-insensitive charac… (line 45)",
		"extension left out: this machine's server does not have it: aws_s3 (line 46)",
		"extension left out: a plain server wants a superuser for it: pg_stat_statements (line 47)",
		`row-level security left out (its roles come from the configuration): ALTER TABLE sales."order" ENABLE ROW LEVEL SECURITY (2 times, first on line 138)`,
		"replication left out: CREATE PUBLICATION analytics FOR TABLE ONLY sales.\"order\" WITH (publi… (line 141)",
		"event trigger left out (Aurora's master user may have them, a plain server's may not): CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION sales.… (line 142)",
	}
	if diff := cmp.Diff(want, Report{Rewrites: r.rewrites}.Lines()); diff != "" {
		t.Error(diff)
	}
	if len(r.refusals) > 0 {
		t.Errorf("refused: %v", r.refusals)
	}
}

// What would reach a shell, a file or the network is refused before anything is
// loaded; what cannot be seen before is refused by the server, because who loads
// is no superuser.
func TestLoadPostgresLetsNothingOut(t *testing.T) {
	_, open, target := postgresServer(t)
	flag := t.TempDir() + "/ran"
	for _, c := range []struct{ name, dump, want string }{
		{"shell", "CREATE DATABASE made;\n\\! touch " + flag, `line 2: \! is a command of psql`},
		{"shell within a statement", "SELECT 1 \\! touch " + flag, "line 1: a command of psql within a statement"},
		{"shell after a command", "\\echo a \\! touch " + flag, "line 1: a command of psql within"},
		{"copy program", "\n\\copy t from program 'touch " + flag + "'", `line 2: \copy is a command`},
		{"include", `\i /etc/passwd`, `\i is a command`},
		{"output", `\o | sh`, `\o is a command`},
		{"pipe of a query", "SELECT 1 \\g |sh", "within a statement"},
		{"variable from a program", "\\set x `touch " + flag + "`", `\set is a command`},
		{"environment", `\setenv PAGER sh`, `\setenv is a command`},
		{"other server", `\connect "host=example.com dbname=x"`, "plain name"},
		{"shell between quotes", `\connect "a" \! sh "b"`, "nothing else here"},
		{"other user", `\connect postgres rdsadmin`, "nothing else here"},
		{"COPY from a program", "CREATE TABLE t (a text);\nCOPY t (a, \"from\") FROM PROGRAM 'touch " + flag + "';", "line 2: COPY reads or writes"},
		{"COPY from a file", "COPY t FROM '/etc/passwd';", "COPY reads or writes"},
		{"COPY to a file", "COPY (SELECT 1) TO '/tmp/x';", "COPY reads or writes"},
		{"ALTER SYSTEM", "ALTER SYSTEM SET archive_command = 'touch " + flag + "';", "ALTER SYSTEM changes the server"},
		{"library", "LOAD 'plpython3';", "LOAD loads code"},
		{"program in a block", "DO $$ BEGIN EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch " + flag + "'''; END $$;", "pg_execute_server_program"},
		{"function in C", "CREATE FUNCTION sys(text) RETURNS int AS 'libc.so.6', 'system' LANGUAGE c;", "permission denied for language c"},
		{"server file", "SELECT pg_read_file('/etc/passwd');", "permission denied"},
		{"superuser", "DO $$ BEGIN EXECUTE 'CREATE ROLE x SUPERUSER'; END $$;", "superuser"},
		{"untrusted extension in a block", "DO $$ BEGIN EXECUTE 'CREATE EXTENSION dblink'; END $$;", "permission denied"},
		{"cut off in a quote", "\n\nINSERT INTO t VALUES ('", "line 3 does not end"},
		{"cut off in rows", "COPY t FROM stdin;\n1\n", "line 2 does not end"},
		{"old strings", "SET standard_conforming_strings = off;", "backslashes in plain quotes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := LoadPostgres(t.Context(), open, strings.NewReader(c.dump), target)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if _, err := os.Stat(flag); err == nil {
				t.Fatal("a program of the dump was run")
			}
		})
	}
	if ask(t, open, "", "SELECT count(*) FROM pg_database WHERE datname = 'made'") != "0" {
		t.Error("something was loaded before the refusal")
	}
}

func TestLoadPostgresSaysWhere(t *testing.T) {
	_, open, target := postgresServer(t)
	for _, c := range []struct {
		name, dump string
		line       int
		want       string
	}{
		{"statement", "CREATE TABLE a (x int);\n\n-- now\nCREATE TABLE b (\n  x int,\n  y no_such_type\n);", 6, "no_such_type"},
		{"row", "CREATE TABLE c (x int);\nCOPY c FROM stdin;\n1\n2\nthree\n\\.\n", 5, "integer"},
		{"extension was left out", "CREATE EXTENSION postgis_tiger;\nCREATE TABLE d (g geometry);", 2, "left out: postgis_tiger"},
		{"no such database", "\n\\connect nowhere\n", 2, "nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := LoadPostgres(t.Context(), open, strings.NewReader(c.dump), target)
			var refused *StatementError
			if !errors.As(err, &refused) || refused.Line != c.line || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want line %d and %q", err, c.line, c.want)
			}
		})
	}
}

// A dump of the whole cluster, of a database with an unusual name, and rows
// that belong to nobody's schema but the server's.
func TestLoadPgDumpAll(t *testing.T) {
	s, open, target := postgresServer(t)
	dump := "\\connect postgres\nCREATE TABLE here (a int);\nINSERT INTO here VALUES (1);\n" +
		"\\connect template1\nCREATE TABLE not_here (a int);\nCOPY not_here FROM stdin;\n1\n\\.\n" +
		"CREATE DATABASE rdsadmin;\n\\connect rdsadmin\nCREATE TABLE not_here (a int);\n" +
		"CREATE DATABASE \"it's \"\"odd\"\"\" OWNER nobody ENCODING 'UTF8' LC_COLLATE 'de_DE.UTF-8';\n" +
		"\\connect -reuse-previous=on \"dbname='it\\'s \"\"odd\"\"'\"\nCREATE TABLE there AS SELECT 7 AS n"
	report, err := LoadPostgres(t.Context(), open, strings.NewReader(dump), target)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`it's "odd"`, "postgres"}, report.Schemas); diff != "" {
		t.Error("databases:", diff)
	}
	sums, err := s.Checksums(t.Context())
	if err != nil || len(sums) != 2 || sums[0].Name() != `it's "odd".public.there` || sums[1].Name() != "public.here" {
		t.Errorf("%+v, %v", sums, err)
	}
}

// TestLoadChinookPostgres loads a known public database when it is at hand.
func TestLoadChinookPostgres(t *testing.T) {
	path := os.Getenv("DBFERRY_CHINOOK_POSTGRES")
	if path == "" {
		return // nothing to load; the shapes it has are in the other scripts
	}
	s, _, report := loadPostgresFile(t, path)
	if diff := cmp.Diff([]string{"chinook"}, report.Schemas); diff != "" {
		t.Error("databases:", diff)
	}
	sums, err := s.Checksums(t.Context())
	if err != nil || len(sums) != 11 {
		t.Fatalf("%d tables, %v", len(sums), err)
	}
	for _, s := range sums {
		if s.Rows == 0 {
			t.Errorf("table %s is empty", s.Name())
		}
	}
}

// The scanner never panics or hangs, and what it takes for statements has no
// command of psql outside quotes.
func FuzzPsqlScanner(f *testing.F) {
	for _, file := range []string{"testdata/pg_dump17.sql", "testdata/psql-script.sql"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	for _, seed := range []string{"SELECT $a$ \\! $a$;\\! x", "E'\\'';\\c x", "/* /* */ ; */ SELECT (;);", "create function f() begin atomic select 1; end; select 2", "copy t from stdin;\n\\.\n\\c a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in := newPsqlScanner(strings.NewReader(text))
		r := newPsRewriter(PostgresTarget{})
		for n := 0; ; n++ {
			p, err := in.next()
			if err != nil {
				return
			}
			if n > len(text) {
				t.Fatal("more pieces than bytes")
			}
			if !p.command && (len(p.tokens) == 0 || p.text == "" || isSpace(p.text[0])) || p.line < 1 {
				t.Fatalf("piece %+v", p)
			}
			if r.rewrite(p).rows && skipRows(in) != nil {
				return
			}
		}
	})
}
