package dbproxy_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/dbproxy"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

func TestMain(m *testing.M) {
	sqlserver.RunWatcherIfAsked()
	os.Exit(m.Run())
}

// door is a proxy with one secret in front of one server.
type door struct {
	engine, user, password string
	addr                   func() (string, error)
	sessions               []*dbproxy.Session
	ended                  int
}

func (d *door) Engine() string { return d.engine }
func (d *door) Password(user string) (string, bool) {
	return d.password, user == d.user
}
func (d *door) Borrow() (string, error) { return d.addr() }
func (d *door) Ended(*dbproxy.Session)  { d.ended++ }

func (d *door) Dial(ctx context.Context, _ string, _ int) (net.Conn, error) {
	if !dbconn.Connecting(ctx) {
		return nil, errors.New("a dial from a goroutine that the simulation does not know")
	}
	s, err := dbproxy.New(d)
	if err != nil {
		return nil, err
	}
	d.sessions = append(d.sessions, s)
	return s, nil
}

func (*door) TLS(string) *tls.Config { return nil }

func (d *door) login(user, password string) dbconn.Login {
	return dbconn.Login{Engine: d.engine, Host: "proxy", Port: 1, User: user, Password: password}
}

var admin = sqlserver.Options{AdminUser: "admin", AdminPassword: `it's a \ "secret"`, Database: "shop"}

// onBothEngines runs a test through a proxy in front of a real server.
func onBothEngines(t *testing.T, test func(t *testing.T, ctx context.Context, d *door)) {
	for engine, kind := range map[string]sqlserver.Engine{dbproxy.AuroraMySQL: sqlserver.MySQL, dbproxy.AuroraPostgres: sqlserver.Postgres} {
		t.Run(engine, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			farm, err := sqlserver.NewFarm(ctx, sqlserver.FarmOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer farm.Close()
			server, err := farm.Create("db", kind, admin)
			if err != nil {
				t.Fatal(err)
			}
			test(t, ctx, &door{engine: engine, user: admin.AdminUser, password: admin.AdminPassword,
				addr: func() (string, error) { return server.Addr(ctx) }})
		})
	}
}

func TestAClientTalksToTheDatabaseThroughTheProxy(t *testing.T) {
	onBothEngines(t, func(t *testing.T, ctx context.Context, d *door) {
		db, err := dbconn.Open(ctx, d, d.login(admin.AdminUser, admin.AdminPassword))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			var got string
			query := fmt.Sprintf("SELECT CONCAT('row ', CAST(%d AS CHAR(1)))", i)
			if err := db.QueryRowContext(ctx, query).Scan(&got); err != nil || got != fmt.Sprintf("row %d", i) {
				t.Fatalf("got %q, %v", got, err)
			}
		}
		if _, err := db.ExecContext(ctx, "SELECT nonsense FROM nowhere"); err == nil {
			t.Error("an error of the database did not come through")
		}
		if db.Close() != nil || d.ended != 1 || len(d.sessions) != 1 {
			t.Errorf("%d sessions, %d ended; want one that ended", len(d.sessions), d.ended)
		}
	})
}

func TestTheProxyChecksTheClientAgainstItsSecret(t *testing.T) {
	onBothEngines(t, func(t *testing.T, ctx context.Context, d *door) {
		for name, l := range map[string]dbconn.Login{
			"wrong password": d.login(admin.AdminUser, "wrong-password"),
			"empty password": d.login(admin.AdminUser, ""),
			"unknown user":   d.login("nobody", admin.AdminPassword),
		} {
			if db, err := dbconn.Open(ctx, d, l); !dbconn.IsAuth(err) {
				t.Errorf("%s: %v (%v)", name, err, db)
			}
		}
		d.password = "what the secret says"
		_, err := dbconn.Open(ctx, d, d.login(admin.AdminUser, d.password))
		if !dbconn.IsAuth(err) {
			t.Errorf("a secret that the database does not know: %v", err)
		}
		if err := dbproxy.Login(ctx, d.engine, must(d.addr()), admin.AdminUser, d.password); err == nil {
			t.Error("Login takes a wrong password")
		}
		if err := dbproxy.Login(ctx, d.engine, must(d.addr()), admin.AdminUser, admin.AdminPassword); err != nil {
			t.Errorf("Login: %v", err)
		}
	})
}

func must(addr string, err error) string {
	if err != nil {
		panic(err)
	}
	return addr
}

func TestWithoutADatabaseTheClientReadsTheBorrowTimeout(t *testing.T) {
	onBothEngines(t, func(t *testing.T, ctx context.Context, d *door) {
		waited := 0
		d.addr = func() (string, error) { waited++; return "", dbproxy.ErrBorrowTimeout }
		_, err := dbconn.Open(ctx, d, d.login(admin.AdminUser, admin.AdminPassword))
		var my *mysql.MySQLError
		var pg *pgconn.PgError
		switch {
		case errors.As(err, &my) && my.Number == 9501:
		case errors.As(err, &pg) && pg.Code == "08000":
		default:
			t.Errorf("the client read %v", err)
		}
		if waited != 1 || !strings.Contains(fmt.Sprint(err), "Timed-out waiting to acquire database connection") {
			t.Errorf("waited %d times: %v", waited, err)
		}
	})
}

func TestADroppedSessionFailsAndTheNextOneWorks(t *testing.T) {
	onBothEngines(t, func(t *testing.T, ctx context.Context, d *door) {
		db, err := dbconn.Open(ctx, d, d.login(admin.AdminUser, admin.AdminPassword))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		conn, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		d.sessions[0].Drop()
		if err := one(ctx, conn); err == nil {
			t.Error("a query on a dropped session succeeded")
		}
		conn.Close()
		again, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if err := one(ctx, again); err != nil {
			t.Errorf("after reconnecting: %v", err)
		}
	})
}

func one(ctx context.Context, c *sql.Conn) error {
	var n int
	return c.QueryRowContext(ctx, "SELECT 1").Scan(&n)
}

func FuzzLogin(f *testing.F) {
	f.Add(true, []byte{40, 0, 0, 1, 0x85, 0xa2, 0x3a, 0})
	f.Add(false, []byte{0, 0, 0, 9, 0, 3, 0, 0, 0})
	f.Fuzz(func(t *testing.T, my bool, data []byte) {
		d := &door{engine: dbproxy.AuroraPostgres, user: "app", password: "secret", addr: func() (string, error) { return "", dbproxy.ErrBorrowTimeout }}
		if my {
			d.engine = dbproxy.AuroraMySQL
		}
		s, err := dbproxy.New(d)
		if err != nil {
			t.Fatal(err)
		}
		for len(data) > 0 {
			n := min(len(data), 7)
			if _, err := s.Write(data[:n]); err != nil {
				break
			}
			data = data[n:]
		}
		s.Read(make([]byte, 256))
		s.Close()
	})
}
