package sqlserver

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Host is a name under which clusters know a server.
type Host struct {
	Name string
	Port int // the port that the name is used with
	To   *Server
}

// SetHosts says which server is behind a host name that is given to
// mysql.rds_set_external_source. A name that is not listed leads nowhere.
func (s *Server) SetHosts(ctx context.Context, hosts []Host) error {
	statements := []string{"SET SESSION sql_log_bin = 0", "DELETE FROM mysql.rds_rehearsal_hosts"}
	for _, h := range hosts {
		if _, err := h.To.Addr(ctx); err != nil {
			return err
		}
		statements = append(statements, fmt.Sprintf("INSERT INTO mysql.rds_rehearsal_hosts VALUES (%s, %d, %d)", quoteMySQL(h.Name), h.Port, h.To.port))
	}
	return s.wrap(s.asSuperuser(ctx, func(ctx context.Context, db *sql.DB) error { return execAll(ctx, db, statements) }))
}

// auroraRoutines are the tables and procedures of the schema mysql by which
// Aurora's master user, who is no superuser, works on replication. Replicas
// are not told of what they do. The two tables of the rehearsal say which
// server a host name leads to and whether writes are stopped from outside.
func auroraRoutines() []string {
	out := []string{
		"CREATE TABLE mysql.rds_rehearsal (name VARCHAR(64) PRIMARY KEY, value TEXT)",
		"CREATE TABLE mysql.rds_rehearsal_hosts (host VARCHAR(255) PRIMARY KEY, port INT, real_port INT)",
		"CREATE TABLE mysql.rds_configuration (name VARCHAR(100) PRIMARY KEY, value VARCHAR(100), description VARCHAR(300))",
		"INSERT INTO mysql.rds_configuration VALUES ('binlog retention hours', NULL, 'binlog retention hours specifies the duration in hours before binary logs are automatically deleted.')",
		"CREATE TABLE mysql.rds_history (id BIGINT AUTO_INCREMENT PRIMARY KEY, action_timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, called_by_user VARCHAR(128), action VARCHAR(64), master_host VARCHAR(255), master_port INT, master_user VARCHAR(128), master_log_file VARCHAR(255), master_log_pos BIGINT)",
	}
	for _, r := range routines {
		for _, name := range strings.Fields(r.names) {
			out = append(out, routine(name, r.arguments, r.body))
		}
	}
	return out
}

// routine is one procedure that runs with the superuser's rights.
func routine(name, arguments, body string) string {
	return fmt.Sprintf("CREATE DEFINER='%s'@'localhost' PROCEDURE mysql.%s(%s) SQL SECURITY DEFINER\nBEGIN\n"+
		"DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN SET SESSION sql_log_bin = 1; RESIGNAL; END;\n"+
		"SET SESSION sql_log_bin = 0;\n%s\nSET SESSION sql_log_bin = 1;\nEND", superuser, name, arguments, body)
}

const setSource = `
BEGIN
DECLARE at INT DEFAULT 9;
SELECT h.real_port INTO at FROM mysql.rds_rehearsal_hosts h WHERE h.host = LOWER(source_host) AND h.port = source_port;
EXECUTE IMMEDIATE CONCAT('CHANGE MASTER TO MASTER_HOST=''127.0.0.1'', MASTER_PORT=', at, ', MASTER_USER=', QUOTE(source_user),
  ', MASTER_PASSWORD=', QUOTE(source_password), ', MASTER_LOG_FILE=', QUOTE(source_file), ', MASTER_LOG_POS=', source_position,
  ', MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1, MASTER_USE_GTID=no');
INSERT INTO mysql.rds_history (called_by_user, action, master_host, master_port, master_user, master_log_file, master_log_pos)
  VALUES (SESSION_USER(), 'set master', source_host, source_port, source_user, source_file, source_position);
END;`

// routines are the family of docs/migration.md §4.4, under the names of Aurora
// MySQL 2 and of 3.
var routines = []struct{ names, arguments, body string }{
	{"rds_set_external_master rds_set_external_source",
		"source_host VARCHAR(255), source_port INT, source_user VARCHAR(128), source_password VARCHAR(255), source_file VARCHAR(255), source_position BIGINT, enable_tls TINYINT", setSource},
	{"rds_reset_external_master rds_reset_external_source", "", "STOP SLAVE; RESET SLAVE ALL;"},
	{"rds_start_replication", "", "START SLAVE; SELECT 'Replica running normally.' AS Message;"},
	{"rds_stop_replication", "", "STOP SLAVE; SELECT 'Replica is down or disabled' AS Message;"},
	{"rds_start_replication_until", "source_file VARCHAR(255), source_position BIGINT",
		"EXECUTE IMMEDIATE CONCAT('START SLAVE UNTIL MASTER_LOG_FILE=', QUOTE(source_file), ', MASTER_LOG_POS=', source_position);"},
	{"rds_skip_repl_error", "", "STOP SLAVE; SET GLOBAL sql_slave_skip_counter = 1; START SLAVE;"},
	{"rds_set_read_only", "mode TINYINT",
		`
BEGIN
DECLARE frozen TEXT DEFAULT 'false';
SELECT value INTO frozen FROM mysql.rds_rehearsal WHERE name = 'frozen';
IF mode = 1 OR frozen = 'true' THEN SET GLOBAL read_only = 1; ELSE SET GLOBAL read_only = 0; END IF;
END;`},
	{"rds_show_configuration", "", "SELECT * FROM mysql.rds_configuration;"},
	{"rds_set_configuration", "setting VARCHAR(100), setting_value INT", `
IF setting <> 'binlog retention hours' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'unknown configuration name'; END IF;
IF setting_value = 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'For binlog retention hours the value must be between 1 and 2160 inclusive or be NULL'; END IF;
UPDATE mysql.rds_configuration SET value = LEAST(setting_value, 2160) WHERE name = setting;`},
}
