package rds

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// AuditRecord is a record of a writer's audit log that has been uploaded.
type AuditRecord struct {
	Instance string
	At       time.Time
	Text     string // as Aurora writes it: a line of comma-separated fields
	seen     time.Time
}

// audits says whether a cluster records connections and uploads the records
// (docs/migration.md §5, "Audit logs").
func (s *Service) audits(c *cluster) bool {
	if c.Engine != AuroraMySQL {
		return false
	}
	value := func(name string) string { v, _ := s.clusterParameter(c, name); return v }
	return value("server_audit_logging") == "1" && slices.Contains(strings.Split(value("server_audit_events"), ","), "CONNECT") &&
		(value("server_audit_logs_upload") == "1" || slices.Contains(c.LogExports, "audit"))
}

// Auditor is told who has connected to what a host name leads to now; nil when
// nobody records it.
func (s *Service) Auditor(host string) func(user string, connection uint32) {
	c := s.behind(host)
	if c == nil || !s.audits(c) {
		return nil
	}
	return func(user string, connection uint32) {
		w := s.writerOf(c)
		if w == nil {
			return
		}
		now := s.w.Now()
		c.audit = append(c.audit, AuditRecord{Instance: w.ID, At: now, seen: now.Add(s.Timing.AuditUpload.draw(s.w)),
			Text: fmt.Sprintf("%d,%s,%s,10.0.0.10,%d,0,CONNECT,,,0", now.UnixMicro(), w.ID, user, connection)})
	}
}

// AuditRecords are those that CloudWatch Logs has of the cluster with a name, in
// order; false when it has no log group of them.
func (s *Service) AuditRecords(account, id string) (all []AuditRecord, found bool) {
	c := s.account(account).clusters[strings.ToLower(id)]
	if c == nil {
		return nil, false
	}
	for _, r := range c.audit {
		if !r.seen.After(s.w.Now()) {
			all = append(all, r)
		}
	}
	return all, len(all) > 0
}
