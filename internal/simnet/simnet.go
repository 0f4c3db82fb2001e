// Package simnet is the simulated network as a database client sees it: names
// and aliases, security groups, proxies, and at the end a real server of this
// machine.
package simnet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/route53"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/dbproxy"
)

// Dialer reaches what is behind a simulated name, if the simulated network lets
// it through. It is a dbconn.Dialer.
type Dialer struct {
	RDS  *rds.Service
	From rds.NetworkPlace
	// DNS keeps answers as one client does; nil asks for every connection.
	DNS *route53.Resolver
}

var _ dbconn.Dialer = Dialer{}

// Dial connects. The connection inside the machine has nothing to do with the
// simulated deadline. Only a login of the caller's own goroutine may dial: any
// other would move the simulated clock from outside.
func (d Dialer) Dial(ctx context.Context, host string, port int) (net.Conn, error) {
	if !dbconn.Connecting(ctx) {
		return nil, errors.New("the simulated network takes connections for logins only")
	}
	host = d.canonical(host)
	v, err := d.RDS.Visit(ctx, d.From, host, port)
	if err != nil {
		return nil, err
	}
	if v != nil {
		return throughProxy(v)
	}
	addr, err := d.RDS.Dial(ctx, d.From, host, port)
	if err != nil {
		return nil, err
	}
	nd := net.Dialer{Timeout: dbconn.Timeout}
	conn, err := nd.DialContext(context.WithoutCancel(ctx), "tcp", addr)
	if tell := d.RDS.Auditor(host); err == nil && tell != nil {
		conn = &audited{Conn: conn, tell: tell}
	}
	return conn, err
}

func (d Dialer) canonical(host string) string {
	switch {
	case d.DNS != nil:
		return d.DNS.Canonical(host)
	case d.RDS.Names != nil:
		return d.RDS.Names(d.From.VPC, host)
	}
	return host
}

// TLS is nil: the connection stays inside the machine.
func (Dialer) TLS(string) *tls.Config { return nil }

// door is a visit as dbproxy wants it.
type door struct{ *rds.ProxyVisit }

func (d door) Borrow() (string, error) {
	addr, err := d.ProxyVisit.Borrow()
	if errors.Is(err, rds.ErrBorrowTimeout) {
		return "", fmt.Errorf("%w: %w", dbproxy.ErrBorrowTimeout, err)
	}
	return addr, err
}

func (d door) Ended(*dbproxy.Session) { d.End() }

func throughProxy(v *rds.ProxyVisit) (net.Conn, error) {
	s, err := dbproxy.New(door{v})
	if err != nil {
		v.End()
		return nil, err
	}
	v.OnDrop(s.Drop)
	return s, nil
}
