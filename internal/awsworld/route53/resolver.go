package route53

import (
	"maps"
	"slices"
	"time"
)

// Resolver answers names as a client in a VPC sees them. It keeps an answer for
// the record's time to live, on the simulated clock.
type Resolver struct {
	s    *Service
	vpc  string
	kept map[string]kept
}

type kept struct {
	value string
	until time.Time
}

// Resolver makes a resolver without any answers yet.
func (s *Service) Resolver(vpc string) *Resolver {
	return &Resolver{s: s, vpc: vpc, kept: map[string]kept{}}
}

// Canonical follows CNAME records; a name that no zone answers is its own.
func (r *Resolver) Canonical(host string) string {
	host = normal(host)
	for range 8 {
		next, ok := r.cname(host)
		if !ok {
			break
		}
		host = next
	}
	return host
}

func (r *Resolver) cname(host string) (string, bool) {
	now := r.s.w.Now()
	if k, ok := r.kept[host]; ok && now.Before(k.until) {
		return k.value, true
	}
	delete(r.kept, host)
	for _, id := range slices.Sorted(maps.Keys(r.s.zones)) {
		z := r.s.zones[id]
		if len(z.VPCs) > 0 && !slices.Contains(z.VPCs, r.vpc) {
			continue
		}
		if rec, ok := z.served[key(host, "CNAME")]; ok {
			value := normal(rec.Values[0])
			r.kept[host] = kept{value, now.Add(time.Duration(rec.TTL) * time.Second)}
			return value, true
		}
	}
	return "", false
}

// Syncing tells whether a change of an account has not reached all name servers.
func (s *Service) Syncing(account string) bool {
	for _, ch := range s.changes {
		if ch.account == account && !ch.insync {
			return true
		}
	}
	return false
}
