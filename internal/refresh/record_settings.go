package refresh

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

type recordSettings struct {
	step
	rds *rds.Client
	ddb *dynamodb.Client
}

// NewRecordSettings builds record-settings: it writes down, for one item, the
// settings that AWS Backup would lose.
func NewRecordSettings(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	s := &recordSettings{step: newStep(rt), rds: rds.NewFromConfig(rt.AWS), ddb: dynamodb.NewFromConfig(rt.AWS)}
	return s.perItem(s.do), nil
}

func (s *recordSettings) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	settings := Settings{Schema: SettingsSchema}
	var err error
	if in.Item.Kind == Cluster {
		settings.Cluster, err = s.cluster(ctx, in.Item.ID)
	} else {
		settings.Table, err = s.table(ctx, in.Item.ID)
	}
	return converge.DoneNow(), settings, err
}

func (s *recordSettings) cluster(ctx context.Context, id string) (*ClusterSettings, error) {
	out, err := s.rds.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	if err != nil {
		return nil, fault.AWS("describe the cluster", id, err)
	}
	c := out.DBClusters[0]
	settings := &ClusterSettings{
		Engine: aws.ToString(c.Engine), EngineVersion: aws.ToString(c.EngineVersion), Port: aws.ToInt32(c.Port),
		Database: aws.ToString(c.DatabaseName), MasterUser: aws.ToString(c.MasterUsername),
		LogExports: slices.Sorted(slices.Values(c.EnabledCloudwatchLogsExports)), IAMAuthentication: aws.ToBool(c.IAMDatabaseAuthenticationEnabled),
		CopyTagsToSnapshot: aws.ToBool(c.CopyTagsToSnapshot), Tags: keepable(rdsTags(c.TagList)),
	}
	if sc := c.ServerlessV2ScalingConfiguration; sc != nil {
		settings.ServerlessV2 = &Scaling{Min: aws.ToFloat64(sc.MinCapacity), Max: aws.ToFloat64(sc.MaxCapacity)}
	}
	for _, m := range c.DBClusterMembers {
		if !aws.ToBool(m.IsClusterWriter) {
			continue
		}
		inst, err := s.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: m.DBInstanceIdentifier})
		if err != nil {
			return nil, fault.AWS("describe the writer", aws.ToString(m.DBInstanceIdentifier), err)
		}
		settings.InstanceClass = aws.ToString(inst.DBInstances[0].DBInstanceClass)
	}
	return settings, nil
}

func (s *recordSettings) table(ctx context.Context, name string) (*TableSettings, error) {
	out, err := s.ddb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return nil, fault.AWS("describe the table", name, err)
	}
	settings := &TableSettings{}
	if sp := out.Table.StreamSpecification; sp != nil && aws.ToBool(sp.StreamEnabled) {
		settings.StreamView = string(sp.StreamViewType)
	}
	ttl, err := s.ddb.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	if err != nil {
		return nil, fault.AWS("read time to live", name, err)
	}
	settings.TTLAttribute = ttlAttribute(ttl.TimeToLiveDescription)
	settings.PointInTime, err = pointInTime(ctx, s.ddb, name)
	if err != nil {
		return nil, err
	}
	tags, err := tableTags(ctx, s.ddb, aws.ToString(out.Table.TableArn))
	settings.Tags = keepable(tags)
	return settings, err
}

// ttlAttribute is the attribute that expires items; empty when none does.
func ttlAttribute(d *ddbtypes.TimeToLiveDescription) string {
	if d == nil || d.TimeToLiveStatus != ddbtypes.TimeToLiveStatusEnabled && d.TimeToLiveStatus != ddbtypes.TimeToLiveStatusEnabling {
		return ""
	}
	return aws.ToString(d.AttributeName)
}

// pointInTime reads whether point-in-time recovery is on.
func pointInTime(ctx context.Context, client *dynamodb.Client, name string) (bool, error) {
	out, err := client.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &name})
	if err != nil {
		return false, fault.AWS("read point-in-time recovery", name, err)
	}
	d := out.ContinuousBackupsDescription
	return d != nil && d.PointInTimeRecoveryDescription != nil &&
		d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == ddbtypes.PointInTimeRecoveryStatusEnabled, nil
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
