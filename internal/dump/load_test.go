package dump

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/sqlserver"
	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) {
	sqlserver.RunWatcherIfAsked()
	os.Exit(m.Run())
}

// server starts a fresh one and returns its superuser's login.
func server(t *testing.T) (*sql.DB, Target) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	farm, err := sqlserver.NewFarm(ctx, sqlserver.FarmOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { farm.Close() })
	s, err := farm.Create("load", sqlserver.MySQL, sqlserver.Options{AdminUser: "admin", AdminPassword: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	db, err := s.Superuser(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	target, err := Detect(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	return db, target
}

func load(t *testing.T, path, schema string) (*sql.DB, Report) {
	t.Helper()
	db, target := server(t)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	report, err := Load(t.Context(), db, file, target, schema)
	if err != nil {
		t.Fatal(err)
	}
	return db, report
}

func query(t *testing.T, db *sql.DB, question string) string {
	t.Helper()
	var answer string
	if err := db.QueryRowContext(t.Context(), question).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return answer
}

func TestLoadMySQL8Dump(t *testing.T) {
	db, report := load(t, "testdata/mysqldump80.sql", "unused")
	if diff := cmp.Diff([]string{"shop"}, report.Schemas); diff != "" {
		t.Error("schemas:", diff)
	}
	for _, c := range []struct{ name, question, want string }{
		{"rows", "SELECT COUNT(*) FROM shop.customer", "3"},
		{"text with quotes and comment marks", "SELECT name FROM shop.customer WHERE id = 1", "O'Hara; -- not a comment"},
		{"line break", "SELECT name FROM shop.customer WHERE id = 2", "Zoë\n/* neither */"},
		{"generated column", "SELECT name_lower FROM shop.customer WHERE id = 1", "o'hara; -- not a comment"},
		{"formerly invisible column", "SELECT secret FROM shop.customer WHERE id = 3", "8"},
		{"JSON", "SELECT JSON_VALUE(preferences, '$.a[1]') FROM shop.customer WHERE id = 1", "2"},
		{"point", "SELECT ST_AsText(home) FROM shop.customer WHERE id = 2", "POINT(1 2)"},
		{"microseconds", "SELECT created FROM shop.customer WHERE id = 1", "2026-01-01T00:00:00.000001Z"},
		{"binary string", "SELECT HEX(raw) FROM shop.`order` WHERE id = 1", "6100625C3B2760"},
		{"hex literal", "SELECT HEX(raw) FROM shop.`order` WHERE id = 2", "00FF27"},
		{"trigger filled in", "SELECT flags + 0 FROM shop.`order` WHERE id = 3", "0"},
		{"view", "SELECT orders FROM shop.busy WHERE name LIKE 'Zo%'", "2"},
		{"function", "SELECT shop.orders_of(2)", "2"},
		{"collation of the column", "SELECT COLLATION(name) FROM shop.customer LIMIT 1", "utf8mb4_uca1400_nopad_as_cs"},
		{"partitions", "SELECT COUNT(*) FROM information_schema.partitions WHERE table_schema = 'shop' AND table_name = 'order'", "2"},
		{"accounts", "SELECT COUNT(*) FROM mysql.user WHERE user = 'app'", "0"},
		{"the default is not made", "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'unused'", "0"},
		{"the pool keeps no settings", "SELECT @@foreign_key_checks", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := query(t, db, c.question); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO shop.`order` VALUES (9, 1, '2026-01-01', NULL, NULL)"); err != nil {
		t.Error("insert that fires the trigger:", err)
	}
	if got := query(t, db, "SELECT flags + 0 FROM shop.`order` WHERE id = 9"); got != "1" {
		t.Errorf("the trigger made flags %s, want 1", got)
	}
}

// TestReportOfMySQL8Dump is what a user reads, for MariaDB 10.11.
func TestReportOfMySQL8Dump(t *testing.T) {
	file, err := os.Open("testdata/mysqldump80.sql")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	statements, err := scanAll(file)
	if err != nil {
		t.Fatal(err)
	}
	r := newRewriter(mariadb1011)
	for _, s := range statements {
		r.rewrite(s)
	}
	want := []string{
		"replication setting left out: SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN (4 times, first on line 17)",
		"collation: utf8mb4_0900_ai_ci → utf8mb4_uca1400_nopad_ai_ci (7 times, first on line 31)",
		"encryption left out: DEFAULT ENCRYPTION='N' (2 times, first on line 31)",
		"collation: utf8mb4_0900_as_cs → utf8mb4_uca1400_nopad_as_cs (2 times, first on line 44)",
		"NOT NULL of a generated column left out: NOT NULL (line 46)",
		"made visible: INVISIBLE (2 times, first on line 48)",
		"collation: utf8mb4_0900_bin → utf8mb4_nopad_bin (line 50)",
		"part for another server left out: /*!80003 SRID 0 */ (line 51)",
		"check that is not enforced left out: CONSTRAINT `soft` CHECK ( ( `secret` > 100 ) ) (line 59)",
		"definer left out: DEFINER=`root`@`localhost` (2 times, first on line 99)",
		"definer left out: DEFINER=`admin`@`%` (line 126)",
		"the server's own schema left out: mysql (line 140)",
		"account left out (accounts come from the configuration): CREATE USER 'app'@'%' (2 times, first on line 162)",
	}
	if diff := cmp.Diff(want, Report{Rewrites: r.rewrites}.Lines()); diff != "" {
		t.Error(diff)
	}
}

func TestLoadMariaDBDump(t *testing.T) {
	db, report := load(t, "testdata/mariadb-dump.sql", "mine")
	if diff := cmp.Diff([]string{"mine"}, report.Schemas); diff != "" {
		t.Error("schemas:", diff)
	}
	if got := query(t, db, "SELECT COUNT(b) FROM mine.t"); got != "1" {
		t.Errorf("%s rows with a value, want 1", got)
	}
}

// TestLoadChinook loads a known public database when it is at hand.
func TestLoadChinook(t *testing.T) {
	path := os.Getenv("DBFERRY_CHINOOK_MYSQL")
	if path == "" {
		return // nothing to load; the shapes it has are in the other dumps
	}
	db, report := load(t, path, "")
	if diff := cmp.Diff([]string{"Chinook"}, report.Schemas); diff != "" {
		t.Error("schemas:", diff)
	}
	sums, err := sqlserver.Checksum(t.Context(), db, sqlserver.MySQL, "Chinook")
	if err != nil || len(sums) != 11 {
		t.Fatalf("%d tables, %v", len(sums), err)
	}
	for _, s := range sums {
		if s.Rows == 0 {
			t.Errorf("table %s is empty", s.Table)
		}
	}
}

func TestLoadRefusesBeforeItLoads(t *testing.T) {
	db, target := server(t)
	cases := []struct{ name, dump, want string }{
		{"needs a database", "SET @a = 1;\nCREATE TABLE t (a int);", "line 2: this needs a database"},
		{"two refusals at once", "CREATE DATABASE made; USE made;\nCREATE TABLE t (a int, KEY ((a+1)));\nSOURCE x;", "line 3: a command"},
		{"cut off", "CREATE DATABASE made; USE made;\nINSERT INTO t VALUES ('", "line 2: the quote"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(t.Context(), db, strings.NewReader(c.dump), target, "")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if query(t, db, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'made'") != "0" {
				t.Error("something was loaded all the same")
			}
		})
	}
}

func TestLoadSaysWhereTheServerRefused(t *testing.T) {
	db, target := server(t)
	dump := "CREATE TABLE t (a int);\n\n-- now\nCREATE TABLE u (a no_such_type, " + strings.Repeat("b ", 200) + ");"
	report, err := Load(t.Context(), db, strings.NewReader(dump), target, "mine")
	var refused *StatementError
	if !errors.As(err, &refused) || refused.Line != 4 || len([]rune(refused.Statement)) != 120 {
		t.Fatalf("got %v", err)
	}
	if report.Statements != 1 || !strings.Contains(err.Error(), "4161") && !strings.Contains(err.Error(), "1064") {
		t.Errorf("%d statements, %v", report.Statements, err)
	}
}

func TestLoadLargeDump(t *testing.T) {
	db, target := server(t)
	var dump strings.Builder
	dump.WriteString("CREATE TABLE t (a int PRIMARY KEY, b varchar(100));\n")
	for i := range 100 {
		dump.WriteString("INSERT INTO `t` VALUES ")
		for j := range 1000 {
			if j > 0 {
				dump.WriteByte(',')
			}
			fmt.Fprintf(&dump, "(%d,'it\\'s row %d; of many')", i*1000+j, j)
		}
		dump.WriteString(";\n")
	}
	start := time.Now()
	if _, err := Load(t.Context(), db, strings.NewReader(dump.String()), target, "mine"); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes in %v", dump.Len(), time.Since(start))
	if got := query(t, db, "SELECT COUNT(*) FROM mine.t"); got != "100000" {
		t.Errorf("%s rows", got)
	}
}

func BenchmarkScanner(b *testing.B) {
	text := strings.Repeat("INSERT INTO `t` VALUES (1,'some text that is rather usual'),(2,'and more; of it');\n", 10_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := scanAll(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
