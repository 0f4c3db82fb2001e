package rehearsal_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/golden"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

const (
	monitoringRole = "arn:aws:iam::222222222222:role/staging-monitoring"
	loadRole       = "arn:aws:iam::222222222222:role/staging-load"
	importRole     = "arn:aws:iam::222222222222:role/staging-import"
)

// manySettings is a data set of both engines whose target overrides much.
func manySettings(c *config.Config) {
	c.DataSet.Clusters = append(c.DataSet.Clusters, config.Selector{ID: "ledger-pg"})
	c.DataSet.Tables = []config.Selector{{ID: "shop-carts"}, {ID: "shop-audit"}, {ID: "shop-sessions"}}
	overrideSettings(&c.Targets[0])
}

func overrideSettings(t *config.Target) {
	shop := &t.Clusters[0]
	shop.Instances, shop.InstanceParameterGroup, shop.MonitoringRole, shop.DatabaseInsights = 2, "staging-writers", monitoringRole, config.InsightsAsProduction
	shop.BacktrackHours, shop.BackupRetentionDays, shop.StorageType, shop.MaxReplicas = new(12), 3, "aurora-iopt1", 2
	shop.Roles, shop.Alarms = []config.FeatureRole{{Role: loadRole}}, config.AlarmsNotify
	t.Clusters = append(t.Clusters, config.ClusterSettings{
		Match: "ledger-*", MasterSecret: "staging/ledger/master", MaxACU: 4, Roles: []config.FeatureRole{{Feature: "s3Import", Role: importRole}},
	})
	t.Tables = []config.TableSettings{
		{Match: "shop-carts", MaxCapacity: 100, Alarms: config.AlarmsNotify},
		{Match: "shop-sessions", BillingMode: "PAY_PER_REQUEST", TimeToLive: new(false), PointInTime: new(false), Alarms: config.AlarmsNone},
		{Match: "*"},
	}
}

