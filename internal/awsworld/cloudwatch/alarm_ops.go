package cloudwatch

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

func (s *Service) alarmOps() []awsworld.Op {
	put := awsworld.On(serviceID, "PutMetricAlarm", "cloudwatch:PutMetricAlarm", s.putAlarm)
	put.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.PutMetricAlarmInput](c)
		out := []awsworld.Resource{s.resource(c, aws.ToString(in.AlarmName))}
		if len(in.Tags) > 0 {
			tag := out[0]
			tag.Action = "cloudwatch:TagResource"
			out = append(out, tag)
		}
		return out
	}
	put.ConditionKeys = putKeys
	put.Source = "CloudWatch API Reference, PutMetricAlarm; Service Authorization Reference, CloudWatch (alarm*, cloudwatch:AlarmActions, aws:RequestTag)"
	put.Differs = "alarms on several periods, percentiles or expressions are kept and never go off; anomaly detection and PromQL are refused by name; a topic of another account is not looked at"
	describe := awsworld.On(serviceID, "DescribeAlarms", "cloudwatch:DescribeAlarms", s.describeAlarms)
	describe.Resources = func(c *awsworld.Call) []awsworld.Resource {
		names := awsworld.Input[sdk.DescribeAlarmsInput](c).AlarmNames
		if len(names) == 0 {
			return []awsworld.Resource{s.resource(c, "*")}
		}
		var out []awsworld.Resource
		for _, n := range names {
			out = append(out, s.resource(c, n))
		}
		return out
	}
	describe.Source = "CloudWatch API Reference, DescribeAlarms; Service Authorization Reference, CloudWatch (alarm*)"
	describe.Differs = "metric alarms only; the state is always INSUFFICIENT_DATA; the ARN that is asked for without names, alarm:*, is read out of the reference"
	remove := awsworld.On(serviceID, "DeleteAlarms", "cloudwatch:DeleteAlarms", s.deleteAlarms)
	remove.Resources = func(c *awsworld.Call) []awsworld.Resource {
		var out []awsworld.Resource
		for _, n := range awsworld.Input[sdk.DeleteAlarmsInput](c).AlarmNames {
			out = append(out, s.resource(c, n))
		}
		return out
	}
	remove.Source = "CloudWatch API Reference, DeleteAlarms"
	tags := awsworld.On(serviceID, "ListTagsForResource", "cloudwatch:ListTagsForResource", s.listTags)
	tags.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{s.resource(c, nameOf(aws.ToString(awsworld.Input[sdk.ListTagsForResourceInput](c).ResourceARN)))}
	}
	tags.Source = "CloudWatch API Reference, ListTagsForResource"
	tags.Differs = "alarms only"
	return []awsworld.Op{put, describe, remove, tags}
}

// resource is an alarm of the caller's account.
func (s *Service) resource(c *awsworld.Call, name string) awsworld.Resource {
	r := awsworld.Resource{ARN: s.w.ARN("cloudwatch", c.Account.ID, "alarm:"+name), Owner: c.Account.ID, Kind: iam.NoPolicy}
	if a := s.alarms[c.Account.ID][name]; a != nil {
		r.Context = service.TagContext(a.Tags)
	}
	return r
}

func nameOf(arn string) string { return strings.TrimPrefix(service.ResourceOf(arn), "alarm:") }

func putKeys(c *awsworld.Call) map[string][]string {
	in := awsworld.Input[sdk.PutMetricAlarmInput](c)
	keys := map[string][]string{}
	if actions := slices.Concat(in.AlarmActions, in.OKActions, in.InsufficientDataActions); len(actions) > 0 {
		keys["cloudwatch:AlarmActions"] = actions
	}
	for _, t := range in.Tags {
		keys["aws:RequestTag/"+aws.ToString(t.Key)] = []string{aws.ToString(t.Value)}
		keys["aws:TagKeys"] = append(keys["aws:TagKeys"], aws.ToString(t.Key))
	}
	return keys
}

