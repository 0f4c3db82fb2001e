package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// clusters is how AWS Backup works with Aurora: by cluster snapshots whose
// identifier begins with "awsbackup:".
type clusters struct{ *Service }

// snapshotExists is the answer to a second attempt when the first one's reply
// was lost: identifiers carry the job's id, so the snapshot is the job's own.
const snapshotExists = "DBClusterSnapshotAlreadyExistsFault"

func (e clusters) exists(r resource) error {
	if _, err := e.cluster(context.Background(), e.w.GroundCaller(r.account), r.name); err != nil {
		return notFound("Resource %s was not found", r.arn)
	}
	return nil
}

func (e clusters) pointARN(j *backupJob) string {
	return e.w.ARN("rds", j.account, "cluster-snapshot:awsbackup:job-"+strings.ToLower(j.id))
}

func (e clusters) cluster(ctx context.Context, caller awsworld.Caller, id string) (*rdstypes.DBCluster, error) {
	out, err := service.Call[rds.DescribeDBClustersOutput](ctx, e.w, caller, "RDS", "DescribeDBClusters", &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String(id)})
	if err != nil {
		return nil, err
	}
	if len(out.DBClusters) == 0 {
		return nil, failf("DB cluster %s was not found.", id)
	}
	return &out.DBClusters[0], nil
}

func (e clusters) beginBackup(ctx context.Context, caller awsworld.Caller, j *backupJob, p *point, _ *vault) error {
	cluster, err := e.cluster(ctx, caller, j.source.name)
	if err != nil {
		return err
	}
	tags, err := service.Call[rds.ListTagsForResourceOutput](ctx, e.w, caller, "RDS", "ListTagsForResource", &rds.ListTagsForResourceInput{ResourceName: aws.String(j.source.arn)})
	if err != nil {
		return err
	}
	p.resourceTags = map[string]string{}
	for _, t := range tags.TagList {
		p.resourceTags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	p.tags = merged(p.resourceTags, j.tags)
	if len(p.tags) > maxTags {
		return failf(msgTags)
	}
	p.metadata = clusterMetadata(cluster)
	p.key = aws.ToString(cluster.KmsKeyId)
	p.customerKey = e.customerKey(p.key)
	p.cutOff.Earliest = e.w.Now()
	_, err = service.Call[rds.CreateDBClusterSnapshotOutput](ctx, e.w, caller, "RDS", "CreateDBClusterSnapshot", &rds.CreateDBClusterSnapshotInput{
		DBClusterIdentifier: aws.String(j.source.name), DBClusterSnapshotIdentifier: aws.String(snapshotOf(p.arn)), Tags: rdsTags(p.tags),
	})
	if service.Code(err) == snapshotExists {
		return nil
	}
	return err
}

func (e clusters) followBackup(j *backupJob) error {
	caller, err := e.assume(&j.job)
	if err != nil {
		return err
	}
	return e.watch(j.scope, func() (bool, error) {
		snap, ok, err := e.snapshot(j.scope, caller, j.point.arn)
		if err != nil || snap == nil {
			return false, roleFailure(&j.job, "backup", err)
		}
		j.percent = float64(aws.ToInt32(snap.PercentProgress))
		if !ok {
			return false, nil
		}
		j.point.size = int64(aws.ToInt32(snap.AllocatedStorage)) << 30
		j.point.cutOff.Latest = aws.ToTime(snap.SnapshotCreateTime)
		if cut := &j.point.cutOff; cut.Latest.Before(cut.Earliest) {
			cut.Earliest = cut.Latest // an attempt whose reply was lost had made it
		}
		return true, nil
	})
}

// snapshot looks at a snapshot and says whether it is available.
func (e clusters) snapshot(ctx context.Context, caller awsworld.Caller, arn string) (*rdstypes.DBClusterSnapshot, bool, error) {
	out, err := service.Call[rds.DescribeDBClusterSnapshotsOutput](ctx, e.w, caller, "RDS", "DescribeDBClusterSnapshots",
		&rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: aws.String(snapshotOf(arn))})
	if err != nil {
		return nil, false, err
	}
	if len(out.DBClusterSnapshots) == 0 {
		return nil, false, failf("DB cluster snapshot %s was not found.", snapshotOf(arn))
	}
	snap := &out.DBClusterSnapshots[0]
	switch status := aws.ToString(snap.Status); status {
	case "available":
		return snap, true, nil
	case "failed", "incompatible-restore":
		return snap, false, failf("DB cluster snapshot %s is %s.", snapshotOf(arn), status)
	}
	return snap, false, nil
}

