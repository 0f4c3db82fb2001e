package sqlserver

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Access is who may write.
type Access int

// The levels of access.
const (
	// ReadWrite lets everybody write whom the privileges let.
	ReadWrite Access = iota
	// ReadOnly refuses writes, but not the master user's, as Aurora's
	// parameter read_only does.
	ReadOnly
	// Frozen refuses the master user's writes too, and nobody but the
	// superuser can change that: a cluster whose writes AWS has stopped.
	Frozen
)

// SetAccess says who may write from now on. What was acknowledged before is
// kept, what is open is ended: every session is cut off first, so that no
// transaction holds the change up.
func (s *Server) SetAccess(ctx context.Context, a Access, master string) error {
	if _, err := s.Disconnect(ctx); err != nil {
		return err
	}
	err := s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		if s.engine == Postgres {
			return setPostgresAccess(ctx, db, a)
		}
		return s.setMySQLAccess(ctx, db, a, master)
	})
	if err != nil {
		return s.wrap(fmt.Errorf("change who may write: %w", err))
	}
	if a == ReadWrite {
		return nil
	}
	_, err = s.Disconnect(ctx) // of those who came in between, and for new privileges to hold
	return err
}

func (s *Server) setMySQLAccess(ctx context.Context, db *sql.DB, a Access, master string) error {
	verb := map[Access]string{ReadWrite: "GRANT", ReadOnly: "GRANT", Frozen: "REVOKE"}[a]
	to := map[string]string{"GRANT": "TO", "REVOKE": "FROM"}[verb]
	statements := []string{"SET SESSION lock_wait_timeout = 1"}
	if s.replicates() {
		statements = append(statements, "SET SESSION sql_log_bin = 0",
			fmt.Sprintf("%s %s ON *.* %s %s@'%%'", verb, passReadOnly, to, quoteMySQL(master)),
			fmt.Sprintf("REPLACE INTO mysql.rds_rehearsal (name, value) VALUES ('frozen', '%t')", a == Frozen))
	}
	if err := execAll(ctx, db, statements); err != nil {
		return err
	}
	set := fmt.Sprintf("SET GLOBAL read_only = %t", a != ReadWrite)
	for try := 1; ; try++ {
		err := execAll(ctx, db, []string{set})
		if err == nil || try == 5 {
			return err
		}
		// A transaction that began after the sessions were cut off.
		if _, err := s.Disconnect(ctx); err != nil {
			return err
		}
	}
}

func setPostgresAccess(ctx context.Context, db *sql.DB, a Access) error {
	value := map[bool]string{true: "on", false: "off"}[a != ReadWrite]
	return execAll(ctx, db, []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"})
}

// Disconnect ends every session but the server's own and replicas', and tells
// how many there were.
func (s *Server) Disconnect(ctx context.Context) (n int, err error) {
	err = s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		if s.engine == Postgres {
			return db.QueryRowContext(ctx, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "+
				"WHERE backend_type = 'client backend' AND usename <> '"+superuser+"'").Scan(&n)
		}
		n, err = disconnectMySQL(ctx, db)
		return err
	})
	return n, s.wrap(err)
}

func disconnectMySQL(ctx context.Context, db *sql.DB) (int, error) {
	found, err := mySQLSessions(ctx, db, "")
	if err != nil {
		return 0, err
	}
	for _, id := range found {
		// Gone by itself is as good.
		if _, err := db.ExecContext(ctx, fmt.Sprintf("KILL %d", id)); err != nil && !strings.Contains(err.Error(), "1094") {
			return 0, err
		}
	}
	for deadline := time.Now().Add(5 * time.Second); len(found) > 0; time.Sleep(time.Millisecond) {
		left, err := mySQLSessions(ctx, db, " AND id IN ("+numbers(found)+")")
		if err != nil || len(left) == 0 {
			return len(found), err
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("%d sessions do not end", len(left))
		}
	}
	return len(found), nil
}

func mySQLSessions(ctx context.Context, db *sql.DB, and string) (ids []int64, err error) {
	rows, err := db.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE user NOT IN ('"+superuser+"', '"+
		replicator+"', 'system user', 'event_scheduler') AND command NOT LIKE 'Binlog Dump%'"+and)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func numbers(ids []int64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
}

// Work is what clients have open on a server.
type Work struct {
	Writing  int // transactions that have changed rows and are not committed
	Changing int // statements that change tables
}

// transactionCache is for how long InnoDB answers information_schema.innodb_trx
// from a cache after it was read, with some to spare. Simulated time passes faster.
const transactionCache = 130 * time.Millisecond

// outwaitCache lets the cache of a reading of Work's go by.
func (s *Server) outwaitCache() {
	if s.engine != Postgres {
		time.Sleep(time.Until(time.UnixMilli(s.workRead.Load()).Add(transactionCache)))
		s.workRead.Store(time.Now().UnixMilli())
	}
}

// Work tells what is open at this moment.
func (s *Server) Work(ctx context.Context) (w Work, err error) {
	writing := "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_rows_modified > 0 AND trx_mysql_thread_id > 0 AND trx_mysql_thread_id IN " +
		"(SELECT id FROM information_schema.processlist WHERE user <> 'system user')"
	changing := "SELECT COUNT(*) FROM information_schema.processlist WHERE user <> 'system user' AND (info LIKE 'ALTER %' OR info LIKE 'CREATE %' OR info LIKE 'DROP %' OR info LIKE 'OPTIMIZE %')"
	if s.engine == Postgres {
		writing = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND backend_xid IS NOT NULL"
		changing = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND state = 'active' AND query ~* '^(alter|create|drop|reindex|cluster) '"
	}
	err = s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error {
		s.outwaitCache()
		if err := db.QueryRowContext(ctx, writing).Scan(&w.Writing); err != nil {
			return err
		}
		return db.QueryRowContext(ctx, changing).Scan(&w.Changing)
	})
	return w, s.wrap(err)
}
