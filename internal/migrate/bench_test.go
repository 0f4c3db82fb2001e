package migrate_test

import (
	"testing"

	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// BenchmarkMigration shows what a client that never stops writing notices, in
// simulated seconds: in all, of AWS as modelled, and of dbferry.
func BenchmarkMigration(b *testing.B) {
	for _, lane := range []migrate.Lane{migrate.LaneNative, migrate.LaneNone} {
		b.Run(string(lane), func(b *testing.B) {
			for range b.N {
				all, err := rehearsal.RunMigration(b.Context(), rehearsal.Scenario{Assembly: assembly, Migrate: &rehearsal.MigrationScenario{Input: upgrade, Proxy: lane == migrate.LaneNative}})
				if err != nil {
					b.Fatal(err)
				}
				c := all[0].Migration.Client
				if all[0].Verdict != rehearsal.VerdictSucceeded || c.Lost > 0 {
					b.Fatalf("%s, %+v", all[0].Verdict, c)
				}
				b.ReportMetric(c.LongestOutageSeconds, "outage-s")
				b.ReportMetric(c.AWSModelledSeconds, "aws-s")
				b.ReportMetric(c.OursSeconds, "ours-s")
				b.ReportMetric(float64(c.Failed), "refused-writes")
				b.ReportMetric(all[0].Duration.Hours(), "simulated-h")
			}
		})
	}
}
