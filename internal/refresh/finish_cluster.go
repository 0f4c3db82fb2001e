package refresh

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

type finishCluster struct {
	clusterStep
	scaling *aas.Client
	cw      *cloudwatch.Client
}

// NewFinishCluster builds finish-cluster: what a restore loses and instances do
// not bring, as recorded in production and with the target's own overrides;
// then a comparison of what is there with what production has.
func NewFinishCluster(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newClusterStep(rt)
	s := &finishCluster{clusterStep: base, scaling: aas.NewFromConfig(rt.AWS), cw: cloudwatch.NewFromConfig(rt.AWS)}
	return s.perItem(s.do), err
}

func (s *finishCluster) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	it, err := s.item(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	set, want, why, err := s.wish(in, it)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	c, err := s.restored(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	if err := s.tag(ctx, in, want, c); err != nil {
		return converge.Answer{}, nil, err
	}
	change, differs := clusterChange(c, want)
	a, err := s.modify(ctx, c, change, differs)
	if err != nil || a.Status == converge.Waiting {
		return a, nil, err
	}
	alarms := alarmer{client: s.cw, restored: aws.ToString(c.DBClusterIdentifier), mode: set.Alarms, topic: s.here.TopicARN()}
	if changed, err := s.around(ctx, in, set, want, c, alarms); err != nil || changed {
		return quickWait, nil, err
	}
	fact, err := s.compare(ctx, c, it.Settings.Cluster, want, why, alarms)
	return converge.DoneNow(), fact, err
}

// wish is what the target's configuration makes of production's settings.
func (s *clusterStep) wish(in ItemInput, it ManifestItem) (config.ClusterSettings, ClusterSettings, map[string]string, error) {
	set, err := s.t.ClusterSettings(in.Item.ID)
	if err != nil {
		return set, ClusterSettings{}, nil, &fault.Error{Name: fault.BadRequest, Op: s.Function + " of " + in.Item.ID, Cause: err}
	}
	want, why := wishCluster(*it.Settings.Cluster, set)
	return set, want, why, nil
}

// tag puts production's tags on the cluster, beside dbferry's own.
func (s *finishCluster) tag(ctx context.Context, in ItemInput, want ClusterSettings, c *rdstypes.DBCluster) error {
	missing := missingTags(RDSTags(c.TagList), want.Tags, ownTags(in, s.t.Name))
	if len(missing) == 0 {
		return nil
	}
	_, err := s.rds.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{ResourceName: c.DBClusterArn, Tags: rdsTagList(missing)})
	return fault.AWS("tag the cluster", aws.ToString(c.DBClusterArn), err)
}

// clusterChange is the first group of settings that must be modified: RDS takes
// plain ones together, while storage and monitoring are changes of their own.
func clusterChange(c *rdstypes.DBCluster, want ClusterSettings) (*rds.ModifyDBClusterInput, bool) {
	for _, group := range []func(*rds.ModifyDBClusterInput, *rdstypes.DBCluster, ClusterSettings) bool{plainChange, storageChange, insightsChange} {
		in := &rds.ModifyDBClusterInput{DBClusterIdentifier: c.DBClusterIdentifier, ApplyImmediately: aws.Bool(true)}
		if group(in, c, want) {
			return in, true
		}
	}
	return nil, false
}

func plainChange(in *rds.ModifyDBClusterInput, c *rdstypes.DBCluster, want ClusterSettings) (differs bool) {
	logs := &rdstypes.CloudwatchLogsExportConfiguration{
		EnableLogTypes: without(want.LogExports, c.EnabledCloudwatchLogsExports), DisableLogTypes: without(c.EnabledCloudwatchLogsExports, want.LogExports),
	}
	if len(logs.EnableLogTypes)+len(logs.DisableLogTypes) > 0 {
		in.CloudwatchLogsExportConfiguration, differs = logs, true
	}
	if aws.ToBool(c.DeletionProtection) != want.DeletionProtection {
		in.DeletionProtection, differs = &want.DeletionProtection, true
	}
	if aws.ToInt32(c.BackupRetentionPeriod) != want.BackupRetentionDays {
		in.BackupRetentionPeriod, differs = &want.BackupRetentionDays, true
	}
	if aws.ToBool(c.CopyTagsToSnapshot) != want.CopyTagsToSnapshot {
		in.CopyTagsToSnapshot, differs = &want.CopyTagsToSnapshot, true
	}
	if aws.ToBool(c.IAMDatabaseAuthenticationEnabled) != want.IAMAuthentication {
		in.EnableIAMDatabaseAuthentication, differs = &want.IAMAuthentication, true
	}
	return differs
}

