package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Names of the logs, as Aurora has them.
const (
	binLog   = "mysql-bin-changelog"
	relayLog = "relaylog"
)

// replicator is the account that replicas log in with; Aurora's own has the
// same name.
const replicator = "rdsrepladmin"

// ErrNoReplication is what Follow and Replica answer for servers that are not
// MariaDB.
var ErrNoReplication = errors.New("replication between servers needs MariaDB")

// binaryLog are the options of a server that can be a source and a replica.
// Nothing starts to replicate by itself: a restored copy is not a replica.
func binaryLog(dir string) []string {
	return []string{
		"--server-id=" + strconv.Itoa(serverID(dir)),
		"--log-bin=" + binLog,
		"--binlog-format=ROW",
		"--log-slave-updates=ON",
		"--relay-log=" + relayLog,
		"--skip-slave-start",
		"--slave-net-timeout=10",
		"--sync-binlog=0",
	}
}

// serverID is unique in a farm: the number of the server's folder.
func serverID(dir string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), "s"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// ReplicaStatus is how a replica stands.
type ReplicaStatus struct {
	Configured         bool // it has a source
	Receiving          bool // the thread that reads the source's log runs
	Applying           bool // the thread that applies it runs
	ErrorNumber        int  // of the thread that broke, as 1062 for a duplicate row
	Error              string
	File               string // of the source's log, up to which everything is applied
	Position           uint64
	receivedTo, doneTo string // GTID positions
}

// Healthy tells whether rows arrive and are applied.
func (r ReplicaStatus) Healthy() bool { return r.Receiving && r.Applying && r.ErrorNumber == 0 }

// LogPosition is a place in a server's binary log.
type LogPosition struct {
	File     string
	Position uint64
}

// Follow makes s a replica of source, from the moment of the image that s was
// restored from; the rows before it must be the same on both. It stands in for
// what Aurora does inside a Blue/Green deployment. Both servers then run until
// Unfollow.
func (s *Server) Follow(ctx context.Context, source *Server) error {
	if !s.replicates() || !source.replicates() {
		return s.wrap(ErrNoReplication)
	}
	password := randomHex(16)
	if err := source.allowReplica(ctx, password); err != nil {
		return source.wrap(fmt.Errorf("account for replicas: %w", err))
	}
	err := s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		var at string
		if err := db.QueryRowContext(ctx, "SELECT @@gtid_binlog_pos").Scan(&at); err != nil {
			return err
		}
		// The log begins anew, as that of a green cluster does.
		return execAll(ctx, db, []string{
			"STOP SLAVE", "RESET SLAVE ALL", "RESET MASTER",
			"SET GLOBAL gtid_slave_pos = " + quoteMySQL(at),
			fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='%s', MASTER_PASSWORD='%s', "+
				"MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1, MASTER_USE_GTID=slave_pos", source.port, replicator, password),
			"START SLAVE",
		})
	})
	if err != nil {
		return s.wrap(fmt.Errorf("follow %s: %w", source.name, err))
	}
	s.pins.Add(1)
	source.pins.Add(1)
	return nil
}

// replicates tells whether the server writes a binary log.
func (s *Server) replicates() bool {
	t, ok := s.dialect.(*MySQLTools)
	return ok && t.MariaDB
}

// allowReplica makes the account for replicas, without telling them.
func (s *Server) allowReplica(ctx context.Context, password string) error {
	return s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		return execAll(ctx, db, []string{
			"SET SESSION sql_log_bin = 0",
			fmt.Sprintf("CREATE OR REPLACE USER '%s'@'127.0.0.1' IDENTIFIED BY '%s'", replicator, password),
			fmt.Sprintf("GRANT REPLICATION SLAVE ON *.* TO '%s'@'127.0.0.1'", replicator),
		})
	})
}

// asSuperuser runs do on one session of the superuser.
func (s *Server) asSuperuser(ctx context.Context, do func(context.Context, *sql.DB) error) error {
	db, err := s.Superuser(ctx, "")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	return do(ctx, db)
}

// Replica tells how the server stands towards its source.
func (s *Server) Replica(ctx context.Context) (r ReplicaStatus, err error) {
	if !s.replicates() {
		return r, s.wrap(ErrNoReplication)
	}
	err = s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		row, err := settledStatus(ctx, db)
		if err != nil || row == nil {
			return err
		}
		r = ReplicaStatus{
			Configured: true, Receiving: row["Slave_IO_Running"] == "Yes", Applying: row["Slave_SQL_Running"] == "Yes",
			File: row["Relay_Master_Log_File"], receivedTo: row["Gtid_IO_Pos"],
		}
		r.Position, _ = strconv.ParseUint(row["Exec_Master_Log_Pos"], 10, 64)
		r.ErrorNumber, r.Error = firstError(row, "SQL", "IO")
		return db.QueryRowContext(ctx, "SELECT @@gtid_slave_pos").Scan(&r.doneTo)
	})
	return r, s.wrap(err)
}

