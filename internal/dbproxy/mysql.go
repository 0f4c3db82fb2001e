package dbproxy

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/subtle"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/go-sql-driver/mysql"
)

// Capability flags of the MySQL protocol.
const (
	longPassword  = 1 << 0
	foundRows     = 1 << 1
	longFlag      = 1 << 2
	withDatabase  = 1 << 3
	localFiles    = 1 << 7
	protocol41    = 1 << 9
	transactions  = 1 << 13
	secureAuth    = 1 << 15
	statements    = 1 << 16
	results       = 1 << 17
	preparedMulti = 1 << 18
	pluginAuth    = 1 << 19
	attributes    = 1 << 20
	lengthEncoded = 1 << 21

	// offered is what the proxy greets with: no TLS, no compression, and nothing
	// that changes the form of results, so that a client and the database behind
	// it always speak alike.
	offered = longPassword | foundRows | longFlag | withDatabase | localFiles | protocol41 | transactions | secureAuth |
		statements | results | preparedMulti | pluginAuth | attributes | lengthEncoded
)

// The scramble of every session is the same: it travels inside this process.
var scramble = []byte("dbferryproxyscramble")

const nativePassword = "mysql_native_password"

// mysqlProtocol is the MySQL family.
type mysqlProtocol struct {
	door     Door
	name     string
	database string
	buffer   []byte
}

// dropped is nothing: a MySQL client reads the end of the stream.
func (m *mysqlProtocol) dropped() []byte { return nil }

func (m *mysqlProtocol) user() string { return m.name }

// greet is the protocol's handshake, version 10.
func (m *mysqlProtocol) greet() []byte {
	b := append([]byte{10}, "8.0.39-rds-proxy\x00"...)
	b = append(b, 1, 0, 0, 0)
	b = append(append(b, scramble[:8]...), 0)
	b = binary.LittleEndian.AppendUint16(b, offered&0xffff)
	b = append(b, 45, 2, 0) // utf8mb4, autocommit
	b = binary.LittleEndian.AppendUint16(b, offered>>16)
	b = append(b, byte(len(scramble)+1))
	b = append(b, make([]byte, 10)...)
	b = append(append(b, scramble[8:]...), 0)
	return packet(0, append(b, nativePassword+"\x00"...))
}

func packet(seq byte, payload []byte) []byte {
	n := len(payload)
	return append([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}, payload...)
}

// login checks the client's proof against the secret.
func (m *mysqlProtocol) login(client []byte) ([]byte, phase) {
	m.buffer = append(m.buffer, client...)
	if len(m.buffer) < 4 {
		return nil, entering
	}
	n, seq := int(m.buffer[0])|int(m.buffer[1])<<8|int(m.buffer[2])<<16, m.buffer[3]
	if len(m.buffer) < 4+n {
		return nil, entering
	}
	r, err := parseResponse(m.buffer[4 : 4+n])
	if err != nil {
		return packet(seq+1, mysqlError(1043, "08S01", "Bad handshake")), refused
	}
	m.name, m.database = r.user, r.database
	password, known := m.door.Password(r.user)
	if !known || subtle.ConstantTimeCompare(native(password), r.proof) == 0 {
		return packet(seq+1, mysqlError(1045, "28000", fmt.Sprintf("Access denied for user '%s'@'client' (using password: YES)", r.user))), refused
	}
	return packet(seq+1, []byte{0, 0, 0, 2, 0, 0, 0}), inside
}

// response is what a client answers to the greeting.
type response struct {
	user, database string
	proof          []byte
}

var errResponse = errors.New("dbproxy: malformed handshake response")

// parseResponse reads a HandshakeResponse41.
func parseResponse(b []byte) (response, error) {
	if len(b) < 32 {
		return response{}, errResponse
	}
	flags := binary.LittleEndian.Uint32(b)
	if flags&protocol41 == 0 || flags&secureAuth == 0 && flags&lengthEncoded == 0 {
		return response{}, errResponse
	}
	user, rest, ok := bytes.Cut(b[32:], []byte{0})
	if !ok || len(rest) == 0 || rest[0] > 250 || len(rest) < 1+int(rest[0]) {
		return response{}, errResponse
	}
	r := response{user: string(user), proof: rest[1 : 1+int(rest[0])]}
	if rest = rest[1+int(rest[0]):]; flags&withDatabase != 0 {
		name, _, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return response{}, errResponse
		}
		r.database = string(name)
	}
	return r, nil
}

// native is the proof of mysql_native_password for the proxy's scramble.
func native(password string) []byte {
	if password == "" {
		return nil
	}
	once := sha1.Sum([]byte(password))
	twice := sha1.Sum(once[:])
	mix := sha1.Sum(append(bytes.Clone(scramble), twice[:]...))
	for i := range mix {
		mix[i] ^= once[i]
	}
	return mix[:]
}

func (m *mysqlProtocol) ends(client []byte) bool { return len(client) == 5 && client[4] == 1 }

// failure answers a command.
func (m *mysqlProtocol) failure(err error) []byte {
	if errors.Is(err, ErrBorrowTimeout) {
		return packet(1, mysqlError(9501, "HY000", borrowTimeout))
	}
	var refusal *mysql.MySQLError
	if errors.As(err, &refusal) {
		return packet(1, mysqlError(refusal.Number, string(refusal.SQLState[:]), refusal.Message))
	}
	return packet(1, mysqlError(9500, "HY000", "Proxy internal error: "+err.Error()))
}

func mysqlError(code uint16, state, text string) []byte {
	b := binary.LittleEndian.AppendUint16([]byte{0xff}, code)
	return append(append(b, '#'), state+text...)
}

// open logs in with the driver, whose connection it then takes over.
func (m *mysqlProtocol) open(ctx context.Context, hostport, password string) (net.Conn, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName, cfg.Net, cfg.Addr = m.name, password, m.database, "tcp", hostport
	cfg.MultiStatements, cfg.Logger = true, &mysql.NopLogger{}
	var raw net.Conn
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		raw = c
		return &masked{Conn: c}, nil
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	c, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return taken{raw, c}, nil
}

// taken is the connection of a driver that is used no more; closing it ends the
// driver's watcher too.
type taken struct {
	net.Conn
	driver driver.Conn
}

func (t taken) Close() error { return t.driver.Close() }

// masked hides from the driver those capabilities of the server that the proxy
// does not offer to its own clients.
type masked struct {
	net.Conn
	pending []byte
	done    bool
}

func (c *masked) Read(p []byte) (int, error) {
	if !c.done {
		if err := c.readGreeting(); err != nil {
			return 0, err
		}
		c.done = true
	}
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

func (c *masked) readGreeting() error {
	head := make([]byte, 4)
	if _, err := io.ReadFull(c.Conn, head); err != nil {
		return err
	}
	body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	if _, err := io.ReadFull(c.Conn, body); err != nil {
		return err
	}
	mask(body)
	c.pending = append(head, body...)
	return nil
}

// mask changes a greeting in place. MariaDB's own capabilities, which replace
// part of the filler, go with the bit that announces MySQL's.
func mask(body []byte) {
	end := bytes.IndexByte(body, 0)
	if len(body) == 0 || body[0] != 10 || end < 0 || len(body) < end+32 {
		return
	}
	at := end + 1 + 4 + 8 + 1
	low := binary.LittleEndian.Uint16(body[at:]) & (offered & 0xffff)
	high := binary.LittleEndian.Uint16(body[at+5:]) & (offered >> 16)
	binary.LittleEndian.PutUint16(body[at:], low|longPassword)
	binary.LittleEndian.PutUint16(body[at+5:], high)
	clear(body[at+8 : at+18])
}
