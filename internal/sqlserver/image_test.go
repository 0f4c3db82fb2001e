package sqlserver

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSnapshotUnderLoad is the promise a rehearsal rests on: what was
// acknowledged before the snapshot is in it, nothing is in it that the source
// does not have, and the copy has its users.
func TestSnapshotUnderLoad(t *testing.T) {
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		db := open(t, s, admin.AdminUser, admin.AdminPassword)
		execute(t, db, "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(200))")
		for round := range 4 {
			var acknowledged atomic.Int64
			stop, done := make(chan struct{}), make(chan error, 1)
			go func() { done <- write(ctx, s, round*1_000_000, &acknowledged, stop) }()
			for acknowledged.Load() < 50 {
				time.Sleep(time.Millisecond)
			}
			before := acknowledged.Load()
			image, err := f.Snapshot(ctx, s, fmt.Sprint("image", round))
			if err != nil {
				t.Fatal(err)
			}
			during := acknowledged.Load()
			time.Sleep(30 * time.Millisecond)
			close(stop)
			if err := <-done; err != nil {
				t.Fatal("the writer failed:", err)
			}
			copied := restore(t, f, image, fmt.Sprint("copy", round))
			n := int64(queryInt(t, open(t, copied, admin.AdminUser, admin.AdminPassword),
				fmt.Sprintf("SELECT COUNT(*) FROM t WHERE a >= %d", round*1_000_000)))
			if n < before || n > during+2 {
				t.Errorf("image has %d rows; %d were acknowledged before it, %d after", n, before, during)
			}
			if total := acknowledged.Load(); total <= during {
				t.Errorf("the writer did not go on after the snapshot: %d, then %d rows", during, total)
			}
			if err := image.Remove(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// write inserts one row after another, each in a transaction of its own.
func write(ctx context.Context, s *Server, from int, acknowledged *atomic.Int64, stop chan struct{}) error {
	db, err := s.Open(admin.AdminUser, admin.AdminPassword, "shop")
	if err != nil {
		return err
	}
	defer db.Close()
	for i := from; ; i++ {
		select {
		case <-stop:
			return nil
		default:
		}
		if _, err := db.ExecContext(ctx, fmt.Sprintf("INSERT INTO t VALUES (%d, 'row %d')", i, i)); err != nil {
			return err
		}
		acknowledged.Add(1)
	}
}

func restore(t *testing.T, f *Farm, image *Image, name string) *Server {
	t.Helper()
	s, err := f.Restore(t.Context(), image, name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCopyIsIndependentAndEqual(t *testing.T) {
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		db := open(t, s, admin.AdminUser, admin.AdminPassword)
		execute(t, db, "CREATE TABLE t (a INT, b TEXT)", "INSERT INTO t VALUES (1, 'one'), (2, NULL)")
		image, err := f.Snapshot(ctx, s, "image")
		if err != nil {
			t.Fatal(err)
		}
		execute(t, db, "INSERT INTO t VALUES (3, 'after the image')")
		first, second := restore(t, f, image, "first"), restore(t, f, image, "second")
		want := sums(t, first)
		if len(want) != 1 || want[0].Rows != 2 {
			t.Fatalf("restored content: %+v", want)
		}
		execute(t, open(t, first, admin.AdminUser, admin.AdminPassword), "DELETE FROM t")
		if diff := cmp.Diff(want, sums(t, second)); diff != "" {
			t.Error("two copies of one image differ:", diff)
		}
		if cmp.Equal(want, sums(t, first)) || cmp.Equal(want, sums(t, s)) {
			t.Error("servers share their content")
		}
	})
}

func TestSnapshotOfServerAtRest(t *testing.T) {
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		if _, err := f.Snapshot(ctx, s, "never started"); err != nil {
			t.Fatal(err)
		}
		execute(t, open(t, s, admin.AdminUser, admin.AdminPassword), "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)")
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		image, err := f.Snapshot(ctx, s, "stopped")
		if err != nil {
			t.Fatal(err)
		}
		if s.alive() {
			t.Error("the snapshot of a stopped server started it")
		}
		if err := s.Remove(); err != nil {
			t.Fatal(err)
		}
		if n := queryInt(t, open(t, restore(t, f, image, "prod"), admin.AdminUser, admin.AdminPassword), "SELECT a FROM t"); n != 1 {
			t.Errorf("read %d, want 1", n)
		}
	})
}

// TestDatabaseMayHaveAnyName guards the list of files that a copy leaves out.
func TestDatabaseMayHaveAnyName(t *testing.T) {
	f := newFarm(t, t.Context(), FarmOptions{})
	s, err := f.Create("prod", MySQL, admin)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, super(t, s, ""), "CREATE DATABASE tmp", "CREATE TABLE tmp.sock (a INT)", "INSERT INTO tmp.sock VALUES (1)")
	image, err := f.Snapshot(t.Context(), s, "image")
	if err != nil {
		t.Fatal(err)
	}
	if n := queryInt(t, super(t, restore(t, f, image, "copy"), ""), "SELECT a FROM tmp.sock"); n != 1 {
		t.Errorf("read %d, want 1", n)
	}
}

func TestCopySparse(t *testing.T) {
	cases := map[string][]byte{
		"empty":                  {},
		"only zeros":             make([]byte, 10_000),
		"data then zeros":        append([]byte("data"), make([]byte, 9_000)...),
		"zeros then data":        append(make([]byte, 9_001), "data"...),
		"longer than the buffer": append(append(make([]byte, 5_000), "x"...), make([]byte, 20_000)...),
	}
	for name, content := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			from, to := dir+"/from", dir+"/to"
			if err := os.WriteFile(from, content, 0o640); err != nil {
				t.Fatal(err)
			}
			f := &Farm{noReflink: true}
			if err := f.copyFile(to, from, 0o640, make([]byte, 8192)); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(to)
			if err != nil || string(got) != string(content) {
				t.Errorf("%d bytes copied to %d, %v", len(content), len(got), err)
			}
		})
	}
}
