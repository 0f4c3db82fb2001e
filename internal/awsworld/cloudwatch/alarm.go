package cloudwatch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// AlarmSpec describes a metric alarm. Alarms on one period of a basic statistic
// go off in the simulation; others are kept as they were put.
type AlarmSpec struct {
	Name        string
	Description string
	Metric      Metric
	Statistic   string // "Sum", "Maximum", …, or a percentile such as "p99"
	Unit        string
	Period      time.Duration
	Periods     int32  // 0 for 1
	Datapoints  int32  // 0 for all of Periods
	Compare     string // "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", …
	Threshold   float64
	Missing     string                  // what missing data means; empty for AWS's "missing"
	LowSamples  string                  // for percentiles: "evaluate" or "ignore"
	Actions     []string                // SNS topic ARNs
	OK, Unknown []string                // actions on OK and INSUFFICIENT_DATA
	Expression  []types.MetricDataQuery // in place of Metric; never goes off here
	Tags        map[string]string
}

// Firing is one change of an alarm into the ALARM state.
type Firing struct {
	At      time.Time
	Account string
	Alarm   string
	Value   float64
	// Failed is why the action could not be taken; empty when all went out.
	Failed string
}

type alarm struct {
	AlarmSpec
	account string
	firing  bool
}

func (a *alarm) key() string { return a.account + "/" + a.Metric.key() }

var comparisons = map[string]func(v, limit float64) bool{
	"GreaterThanThreshold":          func(v, limit float64) bool { return v > limit },
	"GreaterThanOrEqualToThreshold": func(v, limit float64) bool { return v >= limit },
	"LessThanThreshold":             func(v, limit float64) bool { return v < limit },
	"LessThanOrEqualToThreshold":    func(v, limit float64) bool { return v <= limit },
}

// PutAlarm defines an alarm. It is evaluated whenever its metric gets a data
// point through Put; missing data never alarms.
func (s *Service) PutAlarm(account string, a AlarmSpec) error {
	if comparisons[a.Compare] == nil {
		return fmt.Errorf("alarm %s: comparison %q is not simulated; known are %v", a.Name, a.Compare, slices.Sorted(maps.Keys(comparisons)))
	}
	if a.Period < time.Minute || a.Period%time.Minute != 0 {
		return fmt.Errorf("alarm %s: the period %s is not a number of minutes", a.Name, a.Period)
	}
	if _, err := (sample{count: 1}).statistic(a.Statistic); err != nil {
		return fmt.Errorf("alarm %s: %w", a.Name, err)
	}
	s.store(account, a, true)
	return nil
}

// store keeps an alarm, in place of one of the same name.
func (s *Service) store(account string, a AlarmSpec, live bool) {
	if a.Periods == 0 {
		a.Periods = 1
	}
	if s.alarms[account] == nil {
		s.alarms[account] = map[string]*alarm{}
	}
	if old := s.alarms[account][a.Name]; old != nil {
		a.Tags = old.Tags // only TagResource changes them
		s.watched[old.key()] = slices.DeleteFunc(s.watched[old.key()], func(x *alarm) bool { return x == old })
	}
	made := &alarm{AlarmSpec: a, account: account}
	s.alarms[account][a.Name] = made
	if live {
		s.watched[made.key()] = append(s.watched[made.key()], made)
	}
}

// Alarms lists the alarms of an account, by name.
func (s *Service) Alarms(account string) []AlarmSpec {
	var out []AlarmSpec
	for _, name := range slices.Sorted(maps.Keys(s.alarms[account])) {
		out = append(out, s.alarms[account][name].AlarmSpec)
	}
	return out
}

// PutAlarmAsIs defines an alarm that the simulation keeps and never lets go off.
func (s *Service) PutAlarmAsIs(account string, a AlarmSpec) { s.store(account, a, false) }

// Firings lists every alarm that went off, in order.
func (s *Service) Firings() []Firing { return slices.Clone(s.firings) }

// look evaluates the alarms on a metric over their last period.
func (s *Service) look(account string, m Metric) {
	for _, a := range s.watched[account+"/"+m.key()] {
		now := s.w.Now()
		x := sample{}
		s.gather(&x, account, m, now.Add(-a.Period), now.Add(time.Nanosecond))
		v, err := x.statistic(a.Statistic)
		if err != nil || x.count == 0 || !comparisons[a.Compare](v, a.Threshold) || a.firing {
			continue
		}
		a.firing = true
		s.w.Kernel.After(a.Period, func() { a.firing = false })
		s.w.Kernel.Go(func() { s.fire(a, now, v) })
	}
}

// fire tells the alarm's topics as the service principal of CloudWatch.
func (s *Service) fire(a *alarm, at time.Time, value float64) {
	f := Firing{At: at, Account: a.account, Alarm: a.Name, Value: value}
	arn := s.w.ARN("cloudwatch", a.account, "alarm:"+a.Name)
	for _, topic := range a.Actions {
		if s.Publish == nil {
			continue
		}
		subject := fmt.Sprintf("ALARM: %q in %s", a.Name, s.w.Region)
		body := fmt.Sprintf("%s of %s was %g, the threshold is %g.", a.Statistic, a.Metric.Name, value, a.Threshold)
		if err := s.Publish(context.Background(), awsworld.ServiceCaller("cloudwatch.amazonaws.com", arn), topic, subject, body); err != nil {
			f.Failed = err.Error()
		}
	}
	s.firings = append(s.firings, f)
}
