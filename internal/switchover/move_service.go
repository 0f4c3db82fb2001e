package switchover

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
)

func serviceName(v config.Service) string { return v.Cluster + "/" + v.Service }

// service reads an ECS service.
func (s *step) service(ctx context.Context, name string) (ecstypes.Service, error) {
	cluster, service, _ := strings.Cut(name, "/")
	out, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{service}})
	if err != nil {
		return ecstypes.Service{}, fault.AWS("look at the service", name, err)
	}
	if len(out.Services) != 1 || aws.ToString(out.Services[0].Status) != "ACTIVE" {
		return ecstypes.Service{}, fault.New(fault.BadRequest, "look at the service", name, "correct targets[].switch.services in dbferry.json", "there is no such active service")
	}
	v := out.Services[0]
	if c := v.DeploymentController; c != nil && c.Type != ecstypes.DeploymentControllerTypeEcs {
		return v, fault.New(fault.BadRequest, "look at the service", name, "roll it by a hook instead", "its deployments are controlled by %s", c.Type)
	}
	return v, nil
}

// primary is the deployment that the service is at.
func primary(v ecstypes.Service) ecstypes.Deployment {
	for _, d := range v.Deployments {
		if aws.ToString(d.Status) == "PRIMARY" {
			return d
		}
	}
	return ecstypes.Deployment{}
}

// rollService replaces a service's tasks, so that they read their settings
// again, and proves it by the very deployment that it began: a service is stable
// too after its circuit breaker has gone back to the old one (docs/aws.md §7.4).
// On the way back only a service that was begun to be rolled is rolled again.
func (s *step) rollService(ctx context.Context, p *Plan, m Move, d Direction) (bool, error) {
	v, err := s.service(ctx, m.Name)
	if err != nil {
		return false, err
	}
	if d == Backward {
		var forward begun
		_, found, err := s.ledger.Get(ctx, startedKey(p, m, Forward), &forward)
		if err != nil || !found || forward.ID == "" && forward.Before == aws.ToString(primary(v).Id) {
			return err == nil, err
		}
	}
	b, key, err := s.attempt(ctx, p, m, d, aws.ToString(primary(v).Id))
	if err != nil || b.Done {
		return b.Done, err
	}
	if b.Over {
		return false, b.again()
	}
	if b.ID == "" {
		return false, s.deploy(ctx, key, b, m.Name, v)
	}
	return s.deployed(ctx, key, b, m.Name, v)
}

// deploy begins a deployment, or recognizes the one that an earlier call of ours
// began and whose reply was lost.
func (s *step) deploy(ctx context.Context, key string, b begun, name string, v ecstypes.Service) error {
	id := aws.ToString(primary(v).Id)
	if id == b.Before {
		cluster, service, _ := strings.Cut(name, "/")
		out, err := s.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &cluster, Service: &service, ForceNewDeployment: true})
		if err != nil {
			return fault.AWS("roll the service", name, err)
		}
		id = aws.ToString(primary(*out.Service).Id)
	}
	b.ID = id
	return s.ledger.Put(ctx, key, b)
}

func (s *step) deployed(ctx context.Context, key string, b begun, name string, v ecstypes.Service) (bool, error) {
	now := primary(v)
	failed := func(next, format string, args ...any) (bool, error) {
		return false, s.over(ctx, key, b, fault.New(fault.VerifyFailed, "roll the service "+name, name, next, format, args...))
	}
	if aws.ToString(now.Id) != b.ID {
		return failed("look at the service's events in the ECS console and at its tasks' logs", "its primary deployment is %s, not %s, which the switch began%s",
			aws.ToString(now.Id), b.ID, ownReason(v, b.ID))
	}
	switch now.RolloutState {
	case ecstypes.DeploymentRolloutStateCompleted:
		return true, s.well(ctx, key, b, "COMPLETED: "+b.ID)
	case ecstypes.DeploymentRolloutStateFailed:
		return failed("look at the service's events and its tasks' logs", "its deployment failed: %s", aws.ToString(now.RolloutStateReason))
	}
	if limit := s.serviceLimit(name); s.late(b, limit) {
		return false, s.over(ctx, key, b, fault.New(fault.DeadlineExceeded, "roll the service "+name, name, "look at the service's events, or raise targets[].switch.services[].minutes",
			"not done after %s: %d of %d tasks run, %d have failed", limit, now.RunningCount, now.DesiredCount, now.FailedTasks))
	}
	return false, nil
}

// ownReason is what ECS says of a deployment that is no longer the primary one.
func ownReason(v ecstypes.Service, id string) string {
	for _, d := range v.Deployments {
		if aws.ToString(d.Id) == id {
			return ": " + string(d.RolloutState) + ", " + strings.TrimSuffix(aws.ToString(d.RolloutStateReason), ".")
		}
	}
	return ""
}

func (s *step) serviceLimit(name string) time.Duration {
	for _, v := range s.t.Switch.Services {
		if serviceName(v) == name {
			return time.Duration(v.Limit()) * time.Minute
		}
	}
	return 15 * time.Minute
}

// serviceStands proves that the deployment which was begun is still the one that
// runs, with all its tasks.
func (s *step) serviceStands(ctx context.Context, p *Plan, m Move, d Direction) error {
	var b begun
	if _, found, err := s.ledger.Get(ctx, startedKey(p, m, d), &b); err != nil || !found {
		return err
	}
	v, err := s.service(ctx, m.Name)
	if err != nil {
		return err
	}
	if now := primary(v); aws.ToString(now.Id) != b.ID || v.RunningCount < v.DesiredCount {
		return fault.New(fault.VerifyFailed, "prove the service", m.Name, "look at the service's events in the ECS console",
			"%s", fmt.Sprintf("deployment %s with %d of %d tasks runs; %s was begun", aws.ToString(now.Id), v.RunningCount, v.DesiredCount, b.ID))
	}
	return nil
}
