package dump

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	mariadb1011 = Target{MariaDB: true, Version: "10.11.19"}
	mariadb106  = Target{MariaDB: true, Version: "10.6.18"}
	mariadb105  = Target{MariaDB: true, Version: "10.5.29"}
	mysql80     = Target{Version: "8.0.36"}
)

func TestRewrite(t *testing.T) {
	cases := []struct {
		name   string
		target Target
		in     string
		want   string // spaces do not count
		what   string // of the one rewrite; empty: none
	}{
		{"nothing to do", mariadb1011, "CREATE TABLE t (a int COMMENT 'utf8mb4_0900_ai_ci')", "CREATE TABLE t (a int COMMENT 'utf8mb4_0900_ai_ci')", ""},
		{"collation", mariadb1011, "CREATE TABLE t (a int) COLLATE=utf8mb4_0900_ai_ci", "CREATE TABLE t (a int) COLLATE=utf8mb4_uca1400_nopad_ai_ci", "collation"},
		{"quoted collation", mariadb1011, "CREATE TABLE t (a text COLLATE 'utf8mb4_0900_bin')", "CREATE TABLE t (a text COLLATE 'utf8mb4_nopad_bin')", "collation"},
		{"collation of a session", mariadb1011, "/*!50003 SET collation_connection = utf8mb4_0900_ai_ci */", "/*!50003 SET collation_connection = utf8mb4_uca1400_nopad_ai_ci */", "collation"},
		{"collation stays in MySQL", mysql80, "CREATE TABLE t (a int) COLLATE=utf8mb4_0900_ai_ci", "CREATE TABLE t (a int) COLLATE=utf8mb4_0900_ai_ci", ""},
		{"insert is not looked at", mariadb1011, "INSERT INTO t VALUES (/*!80016 x */ utf8mb4_0900_ai_ci)", "INSERT INTO t VALUES (/*!80016 x */ utf8mb4_0900_ai_ci)", ""},
		{"gtid", mariadb1011, "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'abc'", "", "replication setting left out"},
		{"gtid in MySQL", mysql80, "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'abc'", "", "replication setting left out"},
		{"binary log", mariadb1011, "SET @@SESSION.SQL_LOG_BIN= 0", "", "replication setting left out"},
		{"source's position", mariadb1011, "CHANGE MASTER TO MASTER_LOG_FILE='x'", "", "replication setting left out"},
		{"version comment for MariaDB too", mariadb1011, "/*!40101 SET x=1 */", "/*!40101 SET x=1 */", ""},
		{"version comment for MySQL 8", mariadb1011, "/*!80000 SET SESSION x=0 */", "", "part for another server left out"},
		{"version comment for MySQL 5.7 in an old MariaDB", mariadb106, "SELECT 1 /*!50708 + 1 */", "SELECT 1", "part for another server left out"},
		{"version comment in MySQL", mysql80, "/*!80000 SET SESSION x=0 */", "/*!80000 SET SESSION x=0 */", ""},
		{"sandbox mark", mariadb1011, `/*!999999\- enable the sandbox mode */`, "", ""},
		{"newer MariaDB's comment", mariadb106, "CREATE TABLE t (a int) /*M!110100 X=1 */", "CREATE TABLE t (a int)", "part for another server left out"},
		{"encryption of a schema", mariadb1011, "CREATE DATABASE `s` /*!80016 DEFAULT ENCRYPTION='N' */", "CREATE DATABASE `s`", "encryption left out"},
		{"plain encryption", mariadb1011, "CREATE DATABASE `s` DEFAULT ENCRYPTION = 'N'", "CREATE DATABASE `s`", "encryption left out"},
		{"compression", mariadb1011, "CREATE TABLE t (a int) ENGINE=InnoDB COMPRESSION='zlib'", "CREATE TABLE t (a int) ENGINE=InnoDB", "option left out"},
		{"column named compression", mariadb1011, "CREATE TABLE t (compression int)", "CREATE TABLE t (compression int)", ""},
		{"column format", mariadb1011, "CREATE TABLE t (a int /*!50606 COLUMN_FORMAT DYNAMIC */)", "CREATE TABLE t (a int /*!50606 */)", "option left out"},
		{"disk storage", mariadb1011, "CREATE TABLE t (a int /*!50606 STORAGE DISK */)", "CREATE TABLE t (a int /*!50606 */)", "column attribute left out"},
		{"invisible", mariadb1011, "CREATE TABLE t (a int /*!80023 INVISIBLE */, b int)", "CREATE TABLE t (a int , b int)", "made visible"},
		{"generated not null", mariadb1011, "CREATE TABLE t (a int, b int GENERATED ALWAYS AS ((a + 1)) STORED NOT NULL COMMENT 'x')", "CREATE TABLE t (a int, b int GENERATED ALWAYS AS ((a + 1)) STORED COMMENT 'x')", "NOT NULL of a generated column left out"},
		{"not null stays elsewhere", mariadb1011, "CREATE TABLE t (a int NOT NULL, b int AS (a) VIRTUAL)", "CREATE TABLE t (a int NOT NULL, b int AS (a) VIRTUAL)", ""},
		{"soft check in the middle", mariadb1011, "CREATE TABLE t (a int, CONSTRAINT c CHECK ((a > 1)) /*!80016 NOT ENFORCED */, KEY (a))", "CREATE TABLE t (a int, KEY (a))", "check that is not enforced left out"},
		{"soft check at the end", mariadb1011, "CREATE TABLE t (a int, CHECK ((a > 1)) /*!80016 NOT ENFORCED */)", "CREATE TABLE t (a int )", "check that is not enforced left out"},
		{"check that holds", mariadb1011, "CREATE TABLE t (a int, CONSTRAINT `c` CHECK ((a > 1)))", "CREATE TABLE t (a int, CONSTRAINT `c` CHECK ((a > 1)))", ""},
		{"srid", mariadb1011, "CREATE TABLE t (a point SRID 4326 NOT NULL)", "CREATE TABLE t (a point NOT NULL)", "column attribute left out"},
		{"definer of a view", mariadb1011, "/*!50001 CREATE */ /*!50013 DEFINER=`r`@`%` SQL SECURITY DEFINER */ /*!50001 VIEW v AS SELECT 1 */", "/*!50001 CREATE */ /*!50013 SQL SECURITY DEFINER */ /*!50001 VIEW v AS SELECT 1 */", "definer left out"},
		{"definer in MySQL", mysql80, "CREATE DEFINER=`r`@`%` PROCEDURE p() SELECT 1", "CREATE PROCEDURE p() SELECT 1", "definer left out"},
		{"current user as definer", mariadb1011, "CREATE DEFINER = CURRENT_USER() EVENT e", "CREATE EVENT e", "definer left out"},
		{"plain definer", mariadb1011, "CREATE DEFINER = root@localhost TRIGGER t", "CREATE TRIGGER t", "definer left out"},
		{"definer in the body", mariadb1011, "CREATE VIEW v AS SELECT definer = 1", "CREATE VIEW v AS SELECT definer = 1", ""},
		{"user", mariadb1011, "CREATE USER 'a'@'%' IDENTIFIED BY 'x'", "", "account left out (accounts come from the configuration)"},
		{"password", mariadb1011, "SET PASSWORD FOR 'a'@'%' = 'x'", "", "account left out (accounts come from the configuration)"},
		{"system schema", mariadb1011, "USE `mysql`", "", "the server's own schema left out"},
		{"only a comment", mariadb1011, "/*!40101 */", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRewriter(c.target)
			got := r.rewrite(Statement{7, c.in})
			if diff := cmp.Diff(squeeze(c.want), squeeze(got)); diff != "" {
				t.Error(diff)
			}
			var what []string
			for _, w := range r.rewrites {
				what = append(what, w.What)
				if w.Line != 7 {
					t.Errorf("line %d in the report, want 7", w.Line)
				}
			}
			if strings.Join(what, ", ") != c.what {
				t.Errorf("reported %q, want %q", what, c.what)
			}
			if len(r.refusals) > 0 {
				t.Error("refused:", r.refusals)
			}
		})
	}
}

