package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// victimVariable makes the test binary a program that is killed by a test.
const victimVariable = "DBFERRY_TEST_VICTIM_ROOT"

func TestMain(m *testing.M) {
	RunWatcherIfAsked()
	if root := os.Getenv(victimVariable); root != "" {
		beVictim(root)
		return
	}
	if _, err := Find(); err != nil {
		fmt.Fprintln(os.Stderr, "these tests need both database servers:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var engines = []Engine{MySQL, Postgres}

var admin = Options{AdminUser: "admin", AdminPassword: `it's a \ "secret"`, Database: "shop"}

// eachEngine runs a test on a server of both kinds in a farm of its own.
func eachEngine(t *testing.T, o FarmOptions, test func(t *testing.T, ctx context.Context, f *Farm, s *Server)) {
	for _, e := range engines {
		t.Run(string(e), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			f := newFarm(t, ctx, o)
			s, err := f.Create("prod", e, admin)
			if err != nil {
				t.Fatal(err)
			}
			test(t, ctx, f, s)
		})
	}
}

func newFarm(t *testing.T, ctx context.Context, o FarmOptions) *Farm {
	t.Helper()
	if o.Root == "" {
		o.Root = shortRoot(t)
	}
	f, err := NewFarm(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if left := serversIn(f.folder); len(left) > 0 {
			t.Error("servers left after Close:", left)
		}
	})
	return f
}

// shortRoot is a temporary folder whose path leaves room for sockets, and that
// the servers' user can pass through, unlike t.TempDir; in memory where there
// is such a place, for these tests copy thousands of small files.
func shortRoot(t *testing.T) string {
	t.Helper()
	root, err := os.MkdirTemp("/dev/shm", "dbt")
	if err != nil {
		root, err = os.MkdirTemp("", "dbt")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	return root
}

func open(t *testing.T, s *Server, user, password string) *sql.DB {
	t.Helper()
	db, err := s.Open(user, password, "shop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func super(t *testing.T, s *Server, database string) *sql.DB {
	t.Helper()
	db, err := s.Superuser(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%.100s: %v", statement, err)
		}
	}
}

func queryInt(t *testing.T, db *sql.DB, query string) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func sums(t *testing.T, s *Server) []TableSum {
	t.Helper()
	found, err := Checksum(t.Context(), super(t, s, "shop"), s.Engine(), schemaOf(s.Engine()))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func schemaOf(e Engine) string { return map[Engine]string{MySQL: "shop", Postgres: "public"}[e] }

func canLogIn(ctx context.Context, t *testing.T, s *Server, user, password string) bool {
	t.Helper()
	db := open(t, s, user, password)
	err := db.PingContext(ctx)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	return err == nil
}
