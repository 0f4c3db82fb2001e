package autoscaling_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld/autoscaling"
	"github.com/dbferry/dbferry/internal/awsworld/cloudwatch"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

var ctx = context.Background()

const (
	read  = "dynamodb:table:ReadCapacityUnits"
	carts = "table/carts"
)

type fixture struct {
	*worldtest.Fixture
	scaling *autoscaling.Service
	alarms  *cloudwatch.Service
	tables  *dynamodb.Service
}

// setUp has a table of 50 read and 5 write units with an index, and one on demand.
func setUp(t *testing.T) fixture {
	t.Helper()
	f := worldtest.New(t)
	keys := kms.New(f.W)
	out := fixture{Fixture: f, alarms: cloudwatch.New(f.W), tables: dynamodb.New(f.W, keys)}
	out.scaling = autoscaling.New(f.W, out.alarms, out.tables, rds.New(f.W, keys))
	id := dynamodb.Attribute{Name: "id", Type: ddbtypes.ScalarAttributeTypeS}
	for _, spec := range []dynamodb.TableSpec{
		{Name: "carts", Hash: id, Read: 50, Write: 5, Tags: map[string]string{"owner": "us"},
			Indexes: []dynamodb.Index{{Name: "by-owner", Hash: dynamodb.Attribute{Name: "owner", Type: ddbtypes.ScalarAttributeTypeS}, Read: 50, Write: 5}}},
		{Name: "audit", Hash: id},
	} {
		if err := out.tables.PutTable(worldtest.Staging, spec); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// all are the statements that a caller needs for tables.
func all() []string {
	return []string{
		worldtest.Allow("application-autoscaling:*", "*"), worldtest.Allow("dynamodb:*", "*"), worldtest.Allow("cloudwatch:*", "*"),
		worldtest.Allow("iam:CreateServiceLinkedRole", "arn:aws:iam::*:role/aws-service-role/dynamodb.application-autoscaling.amazonaws.com/*"),
	}
}

func register(resource, dimension string, least, most int32) *sdk.RegisterScalableTargetInput {
	return &sdk.RegisterScalableTargetInput{ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &resource, ScalableDimension: types.ScalableDimension(dimension),
		MinCapacity: &least, MaxCapacity: &most, Tags: map[string]string{"owner": "us"}}
}

func policy(resource, dimension, metric string, value float64) *sdk.PutScalingPolicyInput {
	return &sdk.PutScalingPolicyInput{
		PolicyName: aws.String("p"), PolicyType: types.PolicyTypeTargetTrackingScaling, ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &resource,
		ScalableDimension: types.ScalableDimension(dimension), TargetTrackingScalingPolicyConfiguration: &types.TargetTrackingScalingPolicyConfiguration{
			TargetValue: &value, PredefinedMetricSpecification: &types.PredefinedMetricSpecification{PredefinedMetricType: types.MetricType(metric)}},
	}
}

// TestRegisterAndPut: a target brings the capacity into its range and makes the
// service-linked role; a policy makes its alarms; both may be repeated.
func TestRegisterAndPut(t *testing.T) {
	f := setUp(t)
	client := sdk.NewFromConfig(f.As(worldtest.Staging, "finisher", all()...))
	f.Run(func() {
		for range 2 {
			if _, err := client.RegisterScalableTarget(ctx, register(carts, read, 5, 20)); err != nil {
				t.Error(err)
			}
			if _, err := client.PutScalingPolicy(ctx, policy(carts, read, "DynamoDBReadCapacityUtilization", 70)); err != nil {
				t.Error(err)
			}
			_ = f.W.Kernel.Sleep(ctx, time.Minute)
		}
		if _, err := client.RegisterScalableTarget(ctx, register(carts+"/index/by-owner", "dynamodb:index:WriteCapacityUnits", 8, 20)); err != nil {
			t.Error(err)
		}
	})
	want := []autoscaling.Target{
		{Resource: carts, Dimension: read, Min: 5, Max: 20, Tags: map[string]string{"owner": "us"}, Policies: []autoscaling.Policy{{Name: "p", Metric: "DynamoDBReadCapacityUtilization", Value: 70}}},
		{Resource: carts + "/index/by-owner", Dimension: "dynamodb:index:WriteCapacityUnits", Min: 8, Max: 20, Tags: map[string]string{"owner": "us"}},
	}
	if diff := cmp.Diff(want, f.scaling.Targets(worldtest.Staging)); diff != "" {
		t.Error(diff)
	}
	if r, w, _ := f.tables.Capacity(worldtest.Staging, "carts", ""); r != 20 || w != 5 {
		t.Errorf("capacity %d, %d", r, w)
	}
	if r, w, _ := f.tables.Capacity(worldtest.Staging, "carts", "by-owner"); r != 50 || w != 8 {
		t.Errorf("capacity of the index %d, %d", r, w)
	}
	if n := len(f.alarms.Alarms(worldtest.Staging)); n != 2 {
		t.Errorf("%d alarms, want the policy's two", n)
	}
	if _, err := f.W.ServiceLinked(worldtest.Staging, "dynamodb.application-autoscaling.amazonaws.com"); err != nil {
		t.Error(err)
	}
}

// TestBusyTable: what is not active is left as it is (API reference).
func TestBusyTable(t *testing.T) {
	f := setUp(t)
	client := sdk.NewFromConfig(f.As(worldtest.Staging, "finisher", all()...))
	f.Run(func() {
		for _, in := range []*sdk.RegisterScalableTargetInput{register(carts, read, 5, 20), register(carts, "dynamodb:table:WriteCapacityUnits", 10, 20)} {
			if _, err := client.RegisterScalableTarget(ctx, in); err != nil {
				t.Error(err)
			}
		}
	})
	if r, w, _ := f.tables.Capacity(worldtest.Staging, "carts", ""); r != 20 || w != 5 {
		t.Errorf("capacity %d, %d; the second target came while the table was UPDATING", r, w)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		register *sdk.RegisterScalableTargetInput
		put      *sdk.PutScalingPolicyInput
		want     string
	}{
		"no such table":       {register: register("table/none", read, 1, 2), want: "ValidationException"},
		"no such index":       {register: register(carts+"/index/none", "dynamodb:index:ReadCapacityUnits", 1, 2), want: "ValidationException"},
		"on demand":           {register: register("table/audit", read, 1, 2), want: "ValidationException"},
		"index as table":      {register: register(carts+"/index/by-owner", read, 1, 2), want: "ValidationException"},
		"below one":           {register: register(carts, read, 0, 2), want: "ValidationException"},
		"maximum below":       {register: register(carts, read, 5, 2), want: "ValidationException"},
		"policy first":        {put: policy(carts, read, "DynamoDBReadCapacityUtilization", 70), want: "ObjectNotFoundException"},
		"metric of another":   {register: register(carts, read, 5, 60), put: policy(carts, read, "RDSReaderAverageCPUUtilization", 70), want: "ValidationException"},
		"target out of range": {register: register(carts, read, 5, 60), put: policy(carts, read, "DynamoDBReadCapacityUtilization", 99), want: "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t)
			client := sdk.NewFromConfig(f.As(worldtest.Staging, "finisher", all()...))
			f.Run(func() {
				var err error
				if c.register != nil {
					_, err = client.RegisterScalableTarget(ctx, c.register)
				}
				if c.put != nil && err == nil {
					_, err = client.PutScalingPolicy(ctx, c.put)
				}
				if service.Code(err) != c.want {
					t.Errorf("%v, want %s", err, c.want)
				}
			})
		})
	}
}

// TestPermissions: AWS asks for the caller's permissions on everything that it
// will do.
func TestPermissions(t *testing.T) {
	const tagged = `{"Effect":"Allow","Action":["application-autoscaling:RegisterScalableTarget","application-autoscaling:TagResource"],"Resource":"arn:aws:application-autoscaling:eu-west-1:222222222222:scalable-target/*","Condition":{"StringEquals":{"aws:RequestTag/owner":"us"}}}`
	const linked = `{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":"dynamodb.application-autoscaling.amazonaws.com"}}}`
	const ours = `{"Effect":"Allow","Action":["dynamodb:DescribeTable","dynamodb:UpdateTable"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"us"}}}`
	const alarms = `{"Effect":"Allow","Action":["cloudwatch:PutMetricAlarm","cloudwatch:DescribeAlarms","cloudwatch:DeleteAlarms"],"Resource":"arn:aws:cloudwatch:eu-west-1:222222222222:alarm:TargetTracking-table/*"}`
	for name, c := range map[string]struct {
		statements []string
		tags       map[string]string
		ok         bool
	}{
		"all that is needed":     {[]string{tagged, linked, ours, alarms}, map[string]string{"owner": "us"}, true},
		"another tag":            {[]string{tagged, linked, ours, alarms}, map[string]string{"owner": "them"}, false},
		"no tag":                 {[]string{tagged, linked, ours, alarms}, nil, false},
		"no service-linked role": {[]string{tagged, ours, alarms}, map[string]string{"owner": "us"}, false},
		"not on the table":       {[]string{tagged, linked, alarms}, map[string]string{"owner": "us"}, false},
		"no alarms":              {[]string{tagged, linked, ours}, map[string]string{"owner": "us"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t)
			client := sdk.NewFromConfig(f.As(worldtest.Staging, "finisher", c.statements...))
			f.Run(func() {
				in := register(carts, read, 5, 60)
				in.Tags = c.tags
				_, err := client.RegisterScalableTarget(ctx, in)
				if (err == nil) != c.ok || err != nil && service.Code(err) != "AccessDeniedException" {
					t.Errorf("%v, want allowed %v", err, c.ok)
				}
			})
		})
	}
}
