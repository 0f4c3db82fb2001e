package template

import (
	"encoding/json"
	"sort"
	"strings"
)

// defaultBus is the event bus that every account has.
const defaultBus = "default"

// busName takes a bus by name or ARN.
func busName(nameOrARN string) string {
	if strings.HasPrefix(nameOrARN, "arn:") {
		_, name, _ := strings.Cut(nameOrARN, ":event-bus/")
		return name
	}
	return nameOrARN
}

// Bus is an event bus. LogicalID is empty for the default bus.
type Bus struct {
	LogicalID     string
	Name          string
	ARN           string
	KeyARN        string // KMS key, empty for EventBridge's own
	DeadLetterARN string
	Policy        json.RawMessage // whole resource policy, statements by Sid; nil if none
	Tags          map[string]string

	statements []any // those written in the bus itself
}

// BusPolicy is one statement of a bus's resource policy.
type BusPolicy struct {
	LogicalID   string
	Bus         string // name
	StatementID string
	Statement   json.RawMessage // with its Sid

	action, principal string
	condition         map[string]any
	written           json.RawMessage
}

// Rule is an EventBridge rule.
type Rule struct {
	LogicalID string
	Name      string
	ARN       string
	Bus       string          // name
	Pattern   json.RawMessage // nil for a scheduled rule
	Schedule  string          // rate(…) or cron(…), empty for a rule with a pattern
	State     string          // ENABLED, DISABLED or ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS
	RoleARN   string
	Targets   []Target
	Tags      map[string]string
}

// Target is one target of a rule or a schedule.
type Target struct {
	ID               string // empty for a schedule
	ARN              string
	RoleARN          string
	Input            string // constant JSON text
	InputPath        string
	InputTransformer *InputTransformer
	Retry            Retry
	DeadLetterARN    string
}

// InputTransformer makes a target's input from the event.
type InputTransformer struct {
	Paths    map[string]string
	Template string
}

// Retry is EventBridge's delivery policy; AWS's defaults if not written.
type Retry struct {
	MaxAttempts int
	MaxAge      int // seconds
}

// Schedule is an EventBridge Scheduler schedule.
type Schedule struct {
	LogicalID      string
	Name           string
	ARN            string
	Group          string
	Expression     string
	Timezone       string // UTC by default
	State          string // ENABLED or DISABLED
	FlexibleWindow int    // minutes, 0 for none
	StartDate      string
	EndDate        string
	KeyARN         string
	Target         Target
}

func busView(f *fields, r *Resource) any {
	v := &Bus{LogicalID: r.LogicalID, Name: r.Ref, ARN: r.Attributes["Arn"], KeyARN: f.str("KmsKeyIdentifier"), Tags: f.tags("Tags")}
	f.object("DeadLetterConfig", func(c *fields) { v.DeadLetterARN = c.str("Arn") })
	if doc := f.document("Policy"); doc != nil {
		var policy struct{ Statement any }
		_ = json.Unmarshal(doc, &policy) // document vouches for the JSON
		v.statements = listOf(policy.Statement)
	}
	f.harmless("Name", "Description", "LogConfig")
	return v
}

func busPolicyView(f *fields, r *Resource) any {
	v := &BusPolicy{LogicalID: r.LogicalID, Bus: busName(f.str("EventBusName")), StatementID: f.need("StatementId"),
		written: f.document("Statement"), action: f.str("Action"), principal: f.str("Principal")}
	if v.Bus == "" {
		v.Bus = defaultBus
	}
	f.object("Condition", func(c *fields) {
		v.condition = map[string]any{c.need("Type"): map[string]any{c.need("Key"): c.need("Value")}}
	})
	if v.written == nil && (v.action == "" || v.principal == "") {
		f.p.add("%s: Statement, or Action and Principal, is required", f.at)
	}
	return v
}

