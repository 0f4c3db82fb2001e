package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServerStartsWhenDialled(t *testing.T) {
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		if n := f.Running(); n != 0 {
			t.Fatalf("%d servers run before the first dial", n)
		}
		db := open(t, s, admin.AdminUser, admin.AdminPassword)
		execute(t, db, "CREATE TABLE t (a INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		if n := f.Running(); n != 0 {
			t.Fatalf("%d servers run after Stop", n)
		}
		if n := queryInt(t, open(t, s, admin.AdminUser, admin.AdminPassword), "SELECT COUNT(*) FROM t"); n != 2 {
			t.Errorf("%d rows after a stop and a start, want 2", n)
		}
	})
}

func TestSuperuserIsNotOnTheNetwork(t *testing.T) {
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		execute(t, super(t, s, ""), "SELECT 1")
		for _, user := range []string{superuser, "root", "postgres", ""} {
			for _, password := range []string{"", s.superPassword} {
				if user != "" && canLogIn(ctx, t, s, user, password) {
					t.Errorf("%q logged in over TCP with password %q", user, password)
				}
			}
		}
		if canLogIn(ctx, t, s, admin.AdminUser, "wrong") {
			t.Error("a wrong password was accepted")
		}
	})
}

func TestAdminMakesUsersButIsNoSuperuser(t *testing.T) {
	statements := map[Engine]struct{ make, change, forbidden string }{
		MySQL:    {"CREATE USER 'app'@'%' IDENTIFIED BY 'one'", "ALTER USER 'app'@'%' IDENTIFIED BY 'two'", "SET GLOBAL max_connections = 5"},
		Postgres: {"CREATE ROLE app LOGIN PASSWORD 'one'", "ALTER ROLE app PASSWORD 'two'", "ALTER SYSTEM SET work_mem = '1MB'"},
	}
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		do := statements[s.Engine()]
		db := open(t, s, admin.AdminUser, admin.AdminPassword)
		execute(t, db, do.make)
		if s.Engine() == MySQL {
			execute(t, db, "GRANT SELECT ON shop.* TO 'app'@'%'")
		}
		if !canLogIn(ctx, t, s, "app", "one") {
			t.Error("the new user cannot log in")
		}
		execute(t, db, do.change)
		if canLogIn(ctx, t, s, "app", "one") || !canLogIn(ctx, t, s, "app", "two") {
			t.Error("the changed password has no effect")
		}
		if _, err := db.ExecContext(ctx, do.forbidden); err == nil {
			t.Errorf("the admin may %s", do.forbidden)
		}
	})
}

func TestAddrAnswers(t *testing.T) {
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		first, err := s.Addr(ctx)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Addr(ctx)
		if err != nil || first != again || !strings.HasPrefix(first, "127.0.0.1:") {
			t.Errorf("addresses %q and %q, %v", first, again, err)
		}
	})
}

func TestLeastRecentlyDialledIsStopped(t *testing.T) {
	eachEngine(t, FarmOptions{MaxRunning: 2}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		servers := []*Server{s}
		for i := range 3 {
			more, err := f.Create(fmt.Sprint("more", i), s.Engine(), admin)
			if err != nil {
				t.Fatal(err)
			}
			servers = append(servers, more)
		}
		held := open(t, servers[0], admin.AdminUser, admin.AdminPassword) // keeps a connection open
		execute(t, held, "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (7)")
		for _, s := range servers[1:] {
			if _, err := s.Addr(ctx); err != nil {
				t.Fatal(err)
			}
			if n := f.Running(); n > 2 {
				t.Fatalf("%d servers run, 2 may", n)
			}
		}
		if !servers[0].alive() || servers[1].alive() || !servers[3].alive() {
			t.Error("the stopped server is not the idle one that was dialled first")
		}
		held.Close()
		for _, s := range servers[1:3] {
			if _, err := s.Addr(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if servers[0].alive() {
			t.Error("an idle server was kept although others were dialled later")
		}
		if n := queryInt(t, open(t, servers[0], admin.AdminUser, admin.AdminPassword), "SELECT a FROM t"); n != 7 {
			t.Errorf("read %d from the server that was stopped and started, want 7", n)
		}
	})
}

func TestCrashedServerStartsAgain(t *testing.T) {
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		execute(t, open(t, s, admin.AdminUser, admin.AdminPassword), "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (7)")
		s.kill()
		if n := queryInt(t, open(t, s, admin.AdminUser, admin.AdminPassword), "SELECT a FROM t"); n != 7 {
			t.Errorf("read %d after the crash, want 7", n)
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	f := newFarm(t, t.Context(), FarmOptions{})
	if _, err := f.Create("taken", MySQL, admin); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, server string
		engine       Engine
		options      Options
		want         string
	}{
		{"second server of a name", "taken", MySQL, admin, "exists already"},
		{"unknown engine", "a", "oracle", admin, "unknown database engine"},
		{"no password", "a", MySQL, Options{AdminUser: "admin"}, "no password"},
		{"superuser's name", "a", Postgres, Options{AdminUser: superuser, AdminPassword: "x"}, "neither root"},
		{"name with a quote", "a", MySQL, Options{AdminUser: "a'b", AdminPassword: "x"}, "admin user"},
		{"database with a quote", "a", MySQL, Options{AdminUser: "a", AdminPassword: "x", Database: "`"}, "database name"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := f.Create(c.server, c.engine, c.options)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestMissingEngineNamesTheWayOut(t *testing.T) {
	f := newFarm(t, t.Context(), FarmOptions{})
	f.tools.Postgres = PostgresTools{}
	_, err := f.Create("a", Postgres, admin)
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "make ready") {
		t.Errorf("got %v", err)
	}
}

func TestClosedFarm(t *testing.T) {
	f := newFarm(t, t.Context(), FarmOptions{})
	s, err := f.Create("a", MySQL, admin)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Addr(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("dialling a closed farm: %v", err)
	}
	if _, err := os.Stat(f.folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(f.folder), "f*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRootIsChecked(t *testing.T) {
	root := shortRoot(t)
	long := filepath.Join(root, strings.Repeat("x", 90))
	link := filepath.Join(root, "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ root, want string }{
		"too long for a socket": {long, "too long"},
		"a symbolic link":       {link, "not a folder of this user"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := NewFarm(t.Context(), FarmOptions{Root: c.root})
			if err == nil {
				f.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}
