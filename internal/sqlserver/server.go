package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	startTimeout = time.Minute // crash recovery of a large folder included
	stopTimeout  = 20 * time.Second
	startTries   = 5 // a chosen port may be taken before the server binds it
)

// Server is one database server of a farm. It runs only while it is used.
type Server struct {
	farm          *Farm
	name          string
	engine        Engine
	dialect       dialect
	dir           string // holds data/, tmp/ and log.txt
	options       Options
	prepared      bool // the data folder exists and has its accounts
	superPassword string

	proc  *process
	port  int
	conns atomic.Int64 // open connections made by Dial
	used  uint64       // number of the last dial in the farm's order
	pins  atomic.Int64 // replicas and sources are not stopped to make room

	workRead atomic.Int64 // when Work last looked, in Unix milliseconds
}

// Name is the name given at Create or Restore.
func (s *Server) Name() string { return s.name }

// Engine is the server's kind.
func (s *Server) Engine() Engine { return s.engine }

// Addr starts the server when it does not run and returns its "127.0.0.1:port".
// The port changes when the server was stopped in between to let others run,
// so prefer Dial.
func (s *Server) Addr(ctx context.Context) (string, error) {
	if err := s.farm.acquire(ctx); err != nil {
		return "", s.wrap(err)
	}
	defer s.farm.release()
	if err := s.ensure(ctx); err != nil {
		return "", s.wrap(err)
	}
	return s.tcpAddr(), nil
}

// Dial connects over TCP and starts the server when it does not run.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	return s.dial(ctx, func() (string, string) { return "tcp", s.tcpAddr() })
}

// dialSocket connects through the Unix socket, without starting: setUp uses it
// within a start.
func (s *Server) dialSocket(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", s.dialect.socket(s.dir, s.port))
}

func (s *Server) dial(ctx context.Context, target func() (network, addr string)) (net.Conn, error) {
	if err := s.farm.acquire(ctx); err != nil {
		return nil, s.wrap(err)
	}
	defer s.farm.release()
	if err := s.ensure(ctx); err != nil {
		return nil, s.wrap(err)
	}
	network, addr := target()
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, s.wrap(err)
	}
	s.conns.Add(1)
	return &countedConn{Conn: conn, closed: func() { s.conns.Add(-1) }}, nil
}

func (s *Server) tcpAddr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// Superuser returns a pool for the rehearsal's own bookkeeping, logged in as
// the account that in Aurora only AWS can use. The database is as in Open. Each
// new connection starts the server when it does not run. The caller closes the
// pool.
func (s *Server) Superuser(ctx context.Context, database string) (*sql.DB, error) {
	if _, err := s.Addr(ctx); err != nil {
		return nil, err
	}
	return s.dialect.open(login{user: superuser, password: s.superPassword, database: database, dial: func(ctx context.Context) (net.Conn, error) {
		return s.dial(ctx, func() (string, string) { return "unix", s.dialect.socket(s.dir, s.port) })
	}})
}

// Open returns a pool for a user of the server, over TCP like any client. An
// empty database means none for MySQL and "postgres" for PostgreSQL. Nothing
// is dialled yet. The caller closes the pool.
func (s *Server) Open(user, password, database string) (*sql.DB, error) {
	return s.dialect.open(login{user: user, password: password, database: database, dial: s.Dial})
}

// ensure starts the server when it does not run and notes that it is in use.
func (s *Server) ensure(ctx context.Context) error {
	s.farm.dials++
	s.used = s.farm.dials
	if s.alive() {
		return nil
	}
	if s.farm.servers[s.name] != s {
		return errors.New("the server was removed")
	}
	if err := s.farm.makeRoom(s); err != nil {
		return err
	}
	if s.prepared {
		return s.start(ctx)
	}
	if err := s.prepare(ctx); err != nil {
		return errors.Join(err, s.stop(), os.RemoveAll(s.dir)) // the next try begins afresh
	}
	s.prepared = true
	return nil
}

// prepare makes the data folder from the template, starts the server and
// creates the accounts.
func (s *Server) prepare(ctx context.Context) error {
	template, err := s.farm.template(ctx, s.engine, s.dialect)
	if err != nil {
		return fmt.Errorf("template for a new data folder: %w", err)
	}
	if err := s.farm.copyTree(s.dir, template); err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	if err := s.dialect.setUp(ctx, s); err != nil {
		return fmt.Errorf("set up accounts: %w", err)
	}
	return nil
}

// start runs the program on the data folder until it answers.
func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for try := 1; ; try++ {
		err := s.startOnce(ctx)
		if err == nil || try == startTries || !strings.Contains(err.Error(), "ddress already in use") {
			return err
		}
	}
}

