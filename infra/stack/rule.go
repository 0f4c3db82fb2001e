package stack

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/dbferry/dbferry/events"
)

// queue is where events go that could not be delivered.
type queue struct {
	arn, url, name string
	rules          []string // ARNs of the rules that may send to it
}

// EventBridge's own defaults, written down because they are a promise: an event
// is tried for a day, then kept in the queue and told about.
const (
	eventSeconds  = 24 * 60 * 60
	eventAttempts = 185
)

// addUndelivered makes the side's one queue for undelivered events; a message's
// attributes name its rule. It has no fixed name, as SQS refuses a name again
// for a minute after its deletion, which would block a quick second deployment.
func (s *side) addUndelivered() {
	q := awssqs.NewQueue(s.Stack, text("Undelivered"), &awssqs.QueueProps{
		Encryption: awssqs.QueueEncryption_SQS_MANAGED, RetentionPeriod: days(14),
	})
	s.shared.undelivered = queue{arn: *q.QueueArn(), url: *q.QueueUrl(), name: *q.QueueName()}
}

// addUndeliveredPolicy comes last, when all rules are known.
func (s *side) addUndeliveredPolicy() {
	q := s.shared.undelivered
	awssqs.NewCfnQueuePolicy(s.Stack, text("UndeliveredPolicy"), &awssqs.CfnQueuePolicyProps{
		Queues: texts([]string{q.url}),
		PolicyDocument: document(
			statement{
				Sid: "RulesSend", Principal: service("events.amazonaws.com"), Actions: []string{"sqs:SendMessage"}, Resources: []string{q.arn},
				Condition: condition{"ArnEquals": {"aws:SourceArn": list(q.rules)}},
			},
			statement{
				Sid: "DenyPlainHttp", Deny: true, Principal: everyone(), Actions: []string{"sqs:*"}, Resources: []string{q.arn},
				Condition: condition{"Bool": {"aws:SecureTransport": "false"}},
			}),
	})
}

// rule sends events that match a pattern to one target.
type rule struct {
	id, name    string
	bus         string // empty: the default one
	busRef      string // what the rule waits for when the bus is its stack's own
	description string
	pattern     string // name in package events
	values      map[string]string
	to          string // ARN of the target
	via         *statement
}

// arnOfRule differs by bus (EventBridge User Guide, "Managing access
// permissions").
func (s *side) arnOfRule(r rule) string {
	if r.bus == "" || r.bus == "default" {
		return s.arn("events", "rule/"+r.name)
	}
	return s.arn("events", "rule/"+r.bus+"/"+r.name)
}

// addRule makes the rule, and when it has a via statement, the role of the same
// name that delivers with it. Lambda targets need no role.
func (s *side) addRule(r rule) {
	s.shared.undelivered.rules = append(s.shared.undelivered.rules, s.arnOfRule(r))
	target := &awsevents.CfnRule_TargetProperty{
		Id: text("target"), Arn: text(r.to),
		RetryPolicy: &awsevents.CfnRule_RetryPolicyProperty{
			MaximumEventAgeInSeconds: jsii.Number(eventSeconds), MaximumRetryAttempts: jsii.Number(eventAttempts),
		},
		DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: text(s.shared.undelivered.arn)},
	}
	if r.via != nil {
		target.RoleArn = text(s.addRole(role{
			id: r.id + "Role", name: r.name, description: "Delivers what the rule " + r.name + " matches",
			trust:  s.assumedBy("events.amazonaws.com", calledFrom(s.arnOfRule(r))),
			policy: []statement{*r.via},
		}))
	}
	props := &awsevents.CfnRuleProps{
		Name: text(r.name), Description: text(r.description), EventPattern: r.eventPattern(), Targets: []any{target},
	}
	switch {
	case r.busRef != "":
		props.EventBusName = r.busRef
	case r.bus != "":
		props.EventBusName = r.bus
	}
	awsevents.NewCfnRule(s.Stack, text(r.id), props)
}

func (r rule) eventPattern() any {
	raw, err := events.Pattern(r.pattern, r.values)
	if err != nil {
		panic(err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		panic(err)
	}
	return out
}

// addCloseRule runs close-run and notify when a machine ends without success: a
// timeout, an abort and States.Runtime cannot be caught inside the machine. An
// end that the machine closed and told itself is confirmed, not repeated.
func (s *side) addCloseRule(m machine) {
	s.addEndRules(m, endRule{"CloseAfter", "close", "close-run", "Records the verdict and frees the locks"},
		endRule{"TellAfter", "tell", "notify", "Tells people"})
}

// endRule is what runs after an end without success.
type endRule struct{ id, verb, step, does string }

func (s *side) addEndRules(m machine, all ...endRule) {
	for _, after := range all {
		to := s.shared.functions[after.step]
		r := rule{
			id: after.id + pascalOf(m), name: "dbferry-" + after.verb + "-" + m.name[len("dbferry-"):],
			description: after.does + " when " + m.name + " ends without success",
			pattern:     events.RunEndedBadly,
			values:      map[string]string{"Account": s.place.Account, "MachineArn": m.arn},
			to:          to.arn,
		}
		s.addRule(r)
		awslambda.NewCfnPermission(s.Stack, text(r.id+"Permission"), &awslambda.CfnPermissionProps{
			Action: text("lambda:InvokeFunction"), FunctionName: to.arn,
			Principal: "events.amazonaws.com", SourceArn: s.arnOfRule(r),
		})
	}
}

// schedule starts something by the clock.
type schedule struct {
	id, name    string
	description string
	expression  string
	enabled     bool
	to          string    // ARN of the target
	via         statement // what its role may do
}

// A schedule's event is worth an hour of trying; later, the next one comes.
const (
	scheduleSeconds  = 60 * 60
	scheduleAttempts = 20
)

// addSchedule sends the input {} by a role of the schedule's name.
func (s *side) addSchedule(sc schedule) {
	send := allow("KeepUndelivered", []string{"sqs:SendMessage"}, s.shared.undelivered.arn)
	roleARN := s.addRole(role{
		id: sc.id + "Role", name: sc.name + "-schedule", description: "Starts what the schedule " + sc.name + " says",
		trust:  s.assumedBy("scheduler.amazonaws.com", calledFrom(s.arn("scheduler", "schedule-group/default"))),
		policy: []statement{sc.via, send},
	})
	state := "DISABLED"
	if sc.enabled {
		state = "ENABLED"
	}
	awsscheduler.NewCfnSchedule(s.Stack, text(sc.id), &awsscheduler.CfnScheduleProps{
		Name: text(sc.name), Description: text(sc.description), State: text(state),
		ScheduleExpression: text(sc.expression), ScheduleExpressionTimezone: text("UTC"),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: text("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn: text(sc.to), RoleArn: text(roleARN), Input: text("{}"),
			DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: text(s.shared.undelivered.arn)},
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: jsii.Number(scheduleSeconds), MaximumRetryAttempts: jsii.Number(scheduleAttempts),
			},
		},
	})
}
