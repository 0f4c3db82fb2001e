// Package dbproxy speaks for Amazon RDS Proxy in the rehearsal: a net.Conn whose
// other end is the proxy, so that real drivers log in to it, wait for a database
// connection, and then talk to a real server.
//
// A session lives in the goroutine of its client: whatever it waits for, it
// waits for through its Door, on the caller's simulated clock.
package dbproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// The engines, as RDS spells them.
const (
	AuroraMySQL    = "aurora-mysql"
	AuroraPostgres = "aurora-postgresql"
)

// Door is the proxy that a session goes through.
type Door interface {
	// Engine is the engine of the proxy's family.
	Engine() string
	// Password is the password in the secret of a user; false when no secret
	// of the proxy is for that user.
	Password(user string) (password string, ok bool)
	// Borrow waits for a database that takes connections, in simulated time,
	// and returns where it listens. ErrBorrowTimeout says that none came.
	Borrow() (hostport string, err error)
	// Ended is told when the session is over.
	Ended(*Session)
}

// ErrBorrowTimeout is what Borrow answers when the proxy's connection borrow
// timeout has passed; the client reads it in AWS's words (docs/aws.md §7.3).
var ErrBorrowTimeout = errors.New("timed out waiting to acquire database connection")

const borrowTimeout = "Timed-out waiting to acquire database connection"

// protocol is the part of a session that depends on the engine. Its methods run
// under the session's lock.
type protocol interface {
	// greet is what the proxy says first; nil for nothing.
	greet() []byte
	// login takes bytes from the client until they prove the login, and says
	// what to answer. It reports whether the client is in, or must go.
	login(client []byte) (answer []byte, state phase)
	// ends tells whether the bytes only say good-bye.
	ends(client []byte) bool
	// open logs in to the database for the client.
	open(ctx context.Context, hostport, password string) (net.Conn, error)
	// failure is an error message of the protocol.
	failure(err error) []byte
	// dropped is what a client reads when the proxy ends its session.
	dropped() []byte
	// user is who logged in.
	user() string
}

type phase int

const (
	entering phase = iota // the login has not ended
	inside                // commands go to the database
	refused               // the answer is the last word
)

// Session is one client's connection to the proxy; it is a net.Conn.
type Session struct {
	door  Door
	proto protocol

	turn    sync.Mutex // held by Write for as long as it waits for a database
	state   phase
	greeted bool
	out     []byte // for the client to read
	last    bool   // nothing follows what is in out

	mu      sync.Mutex // guards what other goroutines may ask for meanwhile
	backend net.Conn
	closed  bool
	ended   sync.Once
}

// New opens a session with a proxy.
func New(d Door) (*Session, error) {
	s := &Session{door: d}
	switch d.Engine() {
	case AuroraMySQL:
		s.proto = &mysqlProtocol{door: d}
	case AuroraPostgres:
		s.proto = &postgresProtocol{door: d}
	default:
		return nil, fmt.Errorf("dbproxy: engine %q is neither %s nor %s", d.Engine(), AuroraMySQL, AuroraPostgres)
	}
	return s, nil
}

// database is the session's connection to the database, if it has one.
func (s *Session) database() (c net.Conn, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backend, s.closed
}

// Write takes what the client says. The first command after the login waits
// for a database connection.
func (s *Session) Write(p []byte) (int, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	backend, closed := s.database()
	switch {
	case closed || s.last:
		return len(p), nil // a client learns the end by reading
	case s.state == entering:
		answer, next := s.proto.login(p)
		s.out = append(s.out, answer...)
		s.state, s.last = next, next == refused
		return len(p), nil
	case backend != nil:
		return backend.Write(p)
	case s.proto.ends(p):
		return len(p), nil
	}
	backend, err := s.borrow()
	if err != nil {
		s.out, s.last = append(s.out, s.proto.failure(err)...), true
		return len(p), nil
	}
	return backend.Write(p)
}

// borrow gives the session a database connection for the rest of its life.
func (s *Session) borrow() (net.Conn, error) {
	addr, err := s.door.Borrow()
	if err != nil {
		return nil, err
	}
	password, ok := s.door.Password(s.proto.user())
	if !ok {
		return nil, fmt.Errorf("no credentials for %s", s.proto.user())
	}
	c, err := s.proto.open(context.Background(), addr, password)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(net.ErrClosed, c.Close())
	}
	s.backend = c
	return c, nil
}

// Read gives what the proxy or the database answers.
func (s *Session) Read(p []byte) (int, error) {
	s.turn.Lock()
	if !s.greeted {
		s.out, s.greeted = append(s.out, s.proto.greet()...), true
	}
	backend, closed := s.database()
	if len(s.out) > 0 {
		n := copy(p, s.out)
		s.out = s.out[n:]
		s.turn.Unlock()
		return n, nil
	}
	if closed && !s.last {
		s.out, s.last = s.proto.dropped(), true
		s.turn.Unlock()
		return s.Read(p)
	}
	over := closed || s.last
	s.turn.Unlock()
	switch {
	case over:
		return 0, io.EOF
	case backend == nil:
		return 0, os.ErrDeadlineExceeded // the proxy owes no answer
	}
	return backend.Read(p)
}

// Drop ends the session from the proxy's side.
func (s *Session) Drop() {
	s.mu.Lock()
	s.closed = true
	c := s.backend
	s.mu.Unlock()
	if c != nil {
		c.Close()
	}
}

// Close ends the session from the client's side.
func (s *Session) Close() error {
	s.ended.Do(func() { s.door.Ended(s) })
	s.Drop()
	return nil
}

// The rest of net.Conn. Deadlines belong to the real connection only: what a
// session waits for before it has one is simulated time.

func (s *Session) LocalAddr() net.Addr  { return address("client") }
func (s *Session) RemoteAddr() net.Addr { return address("proxy") }

func (s *Session) SetDeadline(t time.Time) error {
	return s.onBackend(func(c net.Conn) error { return c.SetDeadline(t) })
}

func (s *Session) SetReadDeadline(t time.Time) error {
	return s.onBackend(func(c net.Conn) error { return c.SetReadDeadline(t) })
}

func (s *Session) SetWriteDeadline(t time.Time) error {
	return s.onBackend(func(c net.Conn) error { return c.SetWriteDeadline(t) })
}

func (s *Session) onBackend(do func(net.Conn) error) error {
	c, _ := s.database()
	if c == nil {
		return nil
	}
	return do(c)
}

type address string

func (address) Network() string  { return "rdsproxy" }
func (a address) String() string { return string(a) }

// Login proves that a database takes a login, as the proxy does for the health
// of its targets.
func Login(ctx context.Context, engine, hostport, user, password string) error {
	var p protocol = &mysqlProtocol{name: user}
	if engine == AuroraPostgres {
		p = &postgresProtocol{name: user}
	}
	c, err := p.open(ctx, hostport, password)
	if err != nil {
		return err
	}
	return c.Close()
}
