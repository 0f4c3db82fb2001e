package migrate

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

type abandonGreen struct{ *step }

// NewAbandonGreen builds abandon-green: green and its deployment go, and the
// cluster of production's name is proved to be blue, available and untouched.
func NewAbandonGreen(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &abandonGreen{base}
	return s.looking(s.do), nil
}

func (s *abandonGreen) do(ctx context.Context, h *held) (time.Duration, error) {
	if h.Phase == Abandoned {
		return 0, nil
	}
	if h.Phase.beyond() {
		return 0, fault.New(fault.NotReady, "remove green", h.Plan.Cluster, "look at the deployment; what was green may serve", "the migration is %s", h.Phase)
	}
	if err := s.isBlue(ctx, h); err != nil {
		return 0, err
	}
	if wait, err := s.attach(ctx, h, s.releaseVerified); err != nil || wait > 0 {
		return wait, err
	}
	d, err := s.deployment(ctx, &h.Migration)
	if err != nil {
		return 0, err
	}
	if d == nil {
		return s.left(ctx, h)
	}
	h.Deployment = aws.ToString(d.BlueGreenDeploymentIdentifier)
	switch aws.ToString(d.Status) {
	case bgDeleting:
		return retireLook, nil
	case bgSwitching, bgCompleted:
		return 0, fault.New(fault.NotReady, "remove green", h.Deployment, "look at the deployment; what was green may serve", "the deployment is %s", aws.ToString(d.Status))
	}
	return s.removeGreen(ctx, h, d)
}

// isBlue makes sure that the cluster of production's name is the one that was
// there before.
func (s *step) isBlue(ctx context.Context, h *held) error {
	c, err := s.mustCluster(ctx, h.Plan.Cluster)
	if err != nil {
		return err
	}
	if id := aws.ToString(c.DbClusterResourceId); id != h.Plan.Blue.ResourceID {
		return fault.New(fault.VerifyFailed, "look whether blue serves", h.Plan.Cluster, "do not delete anything; look at which cluster serves", "the cluster of production's name has resource id %s, not blue's %s", id, h.Plan.Blue.ResourceID)
	}
	return nil
}

// removeGreen deletes a deployment that was not switched, with green.
func (s *step) removeGreen(ctx context.Context, h *held, d *types.BlueGreenDeployment) (time.Duration, error) {
	if d.Target != nil {
		green, err := s.cluster(ctx, idOf(*d.Target))
		if err != nil {
			return 0, err
		}
		if green != nil {
			if wait, err := s.unprotect(ctx, h, green); err != nil || wait > 0 {
				return wait, err
			}
		}
	}
	return retireLook, s.dropDeployment(ctx, h, true)
}

// left looks whether anything of green is left, once its deployment is gone.
func (s *abandonGreen) left(ctx context.Context, h *held) (time.Duration, error) {
	if h.Green != nil {
		green, err := s.byResource(ctx, h.Green.ResourceID)
		if err != nil {
			return 0, err
		}
		if green != nil {
			if aws.ToString(green.Status) == "deleting" {
				return retireLook, nil
			}
			return 0, fault.New(fault.VerifyFailed, "remove green", aws.ToString(green.DBClusterIdentifier), "delete it in the RDS console when nobody needs it", "the deployment is gone and the green cluster is still %s", aws.ToString(green.Status))
		}
	}
	h.Phase, h.GreenGoes = Abandoned, false
	if err := s.testify(ctx, &h.Migration, "abandoned", map[string]any{"deployment": h.Deployment}); err != nil {
		return 0, err
	}
	return 0, s.save(ctx, h)
}
