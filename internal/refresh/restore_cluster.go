package refresh

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

// clusterStep is what the steps on a restored cluster have.
type clusterStep struct {
	step
	t   config.Target
	rds *rds.Client
}

func newClusterStep(rt lambdafn.Runtime) (clusterStep, error) {
	t, err := rt.Config.Target(rt.Side)
	return clusterStep{step: newStep(rt), t: t, rds: rds.NewFromConfig(rt.AWS)}, err
}

// describe reads a cluster; nil when there is none.
func (s *clusterStep) describe(ctx context.Context, id string) (*rdstypes.DBCluster, error) {
	out, err := s.rds.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	if fault.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.AWS("describe the cluster", id, err)
	}
	return &out.DBClusters[0], nil
}

// restored reads the cluster that this refresh restored; one that is gone is
// an error, because every step after the restore needs it.
func (s *clusterStep) restored(ctx context.Context, in ItemInput) (*rdstypes.DBCluster, error) {
	var made Restored
	if err := s.fact(ctx, in, "restore-cluster", &made); err != nil {
		return nil, err
	}
	c, err := s.describe(ctx, made.Name)
	if err == nil && c == nil {
		err = fault.New(fault.RestoreFailed, "go on with "+made.Name, made.Name, "somebody deleted it; start a new refresh", "the restored cluster is gone")
	}
	return c, err
}

// ours says whether a resource carries the tags of this refresh.
func ours(tags map[string]string, refreshID, source string) bool {
	return tags[names.TagOwner] == names.Prefix && tags[names.TagRefresh] == refreshID && tags[names.TagSource] == source
}

// ownTags are the tags of everything that a refresh makes in a target.
func ownTags(in ItemInput, target string) map[string]string {
	return map[string]string{names.TagOwner: names.Prefix, names.TagRefresh: in.RefreshID, names.TagSource: in.Item.ID, names.TagTarget: target}
}

func rdsTagList(tags map[string]string) []rdstypes.Tag {
	var out []rdstypes.Tag
	for _, k := range sortedKeys(tags) {
		out = append(out, rdstypes.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}

type restoreCluster struct {
	clusterStep
	backup *backup.Client
}

// NewRestoreCluster builds restore-cluster: it converges on one restore job
// into the target's own network, in quarantine, and tags the cluster as ours.
func NewRestoreCluster(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newClusterStep(rt)
	if err == nil && rt.Quarantine == "" {
		err = fmt.Errorf("environment variable %s is missing; deploy the stack again", lambdafn.EnvQuarantine)
	}
	s := &restoreCluster{clusterStep: base, backup: backup.NewFromConfig(rt.AWS)}
	return s.perItem(s.do), err
}

func (s *restoreCluster) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	a, fact, err := restoring{
		step: &s.step, backup: s.backup, in: in, name: names.RestoredCluster, arn: s.here.Cluster, created: s.created,
		start: func(ctx context.Context, name, token string) (string, error) {
			it, err := s.item(ctx, in)
			if err != nil {
				return "", err
			}
			return s.start(ctx, in, it, name, token)
		},
	}.converge(ctx)
	if err != nil || a.Status != converge.Done {
		return a, nil, err
	}
	c, err := s.describe(ctx, fact.Name)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	if c == nil {
		return quickWait, nil, nil // the job is done before the cluster is seen
	}
	fact.ResourceID = aws.ToString(c.DbClusterResourceId)
	_, err = s.rds.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{ResourceName: &fact.ARN, Tags: rdsTagList(ownTags(in, s.t.Name))})
	return a, fact, fault.AWS("tag the restored cluster", fact.ARN, err)
}

func (s *restoreCluster) created(ctx context.Context, name string) (time.Time, bool, error) {
	c, err := s.describe(ctx, name)
	if err != nil || c == nil {
		return time.Time{}, false, err
	}
	return utc(c.ClusterCreateTime), true, nil
}

func (s *restoreCluster) start(ctx context.Context, in ItemInput, it ManifestItem, name, token string) (string, error) {
	meta, err := s.metadata(ctx, it, name)
	if err != nil {
		return "", err
	}
	out, err := s.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{
		RecoveryPointArn: &it.RecoveryPoint, IamRoleArn: aws.String(s.here.RoleARN(names.RestoreRole)),
		Metadata: meta, IdempotencyToken: &token, ResourceType: aws.String("Aurora"),
	})
	if err != nil {
		return "", fault.AWS("start the restore of "+in.Item.ID, it.RecoveryPoint, err)
	}
	return aws.ToString(out.RestoreJobId), nil
}

// metadata builds the restore's metadata: the recovery point's own, of which
// only what means something in another account is kept, and the target's.
// AWS Backup takes strings only, with JSON inside (docs/aws.md §4.2).
func (s *restoreCluster) metadata(ctx context.Context, it ManifestItem, name string) (map[string]string, error) {
	out, err := s.backup.GetRecoveryPointRestoreMetadata(ctx, &backup.GetRecoveryPointRestoreMetadataInput{
		BackupVaultName: aws.String(s.here.Vault()), RecoveryPointArn: &it.RecoveryPoint,
	})
	if err != nil {
		return nil, fault.AWS("read the restore metadata", it.RecoveryPoint, err)
	}
	set, err := s.t.ClusterSettings(it.ID)
	if err != nil {
		return nil, &fault.Error{Name: fault.BadRequest, Op: "restore " + it.ID, Resource: it.ID, Cause: err}
	}
	want, _ := wishCluster(*it.Settings.Cluster, set)
	groups, err := json.Marshal([]string{s.Quarantine})
	if err != nil {
		return nil, err
	}
	meta := map[string]string{
		"DBClusterIdentifier": name, "DBSubnetGroupName": s.t.Network.DBSubnetGroup, "VpcSecurityGroupIds": string(groups),
		"EnableIAMDatabaseAuthentication": fmt.Sprint(it.Settings.Cluster.IAMAuthentication),
		"CopyTagsToSnapshot":              fmt.Sprint(it.Settings.Cluster.CopyTagsToSnapshot),
		"Engine":                          it.Settings.Cluster.Engine,
		"EngineVersion":                   it.Settings.Cluster.EngineVersion,
		"Port":                            fmt.Sprint(it.Settings.Cluster.Port),
	}
	if set.ParameterGroup != "" {
		meta["DBClusterParameterGroupName"] = set.ParameterGroup
	}
	if want.BacktrackSeconds > 0 { // can only be switched on when a cluster is made
		meta["BacktrackWindow"] = fmt.Sprint(want.BacktrackSeconds)
	}
	for _, keep := range []string{"EngineMode", "DatabaseName"} {
		if v := out.RestoreMetadata[keep]; v != "" {
			meta[keep] = v
		}
	}
	return meta, nil
}
