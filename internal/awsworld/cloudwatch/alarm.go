package cloudwatch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// AlarmSpec describes a metric alarm. Only alarms on one period are simulated.
type AlarmSpec struct {
	Name      string
	Metric    Metric
	Statistic string        // "Sum", "Maximum", …
	Period    time.Duration // whole minutes
	Compare   string        // "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", …
	Threshold float64
	Actions   []string // SNS topic ARNs
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
	s.alarms = append(s.alarms, &alarm{AlarmSpec: a, account: account})
	return nil
}

// Firings lists every alarm that went off, in order.
func (s *Service) Firings() []Firing { return slices.Clone(s.firings) }

// look evaluates the alarms on a metric over their last period.
func (s *Service) look(account string, m Metric) {
	for _, a := range s.alarms {
		if a.account != account || a.Metric.key() != m.key() {
			continue
		}
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
