package simnet

import (
	"bytes"
	"encoding/binary"
	"net"
)

// audited is a connection to a server whose audit log records who connects. It
// looks at the first packet of each side: the server's greeting has the number of
// the connection, and the client's answer the user (MySQL client/server protocol,
// connection phase). The bytes themselves pass as they are.
type audited struct {
	net.Conn
	tell        func(user string, connection uint32)
	in, out     []byte
	read, wrote bool
	connection  uint32
}

// mostGreeting is more than a greeting or an answer to it has.
const mostGreeting = 4096

func (a *audited) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	if !a.read {
		a.in = append(a.in, p[:n]...)
		if id, ok := greeting(a.in); ok {
			a.connection, a.read = id, true
		}
		a.read = a.read || len(a.in) > mostGreeting
	}
	return n, err
}

func (a *audited) Write(p []byte) (int, error) {
	if a.read && !a.wrote {
		a.out = append(a.out, p...)
		if user, ok := answer(a.out); ok {
			a.wrote = true
			a.tell(user, a.connection)
		}
		a.wrote = a.wrote || len(a.out) > mostGreeting
	}
	return a.Conn.Write(p)
}

// greeting reads the number of the connection from a server's first packet.
func greeting(b []byte) (connection uint32, ok bool) {
	body, ok := packet(b)
	if !ok || len(body) == 0 || body[0] != 10 {
		return 0, false
	}
	version := bytes.IndexByte(body, 0)
	if version < 0 || len(body) < version+5 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(body[version+1:]), true
}

// answer reads the user from a client's answer to it.
func answer(b []byte) (user string, ok bool) {
	const fixed = 4 + 4 + 1 + 23 // capabilities, packet size, character set, reserved
	body, ok := packet(b)
	if !ok || len(body) <= fixed {
		return "", false
	}
	end := bytes.IndexByte(body[fixed:], 0)
	if end < 0 {
		return "", false
	}
	return string(body[fixed : fixed+end]), true
}

// packet is the body of the first packet, once it is there.
func packet(b []byte) ([]byte, bool) {
	if len(b) < 4 {
		return nil, false
	}
	size := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	if len(b) < 4+size {
		return nil, false
	}
	return b[4 : 4+size], true
}
