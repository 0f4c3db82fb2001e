package refresh

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/fault"
)

// tableReader reads what a restore of a table loses: in production to record
// it, in a target to compare.
type tableReader struct {
	ddb     *dynamodb.Client
	scaling *aas.Client
}

// read reads all but alarms and what cannot travel.
func (r tableReader) read(ctx context.Context, name string) (*TableSettings, error) {
	out, err := r.ddb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return nil, fault.AWS("describe the table", name, err)
	}
	t := out.Table
	s := &TableSettings{OnDemand: onDemand(t), Class: tableClass(t), DeletionProtection: aws.ToBool(t.DeletionProtectionEnabled)}
	if sp := t.StreamSpecification; sp != nil && aws.ToBool(sp.StreamEnabled) {
		s.StreamView = string(sp.StreamViewType)
	}
	ttl, err := r.ddb.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	if err != nil {
		return nil, fault.AWS("read time to live", name, err)
	}
	s.TTLAttribute = ttlAttribute(ttl.TimeToLiveDescription)
	if s.PointInTime, s.RecoveryDays, err = pointInTime(ctx, r.ddb, name); err != nil {
		return nil, err
	}
	tags, err := TableTags(ctx, r.ddb, aws.ToString(t.TableArn))
	if err != nil {
		return nil, err
	}
	s.Tags = keepable(tags)
	if s.OnDemand { // has no capacity to scale
		return s, nil
	}
	s.Scaling, s.Others, err = scaler{client: r.scaling, name: name, kind: Table}.read(ctx, indexNames(t))
	return s, err
}

// others reads what stays behind.
func (r tableReader) others(ctx context.Context, name string) ([]Other, error) {
	out, err := r.ddb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return nil, fault.AWS("describe the table", name, err)
	}
	var all []Other
	if regions := replicaRegions(out.Table); regions != "" {
		all = append(all, Other{"global table replicas", regions, "a restored table is not part of a global table"})
	}
	for _, one := range []func(context.Context, *ddbtypes.TableDescription) (*Other, error){r.policy, r.kinesis, r.insights} {
		o, err := one(ctx, out.Table)
		if err != nil {
			return nil, err
		}
		if o != nil {
			all = append(all, *o)
		}
	}
	return all, nil
}

func replicaRegions(t *ddbtypes.TableDescription) string {
	var out []string
	for _, r := range t.Replicas {
		out = append(out, aws.ToString(r.RegionName))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func (r tableReader) policy(ctx context.Context, t *ddbtypes.TableDescription) (*Other, error) {
	_, err := r.ddb.GetResourcePolicy(ctx, &dynamodb.GetResourcePolicyInput{ResourceArn: t.TableArn})
	if fault.HasCode(err, "PolicyNotFoundException") {
		return nil, nil
	}
	if err != nil {
		return nil, fault.AWS("look for a resource policy", aws.ToString(t.TableArn), err)
	}
	return &Other{"resource policy", "present", "it names production's principals"}, nil
}

func (r tableReader) kinesis(ctx context.Context, t *ddbtypes.TableDescription) (*Other, error) {
	out, err := r.ddb.DescribeKinesisStreamingDestination(ctx, &dynamodb.DescribeKinesisStreamingDestinationInput{TableName: t.TableName})
	if err != nil {
		return nil, fault.AWS("look for a Kinesis streaming destination", aws.ToString(t.TableName), err)
	}
	for _, d := range out.KinesisDataStreamDestinations {
		if d.DestinationStatus == ddbtypes.DestinationStatusActive || d.DestinationStatus == ddbtypes.DestinationStatusEnabling {
			return &Other{"Kinesis streaming destination", "present", "it leads to a stream of production"}, nil
		}
	}
	return nil, nil
}

func (r tableReader) insights(ctx context.Context, t *ddbtypes.TableDescription) (*Other, error) {
	out, err := r.ddb.DescribeContributorInsights(ctx, &dynamodb.DescribeContributorInsightsInput{TableName: t.TableName})
	if err != nil {
		return nil, fault.AWS("look for contributor insights", aws.ToString(t.TableName), err)
	}
	if st := out.ContributorInsightsStatus; st != ddbtypes.ContributorInsightsStatusEnabled && st != ddbtypes.ContributorInsightsStatusEnabling {
		return nil, nil
	}
	return &Other{"contributor insights", "on", "it is not carried, because every event costs; switch it on where it is wanted"}, nil
}

func onDemand(t *ddbtypes.TableDescription) bool {
	return t.BillingModeSummary != nil && t.BillingModeSummary.BillingMode == ddbtypes.BillingModePayPerRequest
}

func tableClass(t *ddbtypes.TableDescription) string {
	class := ddbtypes.TableClass("")
	if t.TableClassSummary != nil {
		class = t.TableClassSummary.TableClass
	}
	return string(cmp.Or(class, ddbtypes.TableClassStandard))
}

func indexNames(t *ddbtypes.TableDescription) []string {
	var out []string
	for _, i := range t.GlobalSecondaryIndexes {
		out = append(out, aws.ToString(i.IndexName))
	}
	slices.Sort(out)
	return out
}

// ttlAttribute is the attribute that expires items; empty when none does.
func ttlAttribute(d *ddbtypes.TimeToLiveDescription) string {
	if d == nil || d.TimeToLiveStatus != ddbtypes.TimeToLiveStatusEnabled && d.TimeToLiveStatus != ddbtypes.TimeToLiveStatusEnabling {
		return ""
	}
	return aws.ToString(d.AttributeName)
}

// pointInTime reads whether point-in-time recovery is on, and how far back.
func pointInTime(ctx context.Context, client *dynamodb.Client, name string) (on bool, days int32, err error) {
	out, err := client.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &name})
	if err != nil {
		return false, 0, fault.AWS("read point-in-time recovery", name, err)
	}
	d := out.ContinuousBackupsDescription
	if d == nil || d.PointInTimeRecoveryDescription == nil || d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != ddbtypes.PointInTimeRecoveryStatusEnabled {
		return false, 0, nil
	}
	return true, aws.ToInt32(d.PointInTimeRecoveryDescription.RecoveryPeriodInDays), nil
}