// beginCopy shares the snapshot with the destination account as the copy role,
// and copies it as the destination's service-linked role (docs/aws.md §1.6).
func (e clusters) beginCopy(j *copyJob) error {
	copier, err := e.share(j)
	if err != nil {
		return err
	}
	if j.to == nil {
		j.to = e.copied(j, e.w.ARN("rds", j.toAccount, "cluster-snapshot:awsbackup:copyjob-"+strings.ToLower(j.id)))
	}
	in := &rds.CopyDBClusterSnapshotInput{
		SourceDBClusterSnapshotIdentifier: aws.String(j.from.arn),
		TargetDBClusterSnapshotIdentifier: aws.String(snapshotOf(j.to.arn)), Tags: rdsTags(j.to.tags),
	}
	if j.from.key != "" {
		j.to.encrypt(e.account(j.toAccount).vaults[j.toVault])
		in.KmsKeyId = aws.String(j.to.key)
	}
	_, err = service.Call[rds.CopyDBClusterSnapshotOutput](j.scope, e.w, copier, "RDS", "CopyDBClusterSnapshot", in)
	if err != nil && service.Code(err) != snapshotExists {
		if !retriable(err) {
			_ = e.unshare(j) // the copy's own failure is what the job reports
		}
		return copierFailure(j, copier, err)
	}
	return nil
}

// share lets the destination read the snapshot and returns who copies it.
func (e clusters) share(j *copyJob) (awsworld.Caller, error) {
	role, err := e.assume(&j.job)
	if err != nil || !j.crossAccount() {
		return role, err
	}
	copier, err := e.linked(j.toAccount, j.site)
	if err != nil {
		return copier, err
	}
	return copier, roleFailure(&j.job, "copy", e.shareWith(j, role, true))
}

func (e clusters) shareWith(j *copyJob, role awsworld.Caller, on bool) error {
	in := &rds.ModifyDBClusterSnapshotAttributeInput{
		AttributeName: aws.String("restore"), DBClusterSnapshotIdentifier: aws.String(snapshotOf(j.from.arn)),
	}
	if on {
		in.ValuesToAdd = []string{j.toAccount}
	} else {
		in.ValuesToRemove = []string{j.toAccount}
	}
	_, err := service.Call[rds.ModifyDBClusterSnapshotAttributeOutput](context.Background(), e.w, role, "RDS", "ModifyDBClusterSnapshotAttribute", in)
	return err
}

func (e clusters) unshare(j *copyJob) error {
	if !j.crossAccount() {
		return nil
	}
	role, err := e.assume(&j.job)
	if err != nil {
		return err
	}
	pause := func() time.Duration { return e.Timing.Look }
	until := e.w.Now().Add(e.Timing.CopyRetry)
	return e.persist(j.scope, func() error { return e.shareWith(j, role, false) }, pause, func() bool { return e.w.Now().Before(until) })
}

// copierFailure words a refusal of the account that copies.
func copierFailure(j *copyJob, copier awsworld.Caller, err error) error {
	if retriable(err) || !isDenied(err) {
		return err
	}
	if !j.crossAccount() {
		return roleFailure(&j.job, "copy", err)
	}
	return denied(fmt.Sprintf("%s does not have sufficient permissions to execute the copy", copier.ARN))
}

func (e clusters) followCopy(j *copyJob) error {
	copier, err := e.linkedOrRole(j)
	if err != nil {
		return err
	}
	return e.watch(j.scope, func() (bool, error) {
		snap, ok, err := e.snapshot(j.scope, copier, j.to.arn)
		if snap != nil {
			j.percent = float64(aws.ToInt32(snap.PercentProgress))
		}
		if err != nil {
			return false, copierFailure(j, copier, err)
		}
		return ok, nil
	})
}

func (e clusters) linkedOrRole(j *copyJob) (awsworld.Caller, error) {
	if j.crossAccount() {
		return e.linked(j.toAccount, j.site)
	}
	return e.assume(&j.job)
}