func storageChange(in *rds.ModifyDBClusterInput, c *rdstypes.DBCluster, want ClusterSettings) bool {
	in.StorageType = &want.StorageType
	return storageType(c.StorageType) != want.StorageType
}

// insightsChange: the mode belongs to the cluster, and the advanced one wants
// Performance Insights with its retention in the same call (RDS API reference,
// ModifyDBCluster, DatabaseInsightsMode).
func insightsChange(in *rds.ModifyDBClusterInput, c *rdstypes.DBCluster, want ClusterSettings) bool {
	in.DatabaseInsightsMode = rdstypes.DatabaseInsightsMode(want.Monitoring.Mode)
	if want.Monitoring.Mode == string(rdstypes.DatabaseInsightsModeAdvanced) {
		in.EnablePerformanceInsights, in.PerformanceInsightsRetentionPeriod = aws.Bool(true), &want.Monitoring.InsightsDays
	}
	return want.Monitoring.Mode != "" && string(c.DatabaseInsightsMode) != want.Monitoring.Mode
}

func without(want, have []string) []string {
	var out []string
	for _, v := range want {
		if !slices.Contains(have, v) {
			out = append(out, v)
		}
	}
	return out
}

// around sets what lies beside the cluster: roles, alarms, readers.
func (s *finishCluster) around(ctx context.Context, in ItemInput, set config.ClusterSettings, want ClusterSettings, c *rdstypes.DBCluster, alarms alarmer) (bool, error) {
	tags := ownTags(in, s.t.Name)
	for _, one := range []func() (bool, error){
		func() (bool, error) { return s.roles(ctx, set.Roles, want.Features, c) },
		func() (bool, error) { return alarms.apply(ctx, want.Alarms, tags) },
		func() (bool, error) {
			return scaler{client: s.scaling, name: aws.ToString(c.DBClusterIdentifier), kind: Cluster}.apply(ctx, want.Replicas, tags)
		},
	} {
		changed, err := one()
		if busy(err) {
			return true, nil
		}
		if err != nil || changed {
			return changed, err
		}
	}
	return false, nil
}

// roles gives the cluster the target's roles for the features that production
// uses, one at a time; RDS takes a while to make a role usable.
func (s *finishCluster) roles(ctx context.Context, roles []config.FeatureRole, features []string, c *rdstypes.DBCluster) (bool, error) {
	for _, r := range roles {
		if !slices.Contains(features, r.Feature) {
			continue
		}
		switch status := roleStatus(c, r); status {
		case "ACTIVE":
			continue
		case "PENDING":
			return true, nil
		case "INVALID":
			return false, fault.New(fault.RestoreFailed, "give the cluster a role", r.Role, "correct its trust policy: rds.amazonaws.com must be able to assume it",
				"RDS cannot assume it")
		}
		in := &rds.AddRoleToDBClusterInput{DBClusterIdentifier: c.DBClusterIdentifier, RoleArn: &r.Role}
		if r.Feature != "" {
			in.FeatureName = &r.Feature
		}
		_, err := s.rds.AddRoleToDBCluster(ctx, in)
		if fault.HasCode(err, "DBClusterRoleAlreadyExists", "DBClusterRoleAlreadyExistsFault", "InvalidDBClusterStateFault") {
			err = nil // an earlier call of ours, whose reply was lost; or wait
		}
		return true, fault.AWS("give the cluster a role", r.Role, err)
	}
	return false, nil
}

func roleStatus(c *rdstypes.DBCluster, r config.FeatureRole) string {
	for _, have := range c.AssociatedRoles {
		if aws.ToString(have.RoleArn) == r.Role && aws.ToString(have.FeatureName) == r.Feature {
			return aws.ToString(have.Status)
		}
	}
	return ""
}

// compare reads back what is there.
func (s *finishCluster) compare(ctx context.Context, c *rdstypes.DBCluster, production *ClusterSettings, want ClusterSettings, why map[string]string, alarms alarmer) (Finished, error) {
	here, _, err := clusterReader{s.rds, s.scaling}.read(ctx, aws.ToString(c.DBClusterIdentifier))
	if err != nil {
		return Finished{}, err
	}
	here.Alarms, err = alarms.recorded(ctx, want.Alarms)
	if want.ParameterGroup == "" {
		want.ParameterGroup = here.ParameterGroup
	}
	if want.InstanceParameterGroup == "" {
		want.InstanceParameterGroup = here.InstanceParameterGroup
	}
	return compareCluster(*production, want, *here, why, alarms.mode), err
}