func squeeze(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(" )", ")", " ,", ",", " */", "*/").Replace(s)
}

func TestTwoSoftChecksAtTheEnd(t *testing.T) {
	got := newRewriter(mariadb1011).rewrite(Statement{1, "CREATE TABLE t (a int, CHECK (a>1) /*!80016 NOT ENFORCED */, CHECK (a>2) NOT ENFORCED)"})
	if squeeze(got) != "CREATE TABLE t (a int)" {
		t.Errorf("got %q", got)
	}
}

func TestRefusals(t *testing.T) {
	cases := []struct {
		name, in string
		line     int
		what     string
	}{
		{"functional index", "CREATE TABLE t (\n a int,\n KEY `k` ((lower(`a`))))", 3, "an index on an expression"},
		{"second part of a unique key", "CREATE TABLE t (a int, UNIQUE KEY (a(10), (b+1)))", 1, "an index on an expression"},
		{"created index", "CREATE UNIQUE INDEX k ON t ((a+1))", 1, "an index on an expression"},
		{"added index", "ALTER TABLE t\nADD KEY k ((a+1))", 2, "an index on an expression"},
		{"soft check added", "ALTER TABLE t ADD CHECK (a>1) /*!80016 NOT ENFORCED */", 1, "not enforced"},
		{"client command", "SOURCE other.sql", 1, "command of the mysql client"},
		{"client command with a backslash", `\. other.sql`, 1, "command of the mysql client"},
		{"file of the server", "LOAD DATA INFILE 'x' INTO TABLE t", 1, "reads its files"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRewriter(mariadb1011)
			r.rewrite(Statement{1, c.in})
			if len(r.refusals) != 1 || r.refusals[0].Line != c.line || !strings.Contains(r.refusals[0].What, c.what) {
				t.Errorf("got %+v, want line %d: %s", r.refusals, c.line, c.what)
			}
		})
	}
	for _, in := range []string{
		"CREATE TABLE t (a int, KEY (a(3)), KEY (a DESC, b), CHECK ((a > 1)), FOREIGN KEY (a) REFERENCES x (y))",
		"ALTER TABLE t DROP KEY k, ADD CHECK ((a > 1))", "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES x (y)",
		"CREATE INDEX i ON t (a(10) DESC)", "ALTER TABLE t DISABLE KEYS",
	} {
		r := newRewriter(mariadb1011)
		if r.rewrite(Statement{1, in}); len(r.refusals) > 0 {
			t.Errorf("%s: refused: %v", in, r.refusals)
		}
	}
}

