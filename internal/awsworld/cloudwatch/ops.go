package cloudwatch

import (
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) ops() []awsworld.Op {
	data := awsworld.On(serviceID, "GetMetricData", "cloudwatch:GetMetricData", s.getData)
	data.Source = "CloudWatch API Reference, GetMetricData"
	data.Differs = "metrics only, no expressions; everything on one page"
	stats := awsworld.On(serviceID, "GetMetricStatistics", "cloudwatch:GetMetricStatistics", s.getStatistics)
	stats.Source = "CloudWatch API Reference, GetMetricStatistics"
	stats.Differs = "no percentiles; data points come sorted by time, AWS promises no order"
	return append(s.alarmOps(), data, stats)
}

func (s *Service) getData(c *awsworld.Call, in *sdk.GetMetricDataInput) (*sdk.GetMetricDataOutput, error) {
	if err := service.OnlyFields(c, "StartTime", "EndTime", "MetricDataQueries", "ScanBy", "MaxDatapoints"); err != nil {
		return nil, err
	}
	if err := order(*in.StartTime, *in.EndTime); err != nil {
		return nil, err
	}
	out := &sdk.GetMetricDataOutput{}
	for _, q := range in.MetricDataQueries {
		r, err := s.query(c.Caller.Principal.Account, in, q)
		if err != nil {
			return nil, err
		}
		out.MetricDataResults = append(out.MetricDataResults, r)
	}
	return out, nil
}

func (s *Service) query(account string, in *sdk.GetMetricDataInput, q types.MetricDataQuery) (types.MetricDataResult, error) {
	r := types.MetricDataResult{Id: q.Id, Label: q.Label, StatusCode: types.StatusCodeComplete}
	if q.MetricStat == nil {
		return r, &awsworld.Unsimulated{Service: serviceID, Operation: "GetMetricData with an expression"}
	}
	m := metric(q.MetricStat.Metric)
	if r.Label == nil {
		r.Label = new(m.Name)
	}
	period := time.Duration(*q.MetricStat.Period) * time.Second
	got := s.samples(account, m, *in.StartTime, *in.EndTime, period)
	for i := range got {
		x := got[i]
		if in.ScanBy != types.ScanByTimestampAscending {
			x = got[len(got)-1-i] // newest first is AWS's default
		}
		v, err := x.statistic(*q.MetricStat.Stat)
		if err != nil {
			return r, err
		}
		r.Timestamps, r.Values = append(r.Timestamps, x.at), append(r.Values, v)
	}
	return r, nil
}

func (s *Service) getStatistics(c *awsworld.Call, in *sdk.GetMetricStatisticsInput) (*sdk.GetMetricStatisticsOutput, error) {
	if err := service.OnlyFields(c, "Namespace", "MetricName", "Dimensions", "StartTime", "EndTime", "Period", "Statistics"); err != nil {
		return nil, err
	}
	if err := order(*in.StartTime, *in.EndTime); err != nil {
		return nil, err
	}
	if len(in.Statistics) == 0 {
		return nil, awsworld.Errorf("MissingParameter", "At least one of the parameters Statistics and ExtendedStatistics must be specified.")
	}
	m := metric(&types.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions})
	out := &sdk.GetMetricStatisticsOutput{Label: new(m.Name)}
	period := time.Duration(*in.Period) * time.Second
	for _, x := range s.samples(c.Caller.Principal.Account, m, *in.StartTime, *in.EndTime, period) {
		out.Datapoints = append(out.Datapoints, point(x, in.Statistics))
	}
	return out, nil
}

func point(x sample, want []types.Statistic) types.Datapoint {
	d := types.Datapoint{Timestamp: new(x.at)}
	for _, name := range want {
		v, err := x.statistic(string(name))
		if err != nil {
			continue // the SDK's enumeration holds the basic statistics only
		}
		switch name {
		case types.StatisticSum:
			d.Sum = new(v)
		case types.StatisticAverage:
			d.Average = new(v)
		case types.StatisticMinimum:
			d.Minimum = new(v)
		case types.StatisticMaximum:
			d.Maximum = new(v)
		case types.StatisticSampleCount:
			d.SampleCount = new(v)
		}
	}
	return d
}

func order(start, end time.Time) error {
	if !start.Before(end) {
		return awsworld.Errorf("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
	}
	return nil
}

func metric(m *types.Metric) Metric {
	out := Metric{Namespace: *m.Namespace, Name: *m.MetricName, Dimensions: map[string]string{}}
	for _, d := range m.Dimensions {
		out.Dimensions[*d.Name] = *d.Value
	}
	return out
}
