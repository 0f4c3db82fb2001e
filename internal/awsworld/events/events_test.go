package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/sqs"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

const (
	third      = "333333333333"
	stagingBus = "arn:aws:events:eu-west-1:222222222222:event-bus/dbferry-staging"
	thirdBus   = "arn:aws:events:eu-west-1:333333333333:event-bus/default"
	landed     = "arn:aws:sqs:eu-west-1:222222222222:landed"
	dead       = "arn:aws:sqs:eu-west-1:111111111111:dead"
	forwarder  = "dbferry-forward"
)

var pattern = []byte(`{"source":["aws.states"],"account":["111111111111"]}`)

// queuePolicy lets EventBridge send for any rule of the account.
func queuePolicy(account string) []byte {
	return worldtest.Policy(`{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:events:eu-west-1:` + account + `:rule/*"}}}`)
}

func busPolicy(condition string) []byte {
	return worldtest.Policy(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"events:PutEvents","Resource":"` + stagingBus + `"` + condition + `}`)
}

// route is production's success event on its way to a queue in staging.
type route struct {
	f *worldtest.Fixture
	s *events.Service
	q *sqs.Service
}

func newRoute(t *testing.T, policy []byte, forward ...string) route {
	t.Helper()
	f := worldtest.New(t)
	f.W.AddAccount(third, "third", worldtest.Org)
	r := route{f, events.New(f.W), sqs.New(f.W)}
	must(t)(r.q.PutQueue(worldtest.Staging, sqs.QueueSpec{Name: "landed", Policy: queuePolicy(worldtest.Staging)}))
	must(t)(r.q.PutQueue(worldtest.Production, sqs.QueueSpec{Name: "dead", Policy: queuePolicy(worldtest.Production)}))
	must(t)(r.s.PutBus(worldtest.Staging, "dbferry-staging", policy))
	role := f.Role(worldtest.Production, forwarder, "events.amazonaws.com", forward...)
	must(t)(r.s.PutRule(worldtest.Production, events.RuleSpec{Name: "forward", Pattern: pattern,
		Targets: []events.Target{{ID: "bus", ARN: stagingBus, RoleARN: role, DeadLetterARN: dead}}}))
	must(t)(r.s.PutRule(worldtest.Staging, events.RuleSpec{Name: "land", Bus: "dbferry-staging", Pattern: pattern,
		Targets: []events.Target{{ID: "queue", ARN: landed}}}))
	return r
}

func must(t *testing.T) func(string, error) {
	return func(_ string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (r route) emit() {
	r.s.Emit(worldtest.Production, "aws.states", "Step Functions Execution Status Change", []string{"arn:x"}, map[string]any{"status": "SUCCEEDED"})
}

func TestAcrossTheBorder(t *testing.T) {
	forward := worldtest.Allow("events:PutEvents", stagingBus)
	narrow := `,"Condition":{"StringEquals":{"events:source":"aws.states","events:detail-type":"Step Functions Execution Status Change"}}`
	for _, c := range []struct {
		name    string
		policy  []byte
		forward string
		code    string
	}{
		{"both sides allow", busPolicy(narrow), forward, ""},
		{"the bus wants another source", busPolicy(`,"Condition":{"StringEquals":{"events:source":"aws.backup"}}`), forward, "NO_PERMISSIONS"},
		{"the bus has no policy", nil, forward, "NO_PERMISSIONS"},
		{"the role may not", busPolicy(""), worldtest.Allow("s3:GetObject", "*"), "NO_PERMISSIONS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRoute(t, c.policy, c.forward)
			r.f.Run(r.emit)
			got, buried := r.q.Messages(landed), r.q.Messages(dead)
			if c.code == "" {
				if len(got) != 1 || len(buried) != 0 {
					t.Fatalf("landed %v, buried %v, deliveries %+v", got, buried, r.s.Deliveries())
				}
				var e struct{ Account, Source string }
				if err := json.Unmarshal([]byte(got[0].Body), &e); err != nil || e.Account != worldtest.Production || e.Source != "aws.states" {
					t.Errorf("landed %s", got[0].Body)
				}
				return
			}
			if len(got) != 0 || len(buried) != 1 || buried[0].Attributes["ERROR_CODE"] != c.code || buried[0].Attributes["RETRY_ATTEMPTS"] != "0" {
				t.Errorf("landed %v, buried %v", got, buried)
			}
			if d := r.s.Deliveries(); len(d) != 1 || !d[0].Crossed() || !d[0].DeadLetter {
				t.Errorf("deliveries %+v", d)
			}
		})
	}
}

func TestAnEventFromAnotherAccountGoesNoFurther(t *testing.T) {
	r := newRoute(t, busPolicy(""), worldtest.Allow("events:PutEvents", stagingBus))
	role := r.f.Role(worldtest.Staging, "further", "events.amazonaws.com", worldtest.Allow("events:PutEvents", "*"))
	must(t)(r.s.PutRule(worldtest.Staging, events.RuleSpec{Name: "further", Bus: "dbferry-staging", Pattern: pattern,
		Targets: []events.Target{{ID: "bus", ARN: thirdBus, RoleARN: role}}}))
	r.f.Run(r.emit)
	var codes []string
	for _, d := range r.s.Deliveries() {
		codes = append(codes, d.Code)
	}
	slices.Sort(codes)
	if diff := cmp.Diff([]string{"", "", events.CodeThirdAccount}, codes); diff != "" {
		t.Error(diff)
	}
}

func TestRulesThatAWSRefuses(t *testing.T) {
	r := newRoute(t, nil)
	role := r.f.Role(worldtest.Production, "r", "events.amazonaws.com")
	for name, target := range map[string]events.Target{
		"a bus of another account without role": {ARN: stagingBus},
		"a machine of another account":          {ARN: "arn:aws:states:eu-west-1:222222222222:stateMachine:x", RoleARN: role},
		"a machine without role":                {ARN: "arn:aws:states:eu-west-1:111111111111:stateMachine:x"},
		"input twice":                           {ARN: dead, Input: "1", InputPath: "$.detail"},
		"an undefined placeholder":              {ARN: dead, Transformer: &events.Transformer{Template: `{"a":<b>}`}},
		"a path with an index":                  {ARN: dead, Transformer: &events.Transformer{Paths: map[string]string{"b": "$.a[0]"}}},
		"a service that is not simulated":       {ARN: "arn:aws:ecs:eu-west-1:111111111111:cluster/x"},
		"a role of another account":             {ARN: dead, RoleARN: "arn:aws:iam::222222222222:role/x"},
	} {
		if _, err := r.s.PutRule(worldtest.Production, events.RuleSpec{Name: "x", Pattern: pattern, Targets: []events.Target{target}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestWhatATargetReceives(t *testing.T) {
	for _, c := range []struct {
		name   string
		target events.Target
		want   string
	}{
		{"constant", events.Target{Input: `{"a":1}`}, `{"a":1}`},
		{"part", events.Target{InputPath: "$.detail"}, `{"name":"run \"1\"","n":2}`},
		{"transformed", events.Target{Transformer: &events.Transformer{
			Paths:    map[string]string{"name": "$.detail.name", "n": "$.detail.n", "none": "$.detail.none"},
			Template: `{"text":"run <name> of <n><none>","name":<name>,"n":<n>,"rule":<aws.events.rule-name>}`,
		}}, `{"text":"run run \"1\" of 2","name":"run \"1\"","n":2,"rule":"r"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRoute(t, nil)
			c.target.ID, c.target.ARN = "q", landed
			must(t)(r.s.PutRule(worldtest.Staging, events.RuleSpec{Name: "r", Pattern: []byte(`{"source":["own"]}`), Targets: []events.Target{c.target}}))
			r.f.Run(func() {
				err := r.s.Forge("arn:aws:events:eu-west-1:222222222222:event-bus/default",
					events.Event{Source: "own", DetailType: "d", Account: worldtest.Staging, Detail: json.RawMessage(`{"name":"run \"1\"","n":2}`)})
				if err != nil {
					t.Error(err)
				}
			})
			if got := r.q.Messages(landed); len(got) != 1 || got[0].Body != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

func TestPutEvents(t *testing.T) {
	r := newRoute(t, nil)
	cfg := r.f.As(worldtest.Staging, "putter", worldtest.Allow("events:PutEvents", "arn:aws:events:eu-west-1:222222222222:event-bus/default"))
	entry := func(source, detail string) types.PutEventsRequestEntry {
		return types.PutEventsRequestEntry{Source: &source, DetailType: new("d"), Detail: &detail}
	}
	r.f.Run(func() {
		client := sdk.NewFromConfig(cfg)
		out, err := client.PutEvents(context.Background(), &sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{
			entry("own", "{}"), entry("aws.states", "{}"), entry("own", "not json"), entry("own", "[]"),
		}})
		if err != nil {
			t.Fatal(err)
		}
		var codes []string
		for _, e := range out.Entries {
			code := ""
			if e.ErrorCode != nil {
				code = *e.ErrorCode
			}
			codes = append(codes, code)
		}
		want := []string{"", "NotAuthorizedForSourceException", "MalformedDetail", "MalformedDetail"}
		if diff := cmp.Diff(want, codes); diff != "" || out.FailedEntryCount != 3 {
			t.Error(diff, out.FailedEntryCount)
		}
		other := entry("own", "{}")
		other.EventBusName = new(stagingBus)
		if _, err := client.PutEvents(context.Background(), &sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{other}}); service.Code(err) != "AccessDeniedException" {
			t.Errorf("another bus: %v", err)
		}
	})
}

