package sqlserver

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// hostRules let the superuser in through the socket alone, whose folder only
// the server's user can enter, and everybody else with a password.
const hostRules = `local all rdsadmin trust
host  all rdsadmin 127.0.0.1/32 reject
host  all all      127.0.0.1/32 scram-sha-256
`

func (t *PostgresTools) environment() []string { return libraryPath(t.libs) }

// stopSignals are the fast and the immediate shutdown. SIGKILL would leave
// child processes and a shared memory segment behind.
func (t *PostgresTools) stopSignals() (clean, now syscall.Signal) {
	return syscall.SIGINT, syscall.SIGQUIT
}

func (t *PostgresTools) socket(dir string, port int) string {
	return filepath.Join(dir, "data", ".s.PGSQL."+strconv.Itoa(port))
}

func (t *PostgresTools) identity() string {
	return strings.Join(append([]string{t.Server, t.Version, hostRules}, t.initArgs("")...), " ")
}

func (t *PostgresTools) initArgs(data string) []string {
	return []string{"-D", data, "-U", superuser, "-E", "UTF8", "--locale=C", "-A", "trust", "--wal-segsize=1", "--no-sync"}
}

func (t *PostgresTools) fill(ctx context.Context, f *Farm, dir string) error {
	data := filepath.Join(dir, "data")
	if err := f.run(ctx, t.environment(), nil, t.InitDB, t.initArgs(data)...); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hostRules), 0o600)
}

// command: as with MySQL nothing has to reach the disk, since a snapshot reads
// through the cache that the server writes to. Shared memory is in files of
// the data folder, so that it goes when the folder goes.
func (t *PostgresTools) command(dir string, port int) *exec.Cmd {
	data := filepath.Join(dir, "data")
	args := []string{"-D", data}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(port),
		`unix_socket_directories="` + data + `"`,
		"dynamic_shared_memory_type=mmap",
		"fsync=off",
		"shared_buffers=32MB",
		"max_wal_size=64MB",
		"max_connections=60",
		"password_encryption=scram-sha-256",
		"timezone=UTC",
		"log_timezone=UTC",
		"logging_collector=off",
	} {
		args = append(args, "-c", setting)
	}
	return exec.Command(t.Server, args...)
}

// setUp makes the master user as Aurora PostgreSQL does: member of
// rds_superuser, may create roles and databases, owns the first database, and
// is no superuser.
func (t *PostgresTools) setUp(ctx context.Context, s *Server) error {
	db, err := t.open(login{user: superuser, database: MainDatabase, dial: s.dialSocket})
	if err != nil {
		return err
	}
	defer db.Close()
	admin := QuoteName(Postgres, s.options.AdminUser)
	statements := []string{
		"CREATE ROLE rds_superuser NOLOGIN",
		"GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION",
		fmt.Sprintf("CREATE ROLE %s LOGIN CREATEDB CREATEROLE IN ROLE rds_superuser PASSWORD %s", admin, quotePostgres(s.options.AdminPassword)),
		fmt.Sprintf("ALTER DATABASE %s OWNER TO %s", MainDatabase, admin),
	}
	if t.major() >= 15 { // before, only superusers could
		statements = append(statements, "GRANT SET ON PARAMETER session_replication_role TO rds_superuser")
	}
	if s.options.Database != "" {
		statements = append(statements, fmt.Sprintf("CREATE DATABASE %s OWNER %s", QuoteName(Postgres, s.options.Database), admin))
	}
	return execAll(ctx, db, statements)
}

func (t *PostgresTools) major() int {
	text, _, _ := strings.Cut(t.Version, ".")
	n, _ := strconv.Atoi(text) // Find takes only versions that begin with a number
	return n
}

func (t *PostgresTools) open(l login) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig("host=127.0.0.1 port=5432 user=none dbname=none sslmode=disable")
	if err != nil {
		return nil, err
	}
	cfg.User, cfg.Password, cfg.Database = l.user, l.password, l.database
	if cfg.Database == "" {
		cfg.Database = MainDatabase
	}
	dial := asDialFunc(l.dial)
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) { return dial(ctx, network, addr) }
	return stdlib.OpenDB(*cfg), nil
}

func quotePostgres(s string) string {
	literal := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		literal = " E" + strings.ReplaceAll(literal, `\`, `\\`)
	}
	return literal
}

// QuoteName quotes a table's, column's, schema's or user's name for an engine.
func QuoteName(e Engine, name string) string {
	mark := "`"
	if e == Postgres {
		mark = `"`
	}
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}
