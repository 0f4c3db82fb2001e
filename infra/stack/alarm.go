package stack

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/dbferry/dbferry/internal/keypolicy"
	"github.com/dbferry/dbferry/internal/names"
)

// addTopic makes the side's notification topic, with a subscription for each
// address. Beside the account itself only dbferry's own alarms and those on what it
// restored may publish.
func (s *side) addTopic(addresses []string) {
	topic := awssns.NewTopic(s.Stack, text("Topic"), &awssns.TopicProps{
		TopicName: text(s.place.Topic()), DisplayName: text("dbferry " + s.place.Side),
	})
	s.shared.topic = *topic.TopicArn()
	awssns.NewCfnTopicPolicy(s.Stack, text("TopicPolicy"), &awssns.CfnTopicPolicyProps{
		Topics: texts([]string{s.shared.topic}),
		PolicyDocument: document(
			statement{
				Sid: "AlarmsPublish", Principal: service("cloudwatch.amazonaws.com"), Actions: []string{"sns:Publish"}, Resources: []string{s.shared.topic},
				Condition: condition{"StringEquals": {"aws:SourceAccount": s.place.Account}}.also(calledFrom(s.ownAlarms()...)),
			},
			statement{
				Sid: "DenyPlainHttp", Deny: true, Principal: everyone(), Actions: []string{"sns:Publish"}, Resources: []string{s.shared.topic},
				Condition: condition{"Bool": {"aws:SecureTransport": "false"}},
			}),
	})
	for i, address := range addresses {
		awssns.NewCfnSubscription(s.Stack, text("Subscription"+string(rune('A'+i))), &awssns.CfnSubscriptionProps{
			TopicArn: s.shared.topic, Protocol: text("email"), Endpoint: address,
		})
	}
}

// ownAlarms are the alarms that may tell the topic.
func (s *side) ownAlarms() []string {
	own := []string{s.arn("cloudwatch", "alarm:"+names.Prefix+"-*")}
	if s.place.Side != names.ProductionSide {
		own = append(own, s.arn("cloudwatch", "alarm:"+names.RestoredAlarms+"*"))
	}
	return own
}

// alarm tells the topic as soon as a metric's sum, or for queues its maximum,
// reaches 1 within five minutes.
type alarm struct {
	id, name  string
	what      string // what happened
	anchor    string // of docs/operations.md
	namespace string
	metric    string
	statistic string // empty: Sum
	dimension string // name; empty: none
	of        string // value
}

func (s *side) addAlarm(a alarm) {
	if a.statistic == "" {
		a.statistic = "Sum"
	}
	props := &awscloudwatch.CfnAlarmProps{
		AlarmName: text(names.Prefix + "-" + a.name), AlarmDescription: text(a.what + " What to do: docs/operations.md#" + a.anchor),
		Namespace: text(a.namespace), MetricName: text(a.metric),
		Statistic: text(a.statistic), Period: jsii.Number(300), EvaluationPeriods: jsii.Number(1),
		Threshold: jsii.Number(1), ComparisonOperator: text("GreaterThanOrEqualToThreshold"), TreatMissingData: text("notBreaching"),
		AlarmActions: &[]any{s.shared.topic},
	}
	if a.dimension != "" {
		props.Dimensions = []any{&awscloudwatch.CfnAlarm_DimensionProperty{Name: text(a.dimension), Value: text(a.of)}}
	}
	awscloudwatch.NewCfnAlarm(s.Stack, text(a.id), props)
	s.shared.alarms = append(s.shared.alarms, s.alarmARN(a.name))
}

func pascalOf(m machine) string {
	return keypolicy.Pascal(strings.TrimPrefix(m.name, names.Prefix+"-"))
}

