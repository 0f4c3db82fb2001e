package migrate

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

const retireLook = 30 * time.Second

type retireBlue struct{ *step }

// NewRetireBlue builds retire-blue: with the second approval the old cluster is
// put into a security group that nothing reaches, then AWS's deployment object
// is deleted, which lifts its read-only protection, then its instances and the
// cluster itself go, with a final snapshot. It is found by its resource id, not
// by its name.
func NewRetireBlue(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &retireBlue{base}
	return s.looking(s.do), nil
}

func (s *retireBlue) do(ctx context.Context, h *held) (time.Duration, error) {
	if h.Phase == Retired {
		return 0, nil
	}
	if h.Phase != Proved {
		return 0, fault.New(fault.NotReady, "retire the old cluster", h.Plan.Cluster, "prove the switchover first", "the migration is %s", h.Phase)
	}
	if h.RetiringAt.IsZero() {
		if _, err := s.approved(ctx, h, GateRetire); err != nil {
			return 0, err
		}
		h.RetiringAt, h.Snapshot = s.Now().UTC(), snapshotName(h.Plan.Cluster, h.ID)
		return lookEvery, s.save(ctx, h)
	}
	old, err := s.byResource(ctx, h.Plan.Blue.ResourceID)
	if err != nil {
		return 0, err
	}
	if old == nil {
		return 0, s.gone(ctx, h)
	}
	id := aws.ToString(old.DBClusterIdentifier)
	if id == h.Plan.Cluster {
		return 0, fault.New(fault.VerifyFailed, "retire the old cluster", id, "do not delete anything; look at which cluster serves", "the cluster with blue's resource id has production's name")
	}
	for _, next := range []func(context.Context, *held, *types.DBCluster) (time.Duration, error){s.quarantine, s.deleteDeployment, s.unprotect, s.deleteInstances, s.deleteCluster} {
		if wait, err := next(ctx, h, old); err != nil || wait > 0 {
			return wait, err
		}
	}
	return retireLook, nil
}

func snapshotName(cluster, id string) string {
	suffix := "-before-" + id
	head := names.Prefix + "-" + cluster
	return head[:min(len(head), 255-len(suffix))] + suffix
}

// byResource finds a cluster by its resource id, which never changes; nil when
// it is gone.
func (s *step) byResource(ctx context.Context, resource string) (*types.DBCluster, error) {
	out, err := s.rds.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{Filters: []types.Filter{{Name: aws.String("db-cluster-resource-id"), Values: []string{resource}}}})
	if fault.IsNotFound(err) || err == nil && len(out.DBClusters) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fault.AWS("look for the old cluster", resource, err)
	}
	return &out.DBClusters[0], nil
}

// quarantine comes before the deployment goes: from then on the old cluster
// takes writes again, from clients with stale addresses too (docs/migration.md
// §1.11).
func (s *step) quarantine(ctx context.Context, h *held, old *types.DBCluster) (time.Duration, error) {
	if len(old.VpcSecurityGroups) == 1 && aws.ToString(old.VpcSecurityGroups[0].VpcSecurityGroupId) == s.Quarantine {
		return 0, s.note(ctx, h, "old-quarantined", map[string]any{"securityGroup": s.Quarantine})
	}
	id := aws.ToString(old.DBClusterIdentifier)
	if aws.ToString(old.Status) != "available" {
		return retireLook, nil
	}
	_, err := s.rds.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: &id, VpcSecurityGroupIds: []string{s.Quarantine}, ApplyImmediately: aws.Bool(true)})
	return retireLook, fault.AWS("put the old cluster into quarantine", id, err)
}

func (s *step) deleteDeployment(ctx context.Context, h *held, _ *types.DBCluster) (time.Duration, error) {
	d, err := s.deployment(ctx, &h.Migration)
	if err != nil || d == nil {
		return 0, err
	}
	if aws.ToString(d.Status) == bgDeleting {
		return retireLook, nil
	}
	return retireLook, s.dropDeployment(ctx, h, false)
}

// dropDeployment deletes AWS's deployment object, and green with it when asked to
// before a switchover. One that is going already is no error.
func (s *step) dropDeployment(ctx context.Context, h *held, green bool) error {
	in := &rds.DeleteBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: &h.Deployment}
	if green {
		in.DeleteTarget = &green
	}
	_, err := s.rds.DeleteBlueGreenDeployment(ctx, in)
	if fault.HasCode(err, "InvalidBlueGreenDeploymentStateFault") { // by a call whose reply was lost?
		if d, e := s.deployment(ctx, &h.Migration); e != nil || d == nil || aws.ToString(d.Status) == bgDeleting {
			return e
		}
	}
	if fault.IsNotFound(err) {
		return nil
	}
	return fault.AWS("delete the deployment object", h.Deployment, err)
}

func (s *step) unprotect(ctx context.Context, _ *held, c *types.DBCluster) (time.Duration, error) {
	if !aws.ToBool(c.DeletionProtection) {
		return 0, nil
	}
	id := aws.ToString(c.DBClusterIdentifier)
	_, err := s.rds.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: &id, DeletionProtection: aws.Bool(false), ApplyImmediately: aws.Bool(true)})
	if fault.HasCode(err, "InvalidDBClusterStateFault") {
		return retireLook, nil // it is still being put into quarantine
	}
	return retireLook, fault.AWS("turn deletion protection off", id, err)
}

func (s *retireBlue) deleteInstances(ctx context.Context, _ *held, old *types.DBCluster) (time.Duration, error) {
	ids := memberIDs(old)
	slices.Reverse(ids) // the writer last
	for _, id := range ids {
		_, err := s.rds.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &id})
		if fault.IsNotFound(err) || fault.HasCode(err, "InvalidDBInstanceState", "InvalidDBInstanceStateFault") {
			continue // it is going
		}
		if err != nil {
			return 0, fault.AWS("delete the old instance", id, err)
		}
	}
	if len(ids) > 0 {
		return retireLook, nil
	}
	return 0, nil
}

func (s *retireBlue) deleteCluster(ctx context.Context, h *held, old *types.DBCluster) (time.Duration, error) {
	id := aws.ToString(old.DBClusterIdentifier)
	if aws.ToString(old.Status) == "deleting" {
		return retireLook, nil
	}
	_, err := s.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: &id, SkipFinalSnapshot: aws.Bool(false), FinalDBSnapshotIdentifier: &h.Snapshot})
	if fault.IsNotFound(err) || fault.HasCode(err, "InvalidDBClusterStateFault") {
		return retireLook, nil
	}
	return retireLook, fault.AWS("delete the old cluster", id, err)
}

// gone proves that the final snapshot is there before it calls the migration
// finished.
func (s *retireBlue) gone(ctx context.Context, h *held) error {
	out, err := s.rds.DescribeDBClusterSnapshots(ctx, &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &h.Snapshot})
	if fault.IsNotFound(err) || err == nil && len(out.DBClusterSnapshots) == 0 {
		return fault.New(fault.VerifyFailed, "retire the old cluster", h.Snapshot, "look for the snapshot in the RDS console", "the old cluster is gone and its final snapshot is not there")
	}
	if err != nil {
		return fault.AWS("look at the final snapshot", h.Snapshot, err)
	}
	h.Phase = Retired
	if err := s.testify(ctx, &h.Migration, "retired", map[string]any{"snapshot": aws.ToString(out.DBClusterSnapshots[0].DBClusterSnapshotArn), "resourceId": h.Plan.Blue.ResourceID}); err != nil {
		return err
	}
	return s.save(ctx, h)
}
