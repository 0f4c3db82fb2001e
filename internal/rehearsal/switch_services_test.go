package rehearsal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/switchover"
)

const shopService = "service staging/shop"

// service is the application's as ECS shows it.
func (s *switcher) service() types.Service {
	s.t.Helper()
	out, err := ecs.NewFromConfig(s.AWS("222222222222")).DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("staging"), Services: []string{"shop"}})
	if err != nil || len(out.Services) != 1 {
		s.t.Fatal(out, err)
	}
	return out.Services[0]
}

// TestTasksThatNeverBecomeHealthy: a deployment that the circuit breaker has put
// back is stable, and no success; one without a breaker goes on until the time
// limit. Either way the old tasks serve throughout, and everything is back.
func TestTasksThatNeverBecomeHealthy(t *testing.T) {
	for name, x := range map[string]struct {
		breaker bool
		says    string
	}{
		"with a circuit breaker":    {true, "ECS deployment circuit breaker: tasks failed to start"},
		"without a circuit breaker": {false, "not done after 10m0s: "},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(s *switcher) {
				if err := s.Services().SetCircuitBreaker("222222222222", "staging", "shop", x.breaker); err != nil {
					t.Fatal(err)
				}
				before := s.service()
				well := s.App("staging").Healthy
				s.Services().SetHealthy("222222222222", "staging", "shop", func(env map[string]string) error {
					if env["TABLE_1"] == names.RestoredTable("shop-carts", latest) {
						return errors.New("the new data does not suit the application")
					}
					return well(env)
				})
				r := s.to(refresh.RolledBack, latest)
				s.told(r, "roll the "+shopService, x.says)
				s.uses(served)
				after := s.service()
				if len(after.Deployments) != 1 || *after.Deployments[0].TaskDefinition != *before.Deployments[0].TaskDefinition || after.RunningCount != 2 {
					t.Errorf("the service is at %+v", after.Deployments)
				}
				if got := s.outcome(shopService, switchover.Forward); !strings.Contains(got, x.says) {
					t.Errorf("its way forward is recorded as %q", got)
				}
				if got := s.outcome(shopService, switchover.Backward); got != "COMPLETED: "+*after.Deployments[0].Id {
					t.Errorf("its way back is recorded as %q, and is at %s", got, *after.Deployments[0].Id)
				}
				for _, task := range s.Services().Serving("222222222222", "staging", "shop") {
					if task.Env["TABLE_1"] != names.RestoredTable("shop-carts", served) {
						t.Errorf("a task reads %s", task.Env["TABLE_1"])
					}
				}
				if a := s.App("staging").Report(); a.Failed > 0 {
					t.Errorf("the application noticed %+v of %+v", a, s.App("staging").Outages())
				}
				s.Services().SetHealthy("222222222222", "staging", "shop", well)
				s.to(rehearsal.VerdictSucceeded, latest)
				s.uses(latest)
			})
		})
	}
}

// TestAnotherDeploymentDuringTheRoll is somebody else's, and no proof of ours.
func TestAnotherDeploymentDuringTheRoll(t *testing.T) {
	onBoth(t, func(s *switcher) {
		before := s.service().Deployments[0]
		s.OnEnter(entering("staging-switch", "Roll the services"), func() {
			for *s.service().Deployments[0].Id == *before.Id {
				if err := s.Sleep(5e9); err != nil {
					t.Error(err)
					return
				}
			}
			_, err := ecs.NewFromConfig(s.AWS("222222222222")).UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("staging"), Service: aws.String("shop"), ForceNewDeployment: true})
			if err != nil {
				t.Error(err)
			}
		})
		r := s.to(refresh.RolledBack, latest)
		s.told(r, "roll the "+shopService, "which the switch began")
		s.uses(served)
	})
}
