package autoscaling

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	sdkcw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	sdkddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/cloudwatch"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/iam/awsmanaged"
)

// callerMay asks what AWS asks of the caller itself before it lets a service
// act: the target service's actions, and those on the policy's alarms
// (Application Auto Scaling user guide, "Permissions validation").
func (s *Service) callerMay(c *awsworld.Call, resource string) error {
	table, _, cluster := parts(resource)
	arn, actions := s.w.ARN("rds", c.Account.ID, "cluster:"+cluster), []string{"rds:DescribeDBClusters"}
	tags := map[string]string{}
	if cluster == "" {
		arn, actions = s.w.ARN("dynamodb", c.Account.ID, "table/"+table), []string{"dynamodb:DescribeTable", "dynamodb:UpdateTable"}
		tags = s.tables.Tags(c.Account.ID, table)
	}
	for _, a := range actions {
		if err := s.require(c, a, arn, service.TagContext(tags)); err != nil {
			return err
		}
	}
	if cluster != "" {
		reader := s.w.ARN("rds", c.Account.ID, "db:application-autoscaling-*")
		for _, a := range []string{"rds:DescribeDBInstances", "rds:AddTagsToResource", "rds:CreateDBInstance", "rds:DeleteDBInstance"} {
			if err := s.require(c, a, reader, nil); err != nil {
				return err
			}
		}
	}
	alarm := s.w.ARN("cloudwatch", c.Account.ID, "alarm:TargetTracking-"+resource+"-AlarmHigh")
	for _, a := range []string{"cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"} {
		if err := s.require(c, a, alarm, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) require(c *awsworld.Call, action, arn string, context map[string][]string) error {
	return c.Require(awsworld.Resource{ARN: arn, Owner: c.Account.ID, Kind: iam.NoPolicy, Action: action, Context: context}, nil)
}

// linked are the service-linked roles by namespace.
var linked = map[string]struct{ name, policy string }{
	"dynamodb": {"AWSServiceRoleForApplicationAutoScaling_DynamoDBTable", "arn:aws:iam::aws:policy/aws-service-role/AWSApplicationAutoscalingDynamoDBTablePolicy"},
	"rds":      {"AWSServiceRoleForApplicationAutoScaling_RDSCluster", "arn:aws:iam::aws:policy/aws-service-role/AWSApplicationAutoscalingRDSClusterPolicy"},
}

func principal(namespace string) string { return namespace + ".application-autoscaling.amazonaws.com" }

func roleARN(account, namespace string) string {
	return fmt.Sprintf("arn:aws:iam::%s:role/aws-service-role/%s/%s", account, principal(namespace), linked[namespace].name)
}

// serviceLinkedRole: the first target of a namespace makes the role, for which
// the caller needs permission (user guide, "Service-linked roles").
func (s *Service) serviceLinkedRole(c *awsworld.Call, namespace string) (awsworld.Caller, error) {
	if caller, err := s.w.ServiceLinked(c.Account.ID, principal(namespace)); err == nil {
		return caller, nil
	}
	arn := roleARN(c.Account.ID, namespace)
	err := c.Require(awsworld.Resource{ARN: arn, Owner: c.Account.ID, Kind: iam.NoPolicy, Action: "iam:CreateServiceLinkedRole",
		Context: map[string][]string{"iam:AWSServiceName": {principal(namespace)}}}, nil)
	if err != nil {
		return awsworld.Caller{}, err
	}
	if err := s.PutServiceLinkedRole(c.Account.ID, namespace); err != nil {
		return awsworld.Caller{}, err
	}
	return s.w.ServiceLinked(c.Account.ID, principal(namespace))
}

// PutServiceLinkedRole makes the role of a namespace ("dynamodb", "rds").
func (s *Service) PutServiceLinkedRole(account, namespace string) error {
	known := linked[namespace]
	doc, _, ok := awsmanaged.Policy(known.policy)
	if !ok {
		return fmt.Errorf("policy %s is not among the AWS-managed documents", known.policy)
	}
	trust, err := service.Policy("trust of "+known.name, account,
		[]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"`+principal(namespace)+`"},"Action":"sts:AssumeRole"}]}`))
	if err != nil {
		return err
	}
	s.w.Account(account).PutRole(&awsworld.Role{
		ARN: roleARN(account, namespace), Name: known.name, Account: account, Service: principal(namespace), Trust: *trust,
		Policies: []iam.Policy{{Name: known.policy + " on " + account, Account: account, Doc: doc}},
	})
	return nil
}

// adjust brings the capacity of an active table or index into the range, as
// the service-linked role (API reference, RegisterScalableTarget).
func (s *Service) adjust(c *awsworld.Call, role awsworld.Caller, t Target) error {
	table, index, cluster := parts(t.Resource)
	if cluster != "" || !s.tables.Active(c.Account.ID, table) {
		return nil // readers are not simulated; what is not active is left alone
	}
	read, write, _ := s.tables.Capacity(c.Account.ID, table, index)
	have := &write
	if t.Dimension == "dynamodb:table:ReadCapacityUnits" || t.Dimension == "dynamodb:index:ReadCapacityUnits" {
		have = &read
	}
	want := min(max(*have, int64(t.Min)), int64(t.Max))
	if want == *have {
		return nil
	}
	*have = want
	in := &sdkddb.UpdateTableInput{TableName: &table}
	throughput := &ddbtypes.ProvisionedThroughput{ReadCapacityUnits: &read, WriteCapacityUnits: &write}
	if index == "" {
		in.ProvisionedThroughput = throughput
	} else {
		in.GlobalSecondaryIndexUpdates = []ddbtypes.GlobalSecondaryIndexUpdate{{Update: &ddbtypes.UpdateGlobalSecondaryIndexAction{IndexName: &index, ProvisionedThroughput: throughput}}}
	}
	_, err := service.Call[sdkddb.UpdateTableOutput](c.Ctx, s.w, role, "DynamoDB", "UpdateTable", in)
	if service.Code(err) == "ResourceInUseException" {
		return &types.ConcurrentUpdateException{Message: aws.String("You already have a pending update to an Application Auto Scaling resource: " + err.Error())}
	}
	return err
}

// alarmsOf are the alarms that a policy lives by.
func (s *Service) alarmsOf(t *target, p Policy) []cloudwatch.AlarmSpec {
	table, index, cluster := parts(t.Resource)
	m := cloudwatch.Metric{Namespace: "AWS/DynamoDB", Name: "ConsumedCapacityUnits", Dimensions: map[string]string{"TableName": table}}
	if index != "" {
		m.Dimensions["GlobalSecondaryIndexName"] = index
	}
	if cluster != "" {
		m = cloudwatch.Metric{Namespace: "AWS/RDS", Name: "CPUUtilization", Dimensions: map[string]string{"DBClusterIdentifier": cluster, "Role": "READER"}}
	}
	var out []cloudwatch.AlarmSpec
	for _, kind := range []struct{ name, compare string }{{"AlarmHigh", "GreaterThanThreshold"}, {"AlarmLow", "LessThanThreshold"}} {
		out = append(out, cloudwatch.AlarmSpec{
			Name: fmt.Sprintf("TargetTracking-%s-%s-%s", t.Resource, kind.name, p.Name), Metric: m, Statistic: "Sum", Period: time.Minute, Periods: 2,
			Compare: kind.compare, Threshold: p.Value, Actions: []string{s.policyARN(t, p)},
		})
	}
	return out
}

// putAlarms puts them as the service-linked role.
func (s *Service) putAlarms(c *awsworld.Call, t *target, p Policy) ([]types.Alarm, error) {
	role, err := s.w.ServiceLinked(t.account, principal(namespace(t.Dimension)))
	if err != nil {
		return nil, err
	}
	var out []types.Alarm
	for _, a := range s.alarmsOf(t, p) {
		in := &sdkcw.PutMetricAlarmInput{
			AlarmName: aws.String(a.Name), Namespace: aws.String(a.Metric.Namespace), MetricName: aws.String(a.Metric.Name), Statistic: cwtypes.Statistic(a.Statistic),
			Period: aws.Int32(60), EvaluationPeriods: aws.Int32(a.Periods), ComparisonOperator: cwtypes.ComparisonOperator(a.Compare),
			Threshold: aws.Float64(a.Threshold), AlarmActions: a.Actions,
		}
		for _, d := range []string{"TableName", "GlobalSecondaryIndexName", "DBClusterIdentifier", "Role"} {
			if v := a.Metric.Dimensions[d]; v != "" {
				in.Dimensions = append(in.Dimensions, cwtypes.Dimension{Name: aws.String(d), Value: aws.String(v)})
			}
		}
		if _, err := service.Call[sdkcw.PutMetricAlarmOutput](context.WithoutCancel(c.Ctx), s.w, role, "CloudWatch", "PutMetricAlarm", in); err != nil {
			return nil, err
		}
		out = append(out, types.Alarm{AlarmName: in.AlarmName, AlarmARN: aws.String(s.w.ARN("cloudwatch", t.account, "alarm:"+a.Name))})
	}
	return out, nil
}
