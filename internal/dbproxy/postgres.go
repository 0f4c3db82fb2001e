package dbproxy

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// postgresProtocol is the PostgreSQL family.
type postgresProtocol struct {
	door     Door
	name     string
	database string
	buffer   []byte
	started  bool
}

var salt = [4]byte{'f', 'e', 'r', 'y'}

func (p *postgresProtocol) user() string  { return p.name }
func (p *postgresProtocol) greet() []byte { return nil }

// login reads the startup message, then the password.
func (p *postgresProtocol) login(client []byte) ([]byte, phase) {
	p.buffer = append(p.buffer, client...)
	if !p.started {
		return p.start()
	}
	return p.check()
}

func (p *postgresProtocol) start() ([]byte, phase) {
	m, err := p.message(0)
	if m == nil && err == nil {
		return nil, entering
	}
	var start pgproto3.StartupMessage
	if err != nil || start.Decode(m) != nil {
		return p.refuse("08P01", "malformed startup message")
	}
	p.name, p.database, p.started = start.Parameters["user"], start.Parameters["database"], true
	if _, ok := p.door.Password(p.name); !ok {
		return p.refuse("28000", fmt.Sprintf("This RDS proxy has no credentials for the role %s. Check the credentials for this role and try again.", p.name))
	}
	return encode(&pgproto3.AuthenticationMD5Password{Salt: salt}), entering
}

// message takes one message out of the buffer, after a type of n bytes; nil
// when it is not whole yet.
func (p *postgresProtocol) message(n int) ([]byte, error) {
	if len(p.buffer) < n+4 {
		return nil, nil
	}
	size := int(p.buffer[n])<<24 | int(p.buffer[n+1])<<16 | int(p.buffer[n+2])<<8 | int(p.buffer[n+3])
	if size < 4 || size > 1<<16 {
		return nil, errors.New("dbproxy: message of impossible size")
	}
	if len(p.buffer) < n+size {
		return nil, nil
	}
	m := p.buffer[n+4 : n+size]
	p.buffer = p.buffer[n+size:]
	return m, nil
}

func (p *postgresProtocol) check() ([]byte, phase) {
	m, err := p.message(1)
	if m == nil && err == nil {
		return nil, entering
	}
	password, _ := p.door.Password(p.name)
	if err != nil || string(bytes.TrimSuffix(m, []byte{0})) != md5Proof(p.name, password) {
		return p.refuse("28P01", "The password that was provided for the role "+p.name+" is wrong.")
	}
	return encode(&pgproto3.AuthenticationOk{},
		&pgproto3.ParameterStatus{Name: "server_version", Value: "16.8"},
		&pgproto3.ParameterStatus{Name: "server_encoding", Value: "UTF8"},
		&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"},
		&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"},
		&pgproto3.ParameterStatus{Name: "integer_datetimes", Value: "on"},
		&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: 1},
		&pgproto3.ReadyForQuery{TxStatus: 'I'}), inside
}

func (p *postgresProtocol) refuse(code, text string) ([]byte, phase) {
	return encode(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: text}), refused
}

func md5Proof(user, password string) string {
	inner := md5.Sum([]byte(password + user))
	outer := md5.Sum(append([]byte(hex.EncodeToString(inner[:])), salt[:]...))
	return "md5" + hex.EncodeToString(outer[:])
}

func encode(messages ...pgproto3.BackendMessage) []byte {
	var b []byte
	for _, m := range messages {
		var err error
		if b, err = m.Encode(b); err != nil {
			panic(err) // messages of ours are well-formed
		}
	}
	return b
}

func (p *postgresProtocol) ends(client []byte) bool { return len(client) > 0 && client[0] == 'X' }

func (p *postgresProtocol) dropped() []byte {
	b, _ := p.refuse("57P01", "terminating connection due to administrator command")
	return b
}

func (p *postgresProtocol) failure(err error) []byte {
	code, text := "XX000", "Unknown error: "+err.Error()
	var refusal *pgconn.PgError
	switch {
	case errors.Is(err, ErrBorrowTimeout):
		code, text = "08000", borrowTimeout+"."
	case errors.As(err, &refusal):
		code, text = refusal.Code, refusal.Message
	}
	b, _ := p.refuse(code, text)
	return b
}

// open logs in with the driver, whose connection it then takes over.
func (p *postgresProtocol) open(ctx context.Context, hostport, password string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	cfg, err := pgconn.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	cfg.Host, cfg.Port, cfg.User, cfg.Password, cfg.Database = host, uint16(n), p.name, password, p.database
	if cfg.Database == "" {
		cfg.Database = "postgres"
	}
	cfg.Fallbacks = nil
	c, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	taken, err := c.Hijack()
	if err != nil {
		return nil, err
	}
	return taken.Conn, nil
}