func (s *Server) startOnce(ctx context.Context) error {
	if err := s.choosePort(); err != nil {
		return err
	}
	if err := s.farm.makeTemp(s.dir); err != nil {
		return err
	}
	removeStale(s.dir)
	cmd := s.dialect.command(s.dir, s.port)
	cmd.Dir = s.dir
	cmd.Env = append(s.dialect.environment(), "TMPDIR="+filepath.Join(s.dir, "tmp"))
	_, now := s.dialect.stopSignals()
	cmd.SysProcAttr = attributes(s.farm.owner, now)
	var err error
	if s.proc, err = startProcess(cmd, s.logPath()); err != nil {
		return err
	}
	if err := s.awaitReady(ctx); err != nil {
		s.kill()
		return err
	}
	return nil
}

// awaitReady asks through the socket, which is the server's own, until the
// server answers, ends, or ctx does.
func (s *Server) awaitReady(ctx context.Context) error {
	db, err := s.dialect.open(s.firstLogin())
	if err != nil {
		return err
	}
	defer db.Close()
	pause := 4 * time.Millisecond
	for {
		err := pingWithin(ctx, db, time.Second)
		if err == nil {
			return nil
		}
		select {
		case <-s.proc.done:
			return fmt.Errorf("the server ended while starting: %s", s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("the server did not answer in time: %w (last: %v): %s", ctx.Err(), err, s.logTail())
		case <-time.After(pause):
			pause = min(2*pause, 25*time.Millisecond)
		}
	}
}

// firstLogin is the superuser, who in a fresh MySQL folder is still root.
func (s *Server) firstLogin() login {
	if s.engine == MySQL && !s.prepared {
		return login{user: "root", dial: s.dialSocket}
	}
	return login{user: superuser, password: s.superPassword, dial: s.dialSocket}
}

func pingWithin(ctx context.Context, db *sql.DB, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return db.PingContext(ctx)
}

// Stop shuts the server down cleanly; the next dial starts it again.
func (s *Server) Stop() error {
	if err := s.farm.acquire(context.Background()); err != nil {
		return s.wrap(err)
	}
	defer s.farm.release()
	return s.wrap(s.stop())
}

// Remove stops the server at once and deletes its data. Its name is free then.
func (s *Server) Remove() error {
	if err := s.farm.acquire(context.Background()); err != nil {
		return s.wrap(err)
	}
	defer s.farm.release()
	s.kill()
	if s.farm.servers[s.name] == s {
		delete(s.farm.servers, s.name)
	}
	return s.wrap(os.RemoveAll(s.dir))
}

func (s *Server) stop() error {
	if !s.alive() {
		return nil
	}
	clean, _ := s.dialect.stopSignals()
	if err := s.proc.end(clean, stopTimeout); err != nil {
		s.kill()
		return err
	}
	return nil
}

// kill ends the process and gives it time to be gone.
func (s *Server) kill() {
	if !s.alive() {
		return
	}
	_, now := s.dialect.stopSignals()
	if s.proc.end(now, 5*time.Second) != nil {
		s.proc.end(syscall.SIGKILL, 5*time.Second)
	}
}

func (s *Server) alive() bool { return s.proc != nil && s.proc.alive() }

// before says which of two servers to stop first.
func (s *Server) before(other *Server) bool {
	if idle, otherIdle := s.conns.Load() == 0, other.conns.Load() == 0; idle != otherIdle {
		return idle
	}
	return s.used < other.used
}

func (s *Server) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s server %s: %w", s.engine, s.name, err)
}

func (s *Server) logPath() string { return filepath.Join(s.dir, "log.txt") }

func (s *Server) logTail() string {
	out, err := os.ReadFile(s.logPath())
	if err != nil {
		return err.Error()
	}
	return tail(out)
}

// choosePort keeps the port of the last start while nobody else has it, so
// that a replica finds its source again.
func (s *Server) choosePort() error {
	if s.port != 0 {
		if l, err := net.Listen("tcp", s.tcpAddr()); err == nil {
			return l.Close()
		}
	}
	var err error
	s.port, err = freePort()
	return err
}

// freePort asks the kernel for a port that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// login is who connects, and how.
type login struct {
	user, password, database string
	dial                     func(context.Context) (net.Conn, error)
}

func asDialFunc(dial func(context.Context) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
}

// countedConn tells its server when it is closed. SyscallConn lets the MySQL
// driver notice that a pooled connection is dead.
type countedConn struct {
	net.Conn
	once   sync.Once
	closed func()
}

func (c *countedConn) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}

func (c *countedConn) SyscallConn() (syscall.RawConn, error) {
	raw, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return raw.SyscallConn()
}
