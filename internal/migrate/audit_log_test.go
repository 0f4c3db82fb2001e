package migrate_test

import (
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// TestAuditLog: green is verified when CloudWatch Logs has the record of a login on
// it, and not before; groups that would not record it are refused.
func TestAuditLog(t *testing.T) {
	audited := variant(t, func(c *config.Config) { c.Production.Migrate.Clusters[0].AuditLog = true })
	worldOf(t, audited, rehearsal.MigrationScenario{}, func(o *rehearsal.Operator) error {
		account := o.Config().Production.Account
		set := func(name, value string) {
			t.Helper()
			if err := o.RDS().SetParameter(account, ground.MigrationGroup, name, value); err != nil {
				t.Error(err)
			}
		}
		step := func(verdict string, phase migrate.Phase, says string) migrate.Migration {
			t.Helper()
			m, err := o.Migrate(in(migrate.ModeCreate))
			if err != nil {
				t.Error(err)
				return migrate.Migration{}
			}
			if m.Verdict != verdict || m.Record.Phase != phase || !strings.Contains(m.Cause, says) {
				t.Errorf("%s, %s: %s; want %s, %s: %s", m.Verdict, m.Record.Phase, m.Cause, verdict, phase, says)
			}
			return m.Record
		}
		step(refresh.Refused, "", "[audit-log] blue would not be audited: server_audit_logging is not 1; server_audit_events has no CONNECT; neither server_audit_logs_upload is 1 nor audit among the log exports")
		set("server_audit_logging", "1")
		set("server_audit_events", "CONNECT,QUERY_DDL")
		step(refresh.Refused, "", "neither server_audit_logs_upload is 1")
		set("server_audit_logs_upload", "1")
		o.OnEnter(func(s states.Step) bool {
			return s.Machine == names.ProductionMigrate && s.Event.Name == "Settle green"
		}, func() { set("server_audit_logging", "0") })
		step(refresh.Failed, migrate.Settling, "there is none of connection")
		set("server_audit_logging", "1")
		role := roleOf(o, "verify-green")
		for i, st := range role.Policies[0].Doc.Statements {
			if st.Sid == "ReadAuditLogs" {
				giveBack := take(o, role, i)
				step(refresh.Failed, migrate.Settling, "logs:FilterLogEvents")
				giveBack()
				break
			}
		}
		r := step(rehearsal.VerdictSucceeded, migrate.Verified, "")
		if r.Audit == nil || r.Audit.User != "shop_app" || !strings.HasPrefix(r.Audit.Found, "shop-orders-1-green-") {
			t.Errorf("%+v", r.Audit)
		}
		return nil
	})
}