func TestWeather(t *testing.T) {
	run := func(w events.Weather, n int) (times []time.Duration) {
		r := newRoute(t, nil)
		r.s.Weather["aws.states"] = w
		must(t)(r.s.PutRule(worldtest.Production, events.RuleSpec{Name: "forward", Pattern: pattern, Targets: []events.Target{{ID: "q", ARN: dead}}}))
		r.f.Run(func() {
			for range n {
				r.emit()
			}
		})
		for _, d := range r.s.Deliveries() {
			times = append(times, d.At.Sub(worldtest.Start))
		}
		return times
	}
	if got := run(events.Weather{}, 20); len(got) != 20 {
		t.Errorf("fine weather delivered %d of 20", len(got))
	}
	if got := run(events.Weather{Loss: 1}, 20); len(got) != 0 {
		t.Errorf("total loss delivered %d", len(got))
	}
	if got := run(events.Weather{Duplicate: 1}, 20); len(got) != 40 {
		t.Errorf("everything doubled delivered %d", len(got))
	}
	late := run(events.Weather{Delay: time.Minute, Jitter: time.Hour}, 20)
	if late[0] < time.Minute || late[19]-late[0] < 10*time.Minute {
		t.Errorf("late events came at %v", late)
	}
	if diff := cmp.Diff(late, run(events.Weather{Delay: time.Minute, Jitter: time.Hour}, 20)); diff != "" {
		t.Errorf("two runs differ: %s", diff)
	}
}

