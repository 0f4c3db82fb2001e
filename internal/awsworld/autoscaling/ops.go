package autoscaling

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

const (
	reference     = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_"
	authorization = "; Service Authorization Reference, Application Auto Scaling"
)

func (s *Service) ops() []awsworld.Op {
	register := row("RegisterScalableTarget", s.register)
	register.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.RegisterScalableTargetInput](c)
		out := []awsworld.Resource{s.resource(c, aws.ToString(in.ResourceId), string(in.ScalableDimension))}
		if len(in.Tags) > 0 {
			tag := out[0]
			tag.Action = "application-autoscaling:TagResource"
			out = append(out, tag)
		}
		return out
	}
	register.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		in := awsworld.Input[sdk.RegisterScalableTargetInput](c)
		keys := scope(string(in.ServiceNamespace), string(in.ScalableDimension))
		maps.Copy(keys, service.RequestTags(in.Tags))
		return keys
	}
	register.Source += "; Application Auto Scaling user guide, \"Permissions required for API actions on target services and CloudWatch\", \"Service-linked roles\""
	register.Differs = "DynamoDB tables and indexes, Aurora clusters; tags are taken for a new target only; the caller's permissions on the resource are asked here, " +
		"in which order and on which ARNs AWS asks is not published; the namespace and dimension keys are there for tagging too; no readers are created"
	put := row("PutScalingPolicy", s.putPolicy)
	put.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.PutScalingPolicyInput](c)
		return []awsworld.Resource{s.resource(c, aws.ToString(in.ResourceId), string(in.ScalableDimension))}
	}
	put.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		in := awsworld.Input[sdk.PutScalingPolicyInput](c)
		return scope(string(in.ServiceNamespace), string(in.ScalableDimension))
	}
	put.Differs = "target tracking on predefined metrics; its alarms are put at once and never go off; on which alarm ARNs AWS asks for the caller's permissions is not published"
	targets := row("DescribeScalableTargets", s.describeTargets)
	policies := row("DescribeScalingPolicies", s.describePolicies)
	targets.Differs, policies.Differs = "visible at once; everything on one page", "visible at once; everything on one page"
	return append([]awsworld.Op{register, put, targets, policies}, s.endOps()...)
}

func row[In, Out any](name string, do func(*awsworld.Call, *In) (*Out, error)) awsworld.Op {
	op := awsworld.On(serviceID, name, "application-autoscaling:"+name, do)
	op.Source = reference + name + ".html" + authorization
	return op
}

func scope(namespace, dimension string) map[string][]string {
	return map[string][]string{
		"application-autoscaling:service-namespace": {namespace}, "application-autoscaling:scalable-dimension": {dimension},
	}
}

// resource is the scalable target: its own ARN, which AWS makes up, once it is
// there.
func (s *Service) resource(c *awsworld.Call, id, dimension string) awsworld.Resource {
	r := awsworld.Resource{ARN: s.w.ARN("application-autoscaling", c.Account.ID, "scalable-target/new"), Owner: c.Account.ID, Kind: iam.NoPolicy}
	if t := s.targets[c.Account.ID][key(id, dimension)]; t != nil {
		r.ARN, r.Context = t.arn, service.TagContext(t.Tags)
	}
	return r
}

func (s *Service) register(c *awsworld.Call, in *sdk.RegisterScalableTargetInput) (*sdk.RegisterScalableTargetOutput, error) {
	if err := service.OnlyFields(c, "ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity", "SuspendedState", "Tags"); err != nil {
		return nil, err
	}
	id, dim := aws.ToString(in.ResourceId), string(in.ScalableDimension)
	t := s.targets[c.Account.ID][key(id, dim)]
	if t == nil && (in.MinCapacity == nil || in.MaxCapacity == nil) {
		return nil, invalid("A new scalable target must have a minimum and a maximum capacity")
	}
	wish := Target{Resource: id, Dimension: dim, Tags: in.Tags}
	if t != nil {
		wish = t.Target
	}
	change(&wish, in)
	if err := s.mayRegister(c, string(in.ServiceNamespace), wish); err != nil {
		return nil, err
	}
	role, err := s.serviceLinkedRole(c, namespace(dim))
	if err != nil {
		return nil, err
	}
	if err := s.adjust(c, role, wish); err != nil {
		return nil, err
	}
	if t == nil {
		t = s.add(c.Account.ID, wish)
	}
	t.Min, t.Max, t.Suspended = wish.Min, wish.Max, wish.Suspended
	return &sdk.RegisterScalableTargetOutput{ScalableTargetARN: aws.String(t.arn)}, nil
}

