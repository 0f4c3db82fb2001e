package refresh

import (
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
)

// wishTable is how a restored table shall be: as recorded, with the target's
// overrides, and the reason for each setting that an override touches.
func wishTable(recorded TableSettings, o config.TableSettings) (TableSettings, map[string]string) {
	want, why := recorded, map[string]string{}
	override := func(setting, field string) { why[setting] = configured + "tables[]." + field }
	override("deletion protection", "deletionProtection")
	want.DeletionProtection = o.DeletionProtection
	if o.PointInTime != nil {
		override("point-in-time recovery", "pointInTimeRecovery")
		if want.PointInTime = *o.PointInTime; !want.PointInTime {
			want.RecoveryDays = 0
		}
	}
	if o.TimeToLive != nil && !*o.TimeToLive {
		override("time to live", "timeToLive")
		want.TTLAttribute = ""
	}
	if o.TableClass != "" {
		override("table class", "tableClass")
		want.Class = o.TableClass
	}
	wishCapacity(&want, o, override)
	if o.Alarms == config.AlarmsNone {
		for _, a := range want.Alarms {
			override("alarm "+a.Name, "alarms")
		}
		want.Alarms = nil
	}
	return want, why
}

func wishCapacity(want *TableSettings, o config.TableSettings, override func(setting, field string)) {
	field := ""
	switch {
	case o.BillingMode == "PAY_PER_REQUEST":
		field, want.OnDemand = "billingMode", true
		override("billing mode", field)
	case o.AutoScaling != nil && !*o.AutoScaling:
		field = "autoScaling"
	case o.MaxCapacity > 0:
		for _, t := range want.Scaling {
			override(t.what(), "maxCapacity")
		}
		want.Scaling = capped(want.Scaling, int32(o.MaxCapacity))
		return
	default:
		return
	}
	for _, t := range want.Scaling {
		override(t.what(), field)
	}
	want.Scaling = nil
}

// wishCluster is the same for a cluster. Where a target's silence means
// something else than "as in production", its default is what a staging
// account wants: cheap and replaceable.
func wishCluster(recorded ClusterSettings, o config.ClusterSettings) (ClusterSettings, map[string]string) {
	want, why := recorded, map[string]string{}
	override := func(setting, field string) { why[setting] = configured + "clusters[]." + field }
	for setting, field := range map[string]string{
		"instances": "instances", "instance class": "instanceClass", "deletion protection": "deletionProtection", "backup retention": "backupRetentionDays",
		"storage type": "storageType", "cluster parameter group": "parameterGroup", "instance parameter group": "instanceParameterGroup",
	} {
		override(setting, field)
	}
	want.Instances, want.DeletionProtection = o.Instances, o.DeletionProtection
	// Empty means the engine's default, whose name is not known before.
	want.ParameterGroup, want.InstanceParameterGroup = o.ParameterGroup, o.InstanceParameterGroup
	if o.InstanceClass != "" {
		want.InstanceClass = o.InstanceClass
	}
	want.BackupRetentionDays = int32(max(o.BackupRetentionDays, 1))
	want.StorageType = "aurora"
	if o.StorageType != "" {
		want.StorageType = o.StorageType
	}
	if o.BacktrackHours != nil && want.Engine == "aurora-mysql" {
		override("backtrack window", "backtrackHours")
		want.BacktrackSeconds = int64(*o.BacktrackHours) * 3600
	}
	wishServerless(&want, o, override)
	wishMonitoring(&want, o, override)
	wishRoles(&want, o, why)
	wishReplicas(&want, o, override)
	wishClusterAlarms(&want, o, why)
	return want, why
}

func wishServerless(want *ClusterSettings, o config.ClusterSettings, override func(setting, field string)) {
	if want.ServerlessV2 == nil || o.MaxACU == 0 {
		return
	}
	override("Serverless v2 capacity", "maxACU")
	limit, was := float64(o.MaxACU), *want.ServerlessV2
	want.ServerlessV2 = &Scaling{Min: min(was.Min, limit), Max: min(was.Max, limit), AutoPause: was.AutoPause}
}

// freeInsightsDays is the retention of Performance Insights that costs nothing.
const freeInsightsDays = 7

func wishMonitoring(want *ClusterSettings, o config.ClusterSettings, override func(setting, field string)) {
	override("enhanced monitoring", "monitoringRole")
	if o.MonitoringRole == "" {
		want.Monitoring.Interval = 0
	}
	if want.Engine == "aurora-mysql" && strings.HasPrefix(want.InstanceClass, "db.t") {
		// These classes do not have it (Aurora user guide, "Amazon Aurora DB
		// engine, Region, and instance class support for Performance Insights").
		override("Performance Insights", "instanceClass")
		override("Database Insights mode", "instanceClass")
		want.Monitoring = Monitoring{Interval: want.Monitoring.Interval, Mode: "standard"}
		return
	}
	if o.DatabaseInsights == config.InsightsAsProduction {
		return
	}
	override("Performance Insights", "databaseInsights")
	override("Database Insights mode", "databaseInsights")
	want.Monitoring.Mode = "standard"
	if want.Monitoring.Insights {
		want.Monitoring.InsightsDays = freeInsightsDays
	}
}

// wishRoles keeps the features for which the target names a role.
func wishRoles(want *ClusterSettings, o config.ClusterSettings, why map[string]string) {
	var kept []string
	for _, r := range o.Roles {
		if slices.Contains(want.Features, r.Feature) {
			kept = append(kept, r.Feature)
		}
	}
	for _, f := range want.Features {
		why[roleOf(f)] = configured + "clusters[].roles names no role for it"
		if slices.Contains(kept, f) {
			why[roleOf(f)] = configured + "clusters[].roles names another number of roles for it"
		}
	}
	slices.Sort(kept)
	want.Features = kept
}

func wishReplicas(want *ClusterSettings, o config.ClusterSettings, override func(setting, field string)) {
	for _, t := range want.Replicas {
		override(t.what(), "maxReplicas")
	}
	if o.MaxReplicas == 0 {
		want.Replicas = nil
		return
	}
	want.Replicas = capped(want.Replicas, int32(o.MaxReplicas))
}

func wishClusterAlarms(want *ClusterSettings, o config.ClusterSettings, why map[string]string) {
	var kept []Alarm
	for _, a := range want.Alarms {
		switch {
		case o.Alarms == config.AlarmsNone:
			why["alarm "+a.Name] = configured + "clusters[].alarms"
		case a.Instance > o.Instances:
			why["alarm "+a.Name] = "it watches an instance that has no counterpart here"
		default:
			kept = append(kept, a)
		}
	}
	want.Alarms = kept
}
