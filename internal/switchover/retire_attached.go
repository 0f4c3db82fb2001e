package switchover

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
)

// scaledReader begins the names of the readers that Application Auto Scaling
// adds to a cluster (Aurora user guide, "Aurora Auto Scaling").
const scaledReader = "application-autoscaling-"

// attached are the scalable targets of an old resource.
type attached struct {
	own     []aastypes.ScalableTarget
	foreign string // resource id of one that somebody else has made
}

// left is why a resource that is there stays as it is, alarms and all.
func (a attached) left() string {
	if a.foreign == "" {
		return ""
	}
	return "its scalable target " + a.foreign + " is somebody else's"
}

// detach removes what a refresh has put around an old resource and what would
// outlive it: scalable targets first, so that nothing adds readers to a cluster
// that is being deleted, then alarms, which cost.
func (s *retireItems) detach(ctx context.Context, o old, a attached, rec *Retirement) error {
	if rec.Detached {
		return nil
	}
	for _, t := range a.own {
		if err := s.deregister(ctx, o, t, rec); err != nil {
			return err
		}
	}
	if err := s.endAlarms(ctx, o); err != nil {
		return err
	}
	rec.Detached = true
	return nil
}

// orphaned removes what a resource has left behind that somebody deleted alone.
func (s *retireItems) orphaned(ctx context.Context, o old, rec *Retirement) error {
	if rec.Detached {
		return nil
	}
	a, err := s.scalableTargets(ctx, o, nil)
	if err != nil {
		return err
	}
	return s.detach(ctx, o, a, rec)
}

// scalableTargets reads those of a cluster, or of a table with these indexes. AWS
// finds them by whole names only: without the table nobody knows its indexes, and
// with nil all of the account's are read.
func (s *retireItems) scalableTargets(ctx context.Context, o old, indexes []string) (a attached, err error) {
	in, table := &aas.DescribeScalableTargetsInput{ServiceNamespace: aastypes.ServiceNamespaceDynamodb}, "table/"+o.name
	switch {
	case o.kind == refresh.Cluster:
		in.ServiceNamespace, in.ResourceIds = aastypes.ServiceNamespaceRds, []string{"cluster:" + o.name}
	case indexes != nil:
		in.ResourceIds = []string{table}
		for _, index := range indexes {
			in.ResourceIds = append(in.ResourceIds, table+"/index/"+index)
		}
	}
	pages := aas.NewDescribeScalableTargetsPaginator(s.scaling, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return a, fault.AWS("list the scalable targets", o.name, err)
		}
		for _, t := range page.ScalableTargets {
			id := aws.ToString(t.ResourceId)
			if o.kind == refresh.Table && id != table && !strings.HasPrefix(id, table+"/") {
				continue
			}
			tags, err := s.scaling.ListTagsForResource(ctx, &aas.ListTagsForResourceInput{ResourceARN: t.ScalableTargetARN})
			switch {
			case fault.HasCode(err, "ResourceNotFoundException"):
			case err != nil:
				return a, fault.AWS("read the tags of the scalable target", id, err)
			case ours(tags.Tags, o.refreshID, o.source, s.t.Name):
				a.own = append(a.own, t)
			default:
				a.foreign = id
			}
		}
	}
	return a, nil
}

// deregister ends a scalable target; AWS deletes its policies with it, and the
// policies' alarms. That a cluster had one is remembered before: it is what makes
// the readers of that name dbferry's to delete.
func (s *retireItems) deregister(ctx context.Context, o old, t aastypes.ScalableTarget, rec *Retirement) error {
	if o.kind == refresh.Cluster && !rec.Scaled {
		rec.Scaled = true
		if err := s.ledger.Put(ctx, retiredKey(o.kind, o.name), *rec); err != nil {
			return err
		}
	}
	_, err := s.scaling.DeregisterScalableTarget(ctx, &aas.DeregisterScalableTargetInput{ServiceNamespace: t.ServiceNamespace, ResourceId: t.ResourceId, ScalableDimension: t.ScalableDimension})
	if fault.HasCode(err, "ObjectNotFoundException") {
		return nil
	}
	return fault.AWS("deregister the scalable target", aws.ToString(t.ResourceId), err)
}

// recoveryDays is how long a deleted secret can be brought back, Secrets
// Manager's least.
const recoveryDays = 7

// endSecrets deletes the secrets that the refresh made for a cluster's logins,
// once nothing is left that they open. One that has lost its tags stays.
func (s *retireItems) endSecrets(ctx context.Context, o old) error {
	for _, user := range slices.Sorted(maps.Keys(o.secrets)) {
		arn := o.secrets[user]
		now, err := s.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &arn})
		switch {
		case fault.IsNotFound(err):
			continue
		case err != nil:
			return fault.AWS("look at the secret", arn, err)
		case now.DeletedDate != nil || !ours(refresh.SecretTags(now.Tags), o.refreshID, o.source, s.t.Name):
			continue
		}
		if _, err := s.secrets.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &arn, RecoveryWindowInDays: aws.Int64(recoveryDays)}); err != nil && !fault.IsNotFound(err) && !fault.HasCode(err, "InvalidRequestException") {
			// InvalidRequestException: it has just been marked, by a call whose reply was lost.
			return fault.AWS("delete the secret", arn, err)
		}
	}
	return nil
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
