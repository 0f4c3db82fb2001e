package migrate

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

// Statuses of a Blue/Green deployment (docs/migration.md §1.3).
const (
	bgProvisioning = "PROVISIONING"
	bgAvailable    = "AVAILABLE"
	bgSwitching    = "SWITCHOVER_IN_PROGRESS"
	bgCompleted    = "SWITCHOVER_COMPLETED"
	bgInvalid      = "INVALID_CONFIGURATION"
	bgFailed       = "SWITCHOVER_FAILED"
	bgDeleting     = "DELETING"
)

// Green takes hours; never look faster than this (docs/migration.md §1.8).
const buildLook = 45 * time.Second

type createGreen struct{ *step }

// NewCreateGreen builds create-green: it asks AWS for the Blue/Green deployment
// of the plan, once, and waits until it is AVAILABLE.
func NewCreateGreen(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &createGreen{base}
	return s.looking(s.do), nil
}

func (s *createGreen) do(ctx context.Context, h *held) (time.Duration, error) {
	if h.Phase != Planned && h.Phase != Building {
		return 0, nil
	}
	d, err := s.deployment(ctx, &h.Migration)
	if err != nil {
		return 0, err
	}
	if d == nil {
		return s.ask(ctx, h)
	}
	if aws.ToString(d.Source) != h.Plan.Blue.ARN {
		return 0, fault.New(fault.NameTaken, "build green", h.Plan.Name, "remove that deployment or begin a new migration", "a deployment of this name has another source: %s", aws.ToString(d.Source))
	}
	h.Deployment = aws.ToString(d.BlueGreenDeploymentIdentifier)
	switch st := aws.ToString(d.Status); st {
	case bgProvisioning:
		if time.Duration(s.conf.Limits.Green())*time.Hour < s.Now().Sub(h.BuildingAt) {
			return 0, fault.New(fault.DeadlineExceeded, "build green", h.Deployment, "look at the deployment in the RDS console; an idle transaction on blue may hold it up (RDS-EVENT-0426)",
				"it is PROVISIONING since %s", h.BuildingAt.Format(time.RFC3339))
		}
		return buildLook, nil
	case bgAvailable:
		return 0, s.built(ctx, h, d)
	default:
		return 0, fault.New(fault.RestoreFailed, "build green", h.Deployment, "look at the events of the deployment in the RDS console", "the deployment is %s: %s", st, aws.ToString(d.StatusDetails))
	}
}

// ask creates the deployment. The phase is written first, so that an answer
// that is lost finds what it made.
func (s *createGreen) ask(ctx context.Context, h *held) (time.Duration, error) {
	if h.Deployment != "" {
		return 0, fault.New(fault.VerifyFailed, "build green", h.Deployment, "begin a new migration after {\"mode\":\"abandon\"}", "the deployment that was being built is gone: somebody has deleted it")
	}
	if h.Phase == Planned {
		h.Phase, h.BuildingAt = Building, s.Now().UTC()
		if err := s.save(ctx, h); err != nil {
			return 0, err
		}
	}
	p := h.Plan
	if p.Early {
		if wait, err := s.detach(ctx, h, p.Detach); err != nil || wait > 0 {
			return wait, err
		}
	}
	in := &rds.CreateBlueGreenDeploymentInput{
		BlueGreenDeploymentName: &p.Name, Source: &p.Blue.ARN,
		Tags: []types.Tag{{Key: aws.String(names.TagOwner), Value: aws.String(names.Prefix)}, {Key: aws.String(names.TagRefresh), Value: &h.ID}},
	}
	if p.To.Engine != p.From.Engine {
		in.TargetEngineVersion = &p.To.Engine
	}
	if p.To.ClusterGroup != p.From.ClusterGroup {
		in.TargetDBClusterParameterGroupName = &p.To.ClusterGroup
	}
	if p.To.InstanceGroup != p.From.InstanceGroup {
		in.TargetDBParameterGroupName = &p.To.InstanceGroup
	}
	out, err := s.rds.CreateBlueGreenDeployment(ctx, in)
	if fault.HasCode(err, "BlueGreenDeploymentAlreadyExistsFault") {
		return buildLook, nil // a lost reply; the next look finds it
	}
	if fault.HasCode(err, "SourceClusterNotSupportedFault") && len(p.Proxies) > 0 && !p.Early {
		return 0, &fault.Error{Name: fault.NotReady, Op: "build green", Resource: p.Cluster, Cause: err,
			Next: "should RDS Proxy (" + strings.Join(p.Proxies, ", ") + ") be the reason: take it off the cluster for good, or set production.migrate.clusters[].proxies to \"detach-first\" and deploy; docs/migrate.md, \"RDS Proxy\", says what that costs"}
	}
	if err != nil {
		return 0, fault.AWS("build green", p.Cluster, err)
	}
	h.Deployment = aws.ToString(out.BlueGreenDeployment.BlueGreenDeploymentIdentifier)
	return buildLook, s.save(ctx, h)
}

// built records what green is.
func (s *createGreen) built(ctx context.Context, h *held, d *types.BlueGreenDeployment) error {
	c, err := s.mustCluster(ctx, idOf(aws.ToString(d.Target)))
	if err != nil {
		return err
	}
	green := sideOf(c)
	h.Green, h.Phase = &green, Settling
	if err := s.testify(ctx, &h.Migration, "green-built", map[string]any{"deployment": h.Deployment, "green": green, "askedAt": h.BuildingAt}); err != nil {
		return err
	}
	return s.save(ctx, h)
}