func change(t *Target, in *sdk.RegisterScalableTargetInput) {
	if in.MinCapacity != nil {
		t.Min = *in.MinCapacity
	}
	if in.MaxCapacity != nil {
		t.Max = *in.MaxCapacity
	}
	if st := in.SuspendedState; st != nil {
		t.Suspended = aws.ToBool(st.DynamicScalingInSuspended) || aws.ToBool(st.DynamicScalingOutSuspended)
	}
}

func (s *Service) mayRegister(c *awsworld.Call, ns string, t Target) error {
	switch {
	case ns != namespace(t.Dimension):
		return invalid("The dimension %s is not of the namespace %s", t.Dimension, ns)
	case !s.exists(c.Account.ID, t.Resource):
		return invalid("%s resource doesn't exist: %s", ns, t.Resource)
	}
	if err := check(t); err != nil {
		return err
	}
	return s.callerMay(c, t.Resource)
}

func (s *Service) putPolicy(c *awsworld.Call, in *sdk.PutScalingPolicyInput) (*sdk.PutScalingPolicyOutput, error) {
	if err := service.OnlyFields(c, "PolicyName", "PolicyType", "ServiceNamespace", "ResourceId", "ScalableDimension", "TargetTrackingScalingPolicyConfiguration"); err != nil {
		return nil, err
	}
	cfg := in.TargetTrackingScalingPolicyConfiguration
	if in.PolicyType != types.PolicyTypeTargetTrackingScaling || cfg == nil || cfg.PredefinedMetricSpecification == nil || cfg.CustomizedMetricSpecification != nil {
		return nil, &awsworld.Unsimulated{Service: serviceID, Operation: "a policy that is not target tracking on a predefined metric"}
	}
	t := s.targets[c.Account.ID][key(aws.ToString(in.ResourceId), string(in.ScalableDimension))]
	if t == nil {
		return nil, &types.ObjectNotFoundException{Message: aws.String("No scalable target registered for " + aws.ToString(in.ResourceId) + ", " + string(in.ScalableDimension))}
	}
	p := Policy{
		Name: aws.ToString(in.PolicyName), Metric: string(cfg.PredefinedMetricSpecification.PredefinedMetricType), Value: aws.ToFloat64(cfg.TargetValue),
		In: aws.ToInt32(cfg.ScaleInCooldown), Out: aws.ToInt32(cfg.ScaleOutCooldown), NoScaleIn: aws.ToBool(cfg.DisableScaleIn),
	}
	if err := checkPolicy(t.Dimension, p); err != nil {
		return nil, err
	}
	if err := s.callerMay(c, t.Resource); err != nil {
		return nil, err
	}
	alarms, err := s.putAlarms(c, t, p)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(t.Policies, func(x Policy) bool { return x.Name == p.Name }); i >= 0 {
		t.Policies[i] = p
	} else {
		t.Policies = append(t.Policies, p)
	}
	return &sdk.PutScalingPolicyOutput{PolicyARN: aws.String(s.policyARN(t, p)), Alarms: alarms}, nil
}

func (s *Service) policyARN(t *target, p Policy) string {
	return s.w.ARN("autoscaling", t.account, "scalingPolicy:"+t.arn[strings.LastIndex(t.arn, "/")+1:]+":resource/"+namespace(t.Dimension)+"/"+t.Resource+":policyName/"+p.Name)
}

