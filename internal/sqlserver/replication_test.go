package sqlserver

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// pair is a source with a table t and its replica, which a snapshot under load
// of the source gave its rows.
func pair(t *testing.T, ctx context.Context) (f *Farm, blue, green *Server) {
	t.Helper()
	f = newFarm(t, ctx, FarmOptions{})
	blue, err := f.Create("blue", MySQL, admin)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, open(t, blue, admin.AdminUser, admin.AdminPassword), "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(200))", "INSERT INTO t VALUES (-1, 'first')")
	return f, blue, follower(t, ctx, f, blue, "green")
}

// follower makes a replica by way of an image.
func follower(t *testing.T, ctx context.Context, f *Farm, source *Server, name string) *Server {
	t.Helper()
	image, err := f.Snapshot(ctx, source, "image of "+name)
	if err != nil {
		t.Fatal(err)
	}
	s := restore(t, f, image, name)
	if err := s.Follow(ctx, source); err != nil {
		t.Fatal(err)
	}
	return s
}

func caughtUp(t *testing.T, ctx context.Context, replica, source *Server) {
	t.Helper()
	if done, err := replica.CatchUp(ctx, source, 10*time.Second); err != nil || !done {
		status, _ := replica.Replica(ctx)
		t.Fatalf("the replica did not catch up: %v, %v; %+v", done, err, status)
	}
}

// TestReplicaOfASnapshotUnderLoad: a writer that never stops finds all its
// rows on the replica, whenever the snapshot was taken.
func TestReplicaOfASnapshotUnderLoad(t *testing.T) {
	ctx := t.Context()
	f := newFarm(t, ctx, FarmOptions{})
	blue, err := f.Create("blue", MySQL, admin)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, open(t, blue, admin.AdminUser, admin.AdminPassword), "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(200))")
	var acknowledged atomic.Int64
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- write(ctx, blue, 0, &acknowledged, stop) }()
	for acknowledged.Load() < 50 {
		time.Sleep(time.Millisecond)
	}
	green := follower(t, ctx, f, blue, "green")
	time.Sleep(50 * time.Millisecond)
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	caughtUp(t, ctx, green, blue)
	n := queryInt(t, super(t, green, "shop"), "SELECT COUNT(*) FROM t")
	if int64(n) != acknowledged.Load() || n < 60 {
		t.Errorf("the replica has %d rows, %d were acknowledged", n, acknowledged.Load())
	}
	if status, err := green.Replica(ctx); err != nil || !status.Healthy() || !status.Configured {
		t.Errorf("replica %+v, %v", status, err)
	}
}

func TestHeldReplicaFallsBehindAndCatchesUp(t *testing.T) {
	ctx := t.Context()
	_, blue, green := pair(t, ctx)
	caughtUp(t, ctx, green, blue)
	if err := green.Apply(ctx, false); err != nil {
		t.Fatal(err)
	}
	execute(t, super(t, blue, "shop"), "INSERT INTO t VALUES (1, 'one')", "INSERT INTO t VALUES (2, 'two')")
	if n, err := green.Behind(ctx, blue); err != nil || n != 2 {
		t.Errorf("behind by %d, %v; want 2", n, err)
	}
	if done, err := green.CatchUp(ctx, blue, 50*time.Millisecond); err != nil || done {
		t.Errorf("caught up without applying: %v, %v", done, err)
	}
	if err := green.Apply(ctx, true); err != nil {
		t.Fatal(err)
	}
	caughtUp(t, ctx, green, blue)
	if n, err := green.Behind(ctx, blue); err != nil || n != 0 {
		t.Errorf("behind by %d, %v; want 0", n, err)
	}
}

// TestMasterUserBreaksAReadOnlyReplica is the trap of docs/migration.md §1.9:
// read_only does not bind the master user.
func TestMasterUserBreaksAReadOnlyReplica(t *testing.T) {
	ctx := t.Context()
	_, blue, green := pair(t, ctx)
	execute(t, super(t, blue, "shop"), "CREATE USER 'app'@'%' IDENTIFIED BY 'app'", "GRANT ALL ON shop.* TO 'app'@'%'")
	caughtUp(t, ctx, green, blue)
	if err := green.SetAccess(ctx, ReadOnly, admin.AdminUser); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, green, "app", "app").ExecContext(ctx, "INSERT INTO t VALUES (7, 'by the application')")
	if number(err) != 1290 {
		t.Errorf("the application wrote on a read-only server: %v", err)
	}
	execute(t, open(t, green, admin.AdminUser, admin.AdminPassword), "INSERT INTO t VALUES (7, 'by the master user')")
	execute(t, super(t, blue, "shop"), "INSERT INTO t VALUES (7, 'the real one')")
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		status, err := green.Replica(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !status.Applying { // the error is told a moment before the thread has ended
			if status.ErrorNumber != 1062 {
				t.Errorf("broken replica: %+v", status)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the conflict did not break replication")
		}
	}
}

func number(err error) uint16 {
	if my, ok := err.(*mysql.MySQLError); ok {
		return my.Number
	}
	return 0
}

