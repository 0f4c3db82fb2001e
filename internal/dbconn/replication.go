package dbconn

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// LogPosition is a place in the binary log of an Aurora MySQL writer.
type LogPosition struct {
	File     string `json:"file"`
	Position int64  `json:"position"`
}

func (p LogPosition) String() string { return p.File + ":" + strconv.FormatInt(p.Position, 10) }

// Replica is how a writer stands towards a source that it follows by binary log
// (docs/migration.md §4.5).
type Replica struct {
	Configured bool        `json:"configured"` // it has a source
	Receiving  bool        `json:"receiving"`
	Applying   bool        `json:"applying"`
	Behind     int         `json:"behindSeconds"` // -1 when it is not known
	Applied    LogPosition `json:"applied"`       // of the source's log
	Error      string      `json:"error,omitempty"`
}

// Healthy says whether rows arrive and are applied.
func (r Replica) Healthy() bool { return r.Receiving && r.Applying && r.Error == "" }

// ReplicaStatus reads it; the columns have two generations of names, which some
// versions of Aurora mix.
func ReplicaStatus(ctx context.Context, db *sql.DB) (Replica, error) {
	row, err := Row(ctx, db, "SHOW REPLICA STATUS")
	if err != nil { // Aurora MySQL 2
		row, err = Row(ctx, db, "SHOW SLAVE STATUS")
	}
	return replicaOf(row), err
}

// replicaOf reads a row of it; nil for a server that has no source.
func replicaOf(row map[string]string) Replica {
	get := func(name string) string {
		for _, n := range []string{name, strings.NewReplacer("Replica", "Slave", "Source", "Master").Replace(name), strings.ReplaceAll(name, "Source", "Master")} {
			if v, ok := row[n]; ok {
				return v
			}
		}
		return ""
	}
	r := Replica{Configured: get("Source_Host") != "", Receiving: strings.EqualFold(get("Replica_IO_Running"), "yes"), Applying: strings.EqualFold(get("Replica_SQL_Running"), "yes"),
		Behind: -1, Applied: LogPosition{File: get("Relay_Source_Log_File")}}
	if n, err := strconv.Atoi(get("Seconds_Behind_Source")); err == nil {
		r.Behind = n
	}
	r.Applied.Position, _ = strconv.ParseInt(get("Exec_Source_Log_Pos"), 10, 64)
	for _, thread := range []string{"SQL", "IO"} {
		if n := get("Last_" + thread + "_Errno"); n != "" && n != "0" && r.Error == "" {
			r.Error = fmt.Sprintf("error %s: %s", n, get("Last_"+thread+"_Error"))
		}
	}
	return r
}

// BinaryLog is the end of a writer's own binary log.
func BinaryLog(ctx context.Context, db *sql.DB) (LogPosition, error) {
	row, err := Row(ctx, db, "SHOW BINARY LOG STATUS") // MySQL 8.4
	if err != nil {
		row, err = Row(ctx, db, "SHOW MASTER STATUS")
	}
	if err != nil {
		return LogPosition{}, err
	}
	n, err := strconv.ParseInt(row["Position"], 10, 64)
	if err != nil {
		return LogPosition{}, fmt.Errorf("the writer has no binary log")
	}
	return LogPosition{File: row["File"], Position: n}, nil
}

// Follow makes a writer a replica of host, from a place in its log on, and lets it
// run (docs/migration.md §4.4). Neither TLS nor the password is in the text of an
// error.
func Follow(ctx context.Context, db *sql.DB, version, host string, port int, user, password string, from LogPosition) error {
	err := call(ctx, db, fmt.Sprintf("CALL mysql.%s(%s, %d, %s, %s, %s, %d, 0)", procedure(version, "rds_set_external_source"),
		mysqlText(host), port, mysqlText(user), mysqlText(password), mysqlText(from.File), from.Position))
	if err != nil {
		return redact(err, password)
	}
	return Resume(ctx, db)
}

// Resume lets a replica that has a source run.
func Resume(ctx context.Context, db *sql.DB) error {
	return call(ctx, db, "CALL mysql.rds_start_replication")
}

// Unfollow ends that for good.
func Unfollow(ctx context.Context, db *sql.DB, version string) error {
	if err := call(ctx, db, "CALL mysql.rds_stop_replication"); err != nil {
		return err
	}
	return call(ctx, db, "CALL mysql."+procedure(version, "rds_reset_external_source"))
}

// SetReadOnly lets a writer refuse writes, or take them again. Accounts with
// CONNECTION_ADMIN are not bound by it (docs/migration.md §1.9); a reboot ends it.
func SetReadOnly(ctx context.Context, db *sql.DB, on bool) error {
	if on {
		return call(ctx, db, "CALL mysql.rds_set_read_only(1)")
	}
	return call(ctx, db, "CALL mysql.rds_set_read_only(0)")
}

// procedure is its name in Aurora MySQL 2 or later ones.
func procedure(version, name string) string {
	if strings.HasPrefix(version, "5.7") {
		return strings.Replace(name, "source", "master", 1)
	}
	return name
}

// call runs a procedure whose results nobody needs.
func call(ctx context.Context, db *sql.DB, statement string) error {
	_, err := db.ExecContext(ctx, statement)
	return err
}

// Row is the first row of a statement by column name; nil for none.
func Row(ctx context.Context, db *sql.DB, statement string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	if !rows.Next() {
		return nil, rows.Err()
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for i, c := range columns {
		out[c] = values[i].String
	}
	return out, rows.Err()
}
