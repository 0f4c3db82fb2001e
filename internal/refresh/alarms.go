package refresh

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/names"
)

// The dimensions by which CloudWatch knows whose metric it is.
const (
	ofTable    = "TableName"
	ofCluster  = "DBClusterIdentifier"
	ofInstance = "DBInstanceIdentifier"
)

// foundAlarms are the alarms of one table, or of all of RDS.
type foundAlarms struct {
	Alarms []Alarm `json:"alarms,omitempty"`
	Others []Other `json:"others,omitempty"` // of tables
	// Math are alarms on expressions, by the clusters and instances in them.
	Math map[string][]string `json:"math,omitempty"`
}

// alarmsKey is where the alarms of all clusters lie; a table's lie with the item.
func alarmsKey(id string) string { return runKey(id, "alarms-rds.json") }

func tableAlarmsKey(id, table string) string { return itemKey(id, Table, table, "alarms") }

// recordAlarms lists production's alarms once a refresh, not once an item: an
// account may have thousands, and CloudWatch cannot look for those of a
// resource. Tables without alarms leave nothing.
func recordAlarms(ctx context.Context, client *cloudwatch.Client, l *ledger.Ledger, p Plan) error {
	rds, tables := foundAlarms{Math: map[string][]string{}}, map[string]*foundAlarms{}
	for _, it := range p.Items {
		if it.Kind == Table {
			tables[it.ID] = &foundAlarms{}
		}
	}
	pages := cloudwatch.NewDescribeAlarmsPaginator(client, &cloudwatch.DescribeAlarmsInput{AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fault.AWS("list the alarms", "CloudWatch", err)
		}
		for _, a := range page.MetricAlarms {
			sortAlarm(a, &rds, tables)
		}
	}
	if err := l.Put(ctx, alarmsKey(p.RefreshID), rds); err != nil {
		return err
	}
	for _, it := range p.Items {
		t := tables[it.ID]
		if it.Kind != Table || len(t.Alarms)+len(t.Others) == 0 {
			continue
		}
		if err := l.Put(ctx, tableAlarmsKey(p.RefreshID, it.ID), t); err != nil {
			return err
		}
	}
	return nil
}

// sortAlarm puts an alarm with those of its resource. Application Auto Scaling
// makes its own, which come and go with its policies.
func sortAlarm(a cwtypes.MetricAlarm, rds *foundAlarms, tables map[string]*foundAlarms) {
	name := aws.ToString(a.AlarmName)
	if strings.HasPrefix(name, "TargetTracking-") {
		return
	}
	if a.MetricName == nil {
		sortMath(a, rds, tables)
		return
	}
	dims := dimensions(a.Dimensions)
	switch aws.ToString(a.Namespace) {
	case "AWS/DynamoDB":
		if t := tables[dims[ofTable]]; t != nil {
			t.Alarms = append(t.Alarms, recordAlarm(a))
		}
	case "AWS/RDS":
		if dims[ofCluster] != "" || dims[ofInstance] != "" {
			rds.Alarms = append(rds.Alarms, recordAlarm(a))
		}
	}
}

func sortMath(a cwtypes.MetricAlarm, rds *foundAlarms, tables map[string]*foundAlarms) {
	name := aws.ToString(a.AlarmName)
	seen := map[string]bool{}
	for _, m := range a.Metrics {
		if m.MetricStat == nil || m.MetricStat.Metric == nil {
			continue
		}
		dims := dimensions(m.MetricStat.Metric.Dimensions)
		if t := tables[dims[ofTable]]; t != nil && !seen[dims[ofTable]] {
			seen[dims[ofTable]] = true
			t.Others = append(t.Others, mathAlarm(name))
		}
		for _, d := range []string{ofCluster, ofInstance} {
			if of := dims[d]; of != "" && !slices.Contains(rds.Math[of], name) {
				rds.Math[of] = append(rds.Math[of], name)
			}
		}
	}
}

func mathAlarm(name string) Other {
	return Other{"alarm " + name, "present", "alarms on expressions of several metrics are not carried"}
}

func dimensions(list []cwtypes.Dimension) map[string]string {
	out := map[string]string{}
	for _, d := range list {
		out[aws.ToString(d.Name)] = aws.ToString(d.Value)
	}
	return out
}

// recordAlarm leaves out what says the same as nothing: CloudWatch may or may
// not fill in its defaults.
func recordAlarm(a cwtypes.MetricAlarm) Alarm {
	statistic := string(a.Statistic)
	if a.ExtendedStatistic != nil {
		statistic = *a.ExtendedStatistic
	}
	out := Alarm{
		Name: aws.ToString(a.AlarmName), Namespace: aws.ToString(a.Namespace), Metric: aws.ToString(a.MetricName), Dimensions: dimensions(a.Dimensions),
		Statistic: statistic, Unit: string(a.Unit), Period: aws.ToInt32(a.Period), Periods: aws.ToInt32(a.EvaluationPeriods),
		Datapoints: aws.ToInt32(a.DatapointsToAlarm), Compare: string(a.ComparisonOperator), Threshold: aws.ToFloat64(a.Threshold),
		Missing: aws.ToString(a.TreatMissingData), LowSamples: aws.ToString(a.EvaluateLowSampleCountPercentile),
	}
	if out.Datapoints == out.Periods {
		out.Datapoints = 0
	}
	if out.Missing == "missing" {
		out.Missing = ""
	}
	if out.LowSamples == "evaluate" {
		out.LowSamples = ""
	}
	return out
}