// addMachineAlarms are one an end that Step Functions counts.
func (s *side) addMachineAlarms(m machine) {
	short := strings.TrimPrefix(m.name, names.Prefix+"-")
	for _, end := range []struct{ metric, word, anchor, what string }{
		{"ExecutionsFailed", "failed", "refused-or-failed", "A run of " + m.name + " ended Refused, Failed, RolledBack or NeedsOperator; the notification of close-run says which."},
		{"ExecutionsTimedOut", "timed-out", "timed-out", "A run of " + m.name + " reached its last time limit."},
		{"ExecutionsAborted", "aborted", "aborted", "Somebody stopped a run of " + m.name + "."},
	} {
		s.addAlarm(alarm{
			id: pascalOf(m) + strings.TrimPrefix(end.metric, "Executions"), name: short + "-" + end.word, what: end.what, anchor: end.anchor,
			namespace: "AWS/States", metric: end.metric, dimension: "StateMachineArn", of: m.arn,
		})
	}
}

// verdictMetric counts runs that need somebody, from the line that close-run
// logs for every run: {"msg":"run closed","verdict":"…"}.
const verdictMetric = "RunsNeedingOperator"

// addSideAlarms are those of a side as a whole.
func (s *side) addSideAlarms() {
	s.addAlarm(alarm{
		id: "UndeliveredAlarm", name: s.place.Side + "-undelivered", anchor: "undelivered-event",
		what:      "An event could not be delivered; the message in the queue names its rule and the reason.",
		namespace: "AWS/SQS", metric: "ApproximateNumberOfMessagesVisible", statistic: "Maximum",
		dimension: "QueueName", of: s.shared.undelivered.name,
	})
	s.addAlarm(alarm{
		id: "CloseRunErrors", name: s.place.Side + "-close-run-errors", anchor: "close-run-failed",
		what:      "close-run failed: a run's verdict may be unrecorded and its lock still held.",
		namespace: "AWS/Lambda", metric: "Errors", dimension: "FunctionName", of: s.place.Function("close-run"),
	})
	s.addNeedsOperator()
}

func (s *side) addNeedsOperator() {
	if s.config.Production.Migrate != nil && s.place.Side == names.ProductionSide {
		s.countLines("NeedsOperatorMigrationFilter", "close-migration", `{ $.msg = "run closed" && $.verdict = "NeedsOperator" }`, verdictMetric)
	}
	s.addAlarm(alarm{
		id: "NeedsOperator", name: s.place.Side + "-needs-operator", anchor: "needs-operator",
		what:      "A run left something that a person must look at; the notification says what, where and the next command.",
		namespace: s.countLines("NeedsOperatorFilter", "close-run", `{ $.msg = "run closed" && $.verdict = "NeedsOperator" }`, verdictMetric),
		metric:    verdictMetric,
	})
}

// addStuckCopies tells when a copy stays in CREATED: copy-recovery-point logs
// {"msg":"copy stuck"} then, and goes on waiting until the item's deadline.
func (s *side) addStuckCopies() {
	const metric = "CopiesStuck"
	s.addAlarm(alarm{
		id: "CopiesStuckAlarm", name: s.place.Side + "-copies-stuck", anchor: "copy-stuck",
		what:      "A copy has been waiting in CREATED for two hours.",
		namespace: s.countLines("CopiesStuckFilter", "copy-recovery-point", `{ $.msg = "copy stuck" }`, metric),
		metric:    metric,
	})
}

// countLines counts the lines of a function's log that match a pattern, as a
// metric without dimensions, and returns the metric's namespace.
func (s *side) countLines(id, function, pattern, metric string) (namespace string) {
	namespace = names.Prefix + "/" + s.place.Side
	filter := awslogs.NewCfnMetricFilter(s.Stack, text(id), &awslogs.CfnMetricFilterProps{
		LogGroupName:  "/aws/lambda/" + s.place.Function(function),
		FilterPattern: text(pattern),
		MetricTransformations: []any{&awslogs.CfnMetricFilter_MetricTransformationProperty{
			MetricNamespace: text(namespace), MetricName: text(metric), MetricValue: text("1"),
		}},
	})
	filter.Node().AddDependency(s.Node().FindChild(text(keypolicy.Pascal(function) + "Log")))
	return namespace
}
