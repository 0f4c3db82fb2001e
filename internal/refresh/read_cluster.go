package refresh

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/fault"
)

// clusterReader reads what a restore of a cluster loses: in production to
// record it, in a target to compare.
type clusterReader struct {
	rds     *rds.Client
	scaling *aas.Client
}

// read reads all but alarms; instances are named with the writer first.
func (r clusterReader) read(ctx context.Context, id string) (s *ClusterSettings, instances []string, err error) {
	out, err := r.rds.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	if err != nil {
		return nil, nil, fault.AWS("describe the cluster", id, err)
	}
	s = clusterSettings(out.DBClusters[0])
	members, err := r.members(ctx, out.DBClusters[0])
	if err != nil {
		return nil, nil, err
	}
	s.Instances = len(members)
	for _, m := range members {
		instances = append(instances, aws.ToString(m.DBInstanceIdentifier))
	}
	if len(members) > 0 {
		s.addWriter(members[0])
	}
	targets, others, err := scaler{client: r.scaling, name: id, kind: Cluster}.read(ctx, nil)
	s.Replicas, s.Others = targets, append(s.Others, others...)
	return s, instances, err
}

func clusterSettings(c rdstypes.DBCluster) *ClusterSettings {
	s := &ClusterSettings{
		Engine: aws.ToString(c.Engine), EngineVersion: aws.ToString(c.EngineVersion), Port: aws.ToInt32(c.Port),
		Database: aws.ToString(c.DatabaseName), MasterUser: aws.ToString(c.MasterUsername), ParameterGroup: aws.ToString(c.DBClusterParameterGroup),
		LogExports: slices.Sorted(slices.Values(c.EnabledCloudwatchLogsExports)), IAMAuthentication: aws.ToBool(c.IAMDatabaseAuthenticationEnabled),
		CopyTagsToSnapshot: aws.ToBool(c.CopyTagsToSnapshot), DeletionProtection: aws.ToBool(c.DeletionProtection),
		BackupRetentionDays: aws.ToInt32(c.BackupRetentionPeriod), BacktrackSeconds: aws.ToInt64(c.BacktrackWindow), StorageType: storageType(c.StorageType),
		Monitoring: Monitoring{Mode: string(c.DatabaseInsightsMode)}, Tags: keepable(RDSTags(c.TagList)),
	}
	if sc := c.ServerlessV2ScalingConfiguration; sc != nil {
		s.ServerlessV2 = &Scaling{Min: aws.ToFloat64(sc.MinCapacity), Max: aws.ToFloat64(sc.MaxCapacity), AutoPause: aws.ToInt32(sc.SecondsUntilAutoPause)}
	}
	for _, role := range c.AssociatedRoles {
		s.Features = append(s.Features, aws.ToString(role.FeatureName))
	}
	slices.Sort(s.Features)
	if aws.ToBool(c.HttpEndpointEnabled) {
		s.Others = append(s.Others, Other{"Data API", "on", "it is not carried; switch it on where it is wanted"})
	}
	if c.ActivityStreamStatus == rdstypes.ActivityStreamStatusStarted {
		s.Others = append(s.Others, Other{"database activity stream", "on", "it is under a key of production"})
	}
	return s
}

// storageType: RDS leaves the standard one out for some clusters.
func storageType(t *string) string {
	if v := aws.ToString(t); v != "" {
		return v
	}
	return "aurora"
}

// scaledReader begins the names of the readers that replica auto scaling adds
// and takes away; they are no setting (Aurora user guide, "Amazon Aurora Auto
// Scaling with Aurora Replicas").
const scaledReader = "application-autoscaling-"

// members are the cluster's lasting instances, the writer first, the others by
// name.
func (r clusterReader) members(ctx context.Context, c rdstypes.DBCluster) ([]rdstypes.DBInstance, error) {
	var all []rdstypes.DBInstance
	pages := rds.NewDescribeDBInstancesPaginator(r.rds, &rds.DescribeDBInstancesInput{
		Filters: []rdstypes.Filter{{Name: aws.String("db-cluster-id"), Values: []string{aws.ToString(c.DBClusterIdentifier)}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("describe the instances", aws.ToString(c.DBClusterIdentifier), err)
		}
		all = append(all, page.DBInstances...)
	}
	all = slices.DeleteFunc(all, func(i rdstypes.DBInstance) bool {
		return strings.HasPrefix(aws.ToString(i.DBInstanceIdentifier), scaledReader)
	})
	writer := ""
	for _, m := range c.DBClusterMembers {
		if aws.ToBool(m.IsClusterWriter) {
			writer = aws.ToString(m.DBInstanceIdentifier)
		}
	}
	slices.SortFunc(all, func(a, b rdstypes.DBInstance) int {
		x, y := aws.ToString(a.DBInstanceIdentifier), aws.ToString(b.DBInstanceIdentifier)
		switch {
		case x == writer:
			return -1
		case y == writer:
			return 1
		}
		return strings.Compare(x, y)
	})
	return all, nil
}

func (s *ClusterSettings) addWriter(w rdstypes.DBInstance) {
	s.InstanceClass = aws.ToString(w.DBInstanceClass)
	if len(w.DBParameterGroups) > 0 {
		s.InstanceParameterGroup = aws.ToString(w.DBParameterGroups[0].DBParameterGroupName)
	}
	s.Monitoring.Interval = aws.ToInt32(w.MonitoringInterval)
	if aws.ToBool(w.PerformanceInsightsEnabled) {
		s.Monitoring.Insights, s.Monitoring.InsightsDays = true, aws.ToInt32(w.PerformanceInsightsRetentionPeriod)
	}
}