func ruleView(f *fields, r *Resource) any {
	v := &Rule{LogicalID: r.LogicalID, Name: afterLast(r.Ref, "|"), ARN: r.Attributes["Arn"], Bus: busName(f.str("EventBusName")),
		Pattern: f.document("EventPattern"), Schedule: f.str("ScheduleExpression"), RoleARN: f.str("RoleArn"), Tags: f.tags("Tags"),
		State: f.choice("State", "ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")}
	if v.Bus == "" {
		v.Bus = defaultBus
	}
	if v.Pattern == nil && v.Schedule == "" {
		f.p.add("%s: EventPattern or ScheduleExpression is required", f.at)
	}
	f.objects("Targets", func(t *fields) {
		target := readTarget(t)
		target.ID = t.need("Id")
		target.InputPath = t.str("InputPath")
		t.object("InputTransformer", func(i *fields) {
			target.InputTransformer = &InputTransformer{Paths: i.textMap("InputPathsMap"), Template: i.need("InputTemplate")}
		})
		v.Targets = append(v.Targets, target)
	})
	f.harmless("Name", "Description")
	return v
}

func readTarget(t *fields) Target {
	target := Target{ARN: t.need("Arn"), RoleARN: t.str("RoleArn"), Input: t.str("Input"), Retry: Retry{MaxAttempts: 185, MaxAge: 86400}}
	t.object("RetryPolicy", func(r *fields) {
		target.Retry = Retry{MaxAttempts: r.number("MaximumRetryAttempts", 185), MaxAge: r.number("MaximumEventAgeInSeconds", 86400)}
	})
	t.object("DeadLetterConfig", func(d *fields) { target.DeadLetterARN = d.str("Arn") })
	return target
}

func scheduleView(f *fields, r *Resource) any {
	v := &Schedule{LogicalID: r.LogicalID, Name: r.Ref, ARN: r.Attributes["Arn"], Group: f.str("GroupName"),
		Expression: f.need("ScheduleExpression"), Timezone: f.str("ScheduleExpressionTimezone"),
		State: f.choice("State", "ENABLED", "DISABLED"), StartDate: f.str("StartDate"), EndDate: f.str("EndDate"), KeyARN: f.str("KmsKeyArn")}
	if v.Group == "" {
		v.Group = "default"
	}
	if v.Timezone == "" {
		v.Timezone = "UTC"
	}
	f.object("FlexibleTimeWindow", func(w *fields) {
		w.choice("Mode", "OFF", "FLEXIBLE")
		v.FlexibleWindow = w.number("MaximumWindowInMinutes", 0)
	})
	f.object("Target", func(t *fields) { v.Target = readTarget(t) })
	if v.Target.ARN == "" || v.Target.RoleARN == "" {
		f.p.add("%s.Target: Arn and RoleArn are required", f.at)
	}
	f.harmless("Name", "Description")
	return v
}

// joinBuses completes the statements of bus policies and gives each bus its
// whole policy.
func (d *Deployment) joinBuses(p *problems) {
	buses := map[string]*Bus{d.DefaultBus.Name: d.DefaultBus}
	for _, b := range d.Buses {
		buses[b.Name] = b
	}
	for _, pol := range d.BusPolicies {
		b := buses[pol.Bus]
		if b == nil {
			p.add("%s: event bus %q is not made by this stack", d.byID[pol.LogicalID].where(), pol.Bus)
			continue
		}
		st := pol.statement(b.ARN, d.Partition)
		pol.Statement = encode(st)
		b.statements = append(b.statements, st)
	}
	for _, name := range sortedKeys(buses) {
		if b := buses[name]; len(b.statements) > 0 {
			sort.SliceStable(b.statements, func(i, j int) bool { return sid(b.statements[i]) < sid(b.statements[j]) })
			b.Policy = policyDocument(b.statements)
		}
	}
}

// statement is what EventBridge stores: the written statement under its id, or
// the one that the older Action, Principal and Condition stand for.
func (b *BusPolicy) statement(busARN, partition string) map[string]any {
	st := map[string]any{}
	if b.written != nil {
		_ = decode(b.written, &st) // document vouches for the JSON
		st["Sid"] = b.StatementID
		return st
	}
	st = map[string]any{"Sid": b.StatementID, "Effect": "Allow", "Action": b.action, "Resource": busARN, "Principal": "*"}
	if b.principal != "*" {
		st["Principal"] = map[string]any{"AWS": accountRoot(b.principal, partition)}
	}
	if b.condition != nil {
		st["Condition"] = b.condition
	}
	return st
}

func sid(statement any) string {
	st, _ := statement.(map[string]any)
	s, _ := st["Sid"].(string)
	return s
}

func listOf(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}
