package cloudwatch_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/cloudwatch"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

var ctx = context.Background()

func sized(s *cloudwatch.Service) {
	s.Provide("AWS/RDS", "VolumeBytesUsed", func(account string, m cloudwatch.Metric, _ time.Time) (float64, bool) {
		return 1 << 30, account == worldtest.Production && m.Dimensions["DBClusterIdentifier"] == "orders"
	})
}

func TestGetMetricDataAndStatistics(t *testing.T) {
	f := worldtest.New(t)
	s := cloudwatch.New(f.W)
	sized(s)
	cfg := f.As(worldtest.Production, "reader", worldtest.Allow("cloudwatch:Get*", "*"))
	denied := f.As(worldtest.Production, "other", worldtest.Allow("rds:*", "*"))
	end, start := worldtest.Start, worldtest.Start.Add(-10*time.Minute)
	metric := &types.Metric{Namespace: new("AWS/RDS"), MetricName: new("VolumeBytesUsed"),
		Dimensions: []types.Dimension{{Name: new("DBClusterIdentifier"), Value: new("orders")}}}
	f.Run(func() {
		q := types.MetricDataQuery{Id: new("a"), MetricStat: &types.MetricStat{Metric: metric, Period: new(int32(300)), Stat: new("Average")}}
		in := &sdk.GetMetricDataInput{StartTime: &start, EndTime: &end, MetricDataQueries: []types.MetricDataQuery{q}}
		out, err := sdk.NewFromConfig(cfg).GetMetricData(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		r := out.MetricDataResults[0]
		if diff := cmp.Diff([]float64{1 << 30, 1 << 30}, r.Values); diff != "" || !r.Timestamps[0].After(r.Timestamps[1]) {
			t.Errorf("values %v at %v", r.Values, r.Timestamps)
		}
		stats, err := sdk.NewFromConfig(cfg).GetMetricStatistics(ctx, &sdk.GetMetricStatisticsInput{
			Namespace: metric.Namespace, MetricName: metric.MetricName, Dimensions: metric.Dimensions,
			StartTime: &start, EndTime: &end, Period: new(int32(600)), Statistics: []types.Statistic{"Maximum"}})
		if err != nil || len(stats.Datapoints) != 1 || *stats.Datapoints[0].Maximum != 1<<30 {
			t.Errorf("statistics %v, %v", stats, err)
		}
		if _, err = sdk.NewFromConfig(denied).GetMetricData(ctx, in); service.Code(err) != "AccessDenied" {
			t.Errorf("without permission: %v", err)
		}
	})
}

func TestAnAlarmFiresOnceAPeriod(t *testing.T) {
	f := worldtest.New(t)
	s := cloudwatch.New(f.W)
	var told []string
	s.Publish = func(_ context.Context, c awsworld.Caller, topic, subject, _ string) error {
		told = append(told, fmt.Sprint(c.Service, " ", topic, " ", subject))
		return nil
	}
	m := cloudwatch.Metric{Namespace: "AWS/States", Name: "ExecutionsFailed", Dimensions: map[string]string{"StateMachineArn": "m"}}
	err := s.PutAlarm(worldtest.Staging, cloudwatch.AlarmSpec{Name: "failed", Metric: m, Statistic: "Sum", Period: 5 * time.Minute,
		Compare: "GreaterThanThreshold", Threshold: 1, Actions: []string{"topic"}})
	if err != nil {
		t.Fatal(err)
	}
	f.Run(func() {
		for range 4 {
			s.Put(worldtest.Staging, m, 1)
			s.Put(worldtest.Production, m, 9)
			_ = f.W.Kernel.Sleep(ctx, time.Minute)
		}
	})
	if len(s.Firings()) != 1 || s.Firings()[0].Value != 2 {
		t.Errorf("firings %v", s.Firings())
	}
	if diff := cmp.Diff([]string{`cloudwatch.amazonaws.com topic ALARM: "failed" in eu-west-1`}, told); diff != "" {
		t.Error(diff)
	}
}

func TestAlarmsThatAreNotSimulatedAreRefused(t *testing.T) {
	s := cloudwatch.New(worldtest.New(t).W)
	for name, a := range map[string]cloudwatch.AlarmSpec{
		"comparison": {Statistic: "Sum", Period: time.Minute, Compare: "LessThanLowerThreshold"},
		"period":     {Statistic: "Sum", Period: time.Second, Compare: "GreaterThanThreshold"},
		"statistic":  {Statistic: "p99", Period: time.Minute, Compare: "GreaterThanThreshold"},
	} {
		if err := s.PutAlarm(worldtest.Staging, a); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
