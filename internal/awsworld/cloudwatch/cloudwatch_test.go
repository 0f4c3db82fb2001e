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

func alarmIn(name string, change func(*sdk.PutMetricAlarmInput)) *sdk.PutMetricAlarmInput {
	in := &sdk.PutMetricAlarmInput{
		AlarmName: &name, Namespace: new("AWS/DynamoDB"), MetricName: new("ReadThrottleEvents"), Statistic: types.StatisticSum, Period: new(int32(60)),
		EvaluationPeriods: new(int32(1)), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, Threshold: new(5.0),
		Dimensions: []types.Dimension{{Name: new("TableName"), Value: new("carts")}}, Tags: []types.Tag{{Key: new("owner"), Value: new("us")}},
	}
	if change != nil {
		change(in)
	}
	return in
}

// TestPutAndDescribeAlarms: an alarm is replaced as a whole but for its tags,
// and goes off like one that was there before.
func TestPutAndDescribeAlarms(t *testing.T) {
	f := worldtest.New(t)
	s := cloudwatch.New(f.W)
	client := sdk.NewFromConfig(f.As(worldtest.Staging, "finisher", worldtest.Allow("cloudwatch:*", "*")))
	f.Run(func() {
		for _, in := range []*sdk.PutMetricAlarmInput{
			alarmIn("a", nil),
			alarmIn("a", func(in *sdk.PutMetricAlarmInput) {
				in.Threshold, in.Tags = new(1.0), []types.Tag{{Key: new("owner"), Value: new("them")}}
			}),
			alarmIn("b", func(in *sdk.PutMetricAlarmInput) {
				in.Statistic, in.ExtendedStatistic, in.EvaluationPeriods, in.DatapointsToAlarm = "", new("p99"), new(int32(5)), new(int32(3))
			}),
		} {
			if _, err := client.PutMetricAlarm(ctx, in); err != nil {
				t.Error(err)
			}
		}
		out, err := client.DescribeAlarms(ctx, &sdk.DescribeAlarmsInput{AlarmNames: []string{"a", "b", "none"}})
		if err != nil || len(out.MetricAlarms) != 2 {
			t.Fatalf("%v, %v", out, err)
		}
		a, b := out.MetricAlarms[0], out.MetricAlarms[1]
		if *a.Threshold != 1 || *a.Dimensions[0].Value != "carts" || *b.ExtendedStatistic != "p99" || *b.DatapointsToAlarm != 3 || b.Statistic != "" {
			t.Errorf("%+v, %+v", a, b)
		}
		tags, err := client.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceARN: a.AlarmArn})
		if err != nil || *tags.Tags[0].Value != "us" {
			t.Errorf("tags %v, %v", tags, err)
		}
		s.Put(worldtest.Staging, cloudwatch.Metric{Namespace: "AWS/DynamoDB", Name: "ReadThrottleEvents", Dimensions: map[string]string{"TableName": "carts"}}, 3)
		if _, err := client.DeleteAlarms(ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"a", "b", "none"}}); err != nil {
			t.Error(err)
		}
	})
	if len(s.Firings()) != 1 || len(s.Alarms(worldtest.Staging)) != 0 {
		t.Errorf("firings %v, alarms left %v", s.Firings(), s.Alarms(worldtest.Staging))
	}
}

func TestDescribeAlarmsPages(t *testing.T) {
	f := worldtest.New(t)
	s := cloudwatch.New(f.W)
	for i := range 7 {
		s.PutAlarmAsIs(worldtest.Staging, cloudwatch.AlarmSpec{Name: fmt.Sprint("alarm-", i), Metric: cloudwatch.Metric{Namespace: "N", Name: "M"}, Period: time.Minute})
	}
	client := sdk.NewFromConfig(f.As(worldtest.Staging, "reader", worldtest.Allow("cloudwatch:DescribeAlarms", "arn:aws:cloudwatch:eu-west-1:222222222222:alarm:*")))
	narrow := sdk.NewFromConfig(f.As(worldtest.Staging, "narrow", worldtest.Allow("cloudwatch:DescribeAlarms", "arn:aws:cloudwatch:eu-west-1:222222222222:alarm:alarm-1")))
	f.Run(func() {
		n, pages := 0, sdk.NewDescribeAlarmsPaginator(client, &sdk.DescribeAlarmsInput{MaxRecords: new(int32(3))})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			n += len(page.MetricAlarms)
		}
		if n != 7 {
			t.Errorf("%d alarms, want 7", n)
		}
		if _, err := narrow.DescribeAlarms(ctx, &sdk.DescribeAlarmsInput{}); service.Code(err) != "AccessDenied" {
			t.Errorf("all alarms with permission for one: %v", err)
		}
		if out, err := narrow.DescribeAlarms(ctx, &sdk.DescribeAlarmsInput{AlarmNames: []string{"alarm-1"}}); err != nil || len(out.MetricAlarms) != 1 {
			t.Errorf("one alarm: %v, %v", out, err)
		}
	})
}

func TestPutMetricAlarmRefuses(t *testing.T) {
	const narrow = `{"Effect":"Allow","Action":"cloudwatch:PutMetricAlarm","Resource":"*","Condition":{"ForAllValues:StringEquals":{"cloudwatch:AlarmActions":"arn:aws:sns:eu-west-1:222222222222:ours"}}}`
	const tag = `{"Effect":"Allow","Action":"cloudwatch:TagResource","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/owner":"us"}}}`
	for name, c := range map[string]struct {
		change func(*sdk.PutMetricAlarmInput)
		want   string
	}{
		"fine": {nil, ""},
		"own topic": {func(in *sdk.PutMetricAlarmInput) {
			in.AlarmActions = []string{"arn:aws:sns:eu-west-1:222222222222:ours"}
		}, ""},
		"another topic": {func(in *sdk.PutMetricAlarmInput) {
			in.OKActions = []string{"arn:aws:sns:eu-west-1:222222222222:theirs"}
		}, "AccessDenied"},
		"another tag":     {func(in *sdk.PutMetricAlarmInput) { in.Tags[0].Value = new("them") }, "AccessDenied"},
		"period":          {func(in *sdk.PutMetricAlarmInput) { in.Period = new(int32(45)) }, "ValidationError"},
		"a week":          {func(in *sdk.PutMetricAlarmInput) { in.Period, in.EvaluationPeriods = new(int32(86400)), new(int32(8)) }, "ValidationError"},
		"datapoints":      {func(in *sdk.PutMetricAlarmInput) { in.DatapointsToAlarm = new(int32(2)) }, "ValidationError"},
		"missing data":    {func(in *sdk.PutMetricAlarmInput) { in.TreatMissingData = new("never") }, "ValidationError"},
		"percentile":      {func(in *sdk.PutMetricAlarmInput) { in.Statistic, in.ExtendedStatistic = "", new("p101") }, "ValidationError"},
		"no metric":       {func(in *sdk.PutMetricAlarmInput) { in.MetricName = nil }, "ValidationError"},
		"a name too long": {func(in *sdk.PutMetricAlarmInput) { in.AlarmName = new(string(make([]byte, 256))) }, "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			f := worldtest.New(t)
			cloudwatch.New(f.W)
			client := sdk.NewFromConfig(f.As(worldtest.Staging, "finisher", narrow, tag))
			f.Run(func() {
				if _, err := client.PutMetricAlarm(ctx, alarmIn("a", c.change)); service.Code(err) != c.want {
					t.Errorf("%v, want %q", err, c.want)
				}
			})
		})
	}
}
