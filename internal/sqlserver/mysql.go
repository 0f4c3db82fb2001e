package sqlserver

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

// maxPacket lets a dump's largest INSERT through; 1 GiB is the protocol's end.
const maxPacket = 1 << 30

func (t *MySQLTools) environment() []string { return libraryPath(t.libs) }

func (t *MySQLTools) stopSignals() (clean, now syscall.Signal) {
	return syscall.SIGTERM, syscall.SIGKILL
}

func (t *MySQLTools) socket(dir string, _ int) string { return filepath.Join(dir, "data", "sock") }

func (t *MySQLTools) identity() string {
	return fmt.Sprint(t.Server, t.Version, t.storage(), systemTables)
}

// storage are the options that a data folder depends on: the same for making
// it and for every start.
func (t *MySQLTools) storage() []string {
	if !t.MariaDB {
		return []string{"--innodb-data-file-path=ibdata1:5M:autoextend", "--innodb-autoextend-increment=1"}
	}
	return []string{
		"--innodb-log-file-size=16M",
		"--innodb-data-file-path=ibdata1:5M:autoextend",
		"--innodb-autoextend-increment=1",
		"--innodb-undo-tablespaces=0",
	}
}

// shared are the options of every start. Native asynchronous I/O is off since
// the kernel would go on writing for a stopped process, and a snapshot would
// then copy pages that are still changing. The log need not reach the disk: a
// snapshot reads through the same cache as the server writes to.
func (t *MySQLTools) shared(data string) []string {
	return append([]string{
		"--no-defaults",
		"--basedir=" + t.base,
		"--lc-messages-dir=" + t.share,
		"--datadir=" + data,
		"--innodb-use-native-aio=0",
		"--innodb-flush-log-at-trx-commit=2",
	}, t.storage()...)
}

func (t *MySQLTools) command(dir string, port int) *exec.Cmd {
	data := filepath.Join(dir, "data")
	args := append(t.shared(data),
		"--socket=sock", // relative to the data folder: socket paths are short
		"--port="+strconv.Itoa(port),
		"--bind-address=127.0.0.1",
		"--pid-file="+filepath.Join(data, "server.pid"),
		"--tmpdir="+filepath.Join(dir, "tmp"),
		"--secure-file-priv="+data,
		"--skip-name-resolve",
		"--local-infile=0",
		"--default-time-zone=+00:00",
		"--character-set-server=utf8mb4",
		"--max-allowed-packet=1G",
		"--max-connections=100",
		"--table-open-cache=400",
		"--open-files-limit=4096",
		"--innodb-buffer-pool-size=64M",
		"--innodb-temp-data-file-path=ibtmp1:1M:autoextend",
		"--innodb-buffer-pool-dump-at-shutdown=0",
		"--innodb-buffer-pool-load-at-startup=0",
		"--key-buffer-size=1M",
		"--loose-aria-pagecache-buffer-size=8M",
		"--loose-performance-schema=OFF",
		"--event-scheduler=OFF", // a restored copy must not change by itself
	)
	if t.MariaDB {
		args = append(args, binaryLog(dir)...)
	} else {
		args = append(args, "--mysqlx=OFF", "--skip-log-bin")
	}
	return exec.Command(t.Server, args...)
}

// systemTables are the parts of MariaDB's own SQL that a data folder needs.
// Without help texts, the schema sys and the performance schema it has a third
// of the files, and copies take a third of the time.
var systemTables = []string{"system_tables", "system_tables_data", "add_gis_sp_bootstrap"}

// fill makes the system tables. For MariaDB it feeds the server's own SQL to a
// bootstrap start, as mariadb-install-db does.
func (t *MySQLTools) fill(ctx context.Context, f *Farm, dir string) error {
	data := filepath.Join(dir, "data")
	if !t.MariaDB {
		args := append(t.shared(data), "--initialize-insecure")
		return f.run(ctx, t.environment(), nil, t.Server, args...)
	}
	script, err := t.bootstrapSQL()
	if err != nil {
		return err
	}
	args := append(t.shared(data), "--bootstrap", "--log-warnings=0", "--enforce-storage-engine=", "--max-allowed-packet=8M")
	return f.run(ctx, t.environment(), script, t.Server, args...)
}

