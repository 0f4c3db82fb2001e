package rehearsal

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/autoscaling"
	"github.com/dbferry/dbferry/internal/awsworld/cloudwatch"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/ground"
)

func (s *stage) putRole(account string, r ground.Role) error {
	trust, err := service.Policy("trust of "+r.ARN, account,
		[]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"`+r.Service+`"},"Action":"sts:AssumeRole"}]}`))
	if err != nil {
		return err
	}
	s.w.Account(account).PutRole(&awsworld.Role{ARN: r.ARN, Name: path.Base(r.ARN), Account: account, Trust: *trust})
	return nil
}

func applyCluster(spec *rds.ClusterSpec, g ground.ClusterSettings) {
	spec.ParameterGroup, spec.IAMAuthentication, spec.StorageType, spec.HTTPEndpoint = g.ParameterGroup, g.IAMAuthentication, g.StorageType, g.HTTPEndpoint
	spec.BacktrackSeconds, spec.BackupRetentionDays, spec.AdvancedInsights = g.BacktrackHours*3600, cmp.Or(g.BackupRetentionDays, 7), g.AdvancedInsights
	if a := g.Serverless; a != nil {
		spec.Serverless = rds.Scaling{Min: a.Min, Max: a.Max, AutoPause: a.AutoPause}
	}
	for _, r := range g.Roles {
		spec.Roles = append(spec.Roles, rds.Role{ARN: r.ARN, Feature: r.Service})
	}
}

// putInstances makes the writer and the readers, all watched alike.
func (s *stage) putInstances(account string, c ground.Cluster) error {
	g := c.Settings
	for n := 1; n <= 1+g.Readers; n++ {
		spec := rds.InstanceSpec{
			ID: fmt.Sprintf("%s-%d", strings.TrimRight(c.ID[:min(len(c.ID), 60)], "-"), n), Cluster: c.ID, Class: c.InstanceClass, Tags: c.Tags, ParameterGroup: g.InstanceParameterGroup,
			MonitoringInterval: g.MonitoringSeconds, PerformanceInsights: g.InsightsDays > 0, InsightsDays: g.InsightsDays,
		}
		if g.MonitoringSeconds > 0 {
			spec.MonitoringRoleARN = g.MonitoringRole
		}
		if g.Serverless != nil {
			spec.Class = "db.serverless"
		}
		if err := s.rds.PutInstance(account, spec); err != nil {
			return err
		}
	}
	return nil
}

func applyTable(spec *dynamodb.TableSpec, g ground.TableSettings) {
	spec.Read, spec.Write, spec.Class, spec.Stream = g.Read, g.Write, types.TableClass(g.Class), types.StreamViewType(g.Stream)
	spec.RecoveryDays, spec.DeletionProtection, spec.ContributorInsights = g.RecoveryDays, g.DeletionProtection, g.Insights
	spec.ResourcePolicy, spec.KinesisStream, spec.Replicas = g.ResourcePolicy, g.KinesisStream, g.Replicas
	for _, i := range g.Indexes {
		spec.Indexes = append(spec.Indexes, dynamodb.Index{Name: i.Name, Hash: dynamodb.Attribute{Name: i.Hash, Type: types.ScalarAttributeTypeS}, Read: i.Read, Write: i.Write})
	}
}

// putBeside puts the scalable targets and alarms of a table or a cluster.
func (s *stage) putBeside(account, resource, namespace string, scaling []ground.Scaling, alarms []ground.Alarm) error {
	for _, g := range scaling {
		t := autoscaling.Target{Resource: resource, Dimension: g.Dimension, Min: g.Min, Max: g.Max,
			Policies: []autoscaling.Policy{{Name: g.Metric + ":" + resource, Metric: g.Metric, Value: g.Target, In: g.Cooldown, Out: g.Cooldown, Customized: g.Customized}}}
		if g.Index != "" {
			t.Resource += "/index/" + g.Index
		}
		if err := s.scaling.PutTarget(account, t); err != nil {
			return err
		}
	}
	for _, g := range alarms {
		s.metrics.PutAlarmAsIs(account, s.alarmOf(account, namespace, g))
	}
	return nil
}

func (s *stage) alarmOf(account, namespace string, g ground.Alarm) cloudwatch.AlarmSpec {
	a := cloudwatch.AlarmSpec{
		Name: g.Name, Description: "As the operators of production want it.", Metric: cloudwatch.Metric{Namespace: namespace, Name: g.Metric, Dimensions: g.Dimensions},
		Statistic: g.Statistic, Period: time.Duration(g.Minutes) * time.Minute, Periods: g.Periods, Datapoints: g.Datapoints, Compare: g.Compare,
		Threshold: g.Threshold, Missing: g.Missing, Actions: []string{s.w.ARN("sns", account, "pagers")},
	}
	if g.Math {
		m := &cwtypes.Metric{Namespace: &namespace, MetricName: &g.Metric}
		for _, d := range []string{"TableName", "DBClusterIdentifier", "DBInstanceIdentifier"} {
			if v := g.Dimensions[d]; v != "" {
				m.Dimensions = append(m.Dimensions, cwtypes.Dimension{Name: aws.String(d), Value: aws.String(v)})
			}
		}
		a.Expression = []cwtypes.MetricDataQuery{
			{Id: aws.String("m"), MetricStat: &cwtypes.MetricStat{Metric: m, Period: aws.Int32(60), Stat: &g.Statistic}, ReturnData: aws.Bool(false)},
			{Id: aws.String("e"), Expression: aws.String("m / PERIOD(m)")},
		}
	}
	return a
}
