package ground

import (
	"slices"

	"github.com/dbferry/dbferry/internal/config"
)

// productionMonitoring is the role of production's enhanced monitoring.
const productionMonitoring = "production-rds-monitoring"

// clusterSettings are those of every derived cluster: enough to see that what a
// restore loses arrives, or why it does not.
func clusterSettings(c config.Config, name string) ClusterSettings {
	return ClusterSettings{
		BacktrackHours: 24, BackupRetentionDays: 7, InsightsDays: 7,
		MonitoringSeconds: 60, MonitoringRole: c.ProductionPlace().RoleARN(productionMonitoring),
		Alarms: []Alarm{{
			Name: name + " busy", Metric: "CPUUtilization", Dimensions: map[string]string{"DBClusterIdentifier": name, "Role": "WRITER"},
			Statistic: "Average", Minutes: 5, Periods: 3, Compare: "GreaterThanThreshold", Threshold: 80, Missing: "notBreaching",
		}},
	}
}

// tableSettings are those of the tables that a configuration names: provisioned
// capacity that scales, an index, a stream, protection, an alarm.
func tableSettings(name string) TableSettings {
	scale := func(index, kind, metric string, least, most int32) Scaling {
		of := "dynamodb:table:"
		if index != "" {
			of = "dynamodb:index:"
		}
		return Scaling{Index: index, Dimension: of + kind, Min: least, Max: most, Metric: metric, Target: 70, Cooldown: 60}
	}
	const reads, writes = "DynamoDBReadCapacityUtilization", "DynamoDBWriteCapacityUtilization"
	return TableSettings{
		Read: 20, Write: 10, Indexes: []Index{{Name: "by-owner", Hash: "owner", Read: 10, Write: 10}},
		Stream: "NEW_AND_OLD_IMAGES", RecoveryDays: 14, DeletionProtection: true,
		Scaling: []Scaling{
			scale("", "ReadCapacityUnits", reads, 20, 400), scale("", "WriteCapacityUnits", writes, 10, 200),
			scale("by-owner", "ReadCapacityUnits", reads, 10, 100),
		},
		Alarms: []Alarm{{
			Name: name + " throttled", Metric: "ReadThrottleEvents", Dimensions: map[string]string{"TableName": name},
			Statistic: "Sum", Minutes: 1, Periods: 5, Datapoints: 3, Compare: "GreaterThanOrEqualToThreshold", Threshold: 10, Missing: "notBreaching",
		}},
	}
}

// addRoles makes the roles that a target's configuration names.
func (a *Account) addRoles(set config.ClusterSettings) {
	add := func(arn, service string) {
		if r := (Role{arn, service}); arn != "" && !slices.Contains(a.Roles, r) {
			a.Roles = append(a.Roles, r)
		}
	}
	add(set.MonitoringRole, "monitoring.rds.amazonaws.com")
	for _, r := range set.Roles {
		add(r.Role, "rds.amazonaws.com")
	}
}
