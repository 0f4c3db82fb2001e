package dbconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// The engines, as RDS spells them.
const (
	AuroraMySQL    = "aurora-mysql"
	AuroraPostgres = "aurora-postgresql"
)

// Login is who logs in where. Password is a secret: a Login is never logged or
// put into an error.
type Login struct {
	Engine   string // AuroraMySQL or AuroraPostgres
	Host     string
	Port     int
	User     string
	Password string
	Database string // empty: none for MySQL, "postgres" for PostgreSQL
}

// String hides the password, whatever prints a Login.
func (l Login) String() string { return fmt.Sprintf("%s@%s:%d", l.User, l.Host, l.Port) }

// GoString hides it from %#v as well.
func (l Login) GoString() string { return l.String() }

// Open logs in and proves the session with a query, which behind RDS Proxy is
// the first thing that needs the database; close what it returns.
func Open(ctx context.Context, d Dialer, l Login) (*sql.DB, error) {
	var db *sql.DB
	var err error
	switch l.Engine {
	case AuroraMySQL:
		db, err = openMySQL(d, l)
	case AuroraPostgres:
		db, err = openPostgres(d, l)
	default:
		return nil, fmt.Errorf("engine %q is neither %s nor %s", l.Engine, AuroraMySQL, AuroraPostgres)
	}
	if err != nil {
		return nil, redact(err, l.Password)
	}
	db.SetMaxOpenConns(1)
	// Not a ping: pgx answers every failure of one with "bad connection".
	var one int
	if err := db.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		db.Close()
		return nil, redact(err, l.Password)
	}
	return db, nil
}

func openMySQL(d Dialer, l Login) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName, cfg.Net = l.User, l.Password, l.Database, "tcp"
	cfg.Addr = net.JoinHostPort(l.Host, strconv.Itoa(l.Port))
	cfg.TLS = d.TLS(l.Host)
	cfg.AllowCleartextPasswords, cfg.AllowFallbackToPlaintext = false, false
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return d.Dial(ctx, l.Host, l.Port) }
	cfg.Logger = &mysql.NopLogger{}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector{c}), nil
}

func openPostgres(d Dialer, l Login) (*sql.DB, error) {
	database := l.Database
	if database == "" {
		database = "postgres"
	}
	cfg, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	cfg.Host, cfg.Port, cfg.User, cfg.Password, cfg.Database = l.Host, uint16(l.Port), l.User, l.Password, database
	cfg.TLSConfig, cfg.Fallbacks = d.TLS(l.Host), nil
	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return d.Dial(ctx, l.Host, l.Port) }
	return sql.OpenDB(connector{stdlib.GetConnector(*cfg)}), nil
}

// connector marks the context of a login. pgx also dials by itself, from a
// goroutine of its own, to cancel what a broken connection may have left.
type connector struct{ driver.Connector }

type connecting struct{}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	return c.Connector.Connect(context.WithValue(ctx, connecting{}, true))
}

// Reach proves that a port answers, without a login.
func Reach(ctx context.Context, d Dialer, host string, port int) error {
	conn, err := d.Dial(context.WithValue(ctx, connecting{}, true), host, port)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Connecting says that a Dial belongs to the caller's own goroutine: a login, or Reach.
// A Dialer that works on a simulated clock must refuse all others.
func Connecting(ctx context.Context) bool { return ctx.Value(connecting{}) != nil }

// IsAuth asks whether the server refused the user or the password.
func IsAuth(err error) bool {
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		// 1045 access denied, 4151 account locked (MariaDB), 3118 account locked (MySQL)
		return my.Number == 1045 || my.Number == 4151 || my.Number == 3118
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "28P01" || pg.Code == "28000")
}

// IsForbidden asks whether the server knew the user and the password and then
// refused the database: PostgreSQL checks CONNECT last.
func IsForbidden(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}

// redacted keeps an error's chain, so that IsAuth still works, and hides
// secrets in its text.
type redacted struct {
	error
	secrets []string
}

func (r redacted) Error() string {
	text := r.error.Error()
	for _, s := range r.secrets {
		text = strings.ReplaceAll(text, s, "********")
	}
	return text
}

func (r redacted) Unwrap() error { return r.error }

// redact hides secrets in an error's text; servers quote statements back.
func redact(err error, secrets ...string) error {
	var real []string
	for _, s := range secrets {
		if s != "" {
			real = append(real, s)
		}
	}
	return redacted{err, real}
}
