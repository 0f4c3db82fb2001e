package refresh

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

// Restored is the fact that restore-cluster and restore-table leave.
type Restored struct {
	JobID string `json:"jobId"`
	Name  string `json:"name"` // cluster identifier or table name in the target
	ARN   string `json:"arn"`
	// ResourceID is AWS's own id, which a later resource of the same name does not
	// have.
	ResourceID string `json:"resourceId"`
}

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
	id := names.RestoredCluster(in.Item.ID, in.RefreshID)
	c, err := s.describe(ctx, id)
	if err == nil && c == nil {
		err = fault.New(fault.RestoreFailed, "go on with "+id, id, "somebody deleted it; start a new refresh", "the restored cluster is gone")
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
	it, err := s.item(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	fact := Restored{Name: names.RestoredCluster(in.Item.ID, in.RefreshID)}
	fact.ARN = s.here.Cluster(fact.Name)
	job := restoreJob(&s.step, s.backup, in, &fact)
	job.Start = func(ctx context.Context, intent converge.Intent, token string) (string, error) {
		if err := s.nameFree(ctx, intent, fact.Name); err != nil {
			return "", err
		}
		return s.start(ctx, in, it, fact.Name, token)
	}
	a, intent, err := job.Converge(ctx)
	if err != nil || a.Status != converge.Done {
		return a, nil, err
	}
	fact.JobID = intent.ResourceID
	c, err := s.restored(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	fact.ResourceID = aws.ToString(c.DbClusterResourceId)
	_, err = s.rds.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{ResourceName: &fact.ARN, Tags: rdsTagList(ownTags(in, s.t.Name))})
	return a, fact, fault.AWS("tag the restored cluster", fact.ARN, err)
}

// restoreJob is the converging job of both kinds of restore; the caller sets
// Start.
func restoreJob(s *step, client *backup.Client, in ItemInput, fact *Restored) converge.Job {
	return converge.Job{
		Ledger: s.ledger, Key: intentKey(in.RefreshID, in.Item.Kind, in.Item.ID, s.Function), Name: "restore " + in.Item.ID + " as " + fact.Name,
		Failure: fault.RestoreFailed, Execution: in.Execution, Seed: []string{in.RefreshID, string(in.Item.Kind), in.Item.ID, in.Target, s.Function}, Now: s.Now,
		Look: func(ctx context.Context, id string) (converge.JobState, error) {
			out, err := client.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: &id})
			if err != nil {
				return converge.JobState{}, err
			}
			switch out.Status {
			case backuptypes.RestoreJobStatusCompleted:
				return madeAsWished(aws.ToString(out.CreatedResourceArn), fact), nil
			case backuptypes.RestoreJobStatusAborted, backuptypes.RestoreJobStatusFailed:
				return failedJob(string(out.Status), aws.ToString(out.StatusMessage)), nil
			}
			return converge.JobState{Running: true}, nil
		},
	}
}

func madeAsWished(arn string, fact *Restored) converge.JobState {
	if arn != fact.ARN {
		return converge.JobState{Failed: fmt.Sprintf("AWS Backup made %s instead of %s", arn, fact.ARN), Next: "report this; it must not happen"}
	}
	return converge.JobState{}
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

// nameFree refuses a name that something else had before this attempt was
// intended. A cluster that is younger is the attempt's own, whose job id was
// lost: the job's token makes AWS answer with the same job. Should it be a
// stranger's after all, AWS refuses the name itself.
func (s *restoreCluster) nameFree(ctx context.Context, intent converge.Intent, name string) error {
	c, err := s.describe(ctx, name)
	if err != nil || c == nil || intent.Attempt == 1 && utc(c.ClusterCreateTime).After(intent.At.Add(-time.Minute)) {
		return err
	}
	return fault.New(fault.NameTaken, "restore as "+name, name,
		"find out whose it is; rename or remove it, then continue with resume", "a cluster that this attempt did not make has this name")
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
	for _, keep := range []string{"EngineMode", "DatabaseName"} {
		if v := out.RestoreMetadata[keep]; v != "" {
			meta[keep] = v
		}
	}
	return meta, nil
}
