// Package cloudwatch simulates the metrics that dbferry reads (sizes, from
// which it computes deadlines) and the alarms that its stacks define.
package cloudwatch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
)

const serviceID = "CloudWatch"

// Metric names one time series of an account.
type Metric struct {
	Namespace, Name string
	Dimensions      map[string]string
}

// key is the metric in a form that can be compared and sorted.
func (m Metric) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s", m.Namespace, m.Name)
	for _, k := range slices.Sorted(maps.Keys(m.Dimensions)) {
		fmt.Fprintf(&b, ",%s=%s", k, m.Dimensions[k])
	}
	return b.String()
}

// Source answers what a metric's value was at a time; ok is false where there
// is no data point.
type Source func(account string, m Metric, at time.Time) (value float64, ok bool)

// Service is CloudWatch in all accounts of one world.
type Service struct {
	// Publish tells a topic that an alarm changed; nil tells nobody.
	Publish func(ctx context.Context, caller awsworld.Caller, topicARN, subject, message string) error

	w       *awsworld.World
	sources map[string]Source // by namespace/name
	data    map[string][]datum
	alarms  map[string]map[string]*alarm // by account and name
	watched map[string][]*alarm          // those that may go off, by account and metric
	firings []Firing
}

type datum struct {
	at    time.Time
	value float64
}

// New registers the operations of CloudWatch.
func New(w *awsworld.World) *Service {
	s := &Service{w: w, sources: map[string]Source{}, data: map[string][]datum{},
		alarms: map[string]map[string]*alarm{}, watched: map[string][]*alarm{}}
	w.Register(s.ops()...)
	return s
}

// Provide gives a metric its values, such as AWS/RDS VolumeBytesUsed from the
// rds service.
func (s *Service) Provide(namespace, name string, source Source) {
	s.sources[namespace+"/"+name] = source
}

// Put adds one data point now, as a service publishes its own metrics, and
// lets the alarms on that metric look.
func (s *Service) Put(account string, m Metric, value float64) {
	key := account + "/" + m.key()
	s.data[key] = append(s.data[key], datum{at: s.w.Now(), value: value})
	s.look(account, m)
}

// sample is one aggregated period.
type sample struct {
	at             time.Time // its begin
	sum, low, high float64
	count          int
}

// samples aggregates a metric over [start, end) in periods.
func (s *Service) samples(account string, m Metric, start, end time.Time, period time.Duration) []sample {
	var out []sample
	for at := start.Truncate(period); at.Before(end); at = at.Add(period) {
		x := sample{at: at}
		s.gather(&x, account, m, at, at.Add(period))
		if x.count > 0 {
			out = append(out, x)
		}
	}
	return out
}

func (s *Service) gather(x *sample, account string, m Metric, from, to time.Time) {
	if src := s.sources[m.Namespace+"/"+m.Name]; src != nil && !from.After(s.w.Now()) {
		if v, ok := src(account, m, from); ok {
			x.add(v)
		}
	}
	for _, d := range s.data[account+"/"+m.key()] {
		if !d.at.Before(from) && d.at.Before(to) {
			x.add(d.value)
		}
	}
}

func (x *sample) add(v float64) {
	if x.count == 0 {
		x.low, x.high = v, v
	}
	x.sum, x.low, x.high = x.sum+v, min(x.low, v), max(x.high, v)
	x.count++
}

// statistic computes one of CloudWatch's basic statistics.
func (x sample) statistic(name string) (float64, error) {
	switch name {
	case "Sum":
		return x.sum, nil
	case "Average":
		return x.sum / float64(x.count), nil
	case "Minimum":
		return x.low, nil
	case "Maximum":
		return x.high, nil
	case "SampleCount":
		return float64(x.count), nil
	}
	return 0, &awsworld.Unsimulated{Service: serviceID, Operation: "the statistic " + name}
}