// settledStatus waits at most two seconds for a thread that is just connecting,
// which says neither Yes nor No and would be taken for a broken one.
func settledStatus(ctx context.Context, db *sql.DB) (map[string]string, error) {
	for try := 0; ; try++ {
		row, err := oneRow(ctx, db, "SHOW SLAVE STATUS")
		if err != nil || row == nil {
			return row, err
		}
		io := row["Slave_IO_Running"]
		if n, _ := firstError(row, "SQL", "IO"); io == "Yes" || io == "No" || n != 0 || try == 100 {
			return row, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func firstError(row map[string]string, threads ...string) (number int, text string) {
	for _, thread := range threads {
		if n, _ := strconv.Atoi(row["Last_"+thread+"_Errno"]); n != 0 {
			return n, row["Last_"+thread+"_Error"]
		}
	}
	return 0, ""
}

// oneRow reads the first row of a statement by column name; nil for none.
func oneRow(ctx context.Context, db *sql.DB, statement string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		return nil, errors.Join(err, rows.Err())
	}
	cells, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range cells {
		into[i] = &cells[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for i, name := range names {
		out[name] = cells[i].String
	}
	return out, rows.Err()
}

// Apply lets a replica apply what arrives, or holds that up while it goes on
// receiving.
func (s *Server) Apply(ctx context.Context, on bool) error {
	statement := "STOP SLAVE SQL_THREAD"
	if on {
		statement = "START SLAVE SQL_THREAD"
	}
	return s.wrap(s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error { return execAll(ctx, db, []string{statement}) }))
}

// CatchUp waits, at most within, until the replica has everything that source
// had acknowledged when it was asked. It answers false when time is up, and
// the error when replication broke.
func (s *Server) CatchUp(ctx context.Context, source *Server, within time.Duration) (done bool, err error) {
	var to string
	err = source.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, "SELECT @@gtid_binlog_pos").Scan(&to)
	})
	if err != nil {
		return false, source.wrap(err)
	}
	var result sql.NullInt64
	err = s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, "SELECT MASTER_GTID_WAIT(?, ?)", to, within.Seconds()).Scan(&result)
	})
	if err != nil {
		return false, s.wrap(err)
	}
	return result.Valid && result.Int64 == 0, nil
}

// Behind is how many transactions of source the replica has not applied.
func (s *Server) Behind(ctx context.Context, source *Server) (int, error) {
	var have, want string
	err := source.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, "SELECT @@gtid_binlog_pos").Scan(&want)
	})
	if err != nil {
		return 0, source.wrap(err)
	}
	err = s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, "SELECT @@gtid_slave_pos").Scan(&have)
	})
	return max(0, sequence(want)-sequence(have)), s.wrap(err)
}

// sequence is the number in the GTID of domain 0, "0-server-number".
func sequence(gtids string) int {
	for gtid := range strings.SplitSeq(gtids, ",") {
		parts := strings.Split(gtid, "-")
		if len(parts) == 3 && parts[0] == "0" {
			n, err := strconv.Atoi(parts[2])
			if err == nil {
				return n
			}
		}
	}
	return 0
}

// Unfollow ends the replication from source and tells where in the server's
// own log comes what is written from now on.
func (s *Server) Unfollow(ctx context.Context, source *Server) (LogPosition, error) {
	err := s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		return execAll(ctx, db, []string{"STOP SLAVE", "RESET SLAVE ALL"})
	})
	if err != nil {
		return LogPosition{}, s.wrap(err)
	}
	s.pins.Add(-1)
	source.pins.Add(-1)
	return s.LogPosition(ctx)
}

// LogPosition is the end of the server's binary log.
func (s *Server) LogPosition(ctx context.Context) (p LogPosition, err error) {
	err = s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		row, err := oneRow(ctx, db, "SHOW MASTER STATUS")
		if err != nil {
			return err
		}
		p.File = row["File"]
		p.Position, err = strconv.ParseUint(row["Position"], 10, 64)
		return err
	})
	return p, s.wrap(err)
}

// Pin keeps the server running until Unpin, whatever else wants to run: it has
// sessions or replicas that must not be cut off.
func (s *Server) Pin()   { s.pins.Add(1) }
func (s *Server) Unpin() { s.pins.Add(-1) }
