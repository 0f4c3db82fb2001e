package refresh

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/dbferry/dbferry/internal/fault"
)

// scaler reads and sets the Application Auto Scaling of one table or cluster.
type scaler struct {
	client *aas.Client
	name   string // of the table or cluster
	kind   Kind
}

// namespace is the service whose capacity is scaled.
func (s scaler) namespace() aastypes.ServiceNamespace {
	if s.kind == Cluster {
		return aastypes.ServiceNamespaceRds
	}
	return aastypes.ServiceNamespaceDynamodb
}

// resource is the id of the table, of one of its indexes, or of the cluster.
func (s scaler) resource(index string) string {
	switch {
	case s.kind == Cluster:
		return "cluster:" + s.name
	case index != "":
		return "table/" + s.name + "/index/" + index
	}
	return "table/" + s.name
}

// dimension is a recorded dimension in AWS's form.
func (s scaler) dimension(t ScalingTarget) aastypes.ScalableDimension {
	of := "dynamodb:table:"
	switch {
	case s.kind == Cluster:
		of = "rds:cluster:"
	case t.Index != "":
		of = "dynamodb:index:"
	}
	return aastypes.ScalableDimension(of + t.Dimension)
}

// read finds the scalable targets of a table with these indexes, or of a
// cluster, in one order; others are policies that cannot travel.
func (s scaler) read(ctx context.Context, indexes []string) (targets []ScalingTarget, others []Other, err error) {
	for _, index := range append([]string{""}, indexes...) {
		id := s.resource(index)
		found, err := s.targets(ctx, id)
		if err != nil || len(found) == 0 {
			if err != nil {
				return nil, nil, err
			}
			continue
		}
		policies, err := s.policies(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		for _, t := range found {
			one, more := recordTarget(t, index, policies)
			targets, others = append(targets, one), append(others, more...)
		}
	}
	return targets, others, nil
}

func (s scaler) targets(ctx context.Context, id string) ([]aastypes.ScalableTarget, error) {
	var out []aastypes.ScalableTarget
	pages := aas.NewDescribeScalableTargetsPaginator(s.client, &aas.DescribeScalableTargetsInput{ServiceNamespace: s.namespace(), ResourceIds: []string{id}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("read the scalable targets", id, err)
		}
		out = append(out, page.ScalableTargets...)
	}
	slices.SortFunc(out, func(a, b aastypes.ScalableTarget) int {
		return strings.Compare(string(a.ScalableDimension), string(b.ScalableDimension))
	})
	return out, nil
}

func (s scaler) policies(ctx context.Context, id string) ([]aastypes.ScalingPolicy, error) {
	var out []aastypes.ScalingPolicy
	pages := aas.NewDescribeScalingPoliciesPaginator(s.client, &aas.DescribeScalingPoliciesInput{ServiceNamespace: s.namespace(), ResourceId: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("read the scaling policies", id, err)
		}
		out = append(out, page.ScalingPolicies...)
	}
	slices.SortFunc(out, func(a, b aastypes.ScalingPolicy) int {
		return strings.Compare(aws.ToString(a.PolicyName), aws.ToString(b.PolicyName))
	})
	return out, nil
}

// recordTarget keeps of a scalable target what means something elsewhere.
func recordTarget(t aastypes.ScalableTarget, index string, policies []aastypes.ScalingPolicy) (ScalingTarget, []Other) {
	dim := string(t.ScalableDimension)
	out := ScalingTarget{Index: index, Dimension: dim[strings.LastIndex(dim, ":")+1:], Min: aws.ToInt32(t.MinCapacity), Max: aws.ToInt32(t.MaxCapacity)}
	if st := t.SuspendedState; st != nil {
		out.Suspended = aws.ToBool(st.DynamicScalingInSuspended) || aws.ToBool(st.DynamicScalingOutSuspended)
	}
	var others []Other
	for _, p := range policies {
		if p.ScalableDimension != t.ScalableDimension {
			continue
		}
		cfg := p.TargetTrackingScalingPolicyConfiguration
		if cfg == nil || cfg.PredefinedMetricSpecification == nil {
			others = append(others, Other{"scaling policy " + aws.ToString(p.PolicyName), "present", "only target tracking on AWS's own metrics is carried"})
			continue
		}
		out.Policies = append(out.Policies, ScalingPolicy{
			Name: aws.ToString(p.PolicyName), Metric: string(cfg.PredefinedMetricSpecification.PredefinedMetricType), Target: aws.ToFloat64(cfg.TargetValue),
			InSeconds: aws.ToInt32(cfg.ScaleInCooldown), OutSeconds: aws.ToInt32(cfg.ScaleOutCooldown), NoScaleIn: aws.ToBool(cfg.DisableScaleIn),
		})
	}
	return out, others
}

// apply makes what is there as wished, one scalable target with its policies at
// a time: registering one may change the capacity of the table, and the next is
// only brought into its range when the table is active again (API reference,
// RegisterScalableTarget). Both calls are idempotent, so a lost reply costs one
// more look.
func (s scaler) apply(ctx context.Context, want []ScalingTarget, tags map[string]string) (changed bool, err error) {
	if len(want) == 0 {
		return false, nil
	}
	have, _, err := s.read(ctx, indexesOf(want))
	if err != nil {
		return false, err
	}
	for _, t := range want {
		i := slices.IndexFunc(have, func(h ScalingTarget) bool { return h.Index == t.Index && h.Dimension == t.Dimension })
		var is ScalingTarget
		if i >= 0 {
			is = have[i]
		}
		if i < 0 || is.Min != t.Min || is.Max != t.Max || is.Suspended != t.Suspended {
			if err := s.register(ctx, t, i < 0, tags); err != nil {
				return false, err
			}
			changed = true
		}
		put, err := s.follow(ctx, t, is.Policies)
		if err != nil || changed || put {
			return true, err
		}
	}
	return false, nil
}

// follow puts the policies of a target that are missing. One that is there was
// put by an earlier call, whole; the comparison says if it is not as asked.
func (s scaler) follow(ctx context.Context, t ScalingTarget, have []ScalingPolicy) (changed bool, err error) {
	for _, p := range t.Policies {
		if slices.ContainsFunc(have, func(h ScalingPolicy) bool { return h.Name == p.Name }) {
			continue
		}
		if err := s.put(ctx, t, p); err != nil {
			return false, err
		}
		changed = true
	}
	return changed, nil
}

func indexesOf(targets []ScalingTarget) []string {
	var out []string
	for _, t := range targets {
		if t.Index != "" && !slices.Contains(out, t.Index) {
			out = append(out, t.Index)
		}
	}
	return out
}

// register tags a target when it makes it: tags are for new ones only.
func (s scaler) register(ctx context.Context, t ScalingTarget, fresh bool, tags map[string]string) error {
	in := &aas.RegisterScalableTargetInput{
		ServiceNamespace: s.namespace(), ResourceId: aws.String(s.resource(t.Index)), ScalableDimension: s.dimension(t), MinCapacity: &t.Min, MaxCapacity: &t.Max,
		SuspendedState: &aastypes.SuspendedState{DynamicScalingInSuspended: &t.Suspended, DynamicScalingOutSuspended: &t.Suspended},
	}
	if fresh {
		in.Tags = tags
	}
	_, err := s.client.RegisterScalableTarget(ctx, in)
	return scalingFault("register the scalable target "+string(in.ScalableDimension), *in.ResourceId, err)
}

// scalingFault: a limit of Application Auto Scaling is one on how many there
// may be, which does not pass by waiting as DynamoDB's does.
func scalingFault(op, resource string, err error) error {
	if fault.HasCode(err, "LimitExceededException") {
		return fault.New(fault.RestoreFailed, op, resource, "raise the quota of Application Auto Scaling in this account, or set autoScaling to false for this table", "%s", err)
	}
	return fault.AWS(op, resource, err)
}

func (s scaler) put(ctx context.Context, t ScalingTarget, p ScalingPolicy) error {
	id := s.resource(t.Index)
	cfg := &aastypes.TargetTrackingScalingPolicyConfiguration{
		TargetValue: &p.Target, PredefinedMetricSpecification: &aastypes.PredefinedMetricSpecification{PredefinedMetricType: aastypes.MetricType(p.Metric)},
		DisableScaleIn: &p.NoScaleIn,
	}
	if p.InSeconds > 0 {
		cfg.ScaleInCooldown = &p.InSeconds
	}
	if p.OutSeconds > 0 {
		cfg.ScaleOutCooldown = &p.OutSeconds
	}
	_, err := s.client.PutScalingPolicy(ctx, &aas.PutScalingPolicyInput{
		PolicyName: &p.Name, PolicyType: aastypes.PolicyTypeTargetTrackingScaling, ServiceNamespace: s.namespace(), ResourceId: &id,
		ScalableDimension: s.dimension(t), TargetTrackingScalingPolicyConfiguration: cfg,
	})
	return scalingFault("put the scaling policy "+p.Name, id, err)
}

// capped keeps targets within a limit; 0 is none.
func capped(targets []ScalingTarget, limit int32) []ScalingTarget {
	out := slices.Clone(targets)
	for i := range out {
		if limit > 0 {
			out[i].Min, out[i].Max = min(out[i].Min, limit), min(out[i].Max, limit)
		}
	}
	return out
}

// what names a target for people, String says how it scales.
func (t ScalingTarget) what() string {
	text := "auto scaling of " + map[string]string{"ReadCapacityUnits": "read capacity", "WriteCapacityUnits": "write capacity", "ReadReplicaCount": "readers"}[t.Dimension]
	if t.Index != "" {
		text += " of index " + t.Index
	}
	return text
}

// String says how a target scales.
func (t ScalingTarget) String() string {
	text := fmt.Sprintf("%d to %d", t.Min, t.Max)
	if t.Suspended {
		text += ", suspended"
	}
	for _, p := range t.Policies {
		text += fmt.Sprintf(", %s at %g", p.Metric, p.Target)
		if p.NoScaleIn {
			text += " without scaling in"
		}
		if p.InSeconds+p.OutSeconds > 0 {
			text += fmt.Sprintf(" (cooldowns %d s in, %d s out)", p.InSeconds, p.OutSeconds)
		}
	}
	return text
}
