package ecs

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

const (
	inProgress = types.DeploymentRolloutStateInProgress
	complete   = types.DeploymentRolloutStateCompleted
	failed     = types.DeploymentRolloutStateFailed
)

// deployment is one rollout of a service.
type deployment struct {
	id, definition string
	state          types.DeploymentRolloutState
	reason         string
	created        time.Time
	updated        time.Time
	failures       int
	rollback       bool
	steadying      bool // everything runs; COMPLETED is on its way
}

// newDeployment becomes the PRIMARY one.
func (s *Service) newDeployment(sv *service, definition string) *deployment {
	d := &deployment{id: "ecs-svc/" + s.number(), definition: definition, state: inProgress, created: s.w.Now(), updated: s.w.Now()}
	d.reason = "ECS deployment " + d.id + " in progress."
	sv.deployments = append([]*deployment{d}, sv.deployments...)
	return d
}

// roll starts a deployment, over whatever was going on.
func (s *Service) roll(sv *service, definition string) *deployment {
	d := s.newDeployment(sv, definition)
	s.w.Waits.Begin(d.id, awsworld.Wait{What: "deployment of service " + sv.Name, Item: sv.Name, Phase: "rollout"})
	s.announce(sv, d, "INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS")
	s.reconcile(sv)
	return d
}

// reconcile starts and stops tasks until those of the PRIMARY deployment are
// the ones that are wanted: first the new ones, then away with the old, as with
// AWS's default of 100 % healthy at least and 200 % at most.
func (s *Service) reconcile(sv *service) {
	d := sv.primary()
	mine := sv.live(d)
	for n := len(mine); n < sv.Desired && d.state != failed; n++ {
		s.start(sv, s.newTask(sv, d))
	}
	for len(mine) > sv.Desired {
		s.stop(sv, mine[0], "Scaling activity initiated by "+d.id)
		mine = mine[1:]
	}
	if sv.well(d) < sv.Desired {
		d.steadying = false
		return
	}
	for _, t := range slices.Clone(sv.tasks) {
		if t.deployment != d {
			s.stop(sv, t, "Scaling activity initiated by "+t.deployment.id)
		}
	}
	s.settle(sv, d)
}

// settle completes the deployment when nothing has moved for a while.
func (s *Service) settle(sv *service, d *deployment) {
	if d.steadying || d.state != inProgress || len(sv.tasks) != sv.Desired {
		return
	}
	d.steadying = true
	s.w.Kernel.After(s.draw(s.Timing.Steady), func() {
		if d.steadying && d == sv.primary() && d.state == inProgress {
			s.completed(sv, d)
		}
	})
}

func (s *Service) completed(sv *service, d *deployment) {
	d.state, d.reason, d.updated = complete, "ECS deployment "+d.id+" completed.", s.w.Now()
	sv.lastGood = d
	sv.deployments = []*deployment{d}
	s.say(sv, "(deployment %s) deployment completed.", d.id)
	s.say(sv, "has reached a steady state.")
	s.ended(sv, d)
	s.announce(sv, d, "INFO", "SERVICE_DEPLOYMENT_COMPLETED")
}

func (s *Service) ended(sv *service, d *deployment) {
	s.w.Waits.Finish(d.id)
	sv.settled = append(sv.settled, d.id)
}

// threshold is how many tasks may fail before the circuit breaker acts: half of
// what is wanted, at least 3 and at most 200.
func (sv *service) threshold() int { return min(max(3, (sv.Desired+1)/2), 200) }

// taskFailed counts, and lets the circuit breaker act.
func (s *Service) taskFailed(sv *service, d *deployment) {
	d.failures++
	if !sv.CircuitBreaker || d.failures < sv.threshold() || d != sv.primary() || d.state != inProgress {
		s.w.Kernel.After(s.draw(s.Timing.Again), func() { s.reconcile(sv) })
		return
	}
	d.state, d.reason, d.updated = failed, "ECS deployment circuit breaker: tasks failed to start.", s.w.Now()
	s.say(sv, "(deployment %s) deployment failed: tasks failed to start.", d.id)
	s.ended(sv, d)
	s.announce(sv, d, "ERROR", "SERVICE_DEPLOYMENT_FAILED")
	if !sv.Rollback || d.rollback || sv.lastGood == nil {
		return
	}
	good := sv.lastGood
	back := s.newDeployment(sv, good.definition)
	back.rollback, back.reason = true, "ECS deployment circuit breaker: rolling back to deploymentId "+good.id+"."
	s.say(sv, "rolling back to deployment %s.", good.id)
	s.announce(sv, back, "INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS")
	s.reconcile(sv)
}

// announce sends ECS's event of a deployment.
func (s *Service) announce(sv *service, d *deployment, kind, name string) {
	if s.Emit == nil {
		return
	}
	s.Emit(sv.cluster.account, "aws.ecs", "ECS Deployment State Change", []string{sv.arn}, map[string]any{
		"eventType": kind, "eventName": name, "deploymentId": d.id, "updatedAt": s.w.Now().Format(time.RFC3339), "reason": d.reason,
	})
}