// rich is a ground on which everything is set that a restore loses.
func rich(t *testing.T, dir string) *ground.Ground {
	t.Helper()
	c, err := config.Load(filepath.Join(filepath.Dir(dir), "dbferry.json"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := ground.ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	g = g.WithoutApplications()
	shop, ledger := &g.Clusters[0].Settings, &g.Clusters[1].Settings
	prod := g.Account(productionAccount)
	prod.ParameterGroups = append(prod.ParameterGroups, ground.ParameterGroup{Name: "prod-mysql", Family: "aurora-mysql8.0"}, ground.ParameterGroup{Name: "prod-writers", Family: "aurora-mysql8.0", Instance: true})
	shop.ParameterGroup, shop.InstanceParameterGroup, shop.StorageType, shop.IAMAuthentication, shop.HTTPEndpoint = "prod-mysql", "prod-writers", "aurora-iopt1", true, true
	shop.AdvancedInsights, shop.InsightsDays, shop.Readers = true, 465, 2
	shop.Roles = []ground.Role{{ARN: "arn:aws:iam::111111111111:role/load"}, {ARN: "arn:aws:iam::111111111111:role/other"}}
	shop.Scaling = []ground.Scaling{{Dimension: "rds:cluster:ReadReplicaCount", Min: 1, Max: 8, Metric: "RDSReaderAverageCPUUtilization", Target: 60}}
	for n, id := range []string{"shop-orders-1", "shop-orders-3"} {
		shop.Alarms = append(shop.Alarms, ground.Alarm{Name: fmt.Sprint("memory of instance ", n), Metric: "FreeableMemory", Dimensions: map[string]string{"DBInstanceIdentifier": id},
			Statistic: "Minimum", Minutes: 1, Periods: 5, Compare: "LessThanThreshold", Threshold: 1e9})
	}
	shop.Alarms = append(shop.Alarms, ground.Alarm{Name: "ratio", Metric: "Queries", Dimensions: map[string]string{"DBClusterIdentifier": "shop-orders"}, Statistic: "Sum", Minutes: 1, Periods: 1, Math: true})
	ledger.Serverless, ledger.Roles = &ground.ACU{Min: 0, Max: 16, AutoPause: 600}, []ground.Role{{ARN: "arn:aws:iam::111111111111:role/import", Service: "s3Import"}}
	audit := &g.Tables[1].Settings
	*audit = ground.TableSettings{
		Class: "STANDARD_INFREQUENT_ACCESS", ResourcePolicy: `{"Version":"2012-10-17","Statement":[]}`, KinesisStream: "arn:aws:kinesis:eu-west-1:111111111111:stream/audit",
		Replicas: []string{"us-east-1", "eu-west-2"}, Insights: true,
	}
	sessions := &g.Tables[2].Settings
	sessions.Scaling = append(sessions.Scaling, ground.Scaling{Index: "by-owner", Dimension: "dynamodb:index:WriteCapacityUnits", Min: 5, Max: 50, Metric: "Orders", Target: 50, Customized: true})
	return &g
}

// seen is the target as it is after a refresh, in words.
type seen struct {
	Clusters map[string]map[string]string
	Tables   map[string]map[string]string
	Scaling  []string
	Alarms   []string
}

// look refreshes the target on the rich ground, and looks at what came of it.
func look(t *testing.T, dir string, faults []awsworld.Fault) (seen, *rehearsal.Result) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r, err := rehearsal.Open(ctx, rehearsal.Scenario{Assembly: dir, Ground: rich(t, dir), Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	var s seen
	var end rehearsal.Outcome
	err = r.Play(ctx, func(o *rehearsal.Operator) error {
		var err error
		if end, err = o.Refresh("staging", refresh.BackupInput{}); err != nil {
			return err
		}
		return s.look(ctx, o.AWS(stagingAccount))
	})
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.Collect(ctx, end)
	if err != nil || result.Verdict != rehearsal.VerdictSucceeded {
		t.Fatalf("%v, %+v", err, result)
	}
	return s, result
}

func TestSettings(t *testing.T) {
	dir := variant(t, manySettings)
	clean, r := look(t, dir, nil)
	arrived(t, clean, r)
	heal(t, dir, clean)
}

// arrived is what production has and the target wants, and nothing else.
func arrived(t *testing.T, s seen, r *rehearsal.Result) {
	t.Helper()
	id := r.RefreshID
	want := seen{
		Clusters: map[string]map[string]string{
			"shop-orders-" + id: {
				"instances": "2", "group": "staging-aurora-mysql8", "writers": "staging-writers", "logs": "error,slowquery", "iam": "true", "copyTags": "true", "protected": "false",
				"retention": "3", "backtrack": "43200", "storage": "aurora-iopt1", "mode": "advanced", "insights": "465", "monitoring": "60 " + monitoringRole,
				"roles": " " + loadRole + " ACTIVE", "serverless": "", "class": "db.r6g.large", "team": "shop",
			},
			"ledger-pg-" + id: {
				"instances": "1", "group": "default.aurora-postgresql16", "writers": "default.aurora-postgresql16", "logs": "postgresql", "iam": "false", "copyTags": "true", "protected": "false",
				"retention": "1", "backtrack": "0", "storage": "aurora", "mode": "standard", "insights": "7", "monitoring": "0 ",
				"roles": "s3Import " + importRole + " ACTIVE", "serverless": "0-4 600", "class": "db.serverless", "team": "shop",
			},
		},
		Tables: map[string]map[string]string{
			"shop-carts-" + id:    {"mode": "20/10", "by-owner": "10/10", "class": "STANDARD", "protected": "false", "stream": "NEW_AND_OLD_IMAGES", "ttl": "expires", "recovery": "14", "team": "shop"},
			"shop-audit-" + id:    {"mode": "on demand", "class": "STANDARD_INFREQUENT_ACCESS", "protected": "false", "stream": "", "ttl": "expires", "recovery": "35", "team": "shop"},
			"shop-sessions-" + id: {"mode": "on demand", "by-owner": "0/0", "class": "STANDARD", "protected": "false", "stream": "NEW_AND_OLD_IMAGES", "ttl": "", "recovery": "off", "team": "shop"},
		},
		Scaling: []string{
			"cluster:shop-orders-" + id + " rds:cluster:ReadReplicaCount 1-2 RDSReaderAverageCPUUtilization at 60",
			"table/shop-carts-" + id + " dynamodb:table:ReadCapacityUnits 20-100 DynamoDBReadCapacityUtilization at 70",
			"table/shop-carts-" + id + " dynamodb:table:WriteCapacityUnits 10-100 DynamoDBWriteCapacityUtilization at 70",
			"table/shop-carts-" + id + "/index/by-owner dynamodb:index:ReadCapacityUnits 10-100 DynamoDBReadCapacityUtilization at 70",
		},
		Alarms: []string{
			"dbferry/ledger-pg-" + id + "/ledger-pg busy: Average CPUUtilization GreaterThanThreshold 80 for DBClusterIdentifier=ledger-pg-" + id + " Role=WRITER, tells []",
			"dbferry/shop-carts-" + id + "/shop-carts throttled: Sum ReadThrottleEvents GreaterThanOrEqualToThreshold 10 for TableName=shop-carts-" + id + ", tells [arn:aws:sns:eu-west-1:222222222222:dbferry-staging]",
			"dbferry/shop-orders-" + id + "/memory of instance 0: Minimum FreeableMemory LessThanThreshold 1e+09 for DBInstanceIdentifier=shop-orders-" + id + "-1, tells [arn:aws:sns:eu-west-1:222222222222:dbferry-staging]",
			"dbferry/shop-orders-" + id + "/shop-orders busy: Average CPUUtilization GreaterThanThreshold 80 for DBClusterIdentifier=shop-orders-" + id + " Role=WRITER, tells [arn:aws:sns:eu-west-1:222222222222:dbferry-staging]",
		},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error("the target is not as wished (-want +got):\n" + diff)
	}
	if len(r.SecretsLeaked) > 0 {
		t.Errorf("secrets leaked: %q", r.SecretsLeaked)
	}
	differencesAre(t, r)
}

// differencesAre every setting that is not as in production, and no other.
func differencesAre(t *testing.T, r *rehearsal.Result) {
	t.Helper()
	var b bytes.Buffer
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "%s: %s: %s → %s (%s)\n", d.Item, d.Setting, d.Production, d.Here, d.Why)
		if d.Why == "" || strings.Contains(d.Why, "not as asked") {
			t.Errorf("no reason: %+v", d)
		}
	}
	if strings.Contains(b.String(), "arn:aws") {
		t.Error("a difference names an ARN")
	}
	golden.Equal(t, "testdata/differences.golden", b.Bytes())
}

func (s *seen) look(ctx context.Context, cfg aws.Config) error {
	s.Clusters, s.Tables = map[string]map[string]string{}, map[string]map[string]string{}
	if err := s.clusters(ctx, rds.NewFromConfig(cfg)); err != nil {
		return err
	}
	if err := s.tables(ctx, dynamodb.NewFromConfig(cfg)); err != nil {
		return err
	}
	if err := s.scaling(ctx, aas.NewFromConfig(cfg)); err != nil {
		return err
	}
	return s.alarms(ctx, cloudwatch.NewFromConfig(cfg))
}

func (s *seen) clusters(ctx context.Context, client *rds.Client) error {
	out, err := client.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{})
	if err != nil {
		return err
	}
	for _, c := range out.DBClusters {
		m := map[string]string{
			"instances": fmt.Sprint(len(c.DBClusterMembers)), "group": *c.DBClusterParameterGroup, "logs": strings.Join(c.EnabledCloudwatchLogsExports, ","),
			"iam": fmt.Sprint(*c.IAMDatabaseAuthenticationEnabled), "copyTags": fmt.Sprint(*c.CopyTagsToSnapshot), "protected": fmt.Sprint(*c.DeletionProtection),
			"retention": fmt.Sprint(*c.BackupRetentionPeriod), "backtrack": fmt.Sprint(aws.ToInt64(c.BacktrackWindow)), "storage": *c.StorageType,
			"mode": string(c.DatabaseInsightsMode), "roles": "", "serverless": "",
		}
		for _, r := range c.AssociatedRoles {
			m["roles"] += fmt.Sprint(aws.ToString(r.FeatureName), " ", *r.RoleArn, " ", *r.Status)
		}
		if sc := c.ServerlessV2ScalingConfiguration; sc != nil {
			m["serverless"] = fmt.Sprintf("%g-%g %d", *sc.MinCapacity, *sc.MaxCapacity, aws.ToInt32(sc.SecondsUntilAutoPause))
		}
		for _, tag := range c.TagList {
			if *tag.Key == "team" {
				m["team"] = *tag.Value
			}
		}
		i, err := client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(*c.DBClusterIdentifier + "-1")})
		if err != nil {
			return err
		}
		w := i.DBInstances[0]
		m["class"], m["writers"] = *w.DBInstanceClass, *w.DBParameterGroups[0].DBParameterGroupName
		m["insights"], m["monitoring"] = fmt.Sprint(aws.ToInt32(w.PerformanceInsightsRetentionPeriod)), fmt.Sprint(*w.MonitoringInterval, " ", aws.ToString(w.MonitoringRoleArn))
		s.Clusters[*c.DBClusterIdentifier] = m
	}
	return nil
}