// putAlarm creates or replaces an alarm as a whole; tags of one that exists
// stay as they are.
func (s *Service) putAlarm(c *awsworld.Call, in *sdk.PutMetricAlarmInput) (*sdk.PutMetricAlarmOutput, error) {
	if err := service.OnlyFields(c, "AlarmName", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions",
		"Namespace", "MetricName", "Dimensions", "Statistic", "ExtendedStatistic", "Unit", "Period", "EvaluationPeriods", "DatapointsToAlarm",
		"ComparisonOperator", "Threshold", "TreatMissingData", "EvaluateLowSampleCountPercentile", "Tags"); err != nil {
		return nil, err
	}
	a := specOf(in)
	if err := checkAlarm(a); err != nil {
		return nil, err
	}
	_, err := (sample{count: 1}).statistic(a.Statistic)
	s.store(c.Account.ID, a, err == nil && a.Periods == 1 && a.Period%time.Minute == 0)
	return &sdk.PutMetricAlarmOutput{}, nil
}

func specOf(in *sdk.PutMetricAlarmInput) AlarmSpec {
	a := AlarmSpec{
		Name: aws.ToString(in.AlarmName), Description: aws.ToString(in.AlarmDescription),
		Metric:    metric(&types.Metric{Namespace: aws.String(aws.ToString(in.Namespace)), MetricName: aws.String(aws.ToString(in.MetricName)), Dimensions: in.Dimensions}),
		Statistic: string(in.Statistic), Unit: string(in.Unit), Period: time.Duration(aws.ToInt32(in.Period)) * time.Second, Periods: aws.ToInt32(in.EvaluationPeriods),
		Datapoints: aws.ToInt32(in.DatapointsToAlarm), Compare: string(in.ComparisonOperator), Threshold: aws.ToFloat64(in.Threshold),
		Missing: aws.ToString(in.TreatMissingData), LowSamples: aws.ToString(in.EvaluateLowSampleCountPercentile),
		Actions: slices.Clone(in.AlarmActions), OK: slices.Clone(in.OKActions), Unknown: slices.Clone(in.InsufficientDataActions), Tags: map[string]string{},
	}
	if in.ExtendedStatistic != nil {
		a.Statistic = *in.ExtendedStatistic
	}
	for _, t := range in.Tags {
		a.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return a
}

var percentile = regexp.MustCompile(`^(p([0-9]{1,2}(\.[0-9]{1,10})?|100)|IQM|(tm|wm|tc|ts|pr)[0-9(].*)$`)

func checkAlarm(a AlarmSpec) error {
	period := a.Period / time.Second
	_, basic := (sample{count: 1}).statistic(a.Statistic)
	switch {
	case a.Name == "" || len(a.Name) > 255:
		return invalid("Value at 'alarmName' failed to satisfy constraint: Member must have length between 1 and 255")
	case a.Metric.Name == "" || a.Metric.Namespace == "":
		return invalid("The parameters MetricName and Namespace are required for an alarm on one metric")
	case len(a.Metric.Dimensions) > 30:
		return invalid("An alarm takes up to 30 dimensions")
	case basic != nil && !percentile.MatchString(a.Statistic):
		return invalid("The statistic %q is not valid", a.Statistic)
	case comparisons[a.Compare] == nil:
		return invalid("The comparison operator %q is not valid for a static threshold", a.Compare)
	case period != 10 && period != 20 && period != 30 && (period < 60 || period%60 != 0):
		return invalid("The period %d must be 10, 20, 30 or a multiple of 60 seconds", period)
	case a.Periods < 1 || a.Datapoints > a.Periods:
		return invalid("EvaluationPeriods must be at least 1 and DatapointsToAlarm no more than it")
	case period*time.Duration(a.Periods) > 7*86400:
		return invalid("Metrics cannot be checked across more than seven days")
	case a.Missing != "" && !slices.Contains([]string{"breaching", "notBreaching", "ignore", "missing"}, a.Missing):
		return invalid("TreatMissingData %q is not valid", a.Missing)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return awsworld.Errorf("ValidationError", format, args...)
}

func (s *Service) describeAlarms(c *awsworld.Call, in *sdk.DescribeAlarmsInput) (*sdk.DescribeAlarmsOutput, error) {
	if err := service.OnlyFields(c, "AlarmNames", "AlarmNamePrefix", "AlarmTypes", "MaxRecords", "NextToken"); err != nil {
		return nil, err
	}
	limit := int(aws.ToInt32(in.MaxRecords))
	switch {
	case limit == 0:
		limit = 50
	case limit < 1 || limit > 100:
		return nil, invalid("MaxRecords must be between 1 and 100")
	}
	if len(in.AlarmNames) > 100 || len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil {
		return nil, invalid("Up to 100 AlarmNames, or an AlarmNamePrefix")
	}
	out := &sdk.DescribeAlarmsOutput{}
	if len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, types.AlarmTypeMetricAlarm) {
		return out, nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.alarms[c.Account.ID])) {
		if len(in.AlarmNames) > 0 && !slices.Contains(in.AlarmNames, name) || !strings.HasPrefix(name, aws.ToString(in.AlarmNamePrefix)) ||
			name <= aws.ToString(in.NextToken) {
			continue
		}
		if len(out.MetricAlarms) == limit {
			out.NextToken = aws.String(aws.ToString(out.MetricAlarms[limit-1].AlarmName))
			break
		}
		out.MetricAlarms = append(out.MetricAlarms, s.view(s.alarms[c.Account.ID][name]))
	}
	return out, nil
}

