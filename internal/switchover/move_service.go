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
	if d == Backward {
		if _, _, forward, err := s.ledger.Bytes(ctx, startedKey(p, m, Forward)); err != nil || !forward {
			return !forward, err
		}
	}
	v, err := s.service(ctx, m.Name)
	if err != nil {
		return false, err
	}
	key := startedKey(p, m, d)
	b, err := s.intend(ctx, key, aws.ToString(primary(v).Id))
	if err != nil || b.Done {
		return b.Done, err
	}
	if b.ID == "" {
		return false, s.deploy(ctx, key, b, m.Name, v)
	}
	return s.deployed(ctx, key, b, m.Name, v)
}

// intend records that a move is about to be begun, with what was there.
func (s *step) intend(ctx context.Context, key, before string) (begun, error) {
	var b begun
	_, found, err := s.ledger.Get(ctx, key, &b)
	if err != nil || found {
		return b, err
	}
	b = begun{At: s.Now().UTC(), Before: before}
	_, err = s.ledger.Create(ctx, key, b)
	return b, err
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
	if aws.ToString(now.Id) != b.ID {
		return false, fault.New(fault.VerifyFailed, "roll the service "+name, name, "look at the service's events in the ECS console; a circuit breaker may have gone back to the old tasks",
			"its primary deployment is %s, not %s, which the switch began", aws.ToString(now.Id), b.ID)
	}
	switch now.RolloutState {
	case ecstypes.DeploymentRolloutStateCompleted:
		b.Done, b.Result = true, "COMPLETED"
		return true, s.ledger.Put(ctx, key, b)
	case ecstypes.DeploymentRolloutStateFailed:
		return false, fault.New(fault.VerifyFailed, "roll the service "+name, name, "look at the service's events and its tasks' logs", "its deployment failed: %s", aws.ToString(now.RolloutStateReason))
	}
	if limit := s.serviceLimit(name); s.Now().Sub(b.At) > limit {
		return false, fault.New(fault.DeadlineExceeded, "roll the service "+name, name, "look at the service's events, or raise targets[].switch.services[].minutes",
			"not done after %s: %d of %d tasks run", limit, now.RunningCount, now.DesiredCount)
	}
	return false, nil
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