// ofTheCluster picks the alarms of a cluster and of its instances, given the
// writer first.
func (f foundAlarms) ofTheCluster(id string, instances []string) (alarms []Alarm, others []Other) {
	for _, a := range f.Alarms {
		n := slices.Index(instances, a.Dimensions[ofInstance])
		if a.Dimensions[ofCluster] != id && n < 0 {
			continue
		}
		a.Instance = n + 1
		alarms = append(alarms, a)
	}
	for _, of := range append([]string{id}, instances...) {
		for _, name := range f.Math[of] {
			if o := mathAlarm(name); !slices.Contains(others, o) {
				others = append(others, o)
			}
		}
	}
	return alarms, others
}

// alarmer puts alarms on a restored table or cluster.
type alarmer struct {
	client   *cloudwatch.Client
	restored string // name of the table or cluster
	mode     string // config.AlarmsQuiet, …
	topic    string // ARN of the target's own topic
}

// here is a recorded alarm as it shall be on the restored resource.
func (s alarmer) here(a Alarm) Alarm {
	a.Name = names.RestoredAlarm(s.restored, a.Name)
	a.Dimensions = maps.Clone(a.Dimensions)
	for d, value := range map[string]string{ofTable: s.restored, ofCluster: s.restored, ofInstance: names.RestoredInstance(s.restored, a.Instance)} {
		if a.Dimensions[d] != "" {
			a.Dimensions[d] = value
		}
	}
	a.Instance = 0
	return a
}

func (s alarmer) actions() []string {
	if s.mode == config.AlarmsNotify {
		return []string{s.topic}
	}
	return nil
}

// apply puts the alarms that are missing. One that is there was put by an
// earlier call, whole; the comparison says if it is not as asked.
func (s alarmer) apply(ctx context.Context, want []Alarm, tags map[string]string) (changed bool, err error) {
	have, err := s.read(ctx, want)
	if err != nil {
		return false, err
	}
	for _, a := range want {
		a = s.here(a)
		if _, ok := have[a.Name]; ok {
			continue
		}
		if err := s.put(ctx, a, tags); err != nil {
			return false, err
		}
		changed = true
	}
	return changed, nil
}

// read finds the restored resource's alarms by the names they must have.
func (s alarmer) read(ctx context.Context, want []Alarm) (map[string]cwtypes.MetricAlarm, error) {
	out := map[string]cwtypes.MetricAlarm{}
	for some := range slices.Chunk(want, 100) { // the most that one call takes
		in := &cloudwatch.DescribeAlarmsInput{AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm}, MaxRecords: aws.Int32(100)}
		for _, a := range some {
			in.AlarmNames = append(in.AlarmNames, s.here(a).Name)
		}
		found, err := s.client.DescribeAlarms(ctx, in)
		if err != nil {
			return nil, fault.AWS("read the alarms", s.restored, err)
		}
		for _, a := range found.MetricAlarms {
			out[aws.ToString(a.AlarmName)] = a
		}
	}
	return out, nil
}

// recorded is which of the alarms are there, under production's names.
func (s alarmer) recorded(ctx context.Context, want []Alarm) ([]Alarm, error) {
	have, err := s.read(ctx, want)
	if err != nil {
		return nil, err
	}
	var out []Alarm
	for _, a := range want {
		if is, ok := have[s.here(a).Name]; ok {
			h := recordAlarm(is)
			h.Name, h.Dimensions, h.Instance = a.Name, a.Dimensions, a.Instance
			out = append(out, h)
		}
	}
	return out, nil
}

func (s alarmer) put(ctx context.Context, a Alarm, tags map[string]string) error {
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: &a.Name, AlarmDescription: aws.String("As in production, put by dbferry on " + s.restored + "."), ActionsEnabled: aws.Bool(true), AlarmActions: s.actions(),
		Namespace: &a.Namespace, MetricName: &a.Metric, Unit: cwtypes.StandardUnit(a.Unit), Period: &a.Period, EvaluationPeriods: &a.Periods,
		ComparisonOperator: cwtypes.ComparisonOperator(a.Compare), Threshold: &a.Threshold,
	}
	if slices.Contains(cwtypes.Statistic("").Values(), cwtypes.Statistic(a.Statistic)) {
		in.Statistic = cwtypes.Statistic(a.Statistic)
	} else {
		in.ExtendedStatistic = &a.Statistic
	}
	if a.Datapoints > 0 {
		in.DatapointsToAlarm = &a.Datapoints
	}
	if a.Missing != "" {
		in.TreatMissingData = &a.Missing
	}
	if a.LowSamples != "" {
		in.EvaluateLowSampleCountPercentile = &a.LowSamples
	}
	for _, k := range sortedKeys(a.Dimensions) {
		in.Dimensions = append(in.Dimensions, cwtypes.Dimension{Name: aws.String(k), Value: aws.String(a.Dimensions[k])})
	}
	for _, k := range sortedKeys(tags) {
		in.Tags = append(in.Tags, cwtypes.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	_, err := s.client.PutMetricAlarm(ctx, in)
	return fault.AWS("put the alarm", a.Name, err)
}

// String says when the alarm goes off.
func (a Alarm) String() string {
	need := a.Datapoints
	if need == 0 {
		need = a.Periods
	}
	text := fmt.Sprintf("%s of %s %s %g in %d of %d periods of %d s", a.Statistic, a.Metric, a.Compare, a.Threshold, need, a.Periods, a.Period)
	if a.Missing != "" {
		text += ", missing data " + a.Missing
	}
	return text
}