func (s *Service) view(a *alarm) types.MetricAlarm {
	v := types.MetricAlarm{
		AlarmName: aws.String(a.Name), AlarmArn: aws.String(s.w.ARN("cloudwatch", a.account, "alarm:"+a.Name)), ActionsEnabled: aws.Bool(true),
		AlarmActions: slices.Clone(a.Actions), OKActions: slices.Clone(a.OK), InsufficientDataActions: slices.Clone(a.Unknown),
		EvaluationPeriods: aws.Int32(a.Periods), ComparisonOperator: types.ComparisonOperator(a.Compare), Threshold: aws.Float64(a.Threshold),
		StateValue: types.StateValueInsufficientData, Unit: types.StandardUnit(a.Unit),
		AlarmDescription: optional(a.Description), TreatMissingData: optional(a.Missing), EvaluateLowSampleCountPercentile: optional(a.LowSamples),
	}
	if a.Datapoints > 0 {
		v.DatapointsToAlarm = aws.Int32(a.Datapoints)
	}
	if len(a.Expression) > 0 {
		v.Metrics = slices.Clone(a.Expression)
		return v
	}
	v.Namespace, v.MetricName, v.Period = aws.String(a.Metric.Namespace), aws.String(a.Metric.Name), aws.Int32(int32(a.Period/time.Second))
	for _, k := range slices.Sorted(maps.Keys(a.Metric.Dimensions)) {
		v.Dimensions = append(v.Dimensions, types.Dimension{Name: aws.String(k), Value: aws.String(a.Metric.Dimensions[k])})
	}
	if slices.Contains(types.Statistic("").Values(), types.Statistic(a.Statistic)) {
		v.Statistic = types.Statistic(a.Statistic)
	} else {
		v.ExtendedStatistic = aws.String(a.Statistic)
	}
	return v
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// deleteAlarms ignores names that do not exist.
func (s *Service) deleteAlarms(c *awsworld.Call, in *sdk.DeleteAlarmsInput) (*sdk.DeleteAlarmsOutput, error) {
	for _, name := range in.AlarmNames {
		if a := s.alarms[c.Account.ID][name]; a != nil {
			s.watched[a.key()] = slices.DeleteFunc(s.watched[a.key()], func(x *alarm) bool { return x == a })
			delete(s.alarms[c.Account.ID], name)
		}
	}
	return &sdk.DeleteAlarmsOutput{}, nil
}

func (s *Service) listTags(c *awsworld.Call, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	a := s.alarms[c.Account.ID][nameOf(aws.ToString(in.ResourceARN))]
	if a == nil {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Alarm " + aws.ToString(in.ResourceARN) + " does not exist")}
	}
	out := &sdk.ListTagsForResourceOutput{}
	for _, k := range slices.Sorted(maps.Keys(a.Tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(a.Tags[k])})
	}
	return out, nil
}
