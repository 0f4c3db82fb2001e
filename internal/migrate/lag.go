package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
)

// lagWindow is how far back the metric is read; it comes once a minute.
const lagWindow = 10 * time.Minute

// mostSlotBytes is what counts as caught up on Aurora PostgreSQL, whose lag is
// told in bytes of the log.
const mostSlotBytes = 16 << 20

// lag reads how far green is behind: on Aurora MySQL seconds of the green
// writer, on Aurora PostgreSQL bytes of blue's oldest slot (docs/migration.md
// §1.10). why is empty when it is within the limit.
func (s *step) lag(ctx context.Context, m *Migration) (values []float64, why string, err error) {
	name, cluster := "AuroraBinlogReplicaLag", m.Green.Cluster
	dimensions := []cwtypes.Dimension{{Name: aws.String("DBClusterIdentifier"), Value: &cluster}, {Name: aws.String("Role"), Value: aws.String("WRITER")}}
	postgres := m.Plan.Engine == dbconn.AuroraPostgres
	if postgres {
		name, cluster = "OldestReplicationSlotLag", m.Plan.Cluster
	}
	now := s.Now()
	out, err := cloudwatch.NewFromConfig(s.AWS).GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-lagWindow)), EndTime: aws.Time(now), ScanBy: cwtypes.ScanByTimestampDescending,
		MetricDataQueries: []cwtypes.MetricDataQuery{{Id: aws.String("lag"), MetricStat: &cwtypes.MetricStat{
			Metric: &cwtypes.Metric{Namespace: aws.String("AWS/RDS"), MetricName: &name, Dimensions: dimensions},
			Period: aws.Int32(60), Stat: aws.String("Maximum"),
		}}},
	})
	if err != nil {
		return nil, "", fault.AWS("read the replication lag", cluster, err)
	}
	if len(out.MetricDataResults) > 0 {
		values = out.MetricDataResults[0].Values
	}
	switch {
	case len(values) == 0:
		return nil, "CloudWatch has no value of " + name + " for " + cluster + " yet", nil
	case values[0] < 0:
		return values, "replication is in error or its lag cannot be determined (" + name + " is -1)", nil
	case postgres && values[0] > mostSlotBytes:
		return values, fmt.Sprintf("green is %.0f bytes of log behind, the limit is %d", values[0], mostSlotBytes), nil
	case !postgres && values[0] > float64(s.conf.Limits.Lag()):
		return values, fmt.Sprintf("green is %.0f s behind, the limit is %d s", values[0], s.conf.Limits.Lag()), nil
	}
	return values, "", nil
}
