package sqlserver

import (
	"context"
	"testing"
	"time"
)

// everyType is one row of each kind of column, inserted in two orders.
var everyType = map[Engine]string{
	MySQL: `CREATE TABLE t (i INT UNSIGNED, big BIGINT, d DECIMAL(20,6), f FLOAT, dbl DOUBLE, c CHAR(5), v VARCHAR(50) COLLATE utf8mb4_bin,
		latin VARCHAR(20) CHARACTER SET latin1, b VARBINARY(20), bits BIT(12), dt DATETIME(6), ts TIMESTAMP(3) NULL, y YEAR, tm TIME(2),
		e ENUM('a','b'), s SET('x','y'), txt MEDIUMTEXT, bl LONGBLOB, j JSON, g POINT, gen INT AS (i + 1) STORED)`,
	Postgres: `CREATE TABLE t (i INT, big BIGINT, d NUMERIC(20,6), f REAL, dbl DOUBLE PRECISION, c CHAR(5), v VARCHAR(50),
		latin VARCHAR(20), b BYTEA, bits BIT(12), dt TIMESTAMP(6), ts TIMESTAMPTZ(3), y INT, tm INTERVAL,
		e INT[], s UUID, txt TEXT, bl BYTEA, j JSONB, g POINT, gen INT GENERATED ALWAYS AS (i + 1) STORED)`,
}

var everyValue = map[Engine]string{
	MySQL: `(i, big, d, f, dbl, c, v, latin, b, bits, dt, ts, y, tm, e, s, txt, bl, j, g) VALUES
		(1, -9e15, 1.5, 1.1, 0.1, 'a', 'ä', 'é', X'00FF', b'101', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.678', 2026, '10:11:12.13', 'a', 'x,y', 'long', X'0001', '{"k":1}', ST_GeomFromText('POINT(1 2)'))`,
	Postgres: `(i, big, d, f, dbl, c, v, latin, b, bits, dt, ts, y, tm, e, s, txt, bl, j, g) VALUES
		(1, -9000000000000000, 1.5, 1.1, 0.1, 'a', 'ä', 'é', '\x00ff', B'000000000101', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.678+00', 2026, '10:11:12.13', '{1,2}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'long', '\x0001', '{"k":1}', '(1,2)')`,
}

func TestChecksumSeesEveryChange(t *testing.T) {
	changes := []string{
		"UPDATE t SET i = 2 WHERE big < 0", "UPDATE t SET d = 1.500001 WHERE big < 0",
		"UPDATE t SET f = 1.10000014 WHERE big < 0", "UPDATE t SET dbl = 0.1 + 0.00000000000000005 WHERE big < 0",
		"UPDATE t SET c = 'b' WHERE big < 0", "UPDATE t SET v = 'Ä' WHERE big < 0", "UPDATE t SET latin = 'e' WHERE big < 0",
		"UPDATE t SET dt = '2026-01-02 03:04:05.678902' WHERE big < 0",
		"UPDATE t SET txt = '' WHERE big < 0", "UPDATE t SET txt = NULL WHERE big < 0", "UPDATE t SET v = '-' WHERE v IS NULL",
		"UPDATE t SET y = NULL WHERE big < 0", "INSERT INTO t (big) VALUES (NULL)", "DELETE FROM t WHERE big < 0",
		"UPDATE t SET v = latin, latin = NULL WHERE big < 0", "INSERT INTO t SELECT_ALL",
	}
	own := map[Engine][]string{
		MySQL: {"UPDATE t SET b = X'00FE' WHERE big < 0", "UPDATE t SET bits = b'111' WHERE big < 0", "UPDATE t SET e = 'b' WHERE big < 0", "UPDATE t SET s = 'x' WHERE big < 0",
			"UPDATE t SET bl = X'0002' WHERE big < 0", `UPDATE t SET j = '{"k":2}' WHERE big < 0`, "UPDATE t SET g = ST_GeomFromText('POINT(1 3)') WHERE big < 0",
			"UPDATE t SET tm = '10:11:12.14' WHERE big < 0", "UPDATE t SET ts = '2026-01-02 03:04:05.679' WHERE big < 0"},
		Postgres: {`UPDATE t SET b = '\x00fe' WHERE big < 0`, "UPDATE t SET bits = B'111000000000' WHERE big < 0", "UPDATE t SET e = '{1,2,3}' WHERE big < 0",
			`UPDATE t SET bl = '\x0002' WHERE big < 0`, `UPDATE t SET j = '{"k":2}' WHERE big < 0`, "UPDATE t SET g = '(1,3)' WHERE big < 0"},
	}
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		db := super(t, s, "shop")
		execute(t, db, everyType[s.Engine()], "INSERT INTO t "+everyValue[s.Engine()], "INSERT INTO t (i) VALUES (NULL)")
		seen := map[TableSum]string{sums(t, s)[0]: "the beginning"}
		for _, change := range append(changes, own[s.Engine()]...) {
			execute(t, db, "DELETE FROM t", "INSERT INTO t "+everyValue[s.Engine()], "INSERT INTO t (i) VALUES (NULL)")
			if change == "INSERT INTO t SELECT_ALL" {
				change = "INSERT INTO t " + everyValue[s.Engine()] // the same row twice
			}
			execute(t, db, change)
			sum := sums(t, s)[0]
			if other, is := seen[sum]; is {
				t.Errorf("%s: same sum as after %s", change, other)
			}
			seen[sum] = change
		}
	})
}

func TestChecksumIgnoresOrder(t *testing.T) {
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		db := super(t, s, "shop")
		execute(t, db, "CREATE TABLE t (a INT, b TEXT)", "CREATE TABLE empty (a INT)",
			"INSERT INTO t VALUES (1, 'x'), (2, NULL), (2, NULL)")
		before := sums(t, s)
		execute(t, db, "DELETE FROM t", "INSERT INTO t VALUES (2, NULL), (1, 'x')", "INSERT INTO t VALUES (2, NULL)")
		after := sums(t, s)
		if len(before) != 2 || before[1] != after[1] || before[1].Rows != 3 {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if before[0] != after[0] || before[0].Rows != 0 || before[0].Table != "empty" {
			t.Errorf("empty table: before %+v, after %+v", before[0], after[0])
		}
	})
}

func TestChecksumOfAwkwardNames(t *testing.T) {
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		table := QuoteName(s.Engine(), "a`b\"c'd")
		execute(t, super(t, s, "shop"), "CREATE TABLE "+table+" (r INT, h INT, "+QuoteName(s.Engine(), "x`\"'")+" INT)",
			"INSERT INTO "+table+" VALUES (1, 2, 3)")
		if found := sums(t, s); len(found) != 1 || found[0].Rows != 1 {
			t.Errorf("%+v", found)
		}
	})
}

func TestChecksumOfManyRows(t *testing.T) {
	fill := map[Engine]string{
		MySQL:    "INSERT INTO t SELECT seq, CONCAT('name ', seq), seq * 1.5, REPEAT('x', 50) FROM seq_1_to_100000",
		Postgres: "INSERT INTO t SELECT n, 'name ' || n, n * 1.5, repeat('x', 50) FROM generate_series(1, 100000) n",
	}
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		execute(t, super(t, s, "shop"), "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(50), c DECIMAL(12,2), d TEXT)", fill[s.Engine()])
		start := time.Now()
		found := sums(t, s)
		took := time.Since(start)
		t.Logf("100,000 rows in %v", took)
		if found[0].Rows != 100_000 || took > 10*time.Second {
			t.Errorf("%+v in %v", found, took)
		}
	})
}