func (s *seen) tables(ctx context.Context, client *dynamodb.Client) error {
	list, err := client.ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		return err
	}
	for _, name := range list.TableNames {
		out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
		if err != nil {
			return err
		}
		t := out.Table
		m := map[string]string{
			"mode": fmt.Sprint(*t.ProvisionedThroughput.ReadCapacityUnits, "/", *t.ProvisionedThroughput.WriteCapacityUnits), "class": string(t.TableClassSummary.TableClass),
			"protected": fmt.Sprint(*t.DeletionProtectionEnabled), "stream": "", "recovery": "off",
		}
		if t.BillingModeSummary != nil {
			m["mode"] = "on demand"
		}
		if t.StreamSpecification != nil {
			m["stream"] = string(t.StreamSpecification.StreamViewType)
		}
		for _, i := range t.GlobalSecondaryIndexes {
			m[*i.IndexName] = fmt.Sprint(*i.ProvisionedThroughput.ReadCapacityUnits, "/", *i.ProvisionedThroughput.WriteCapacityUnits)
		}
		if err := more(ctx, client, *t.TableArn, m); err != nil {
			return err
		}
		s.Tables[name] = m
	}
	return nil
}

func more(ctx context.Context, client *dynamodb.Client, arn string, m map[string]string) error {
	ttl, err := client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &arn})
	if err != nil {
		return err
	}
	m["ttl"] = aws.ToString(ttl.TimeToLiveDescription.AttributeName)
	backups, err := client.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &arn})
	if err != nil {
		return err
	}
	if d := backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.RecoveryPeriodInDays; d != nil {
		m["recovery"] = fmt.Sprint(*d)
	}
	tags, err := client.ListTagsOfResource(ctx, &dynamodb.ListTagsOfResourceInput{ResourceArn: &arn})
	if err != nil {
		return err
	}
	for _, tag := range tags.Tags {
		if *tag.Key == "team" {
			m["team"] = *tag.Value
		}
	}
	return nil
}

