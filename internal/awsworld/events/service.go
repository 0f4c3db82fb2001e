// Package events simulates Amazon EventBridge: buses with policies, rules with
// patterns, targets in and across accounts, retries, dead-letter queues, and
// the ways in which service events go astray: late, lost, doubled, reordered.
package events

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

const serviceID = "EventBridge"

// DefaultBus is the name of the bus that every account has.
const DefaultBus = "default"

// Weather is how events of one service source travel. The zero value is fine
// weather: every event once, at once.
type Weather struct {
	Delay     time.Duration // every event is this late
	Jitter    time.Duration // and up to this much later, each by itself: order is lost
	Loss      float64       // chance that an event is never delivered
	Duplicate float64       // chance that it is delivered twice
}

// Timing holds the delays of the service.
type Timing struct {
	Latency  time.Duration // from an event's arrival on a bus to its target; modeled
	MaxDelay time.Duration // longest pause between two tries; modeled
}

// Service is EventBridge in all accounts of one world.
type Service struct {
	// Timing may be changed by the ground.
	Timing Timing
	// Weather is how events that AWS services emit travel, by source. What
	// users put, and what rules pass on, is not affected.
	Weather map[string]Weather
	// Intercept, when set, replaces each event that a service emits, before
	// the weather: by none, by several, by others.
	Intercept func(Event) []Event
	// Measure publishes a metric of an account; nil publishes none.
	Measure func(account, namespace, name string, dimensions map[string]string, value float64)

	w          *awsworld.World
	buses      map[string]*bus // by ARN
	deliveries []Delivery
	emitted    int
}

type bus struct {
	name, arn, account string
	policy             *iam.Policy
	rules              map[string]*rule
}

// New registers the operations of EventBridge.
func New(w *awsworld.World) *Service {
	s := &Service{
		w: w, buses: map[string]*bus{}, Weather: map[string]Weather{},
		Timing: Timing{Latency: 500 * time.Millisecond, MaxDelay: 8 * time.Minute},
	}
	w.Register(s.ops()...)
	return s
}

// PutBus creates a bus or replaces its policy and returns its ARN. The default
// bus of an account exists without being put.
func (s *Service) PutBus(account, name string, policy []byte) (string, error) {
	b := s.bus(account, name)
	if b == nil {
		b = s.addBus(account, name)
	}
	if len(policy) > 10240 {
		return "", awsworld.Errorf("PolicyLengthExceededException", "the policy of bus %s has %d characters, EventBridge allows 10240", name, len(policy))
	}
	p, err := service.Policy("policy of event bus "+name, account, policy)
	if err != nil {
		return "", awsworld.Errorf("ValidationException", "%v", err)
	}
	b.policy = p
	return b.arn, nil
}

func (s *Service) addBus(account, name string) *bus {
	b := &bus{name: name, account: account, arn: s.w.ARN("events", account, "event-bus/"+name), rules: map[string]*rule{}}
	s.buses[b.arn] = b
	return b
}

// bus finds a bus by name or ARN; every account of the world has its default.
func (s *Service) bus(account, name string) *bus {
	arn := name
	if !strings.HasPrefix(name, "arn:") {
		arn = s.w.ARN("events", account, "event-bus/"+name)
	}
	if b := s.buses[arn]; b != nil {
		return b
	}
	owner := service.AccountOf(arn)
	if service.ResourceOf(arn) == "event-bus/"+DefaultBus && s.w.Account(owner) != nil {
		return s.addBus(owner, DefaultBus)
	}
	return nil
}

// Emit is how an AWS service sends an event to an account's default bus.
func (s *Service) Emit(account, source, detailType string, resources []string, detail map[string]any) {
	raw, err := json.Marshal(detail)
	if err != nil {
		panic(fmt.Sprintf("awsworld/events: the detail of %s %q did not marshal: %v", source, detailType, err))
	}
	s.w.Secrets.Search("event "+source+" "+detailType, string(raw))
	s.emitted++
	one := Event{
		ID: s.w.UUID(), DetailType: detailType, Source: source, Account: account, Time: s.w.Now(),
		Region: s.w.Region, Resources: slices.Clone(resources), Detail: raw,
	}
	all := []Event{one}
	if s.Intercept != nil {
		all = s.Intercept(one)
	}
	for _, e := range all {
		s.travel(e)
	}
}

// Emitted counts the events that services sent.
func (s *Service) Emitted() int { return s.emitted }

// travel sends a service event through the weather to its account's bus.
func (s *Service) travel(e Event) {
	weather := s.Weather[e.Source]
	if weather.Loss > 0 && s.w.Chance(weather.Loss) {
		return
	}
	copies := 1
	if weather.Duplicate > 0 && s.w.Chance(weather.Duplicate) {
		copies = 2
	}
	for range copies {
		late := weather.Delay + s.w.Between(0, weather.Jitter)
		s.w.Kernel.After(late, func() { s.arrive(s.bus(e.Account, DefaultBus), e) })
	}
}

// Forge puts an event on a bus past every check, for tests of what must be
// refused or must not do harm. Whatever AWS fills in is filled when empty.
func (s *Service) Forge(busARN string, e Event) error {
	b := s.bus("", busARN)
	if b == nil {
		return fmt.Errorf("ground: there is no event bus %s", busARN)
	}
	if e.ID == "" {
		e.ID = s.w.UUID()
	}
	if e.Time.IsZero() {
		e.Time = s.w.Now()
	}
	if e.Region == "" {
		e.Region = s.w.Region
	}
	s.w.Kernel.Go(func() { s.arrive(b, e) })
	return nil
}

// arrive offers an event to the rules of a bus.
func (s *Service) arrive(b *bus, e Event) {
	raw := e.JSON()
	for _, name := range slices.Sorted(maps.Keys(b.rules)) {
		r := b.rules[name]
		if r.Disabled {
			continue
		}
		if ok, _ := r.pattern.Match(raw); !ok {
			continue
		}
		for _, t := range r.Targets {
			s.w.Kernel.After(s.Timing.Latency, func() { s.deliver(b, r, t, e) })
		}
	}
}
