package refresh

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

type prepareCluster struct{ clusterStep }

// NewPrepareCluster builds prepare-cluster: what must be set before a cluster
// has instances. A restore loses Serverless v2 scaling, and a db.serverless
// instance can only be created in a cluster that has it.
func NewPrepareCluster(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newClusterStep(rt)
	s := &prepareCluster{base}
	return s.perItem(s.do), err
}

func (s *prepareCluster) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	it, err := s.item(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	c, err := s.restored(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	_, wish, _, err := s.wish(in, it)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	want := wish.ServerlessV2
	change := &rds.ModifyDBClusterInput{DBClusterIdentifier: c.DBClusterIdentifier, ApplyImmediately: aws.Bool(true)}
	differs := false
	if want != nil && !scalingIs(c.ServerlessV2ScalingConfiguration, *want) {
		differs = true
		change.ServerlessV2ScalingConfiguration = &rdstypes.ServerlessV2ScalingConfiguration{MinCapacity: &want.Min, MaxCapacity: &want.Max}
		if want.AutoPause > 0 {
			change.ServerlessV2ScalingConfiguration.SecondsUntilAutoPause = &want.AutoPause
		}
	}
	a, err := s.modify(ctx, c, change, differs)
	return a, struct{}{}, err
}

func scalingIs(have *rdstypes.ServerlessV2ScalingConfigurationInfo, want Scaling) bool {
	return have != nil && aws.ToFloat64(have.MinCapacity) == want.Min && aws.ToFloat64(have.MaxCapacity) == want.Max &&
		aws.ToInt32(have.SecondsUntilAutoPause) == want.AutoPause
}

// modify converges a cluster on a change: it is done when nothing differs and
// the cluster is available. A cluster that is busy is left alone until it is
// not, because RDS refuses a second change meanwhile.
func (s *clusterStep) modify(ctx context.Context, c *rdstypes.DBCluster, change *rds.ModifyDBClusterInput, differs bool) (converge.Answer, error) {
	id, status := aws.ToString(c.DBClusterIdentifier), aws.ToString(c.Status)
	if dead(status) {
		return converge.Answer{}, fault.New(fault.RestoreFailed, "change the cluster "+id, id, "look at its events in the RDS console; start a new refresh", "its status is %s", status)
	}
	if status != "available" {
		return quickWait, nil
	}
	if !differs {
		return converge.DoneNow(), nil
	}
	if _, err := s.rds.ModifyDBCluster(ctx, change); err != nil && !fault.HasCode(err, "InvalidDBClusterStateFault") {
		return converge.Answer{}, fault.AWS("change the cluster "+id, id, err)
	}
	return quickWait, nil
}

// quickWait is the wait for changes that take seconds to a few minutes.
var quickWait = converge.Answer{Status: converge.Waiting, WaitSeconds: 10}

// dead lists the statuses from which a cluster or an instance does not come
// back by waiting (docs/aws.md §7.1).
func dead(status string) bool {
	switch status {
	case "failed", "deleting", "deleted", "cloning-failed", "upgrade-failed", "inaccessible-encryption-credentials",
		"incompatible-restore", "incompatible-parameters", "incompatible-network", "restore-error", "insufficient-capacity":
		return true
	}
	return false
}