func (t *MySQLTools) bootstrapSQL() (*bytes.Buffer, error) {
	script := bytes.NewBufferString("CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n")
	for _, part := range systemTables {
		found, _ := filepath.Glob(filepath.Join(t.share, "m*_"+part+".sql"))
		if len(found) == 0 {
			return nil, fmt.Errorf("%s has no file m*_%s.sql, which MariaDB %s needs for its system tables", t.share, part, t.Version)
		}
		text, err := os.ReadFile(found[0])
		if err != nil {
			return nil, err
		}
		script.Write(text)
		script.WriteString("\n")
	}
	return script, nil
}

// masterPrivileges is what Aurora MySQL gives its master user (Amazon Aurora
// User Guide, "Master user account privileges"), as far as MariaDB has them.
const masterPrivileges = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, " +
	"SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, " +
	"CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER"

// passReadOnly is MariaDB's part of CONNECTION_ADMIN, by which Aurora's master
// user writes on a server that is read-only for everybody else.
const passReadOnly = "READ_ONLY ADMIN"

func (t *MySQLTools) masterPrivileges() string {
	if t.MariaDB {
		return masterPrivileges + ", SLAVE MONITOR, " + passReadOnly
	}
	return masterPrivileges
}

// setUp gives a fresh folder its accounts. The first root can come in through
// the socket alone, in a folder that is the server's own.
func (t *MySQLTools) setUp(ctx context.Context, s *Server) error {
	db, err := t.open(login{user: "root", dial: s.dialSocket})
	if err != nil {
		return err
	}
	defer db.Close()
	statements, err := t.dropOtherRoots(ctx, db)
	if err != nil {
		return err
	}
	account := fmt.Sprintf("'%s'@'%%'", s.options.AdminUser)
	statements = append(statements,
		fmt.Sprintf("CREATE USER %s IDENTIFIED BY %s", account, quoteMySQL(s.options.AdminPassword)),
		fmt.Sprintf("GRANT %s ON *.* TO %s WITH GRANT OPTION", t.masterPrivileges(), account),
	)
	if s.options.Database != "" {
		statements = append(statements, "CREATE DATABASE "+QuoteName(MySQL, s.options.Database))
	}
	statements = append(statements,
		fmt.Sprintf("RENAME USER 'root'@'localhost' TO '%s'@'localhost'", superuser),
		fmt.Sprintf("ALTER USER '%s'@'localhost' IDENTIFIED BY %s", superuser, quoteMySQL(s.superPassword)),
	)
	if t.MariaDB {
		statements = append(statements, auroraRoutines()...)
	}
	return execAll(ctx, db, statements)
}

// dropOtherRoots are the statements against the root accounts that a
// bootstrap makes for the machine's names, without passwords.
func (t *MySQLTools) dropOtherRoots(ctx context.Context, db *sql.DB) ([]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT host FROM mysql.user WHERE user = 'root' AND host <> 'localhost'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var statements []string
	for rows.Next() {
		var host string
		if err := rows.Scan(&host); err != nil {
			return nil, err
		}
		statements = append(statements, "DROP USER 'root'@"+quoteMySQL(host))
	}
	return statements, rows.Err()
}

func execAll(ctx context.Context, db *sql.DB, statements []string) error {
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			verb, _, _ := strings.Cut(statement, " ") // the rest may hold a password
			return fmt.Errorf("%s: %w", verb, err)
		}
	}
	return nil
}

func (t *MySQLTools) open(l login) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = l.user, l.password, l.database
	cfg.Net, cfg.Addr = "tcp", "127.0.0.1" // DialFunc decides
	cfg.DialFunc = asDialFunc(l.dial)
	cfg.MaxAllowedPacket = maxPacket
	cfg.ParseTime = true
	cfg.Logger = log.New(io.Discard, "", 0) // what matters comes back as an error
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// quoteMySQL writes a string literal that means the same in every sql_mode
// with backslash escapes, the default.
func quoteMySQL(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''", "\x00", `\0`).Replace(s) + "'"
}
