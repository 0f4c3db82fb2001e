package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"

	"github.com/dbferry/dbferry/internal/names"
)

// addStuckCopies tells when a copy stays in CREATED: copy-recovery-point logs
// {"msg":"copy stuck"} then, and goes on waiting until the item's deadline.
func (s *side) addStuckCopies() {
	namespace, metric := names.Prefix+"/"+s.place.Side, "CopiesStuck"
	filter := awslogs.NewCfnMetricFilter(s.Stack, text("CopiesStuckFilter"), &awslogs.CfnMetricFilterProps{
		LogGroupName:  "/aws/lambda/" + s.place.Function("copy-recovery-point"),
		FilterPattern: text(`{ $.msg = "copy stuck" }`),
		MetricTransformations: []any{&awslogs.CfnMetricFilter_MetricTransformationProperty{
			MetricNamespace: text(namespace), MetricName: text(metric), MetricValue: text("1"),
		}},
	})
	filter.Node().AddDependency(s.Node().FindChild(text("CopyRecoveryPointLog")))
	s.addAlarm(alarm{
		id: "CopiesStuckAlarm", name: s.place.Side + "-copies-stuck", anchor: "copy-stuck",
		what:      "A copy has been waiting in CREATED for two hours.",
		namespace: namespace, metric: metric,
	})
}
