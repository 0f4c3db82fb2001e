package migrate

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
)

// TestWayBackCheck: what no rehearsed ground has: old versions, short logs, and
// Aurora PostgreSQL.
func TestWayBackCheck(t *testing.T) {
	hours := func(n int) *int { return &n }
	well := func() *facts {
		return &facts{
			cluster:    types.DBCluster{Engine: aws.String(dbconn.AuroraMySQL), EngineVersion: aws.String("8.0.mysql_aurora.3.08.0")},
			set:        config.MigrateCluster{WayBack: &config.Account{User: "back", Secret: "back"}, AuditLog: true},
			later:      map[string]string{"binlog_format": "ROW", "server_audit_logging": "1", "server_audit_events": "CONNECT", "server_audit_logs_upload": "1"},
			parameters: map[string]string{"server_audit_logging": "1", "server_audit_events": "CONNECT", "server_audit_logs_upload": "1"},
			sql:        sqlFacts{retention: hours(24)},
		}
	}
	for name, x := range map[string]struct {
		change  func(*facts)
		problem string
		audit   string
	}{
		"well":          {func(*facts) {}, "", ""},
		"PostgreSQL":    {func(f *facts) { f.cluster.Engine = aws.String(dbconn.AuroraPostgres) }, "for Aurora MySQL only", "for Aurora MySQL only"},
		"version 2":     {func(f *facts) { f.in.TargetEngineVersion = "5.7.mysql_aurora.2.12.3" }, "no mysql.rds_set_read_only", ""},
		"version 3.05":  {func(f *facts) { f.in.TargetEngineVersion = "8.0.mysql_aurora.3.05.2" }, "no mysql.rds_set_read_only", ""},
		"version 3.06":  {func(f *facts) { f.in.TargetEngineVersion = "8.0.mysql_aurora.3.06.0" }, "", ""},
		"short logs":    {func(f *facts) { f.sql.retention, f.limits.SoakMinutes = hours(1), 90 }, "kept for 1 h, the way back is open for 90 min", ""},
		"no binary log": {func(f *facts) { f.later = map[string]string{"binlog_format": "OFF"} }, "would write no binary log", "green would not be audited"},
		"not asked for": {func(f *facts) { f.set.WayBack, f.set.AuditLog, f.later = nil, false, nil }, "", ""},
		"log exports": {func(f *facts) {
			f.later["server_audit_logs_upload"], f.cluster.EnabledCloudwatchLogsExports = "0", []string{"audit"}
		}, "", ""},
	} {
		f := well()
		x.change(f)
		for _, c := range []struct{ got, want string }{{wayBack(f).problem, x.problem}, {auditLog(f).problem, x.audit}} {
			if (c.got == "") != (c.want == "") || !strings.Contains(c.got, c.want) {
				t.Errorf("%s: %q, want %q", name, c.got, c.want)
			}
		}
	}
}

// TestProxiesLookedAtAgain: the same proxies, in whatever order AWS tells them, are
// no other plan; one more is detached, one that is gone is forgotten.
func TestProxiesLookedAtAgain(t *testing.T) {
	named := func(names ...string) (all []proxy) {
		for _, n := range names {
			all = append(all, proxy{name: n})
		}
		return all
	}
	for name, x := range map[string]struct {
		how        string
		then       []proxy
		off        []string
		changed    bool
		lane       Lane
		all, taken string
	}{
		"the same":          {"", named("a", "b"), nil, false, LaneNative, "a b", ""},
		"one more":          {"", named("c", "b", "a"), nil, true, LaneDetach, "a b c", "c"},
		"one is gone":       {"", named("b"), nil, true, LaneNative, "b", ""},
		"all are gone":      {"", nil, nil, true, LaneNone, "", ""},
		"detached":          {config.ProxiesDetach, named("b", "a"), nil, false, LaneDetach, "a b", "a b"},
		"off since long":    {config.ProxiesDetachFirst, nil, []string{"a", "b"}, false, LaneDetach, "a b", "a b"},
		"off, and one more": {config.ProxiesDetachFirst, named("c"), []string{"a", "b"}, true, LaneDetach, "a b c", "a b c"},
	} {
		p := Plan{}
		p.follow(named("b", "a"), x.how)
		changed := p.again(x.then, x.off)
		if changed != x.changed || p.Lane != x.lane || strings.Join(p.Proxies, " ") != x.all || strings.Join(p.Detach, " ") != x.taken {
			t.Errorf("%s: changed %t, %s, %v, %v", name, changed, p.Lane, p.Proxies, p.Detach)
		}
	}
}