func (s *Service) describeTargets(c *awsworld.Call, in *sdk.DescribeScalableTargetsInput) (*sdk.DescribeScalableTargetsOutput, error) {
	if err := service.OnlyFields(c, "ServiceNamespace", "ResourceIds", "ScalableDimension"); err != nil {
		return nil, err
	}
	out := &sdk.DescribeScalableTargetsOutput{}
	for _, t := range s.sorted(c.Account.ID) {
		if !matches(t, in.ServiceNamespace, in.ScalableDimension) || len(in.ResourceIds) > 0 && !slices.Contains(in.ResourceIds, t.Resource) {
			continue
		}
		out.ScalableTargets = append(out.ScalableTargets, types.ScalableTarget{
			ServiceNamespace: in.ServiceNamespace, ResourceId: aws.String(t.Resource), ScalableDimension: types.ScalableDimension(t.Dimension),
			MinCapacity: aws.Int32(t.Min), MaxCapacity: aws.Int32(t.Max), CreationTime: aws.Time(t.created), ScalableTargetARN: aws.String(t.arn),
			RoleARN: aws.String(roleARN(t.account, namespace(t.Dimension))),
			SuspendedState: &types.SuspendedState{
				DynamicScalingInSuspended: aws.Bool(t.Suspended), DynamicScalingOutSuspended: aws.Bool(t.Suspended), ScheduledScalingSuspended: aws.Bool(false),
			},
		})
	}
	return out, nil
}

func matches(t *target, ns types.ServiceNamespace, dimension types.ScalableDimension) bool {
	return namespace(t.Dimension) == string(ns) && (dimension == "" || t.Dimension == string(dimension))
}

func (s *Service) describePolicies(c *awsworld.Call, in *sdk.DescribeScalingPoliciesInput) (*sdk.DescribeScalingPoliciesOutput, error) {
	if err := service.OnlyFields(c, "ServiceNamespace", "ResourceId", "ScalableDimension"); err != nil {
		return nil, err
	}
	out := &sdk.DescribeScalingPoliciesOutput{}
	for _, t := range s.sorted(c.Account.ID) {
		if !matches(t, in.ServiceNamespace, in.ScalableDimension) || in.ResourceId != nil && t.Resource != *in.ResourceId {
			continue
		}
		for _, p := range t.Policies {
			out.ScalingPolicies = append(out.ScalingPolicies, s.view(t, p))
		}
	}
	return out, nil
}

func (s *Service) view(t *target, p Policy) types.ScalingPolicy {
	cfg := &types.TargetTrackingScalingPolicyConfiguration{TargetValue: aws.Float64(p.Value), DisableScaleIn: aws.Bool(p.NoScaleIn)}
	if p.Customized {
		cfg.CustomizedMetricSpecification = &types.CustomizedMetricSpecification{Namespace: aws.String("Custom"), MetricName: aws.String(p.Metric), Statistic: types.MetricStatisticAverage}
	} else {
		cfg.PredefinedMetricSpecification = &types.PredefinedMetricSpecification{PredefinedMetricType: types.MetricType(p.Metric)}
	}
	if p.In > 0 {
		cfg.ScaleInCooldown = aws.Int32(p.In)
	}
	if p.Out > 0 {
		cfg.ScaleOutCooldown = aws.Int32(p.Out)
	}
	v := types.ScalingPolicy{
		PolicyARN: aws.String(s.policyARN(t, p)), PolicyName: aws.String(p.Name), PolicyType: types.PolicyTypeTargetTrackingScaling,
		ServiceNamespace: types.ServiceNamespace(namespace(t.Dimension)), ResourceId: aws.String(t.Resource), ScalableDimension: types.ScalableDimension(t.Dimension),
		CreationTime: aws.Time(t.created), TargetTrackingScalingPolicyConfiguration: cfg,
	}
	for _, a := range s.alarmsOf(t, p) {
		v.Alarms = append(v.Alarms, types.Alarm{AlarmName: aws.String(a.Name), AlarmARN: aws.String(s.w.ARN("cloudwatch", t.account, "alarm:"+a.Name))})
	}
	return v
}