func TestNearestCollation(t *testing.T) {
	cases := []struct {
		target Target
		from   string
		want   string // empty: stays
	}{
		{mariadb1011, "utf8mb4_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci"},
		{mariadb1011, "UTF8MB4_0900_AS_CS", "utf8mb4_uca1400_nopad_as_cs"},
		{mariadb1011, "utf8mb4_0900_as_ci", "utf8mb4_uca1400_nopad_as_ci"},
		{mariadb1011, "utf8mb4_0900_bin", "utf8mb4_nopad_bin"},
		{mariadb1011, "utf8mb4_de_pb_0900_ai_ci", "utf8mb4_uca1400_german2_nopad_ai_ci"},
		{mariadb1011, "utf8mb4_es_trad_0900_as_cs", "utf8mb4_uca1400_spanish2_nopad_as_cs"},
		{mariadb1011, "utf8mb4_ja_0900_as_cs_ks", "utf8mb4_uca1400_nopad_as_cs"},
		{mariadb1011, "utf8mb4_sr_latn_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci"},
		{mariadb1011, "utf8mb4_general_ci", ""},
		{mariadb1011, "utf8mb3_general_ci", ""},
		{mariadb106, "utf8mb4_0900_ai_ci", "utf8mb4_unicode_520_nopad_ci"},
		{mariadb106, "utf8mb4_0900_as_cs", "utf8mb4_nopad_bin"},
		{mariadb105, "utf8mb3_unicode_ci", "utf8_unicode_ci"},
		{mysql80, "utf8mb4_0900_ai_ci", ""},
	}
	for _, c := range cases {
		got, ok := c.target.nearestCollation(c.from)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s for %+v: %q, want %q", c.from, c.target, got, c.want)
		}
	}
}

func TestTargetNumber(t *testing.T) {
	for version, want := range map[string]int{"10.11.19": 101119, "8.0.36": 80036, "11.4": 110400, "8.4.3-3ubuntu": 80403, "": 0} {
		if got := (Target{Version: version}).number(); got != want {
			t.Errorf("%s: %d, want %d", version, got, want)
		}
	}
}

func TestReportLines(t *testing.T) {
	r := Report{Rewrites: []Rewrite{
		{30, "collation", "a", "b"}, {12, "encryption left out", "x", ""}, {40, "collation", "a", "b"}, {41, "collation", "c", "d"}, {50, "encryption left out", "y", ""},
	}}
	want := []string{
		"encryption left out: x (2 times, first on line 12)",
		"collation: a → b (2 times, first on line 30)",
		"collation: c → d (line 41)",
	}
	if diff := cmp.Diff(want, r.Lines()); diff != "" {
		t.Error(diff)
	}
}