func TestFrozenStopsTheMasterUserToo(t *testing.T) {
	eachEngine(t, FarmOptions{}, func(t *testing.T, ctx context.Context, f *Farm, s *Server) {
		db := open(t, s, admin.AdminUser, admin.AdminPassword)
		execute(t, db, "CREATE TABLE t (a INT PRIMARY KEY)")
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		if w, err := s.Work(ctx); err != nil || w.Writing != 1 {
			t.Errorf("open work %+v, %v", w, err)
		}
		if err := s.SetAccess(ctx, Frozen, admin.AdminUser); err != nil {
			t.Fatal(err)
		}
		if tx.Commit() == nil {
			t.Error("a transaction was committed after writes were stopped")
		}
		again := open(t, s, admin.AdminUser, admin.AdminPassword)
		if _, err := again.ExecContext(ctx, "INSERT INTO t VALUES (2)"); err == nil || s.Engine() == MySQL && number(err) != 1290 {
			t.Errorf("the master user wrote on a frozen server: %v", err)
		}
		if s.Engine() == MySQL {
			execute(t, again, "CALL mysql.rds_set_read_only(0)")
			if _, err := again.ExecContext(ctx, "INSERT INTO t VALUES (2)"); number(err) != 1290 {
				t.Errorf("rds_set_read_only thawed a frozen server: %v", err)
			}
		}
		if err := s.SetAccess(ctx, ReadWrite, admin.AdminUser); err != nil {
			t.Fatal(err)
		}
		execute(t, open(t, s, admin.AdminUser, admin.AdminPassword), "INSERT INTO t VALUES (3)")
		if n := queryInt(t, super(t, s, "shop"), "SELECT COUNT(*) FROM t"); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	})
}

// TestWayBack goes over to the replica and, by the procedures that Aurora
// gives its master user, lets the old source follow the new one.
func TestWayBack(t *testing.T) {
	ctx := t.Context()
	_, blue, green := pair(t, ctx)
	execute(t, super(t, blue, "shop"), "CREATE USER 'repl'@'%' IDENTIFIED BY 'replicate'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
	if err := blue.SetAccess(ctx, Frozen, admin.AdminUser); err != nil {
		t.Fatal(err)
	}
	caughtUp(t, ctx, green, blue)
	at, err := green.Unfollow(ctx, blue)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(at.File, binLog+".") || at.Position == 0 {
		t.Errorf("position %+v", at)
	}
	execute(t, super(t, green, "shop"), "INSERT INTO t VALUES (10, 'written after the switch')")
	if err := blue.SetHosts(ctx, []Host{{Name: "shop.cluster-x.rds.amazonaws.com", Port: 3306, To: green}}); err != nil {
		t.Fatal(err)
	}
	master := open(t, blue, admin.AdminUser, admin.AdminPassword)
	execute(t, master, fmt.Sprintf("CALL mysql.rds_set_external_source('shop.cluster-x.rds.amazonaws.com', 3306, 'repl', 'replicate', '%s', %d, 0)", at.File, at.Position),
		"CALL mysql.rds_start_replication")
	for deadline := time.Now().Add(5 * time.Second); queryInt(t, master, "SELECT COUNT(*) FROM t WHERE a = 10") == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			status, _ := blue.Replica(ctx)
			t.Fatalf("the row did not come back: %+v", status)
		}
	}
	row, err := oneRow(ctx, master, "SHOW REPLICA STATUS")
	if err != nil || row["Slave_SQL_Running"] != "Yes" {
		t.Errorf("the master user sees replication as %v, %v", row["Slave_SQL_Running"], err)
	}
	execute(t, master, "CALL mysql.rds_stop_replication", "CALL mysql.rds_reset_external_source")
	if status, err := blue.Replica(ctx); err != nil || status.Configured {
		t.Errorf("after the reset: %+v, %v", status, err)
	}
}

func TestRoutinesOfTheMasterUser(t *testing.T) {
	ctx := t.Context()
	f := newFarm(t, ctx, FarmOptions{})
	s, err := f.Create("prod", MySQL, admin)
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, s, admin.AdminUser, admin.AdminPassword)
	retention := func() string {
		row, err := oneRow(ctx, db, "CALL mysql.rds_show_configuration")
		if err != nil {
			t.Fatal(err)
		}
		return row["value"]
	}
	if got := retention(); got != "" {
		t.Errorf("binlog retention is %q before it is set", got)
	}
	execute(t, db, "CALL mysql.rds_set_configuration('binlog retention hours', 9999)")
	if got := retention(); got != "2160" {
		t.Errorf("binlog retention is %q, want the largest, 2160", got)
	}
	for _, wrong := range []string{"CALL mysql.rds_set_configuration('binlog retention hours', 0)", "CALL mysql.rds_set_configuration('other', 1)"} {
		if _, err := db.ExecContext(ctx, wrong); err == nil {
			t.Errorf("%s was accepted", wrong)
		}
	}
	execute(t, db, "CALL mysql.rds_set_external_source('nowhere.example.com', 3306, 'u', 'p', 'mysql-bin-changelog.000001', 4, 0)", "CALL mysql.rds_start_replication")
	if status, err := s.Replica(ctx); err != nil || !status.Configured || status.Receiving {
		t.Errorf("a source that does not exist: %+v, %v", status, err)
	}
}

// TestReplicasKeepRunning: a source or replica is not stopped to make room.
func TestReplicasKeepRunning(t *testing.T) {
	ctx := t.Context()
	f := newFarm(t, ctx, FarmOptions{MaxRunning: 2})
	blue, err := f.Create("blue", MySQL, admin)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, super(t, blue, "shop"), "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(200))")
	green := follower(t, ctx, f, blue, "green")
	for i := range 2 {
		other, err := f.Create(fmt.Sprint("other", i), MySQL, admin)
		if err != nil {
			t.Fatal(err)
		}
		execute(t, super(t, other, ""), "SELECT 1")
	}
	if !blue.alive() || !green.alive() {
		t.Fatal("a replicating server was stopped")
	}
	execute(t, super(t, blue, "shop"), "INSERT INTO t VALUES (1, 'one')")
	caughtUp(t, ctx, green, blue)
	if _, err := green.Unfollow(ctx, blue); err != nil {
		t.Fatal(err)
	}
	other, err := f.Create("last", MySQL, admin)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, super(t, other, ""), "SELECT 1")
	if n := f.Running(); n > 4 {
		t.Errorf("%d servers run", n)
	}
}