func (s *seen) scaling(ctx context.Context, client *aas.Client) error {
	for _, ns := range []aastypes.ServiceNamespace{aastypes.ServiceNamespaceRds, aastypes.ServiceNamespaceDynamodb} {
		targets, err := client.DescribeScalableTargets(ctx, &aas.DescribeScalableTargetsInput{ServiceNamespace: ns})
		if err != nil {
			return err
		}
		for _, t := range targets.ScalableTargets {
			policies, err := client.DescribeScalingPolicies(ctx, &aas.DescribeScalingPoliciesInput{ServiceNamespace: ns, ResourceId: t.ResourceId, ScalableDimension: t.ScalableDimension})
			if err != nil {
				return err
			}
			text := fmt.Sprintf("%s %s %d-%d", *t.ResourceId, t.ScalableDimension, *t.MinCapacity, *t.MaxCapacity)
			for _, p := range policies.ScalingPolicies {
				cfg := p.TargetTrackingScalingPolicyConfiguration
				text += fmt.Sprintf(" %s at %g", cfg.PredefinedMetricSpecification.PredefinedMetricType, *cfg.TargetValue)
			}
			s.Scaling = append(s.Scaling, text)
		}
	}
	return nil
}

// alarms lists those that dbferry put.
func (s *seen) alarms(ctx context.Context, client *cloudwatch.Client) error {
	out, err := client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String("dbferry/")})
	if err != nil {
		return err
	}
	for _, a := range out.MetricAlarms {
		text := fmt.Sprintf("%s: %s %s %s %g for", *a.AlarmName, a.Statistic, *a.MetricName, a.ComparisonOperator, *a.Threshold)
		for _, d := range a.Dimensions {
			text += " " + *d.Name + "=" + *d.Value
		}
		s.Alarms = append(s.Alarms, fmt.Sprintf("%s, tells %v", text, a.AlarmActions))
	}
	return nil
}

// heal: faults at the calls that read and give settings cost time only. Several
// at once, since each run takes a while.
func heal(t *testing.T, dir string, clean seen) {
	t.Helper()
	const cluster, table = "staging-restore/cluster/Finish the cluster (cluster)/", "staging-restore/table/Finish the table (table)/"
	for name, sites := range map[string][]string{
		"replies lost": {
			cluster + "RDS.AddRoleToDBCluster=lost", cluster + "RDS.ModifyDBCluster=lost", cluster + "CloudWatch.PutMetricAlarm=lost",
			cluster + "Application Auto Scaling.RegisterScalableTarget=lost", cluster + "Application Auto Scaling.PutScalingPolicy=lost",
			table + "Application Auto Scaling.RegisterScalableTarget=lost", table + "Application Auto Scaling.PutScalingPolicy=lost",
			table + "CloudWatch.PutMetricAlarm=lost", table + "DynamoDB.UpdateTable=lost", table + "DynamoDB.UpdateContinuousBackups=lost",
		},
		"crashes and limits": {
			"production-backup/-/Check the ground/CloudWatch.DescribeAlarms=crash", "production-backup/table/Record settings/DynamoDB.GetResourcePolicy=throttle",
			"production-backup/cluster/Record settings/Application Auto Scaling.DescribeScalableTargets=throttle",
			cluster + "RDS.AddRoleToDBCluster=crash", cluster + "CloudWatch.PutMetricAlarm=crash#2", table + "Application Auto Scaling.RegisterScalableTarget=crash#2",
			table + "CloudWatch.PutMetricAlarm=throttle", table + "DynamoDB.UpdateTable=crash",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var faults []awsworld.Fault
			for _, site := range sites {
				faults = append(faults, fault(t, site)...)
			}
			s, r := look(t, dir, faults)
			if diff := cmp.Diff(clean, s); diff != "" {
				t.Error("not the same as without the faults:\n" + diff)
			}
			differencesAre(t, r)
		})
	}
}
