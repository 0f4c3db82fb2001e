package switchover

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
)

// scaledReader begins the names of the readers that Application Auto Scaling
// adds to a cluster (Aurora user guide, "Aurora Auto Scaling").
const scaledReader = "application-autoscaling-"

const scaledByOthers = "its scalable target is somebody else's"

// detach removes what a refresh has put around an old resource and what would
// outlive it: scalable targets first, so that nothing adds readers to a cluster
// that is being deleted, then alarms, which cost.
func (s *retireItems) detach(ctx context.Context, o old, rec *Retirement) (left string, err error) {
	left, err = s.endScaling(ctx, o, rec)
	if err != nil || left != "" {
		return left, err
	}
	return "", s.endAlarms(ctx, o)
}

// endScaling deregisters the scalable targets; AWS deletes their policies with
// them, and the policies' alarms. That there were some is remembered before: it
// is what makes the cluster's readers of that name dbferry's to delete.
func (s *retireItems) endScaling(ctx context.Context, o old, rec *Retirement) (left string, err error) {
	found, err := s.scalableTargets(ctx, o)
	if err != nil {
		return "", err
	}
	for _, t := range found {
		id := aws.ToString(t.ResourceId)
		tags, err := s.scaling.ListTagsForResource(ctx, &aas.ListTagsForResourceInput{ResourceARN: t.ScalableTargetARN})
		if fault.HasCode(err, "ResourceNotFoundException") {
			continue
		}
		if err != nil {
			return "", fault.AWS("read the tags of the scalable target", id, err)
		}
		if !ours(tags.Tags, o.refreshID, o.source, s.t.Name) {
			return scaledByOthers, nil
		}
		if o.kind == refresh.Cluster && !rec.Scaled {
			rec.Scaled = true
			if err := s.ledger.Put(ctx, retiredKey(o.kind, o.name), *rec); err != nil {
				return "", err
			}
		}
		_, err = s.scaling.DeregisterScalableTarget(ctx, &aas.DeregisterScalableTargetInput{ServiceNamespace: t.ServiceNamespace, ResourceId: t.ResourceId, ScalableDimension: t.ScalableDimension})
		if err != nil && !fault.HasCode(err, "ObjectNotFoundException") {
			return "", fault.AWS("deregister the scalable target", id, err)
		}
	}
	return "", nil
}

// scalableTargets are those of a cluster, or of a table and its indexes. A
// table's resource ids begin alike, and AWS cannot look for that, so those of
// the indexes are known by the table only while it is there; without it the
// list of all is read.
func (s *retireItems) scalableTargets(ctx context.Context, o old) ([]aastypes.ScalableTarget, error) {
	in := &aas.DescribeScalableTargetsInput{ServiceNamespace: aastypes.ServiceNamespaceDynamodb}
	if o.kind == refresh.Cluster {
		in.ServiceNamespace, in.ResourceIds = aastypes.ServiceNamespaceRds, []string{"cluster:" + o.name}
	}
	var out []aastypes.ScalableTarget
	pages := aas.NewDescribeScalableTargetsPaginator(s.scaling, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("list the scalable targets", o.name, err)
		}
		for _, t := range page.ScalableTargets {
			if id := aws.ToString(t.ResourceId) + "/"; o.kind == refresh.Cluster || strings.HasPrefix(id, "table/"+o.name+"/") {
				out = append(out, t)
			}
		}
	}
	return out, nil
}

// endAlarms deletes the alarms that a refresh has put, which are told by their
// names and, where a name had to be cut, by what they watch.
func (s *retireItems) endAlarms(ctx context.Context, o old) error {
	var own []string
	pages := cloudwatch.NewDescribeAlarmsPaginator(s.alarms, &cloudwatch.DescribeAlarmsInput{
		AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm}, AlarmNamePrefix: aws.String(names.RestoredAlarmsOf(o.name)), MaxRecords: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fault.AWS("list the alarms", o.name, err)
		}
		for _, a := range page.MetricAlarms {
			watches := func(d cwtypes.Dimension) bool {
				v := aws.ToString(d.Value)
				return v == o.name || o.kind == refresh.Cluster && strings.HasPrefix(v, o.name+"-")
			}
			if slices.ContainsFunc(a.Dimensions, watches) {
				own = append(own, aws.ToString(a.AlarmName))
			}
		}
	}
	for some := range slices.Chunk(own, 100) { // the most that one call takes
		if _, err := s.alarms.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: some}); err != nil && !fault.IsNotFound(err) {
			return fault.AWS("delete the alarms", o.name, err)
		}
	}
	return nil
}
