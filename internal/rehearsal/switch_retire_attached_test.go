package rehearsal_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	sdkcw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/sns"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// ownTags are what a refresh puts on everything that it makes.
func ownTags(id, source string) map[string]string {
	return map[string]string{names.TagOwner: names.Prefix, names.TagRefresh: id, names.TagSource: source, names.TagTarget: "staging"}
}

// scale registers a resource with a policy, whose alarms AWS puts.
func (s *switcher) scale(resource string, tags map[string]string) {
	s.t.Helper()
	client := aas.NewFromConfig(s.AWS("222222222222"))
	ns, dim, metric := aastypes.ServiceNamespaceDynamodb, aastypes.ScalableDimensionDynamoDBTableReadCapacityUnits, aastypes.MetricTypeDynamoDBReadCapacityUtilization
	if strings.HasPrefix(resource, "cluster:") {
		ns, dim, metric = aastypes.ServiceNamespaceRds, aastypes.ScalableDimensionRDSClusterReadReplicaCount, aastypes.MetricTypeRDSReaderAverageCPUUtilization
	}
	_, err := client.RegisterScalableTarget(s.t.Context(), &aas.RegisterScalableTargetInput{ServiceNamespace: ns, ResourceId: &resource, ScalableDimension: dim,
		MinCapacity: aws.Int32(1), MaxCapacity: aws.Int32(4), Tags: tags})
	s.must(nil, err)
	_, err = client.PutScalingPolicy(s.t.Context(), &aas.PutScalingPolicyInput{PolicyName: aws.String("follow"), PolicyType: aastypes.PolicyTypeTargetTrackingScaling, ServiceNamespace: ns,
		ResourceId: &resource, ScalableDimension: dim, TargetTrackingScalingPolicyConfiguration: &aastypes.TargetTrackingScalingPolicyConfiguration{TargetValue: aws.Float64(70),
			PredefinedMetricSpecification: &aastypes.PredefinedMetricSpecification{PredefinedMetricType: metric}}})
	s.must(nil, err)
}

func (s *switcher) alarm(name, dimension, value string) {
	s.t.Helper()
	_, err := sdkcw.NewFromConfig(s.AWS("222222222222")).PutMetricAlarm(s.t.Context(), &sdkcw.PutMetricAlarmInput{AlarmName: &name, Namespace: aws.String("AWS/RDS"),
		MetricName: aws.String("CPUUtilization"), Statistic: cwtypes.StatisticAverage, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(90),
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, Dimensions: []cwtypes.Dimension{{Name: &dimension, Value: &value}}})
	s.must(nil, err)
}