// endCopy takes the sharing back. Without the role it cannot, and the job
// fails although the copy is there (docs/aws.md §1.6).
func (e clusters) endCopy(j *copyJob) error {
	if err := e.unshare(j); err != nil {
		return failf(msgUnshare)
	}
	return nil
}

func (e clusters) drop(ctx context.Context, caller awsworld.Caller, p *point) error {
	_, err := service.Call[rds.DeleteDBClusterSnapshotOutput](ctx, e.w, caller, "RDS", "DeleteDBClusterSnapshot", &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String(snapshotOf(p.arn))})
	if service.Code(err) == "DBClusterSnapshotNotFoundFault" {
		return nil
	}
	return err
}

func (e clusters) beginRestore(ctx context.Context, caller awsworld.Caller, j *restoreJob) error {
	in := j.metadata.cluster
	in.SnapshotIdentifier = aws.String(j.from.arn)
	tags := j.from.resourceTags // land on the new cluster in any case (docs/aws.md §4.2)
	if j.copyTags {
		tags = j.from.tags
	}
	in.Tags = rdsTags(merged(tags))
	out, err := service.Call[rds.RestoreDBClusterFromSnapshotOutput](ctx, e.w, caller, "RDS", "RestoreDBClusterFromSnapshot", &in)
	if err != nil {
		return err
	}
	j.madeARN = aws.ToString(out.DBCluster.DBClusterArn)
	return nil
}

func (e clusters) followRestore(caller awsworld.Caller, j *restoreJob) error {
	id := aws.ToString(j.metadata.cluster.DBClusterIdentifier)
	return e.watch(j.scope, func() (bool, error) {
		c, err := e.cluster(j.scope, caller, id)
		if err != nil {
			return false, err
		}
		if p, err := strconv.ParseFloat(strings.TrimSuffix(aws.ToString(c.PercentProgress), "%"), 64); err == nil {
			j.percent = p
		}
		switch status := aws.ToString(c.Status); status {
		case "available":
			return true, nil
		case "failed", "incompatible-restore", "restore-error", "upgrade-failed", "inaccessible-encryption-credentials", "deleting":
			return false, failf("DB cluster %s is %s.", id, status)
		}
		return false, nil
	})
}

// clusterMetadata is what GetRecoveryPointRestoreMetadata answers: the keys of
// a restore with production's values, lists as JSON in a string.
func clusterMetadata(c *rdstypes.DBCluster) map[string]string {
	groups := []string{}
	for _, g := range c.VpcSecurityGroups {
		groups = append(groups, aws.ToString(g.VpcSecurityGroupId))
	}
	return map[string]string{
		"DBClusterIdentifier": aws.ToString(c.DBClusterIdentifier), "Engine": aws.ToString(c.Engine),
		"EngineVersion": aws.ToString(c.EngineVersion), "EngineMode": aws.ToString(c.EngineMode),
		"Port": strconv.Itoa(int(aws.ToInt32(c.Port))), "DatabaseName": aws.ToString(c.DatabaseName),
		"DBSubnetGroupName": aws.ToString(c.DBSubnetGroup), "DBClusterParameterGroupName": aws.ToString(c.DBClusterParameterGroup),
		"VpcSecurityGroupIds": jsonList(groups), "AvailabilityZones": jsonList(c.AvailabilityZones),
		"EnableCloudwatchLogsExports": jsonList(c.EnabledCloudwatchLogsExports), "KmsKeyId": aws.ToString(c.KmsKeyId),
		"CopyTagsToSnapshot":              strconv.FormatBool(aws.ToBool(c.CopyTagsToSnapshot)),
		"EnableIAMDatabaseAuthentication": strconv.FormatBool(aws.ToBool(c.IAMDatabaseAuthenticationEnabled)),
		"BacktrackWindow":                 strconv.FormatInt(aws.ToInt64(c.BacktrackWindow), 10),
	}
}

func jsonList(list []string) string {
	raw, err := json.Marshal(append([]string{}, list...))
	if err != nil {
		panic(err) // a list of strings always encodes
	}
	return string(raw)
}

func rdsTags(tags map[string]string) []rdstypes.Tag {
	var out []rdstypes.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, rdstypes.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}
