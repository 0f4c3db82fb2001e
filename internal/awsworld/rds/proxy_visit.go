package rds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// ErrBorrowTimeout is what Borrow answers when the proxy's connection borrow
// timeout has passed.
var ErrBorrowTimeout = errors.New("timed out waiting to acquire database connection")

// borrowLook is how often a waiting session looks for a target.
const borrowLook = 200 * time.Millisecond

// ProxyVisit is one client's way through a proxy: what the proxy knows, and the
// database it finds. It moves no bytes.
type ProxyVisit struct {
	s    *Service
	p    *proxy
	ctx  context.Context
	over bool
	drop func()
}

// Visit reaches a proxy's endpoint as a client in a place; nil without an error
// when the host is no proxy's. A proxy that the security groups do not let the
// client reach times out after Timing.DialTimeout of simulated time.
func (s *Service) Visit(ctx context.Context, from NetworkPlace, host string, port int) (*ProxyVisit, error) {
	p := s.proxyAt(host)
	if p == nil {
		return nil, nil
	}
	if err := s.w.Kernel.Sleep(ctx, awsworld.Latency); err != nil {
		return nil, err
	}
	if why := s.shut(p, from, int32(port)); why != "" {
		if err := s.w.Kernel.Sleep(ctx, s.Timing.DialTimeout); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("dial tcp %s:%d: %w: %s", host, port, os.ErrDeadlineExceeded, why)
	}
	if int32(port) != p.port() {
		return nil, fmt.Errorf("dial tcp %s:%d: connection refused: proxy %s listens on port %d", host, port, p.Name, p.port())
	}
	v := &ProxyVisit{s: s, p: p, ctx: ctx, drop: func() {}}
	p.visits = append(p.visits, v)
	return v, nil
}

func (s *Service) proxyAt(host string) *proxy {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, a := range s.sortedAccounts() {
		for _, p := range sorted(a.proxies) {
			if host == s.proxyEndpoint(p) {
				return p
			}
		}
	}
	return nil
}

// shut says why a client does not reach the proxy; empty when it does.
func (s *Service) shut(p *proxy, from NetworkPlace, port int32) string {
	if from.Account != p.account.id || from.VPC != p.vpc {
		return fmt.Sprintf("proxy %s is in %s of account %s, the caller in %s of account %s, and nothing connects them",
			p.Name, p.vpc, p.account.id, orNone(from.VPC), orNone(from.Account))
	}
	if !p.account.admits(from, p.SecurityGroups, p.Subnets, port) {
		return fmt.Sprintf("security groups %s of the caller and %s of proxy %s do not let port %d through",
			orNone(strings.Join(from.SecurityGroups, ", ")), orNone(strings.Join(p.SecurityGroups, ", ")), p.Name, port)
	}
	return ""
}

// Engine is the engine of the proxy's family.
func (v *ProxyVisit) Engine() string { return v.p.engine() }

// Password is the password that the proxy's secrets have for a user.
func (v *ProxyVisit) Password(user string) (string, bool) {
	v.s.readSecrets(v.p)
	l, ok := v.p.known[user]
	return l.password, ok
}

// Borrow waits until the proxy has an available target, at most for its
// connection borrow timeout, and returns the host:port of the writer behind it.
func (v *ProxyVisit) Borrow() (hostport string, err error) {
	until := v.s.w.Now().Add(v.p.BorrowTimeout)
	for !v.over {
		if t := v.p.target; t != nil && v.ready() {
			if v.s.Databases == nil {
				return "", ErrNoRows
			}
			v.s.loggedIn(t.cluster)
			return v.s.Databases.Addr(v.ctx, t.cluster.dbKey())
		}
		if !v.s.w.Now().Before(until) {
			return "", ErrBorrowTimeout
		}
		if err := v.s.w.Kernel.Sleep(v.ctx, borrowLook); err != nil {
			return "", err
		}
	}
	return "", net.ErrClosed
}

// ready looks at the writer; a check takes simulated time, in which the target
// may go.
func (v *ProxyVisit) ready() bool {
	t := v.p.target
	w := v.s.writerOf(t.cluster)
	return w != nil && v.s.healthOf(v.p, t, w).state == types.TargetStateAvailable && v.p.target == t
}

// OnDrop says what to do when the proxy ends the session.
func (v *ProxyVisit) OnDrop(fn func()) { v.drop = fn }

func (v *ProxyVisit) dropped() {
	v.over = true
	v.drop()
}

// End tells the proxy that its client has gone.
func (v *ProxyVisit) End() {
	v.over = true
	v.p.visits = slices.DeleteFunc(v.p.visits, func(o *ProxyVisit) bool { return o == v })
}

// ProxySwitching tells whether AWS still works on what was asked of a proxy: a
// change of the proxy, or a target that has not come to its health check.
func (s *Service) ProxySwitching(account, proxy string) bool {
	p := s.account(account).proxies[proxy]
	return p != nil && (p.status != types.DBProxyStatusAvailable || p.target != nil && p.target.stage != stageChecked)
}