// attached are the names of the alarms and the scalable targets of the account
// that mention a generation.
func (s *switcher) attached(id string) (out []string) {
	s.t.Helper()
	alarms, err := sdkcw.NewFromConfig(s.AWS("222222222222")).DescribeAlarms(s.t.Context(), &sdkcw.DescribeAlarmsInput{MaxRecords: aws.Int32(100)})
	s.must(nil, err)
	for _, a := range alarms.MetricAlarms {
		if strings.Contains(*a.AlarmName, id) {
			out = append(out, "alarm "+*a.AlarmName)
		}
	}
	for _, ns := range []aastypes.ServiceNamespace{aastypes.ServiceNamespaceRds, aastypes.ServiceNamespaceDynamodb} {
		targets, err := aas.NewFromConfig(s.AWS("222222222222")).DescribeScalableTargets(s.t.Context(), &aas.DescribeScalableTargetsInput{ServiceNamespace: ns})
		s.must(nil, err)
		for _, t := range targets.ScalableTargets {
			if strings.Contains(*t.ResourceId, id) {
				out = append(out, "scalable target "+*t.ResourceId)
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestRetireTakesWhatIsAttached: alarms, scalable targets and the readers that
// Application Auto Scaling has added go with an old generation, also when the
// table alone was deleted by hand, and after a refusal in the middle. What
// serves keeps its own. A scalable target of somebody else keeps its cluster, and
// a reader with such a name, on a cluster that dbferry does not scale, too.
func TestRetireTakesWhatIsAttached(t *testing.T) {
	play(t, aged(t), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		s := &switcher{o, t, generations[0]}
		account, serving, plain, foreign, posing, orphan := "222222222222", generations[0], generations[2], generations[3], generations[4], generations[5]
		for _, id := range []string{serving, plain, orphan} {
			_, err := sdkdynamodb.NewFromConfig(s.AWS(account)).UpdateTable(t.Context(), &sdkdynamodb.UpdateTableInput{TableName: aws.String(cartsOf(id)), BillingMode: dynamodbtypes.BillingModeProvisioned,
				ProvisionedThroughput: &dynamodbtypes.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(5), WriteCapacityUnits: aws.Int64(5)}})
			s.must(nil, err)
		}
		s.must(nil, o.Sleep(10*time.Minute))
		for _, id := range []string{serving, plain} {
			s.scale("cluster:"+ordersOf(id), ownTags(id, "shop-orders"))
			s.scale("table/"+cartsOf(id), ownTags(id, "shop-carts"))
			s.alarm(names.RestoredAlarm(ordersOf(id), "cpu"), "DBClusterIdentifier", ordersOf(id))
			s.alarm(names.RestoredAlarm(ordersOf(id), "writer"), "DBInstanceIdentifier", ordersOf(id)+"-1")
			s.alarm(names.RestoredAlarm(cartsOf(id), "throttled"), "TableName", cartsOf(id))
		}
		s.must(nil, o.RDS().PutInstance(account, rds.InstanceSpec{ID: "application-autoscaling-1f2e", Cluster: ordersOf(plain), Class: "db.r6g.large"}))
		s.scale("table/"+cartsOf(orphan), ownTags(orphan, "shop-carts"))
		s.alarm(names.RestoredAlarm(cartsOf(orphan), "throttled"), "TableName", cartsOf(orphan))
		s.must(nil, o.Sleep(10*time.Minute)) // registering has brought its capacity into range
		_, err := sdkdynamodb.NewFromConfig(s.AWS(account)).DeleteTable(t.Context(), &sdkdynamodb.DeleteTableInput{TableName: aws.String(cartsOf(orphan))})
		s.must(nil, err)
		s.must(nil, o.Sleep(10*time.Minute))
		if got := s.attached(orphan); len(got) != 4 {
			t.Fatalf("%v", got)
		}
		s.scale("cluster:"+ordersOf(foreign), map[string]string{"team": "data"})
		s.alarm(names.RestoredAlarm(ordersOf(foreign), "cpu"), "DBClusterIdentifier", ordersOf(foreign))
		s.must(nil, o.RDS().PutInstance(account, rds.InstanceSpec{ID: "application-autoscaling-9c8b", Cluster: ordersOf(posing), Class: "db.r6g.large"}))
		s.alarm(names.RestoredAlarm(ordersOf(posing), "cpu"), "DBClusterIdentifier", ordersOf(posing))
		before := s.attached(serving)
		if len(before) != 9 { // three alarms, two targets, two alarms for each policy
			t.Fatalf("%d: %v", len(before), before)
		}

		o.World().Inject(awsworld.Fault{Site: awsworld.Site{Machine: "staging-switch", Item: "*", State: "*", Operation: "CloudWatch.DeleteAlarms"}, Kind: awsworld.FaultDeny})
		s.start(rehearsal.VerdictSucceeded, map[string]bool{"retire": true})
		s.must(nil, o.Settle())
		if !slices.Contains(s.clusters(), ordersOf(plain)) {
			t.Error("the cluster went before its alarms")
		}
		if slices.Contains(s.clusters(), ordersOf(orphan)) {
			t.Errorf("what can be deleted was kept by what cannot: %v", s.clusters())
		}
		if m := o.Mails(); !slices.ContainsFunc(m, func(x sns.Message) bool {
			return strings.Contains(x.Body, "Old generations were not all deleted") && strings.Contains(x.Body, ordersOf(plain))
		}) {
			t.Errorf("nobody is told: %+v", m)
		}
		o.Heal()
		s.start(rehearsal.VerdictSucceeded, map[string]bool{"retire": true})
		s.must(nil, o.Sleep(30*time.Minute))

		if left := s.attached(plain); len(left) > 0 || slices.Contains(s.clusters(), ordersOf(plain)) || slices.Contains(s.tables(), cartsOf(plain)) {
			t.Errorf("left of %s: %v, %v, %v", plain, left, s.clusters(), s.tables())
		}
		if left := s.attached(orphan); len(left) > 0 {
			t.Errorf("left of %s: %v", orphan, left)
		}
		if after := s.attached(serving); !slices.Equal(after, before) {
			t.Errorf("what serves had %v and has %v", before, after)
		}
		if got := s.attached(foreign); !slices.Contains(got, "scalable target cluster:"+ordersOf(foreign)) || !slices.Contains(got, "alarm "+names.RestoredAlarm(ordersOf(foreign), "cpu")) {
			t.Errorf("left of %s: %v", foreign, got)
		}
		if got := s.attached(posing); !slices.Contains(got, "alarm "+names.RestoredAlarm(ordersOf(posing), "cpu")) {
			t.Errorf("left of %s: %v", posing, got)
		}
		for id, why := range map[string]string{foreign: "its scalable target cluster:" + ordersOf(foreign) + " is somebody else's", posing: "application-autoscaling-9c8b is somebody else's"} {
			raw, _ := o.Objects().Object(s.ledger(), "retired/cluster/"+ordersOf(id)+".json")
			if !slices.Contains(s.clusters(), ordersOf(id)) || !strings.Contains(string(raw), why) {
				t.Errorf("%s: %v, the record says %s", id, s.clusters(), raw)
			}
		}
		return nil
	})
}
