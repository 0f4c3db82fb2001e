package migrate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
)

// auditPatience is how long the record of a login may take to reach CloudWatch
// Logs; AWS publishes no figure.
const auditPatience = 20 * time.Minute

// Login is one that was made to find it in the audit log.
type Login struct {
	User       string    `json:"user"`
	Connection int64     `json:"connection"` // its number
	At         time.Time `json:"at"`
	Found      string    `json:"found,omitempty"` // log stream that has the record
}

// audited logs in to green as the application does, once, and looks for the
// record of it in green's audit log (docs/migration.md §5).
func (s *verifyGreen) audited(ctx context.Context, h *held, set config.MigrateCluster) (done bool, err error) {
	switch {
	case !set.AuditLog || h.Audit != nil && h.Audit.Found != "":
		return true, nil
	case h.Audit == nil:
		return false, s.beAudited(ctx, h, set)
	}
	if h.Audit.Found, err = s.record(ctx, h); err != nil {
		return false, err
	}
	if l := *h.Audit; l.Found == "" && s.Now().Sub(l.At) > auditPatience {
		h.Audit = nil // who starts again logs in again
		if err := s.save(ctx, h); err != nil {
			return false, err
		}
		return false, fault.New(fault.VerifyFailed, "find the audit record of a login", auditGroup(h.Green.Cluster),
			"look at server_audit_logging, server_audit_events and server_audit_logs_upload of green's cluster parameter group, or at the log exports of green; then start again with the same input",
			"there is none of connection %d of %s within %s", l.Connection, l.User, auditPatience)
	}
	return h.Audit.Found != "", nil
}

func (s *verifyGreen) beAudited(ctx context.Context, h *held, set config.MigrateCluster) error {
	db, err := s.login(ctx, set, set.Login.Secret, h.Plan.Engine, h.Green.Endpoint, h.Green.Port)
	if err != nil {
		return err
	}
	defer db.Close()
	l := Login{User: set.Login.User, At: s.Now().UTC()}
	if err := db.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&l.Connection); err != nil {
		return fault.New(fault.VerifyFailed, "log in for the audit log", h.Green.Cluster, "look at green", "%v", err)
	}
	h.Audit = &l
	return s.save(ctx, h)
}

// auditGroup is the log group of a cluster's audit log; it has the cluster's name.
func auditGroup(cluster string) string { return "/aws/rds/cluster/" + cluster + "/audit" }

// record is the log stream that has the record of the login; empty when none has
// it yet.
func (s *verifyGreen) record(ctx context.Context, h *held) (stream string, err error) {
	group := auditGroup(h.Green.Cluster)
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(cloudwatchlogs.NewFromConfig(s.AWS), &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, FilterPattern: aws.String(fmt.Sprintf("%q %q", h.Audit.User, "CONNECT")), StartTime: aws.Int64(h.Audit.At.Add(-auditPatience).UnixMilli())})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if fault.IsNotFound(err) {
			return "", nil // the group comes with the first record
		}
		if err != nil {
			return "", fault.AWS("read the audit log", group, err)
		}
		for _, e := range out.Events {
			if user, connection, ok := parseConnect(aws.ToString(e.Message)); ok && user == h.Audit.User && connection == h.Audit.Connection {
				return aws.ToString(e.LogStreamName), nil
			}
		}
	}
	return "", nil
}

// parseConnect reads a record of the audit log that is about a successful
// connection: timestamp, server host, user, host, connection, query, operation,
// database, object, return code.
func parseConnect(line string) (user string, connection int64, ok bool) {
	f := strings.Split(strings.TrimSpace(line), ",")
	if len(f) < 10 || f[6] != "CONNECT" || f[len(f)-1] != "0" {
		return "", 0, false
	}
	n, err := strconv.ParseInt(f[4], 10, 64)
	return f[2], n, err == nil && n >= 0 && f[2] != ""
}

// auditLog is the check of what it needs.
func auditLog(f *facts) finding {
	if !f.set.AuditLog {
		return proved("not asked for")
	}
	if f.groupMissing() {
		return proved("not looked at: the cluster parameter group is not there")
	}
	if f.engine() != dbconn.AuroraMySQL {
		return problem("take auditLog out of production.migrate.clusters[] and deploy", "audit logs are looked at for Aurora MySQL only")
	}
	for _, g := range []struct {
		of     string
		values map[string]string
	}{{"blue", f.parameters}, {"green", f.later}} {
		var off []string
		if g.values["server_audit_logging"] != "1" {
			off = append(off, "server_audit_logging is not 1")
		}
		if !slices.Contains(strings.Split(g.values["server_audit_events"], ","), "CONNECT") {
			off = append(off, "server_audit_events has no CONNECT")
		}
		if g.values["server_audit_logs_upload"] != "1" && !slices.Contains(f.cluster.EnabledCloudwatchLogsExports, "audit") {
			off = append(off, "neither server_audit_logs_upload is 1 nor audit among the log exports")
		}
		if len(off) > 0 {
			return problem("correct the cluster parameter group, or take auditLog out of production.migrate.clusters[] and deploy", "%s would not be audited: %s", g.of, strings.Join(off, "; "))
		}
	}
	return proved("connections are recorded and uploaded, before and after")
}