func TestAServiceErrorIsRetriedUntilThePolicyEnds(t *testing.T) {
	r := newRoute(t, nil)
	role := r.f.Role(worldtest.Production, "starter", "events.amazonaws.com", worldtest.Allow("*", "*"))
	const machine = "arn:aws:states:eu-west-1:111111111111:stateMachine:m"
	must(t)(r.s.PutRule(worldtest.Production, events.RuleSpec{Name: "forward", Pattern: pattern, Targets: []events.Target{
		{ID: "bus", ARN: stagingBus, RoleARN: role, DeadLetterARN: dead, Retry: events.Retry{MaxAttempts: 3}},
		{ID: "machine", ARN: machine, RoleARN: role, DeadLetterARN: dead},
	}}))
	must(t)(r.s.PutBus(worldtest.Staging, "dbferry-staging", busPolicy("")))
	fault := mustFault(t, "-/-/-/EventBridge.PassOnEvent=throttle#1")
	fault.Nth = 0
	r.f.W.Inject(fault)
	r.f.Run(r.emit)
	var got []string
	for _, d := range r.s.Deliveries() {
		got = append(got, fmt.Sprint(d.Target[strings.LastIndex(d.Target, ":")+1:], " ", d.Code, " ", d.Attempts, " ", d.DeadLetter))
	}
	slices.Sort(got)
	want := []string{"event-bus/dbferry-staging THROTTLING 4 true", "m SDK_CLIENT_ERROR 1 true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if q := r.q.Messages(dead); !slices.ContainsFunc(q, func(m sqs.Message) bool { return m.Attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts" }) {
		t.Errorf("dead letters %v", q)
	}
}
