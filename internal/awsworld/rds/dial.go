package rds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// ErrNoRows is what Dial answers in a world without Databases.
var ErrNoRows = errors.New("this rehearsal has no databases to log in to")

// Dial finds what is behind a simulated endpoint name, as the place sees it,
// and returns the real host:port to connect to. The name of a cluster without an
// available writer does not resolve. An address that the network or the
// security groups do not let through times out after Timing.DialTimeout of
// simulated time; the error names the groups on both sides and unwraps to
// os.ErrDeadlineExceeded.
func (s *Service) Dial(ctx context.Context, from NetworkPlace, host string, port int) (hostport string, err error) {
	c := s.behind(host)
	if c == nil {
		return "", &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}
	if err := s.w.Kernel.Sleep(ctx, s.w.Latency); err != nil {
		return "", err
	}
	if why := s.unreachable(c, from, int32(port)); why != "" {
		if err := s.w.Kernel.Sleep(ctx, s.Timing.DialTimeout); err != nil {
			return "", err
		}
		return "", fmt.Errorf("dial tcp %s:%d: %w: %s", host, port, os.ErrDeadlineExceeded, why)
	}
	if int32(port) != c.Port {
		return "", fmt.Errorf("dial tcp %s:%d: connection refused: cluster %s listens on port %d", host, port, c.ID, c.Port)
	}
	if c.refusing {
		return "", fmt.Errorf("dial tcp %s:%d: %w", host, port, syscall.ECONNREFUSED)
	}
	if s.Databases == nil {
		return "", ErrNoRows
	}
	s.loggedIn(c)
	return s.Databases.Addr(ctx, c.dbKey())
}

// loggedIn notices new passwords that are in force: a login shows it, whatever
// the cluster's status is.
func (s *Service) loggedIn(c *cluster) {
	for _, wait := range c.settled {
		if strings.Contains(wait, "/password/") {
			s.w.Waits.Notice(awsworld.Caller{}, wait)
		}
	}
}

// ClusterEndpoint is the host name of a cluster's writer.
func (s *Service) ClusterEndpoints(account, id string) (writer, reader string, ok bool) {
	c := s.account(account).clusters[strings.ToLower(id)]
	if c == nil {
		return "", "", false
	}
	return s.endpoint(c), s.readerEndpoint(c), true
}

// behind is the cluster that a host name leads to; nil when the name does not
// resolve.
func (s *Service) behind(host string) *cluster {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if c, ok := s.cached(host); ok {
		return c
	}
	for _, a := range s.sortedAccounts() {
		for _, c := range sorted(a.clusters) {
			if (host == s.endpoint(c) || host == s.readerEndpoint(c) || s.hasEndpoint(c, host)) && s.writerOf(c) != nil {
				return c
			}
		}
		for _, i := range sorted(a.instances) {
			if host == s.instanceEndpoint(i) && i.serving() {
				return a.clusters[i.Cluster]
			}
		}
	}
	return nil
}

// unreachable says why the packets do not arrive; empty when they do.
func (s *Service) unreachable(c *cluster, from NetworkPlace, port int32) string {
	group := c.account.subnetGroups[c.SubnetGroup]
	vpc := group.VPC
	if from.Account != c.account.id || from.VPC != vpc {
		return fmt.Sprintf("cluster %s is in %s of account %s, the caller in %s of account %s, and nothing connects them",
			c.ID, vpc, c.account.id, orNone(from.VPC), orNone(from.Account))
	}
	if !c.account.admits(from, c.activeGroups, group.Subnets, port) {
		return fmt.Sprintf("security groups %s of the caller and %s of cluster %s do not let port %d through",
			orNone(strings.Join(from.SecurityGroups, ", ")), orNone(strings.Join(c.activeGroups, ", ")), c.ID, port)
	}
	return ""
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
