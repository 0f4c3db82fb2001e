package refresh

import (
	"strings"
	"testing"

	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/config"
)

func provisioned() TableSettings {
	return TableSettings{
		Class: "STANDARD", DeletionProtection: true, TTLAttribute: "expires", StreamView: "KEYS_ONLY", PointInTime: true, RecoveryDays: 14,
		Tags:    map[string]string{"team": "shop"},
		Scaling: []ScalingTarget{{Dimension: "ReadCapacityUnits", Min: 20, Max: 400}, {Index: "by-owner", Dimension: "WriteCapacityUnits", Min: 5, Max: 50}},
		Alarms:  []Alarm{{Name: "throttled", Metric: "ReadThrottleEvents", Statistic: "Sum", Compare: "GreaterThanThreshold", Period: 60, Periods: 1}},
		Others:  []Other{{"resource policy", "present", "it names production's principals"}},
	}
}

// lines are differences in words.
func lines(list []Difference) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.Setting+": "+d.Production+" → "+d.Here+" ("+d.Why+")")
	}
	return out
}

// TestTableAsWished: a table that is as wished differs only as configured, and
// as it must.
func TestTableAsWished(t *testing.T) {
	policy := "resource policy: present → none (it names production's principals)"
	protection := "deletion protection: on → off (configured: tables[].deletionProtection)"
	quiet := "alarm actions: production's own → none (configured: alarms; actions are never carried)"
	noScaling := func(field string) []string {
		return []string{"auto scaling of read capacity: 20 to 400 → off (configured: tables[]." + field + ")", "auto scaling of write capacity of index by-owner: 5 to 50 → off (configured: tables[]." + field + ")"}
	}
	for name, c := range map[string]struct {
		over config.TableSettings
		want []string
	}{
		"nothing configured": {config.TableSettings{DeletionProtection: true}, []string{policy, quiet}},
		"unprotected":        {config.TableSettings{}, []string{policy, protection, quiet}},
		"no recovery":        {config.TableSettings{DeletionProtection: true, PointInTime: new(false)}, []string{policy, "point-in-time recovery: 14 days → off (configured: tables[].pointInTimeRecovery)", quiet}},
		"no time to live":    {config.TableSettings{DeletionProtection: true, TimeToLive: new(false)}, []string{policy, "time to live: expires → off (configured: tables[].timeToLive)", quiet}},
		"same time to live":  {config.TableSettings{DeletionProtection: true, TimeToLive: new(true)}, []string{policy, quiet}},
		"class":              {config.TableSettings{DeletionProtection: true, TableClass: "STANDARD_INFREQUENT_ACCESS"}, []string{policy, "table class: STANDARD → STANDARD_INFREQUENT_ACCESS (configured: tables[].tableClass)", quiet}},
		"no scaling":         {config.TableSettings{DeletionProtection: true, AutoScaling: new(false)}, append([]string{policy}, append(noScaling("autoScaling"), quiet)...)},
		"on demand":          {config.TableSettings{DeletionProtection: true, BillingMode: "PAY_PER_REQUEST"}, append([]string{policy, "billing mode: provisioned → on demand (configured: tables[].billingMode)"}, append(noScaling("billingMode"), quiet)...)},
		"capped":             {config.TableSettings{DeletionProtection: true, MaxCapacity: 100}, []string{policy, "auto scaling of read capacity: 20 to 400 → 20 to 100 (configured: tables[].maxCapacity)", quiet}},
		"capped low":         {config.TableSettings{DeletionProtection: true, MaxCapacity: 10}, []string{policy, "auto scaling of read capacity: 20 to 400 → 10 to 10 (configured: tables[].maxCapacity)", "auto scaling of write capacity of index by-owner: 5 to 50 → 5 to 10 (configured: tables[].maxCapacity)", quiet}},
		"told":               {config.TableSettings{DeletionProtection: true, Alarms: config.AlarmsNotify}, []string{policy, strings.Replace(quiet, "→ none", "→ the target's topic", 1)}},
		"no alarms":          {config.TableSettings{DeletionProtection: true, Alarms: config.AlarmsNone}, []string{policy, "alarm throttled: Sum of ReadThrottleEvents GreaterThanThreshold 0 in 1 of 1 periods of 60 s → none (configured: tables[].alarms)"}},
	} {
		t.Run(name, func(t *testing.T) {
			want, why := wishTable(provisioned(), c.over)
			if diff := cmp.Diff(c.want, lines(compareTable(provisioned(), want, want, why, c.over.Alarms).Differences)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTableNotAsWished: whatever is neither as in production nor as wished comes
// first, and says that nobody asked for it, even where an override exists.
func TestTableNotAsWished(t *testing.T) {
	over := config.TableSettings{TableClass: "STANDARD_INFREQUENT_ACCESS", PointInTime: new(false)}
	for name, c := range map[string]struct {
		change func(*TableSettings)
		want   string
	}{
		"billing":  {func(s *TableSettings) { s.OnDemand = true }, "billing mode: provisioned → on demand"},
		"time":     {func(s *TableSettings) { s.TTLAttribute = "" }, "time to live: expires → off"},
		"stream":   {func(s *TableSettings) { s.StreamView = "" }, "stream: KEYS_ONLY → off"},
		"tag":      {func(s *TableSettings) { s.Tags = nil }, "tag team: shop → none"},
		"scaling":  {func(s *TableSettings) { s.Scaling = s.Scaling[1:] }, "auto scaling of read capacity: 20 to 400 → off"},
		"recovery": {func(s *TableSettings) { s.PointInTime, s.RecoveryDays = true, 35 }, "point-in-time recovery: 14 days → 35 days"},
		"alarm":    {func(s *TableSettings) { s.Alarms = nil }, "alarm throttled: Sum of ReadThrottleEvents GreaterThanThreshold 0 in 1 of 1 periods of 60 s → none"},
	} {
		t.Run(name, func(t *testing.T) {
			want, why := wishTable(provisioned(), over)
			here := want
			c.change(&here)
			if got := lines(compareTable(provisioned(), want, here, why, "").Differences); got[0] != c.want+" ("+unplanned+")" {
				t.Errorf("first is %q", got[0])
			}
		})
	}
}

func aurora() ClusterSettings {
	return ClusterSettings{
		Engine: "aurora-mysql", EngineVersion: "8.0.mysql_aurora.3.08.0", Port: 3306, InstanceClass: "db.r6g.large", Instances: 2, ServerlessV2: &Scaling{Min: 8, Max: 64},
		ParameterGroup: "prod", InstanceParameterGroup: "prod", LogExports: []string{"error"}, BackupRetentionDays: 14, BacktrackSeconds: 7200, StorageType: "aurora-iopt1",
		Features: []string{"", ""}, Monitoring: Monitoring{Interval: 60, Insights: true, InsightsDays: 465, Mode: "advanced"},
		Replicas: []ScalingTarget{{Dimension: "ReadReplicaCount", Min: 1, Max: 8}}, Alarms: []Alarm{{Name: "busy"}, {Name: "reader", Instance: 2}},
	}
}

func TestClusterWish(t *testing.T) {
	role := config.FeatureRole{Role: "arn:aws:iam::222222222222:role/load"}
	for name, c := range map[string]struct {
		over   config.ClusterSettings
		change func(*ClusterSettings)
	}{
		"defaults": {config.ClusterSettings{Instances: 1}, func(*ClusterSettings) {}},
		"as in production": {config.ClusterSettings{Instances: 2, BackupRetentionDays: 14, StorageType: "aurora-iopt1", MonitoringRole: "r", DatabaseInsights: "production", MaxReplicas: 15, ParameterGroup: "prod"},
			func(s *ClusterSettings) {
				s.Instances, s.BackupRetentionDays, s.StorageType, s.Monitoring, s.ParameterGroup = 2, 14, "aurora-iopt1", aurora().Monitoring, "prod"
				s.Replicas, s.Alarms = aurora().Replicas, aurora().Alarms
			}},
		"class without insights": {config.ClusterSettings{Instances: 1, InstanceClass: "db.t4g.medium", DatabaseInsights: "production"}, func(s *ClusterSettings) {
			s.InstanceClass, s.Monitoring = "db.t4g.medium", Monitoring{Mode: "standard"}
		}},
		"no backtrack": {config.ClusterSettings{Instances: 1, BacktrackHours: new(0)}, func(s *ClusterSettings) { s.BacktrackSeconds = 0 }},
		"capped":       {config.ClusterSettings{Instances: 1, MaxACU: 4}, func(s *ClusterSettings) { s.ServerlessV2 = &Scaling{Min: 4, Max: 4} }},
		"one reader": {config.ClusterSettings{Instances: 1, MaxReplicas: 1}, func(s *ClusterSettings) {
			s.Replicas = []ScalingTarget{{Dimension: "ReadReplicaCount", Min: 1, Max: 1}}
		}},
		"a role":     {config.ClusterSettings{Instances: 1, Roles: []config.FeatureRole{role, {Feature: "s3Import", Role: "x"}}}, func(s *ClusterSettings) { s.Features = []string{""} }},
		"no alarms":  {config.ClusterSettings{Instances: 2, Alarms: config.AlarmsNone}, func(s *ClusterSettings) { s.Instances, s.Alarms = 2, nil }},
		"two nodes":  {config.ClusterSettings{Instances: 2}, func(s *ClusterSettings) { s.Instances, s.Alarms = 2, aurora().Alarms }},
		"protection": {config.ClusterSettings{Instances: 1, DeletionProtection: true}, func(s *ClusterSettings) { s.DeletionProtection = true }},
	} {
		t.Run(name, func(t *testing.T) {
			// What a target that says nothing gets: cheap and replaceable.
			want := aurora()
			want.Instances, want.ParameterGroup, want.InstanceParameterGroup, want.BackupRetentionDays, want.StorageType = 1, "", "", 1, "aurora"
			want.Monitoring, want.Features, want.Replicas, want.Alarms = Monitoring{Insights: true, InsightsDays: 7, Mode: "standard"}, nil, nil, []Alarm{{Name: "busy"}}
			c.change(&want)
			got, why := wishCluster(aurora(), c.over)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			for _, d := range compareCluster(aurora(), got, got, why, c.over.Alarms).Differences {
				if d.Why == unplanned {
					t.Errorf("a wish without a reason: %+v", d)
				}
			}
		})
	}
}

func TestAlarmsOfACluster(t *testing.T) {
	rds := foundAlarms{Math: map[string][]string{}}
	tables := map[string]*foundAlarms{"carts": {}}
	dim := func(pairs ...string) (out []cwtypes.Dimension) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, cwtypes.Dimension{Name: &pairs[i], Value: &pairs[i+1]})
		}
		return out
	}
	plain := func(name, namespace string, dims []cwtypes.Dimension) cwtypes.MetricAlarm {
		return cwtypes.MetricAlarm{AlarmName: &name, Namespace: &namespace, MetricName: new("M"), Dimensions: dims, AlarmActions: []string{"arn:aws:sns:x"}, AlarmDescription: new("secret")}
	}
	math := cwtypes.MetricAlarm{AlarmName: new("math"), Metrics: []cwtypes.MetricDataQuery{
		{MetricStat: &cwtypes.MetricStat{Metric: &cwtypes.Metric{Dimensions: dim(ofInstance, "orders-2")}}}, {Expression: new("x")},
		{MetricStat: &cwtypes.MetricStat{Metric: &cwtypes.Metric{Dimensions: dim(ofTable, "carts")}}},
	}}
	for _, a := range []cwtypes.MetricAlarm{
		plain("cluster", "AWS/RDS", dim(ofCluster, "orders")), plain("writer", "AWS/RDS", dim(ofInstance, "orders-1")), plain("other", "AWS/RDS", dim(ofInstance, "else-1")),
		plain("class", "AWS/RDS", dim("DatabaseClass", "db.r6g.large")), plain("TargetTracking-table/carts-AlarmHigh", "AWS/DynamoDB", dim(ofTable, "carts")),
		plain("table", "AWS/DynamoDB", dim(ofTable, "carts")), plain("stranger", "AWS/DynamoDB", dim(ofTable, "else")), plain("own", "Shop", dim(ofTable, "carts")), math,
	} {
		sortAlarm(a, &rds, tables)
	}
	alarms, others := rds.ofTheCluster("orders", []string{"orders-1", "orders-2"})
	got := []string{}
	for _, a := range append(alarms, tables["carts"].Alarms...) {
		got = append(got, a.Name)
	}
	for _, o := range append(others, tables["carts"].Others...) {
		got = append(got, o.What)
	}
	if diff := cmp.Diff([]string{"cluster", "writer", "table", "alarm math", "alarm math"}, got); diff != "" || alarms[1].Instance != 1 {
		t.Error(diff, alarms)
	}
}

func TestTellDifferences(t *testing.T) {
	var items []CandidateItem
	if got := tellDifferences(items); got != nil {
		t.Errorf("nothing differs: %q", got)
	}
	configuredOne := Difference{"backup retention", "7 days", "1 day", configured + "x"}
	items = []CandidateItem{{Source: "orders", Differences: []Difference{configuredOne, configuredOne, configuredOne, configuredOne}},
		{Source: "carts", Differences: []Difference{{"stream", "KEYS_ONLY", "off", unplanned}, {"resource policy", "present", "none", "w"}}}}
	want := []string{"", "6 setting(s) are not as in production:", "- carts, stream: KEYS_ONLY in production, off here (" + unplanned + ")", "- carts, resource policy: present in production, none here (w)"}
	got := tellDifferences(items)
	if diff := cmp.Diff(want, got[:4]); diff != "" || len(got) != 8 || got[7] != "- and 1 more, in the candidate's record in the ledger" {
		t.Errorf("%s%q", diff, got)
	}
}

func TestKeepable(t *testing.T) {
	got := keepable(map[string]string{"team": "shop", "aws:cloudformation:stack-name": "x", "dbferry:owner": "dbferry", "key": "arn:aws:kms:eu-west-1:111111111111:key/x"})
	if diff := cmp.Diff(map[string]string{"team": "shop"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCarried(t *testing.T) {
	want, why := wishTable(provisioned(), config.TableSettings{MaxCapacity: 100})
	got := compareTable(provisioned(), want, want, why, "").Carried
	if diff := cmp.Diff([]string{"time to live", "point-in-time recovery", "stream", "tag team", "auto scaling of write capacity of index by-owner", "alarm throttled"}, got); diff != "" {
		t.Error(diff)
	}
}
