package ecs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	awsservice "github.com/dbferry/dbferry/internal/awsworld/service"
)

// What a task's lastStatus may be here.
const (
	pending = "PENDING"
	running = "RUNNING"
	stopped = "STOPPED"
)

// task is one copy of the application.
type task struct {
	id, arn    string
	deployment *deployment
	status     string
	healthy    bool
	draining   bool
	created    time.Time
	started    time.Time
	stopped    time.Time
	why        string
	env        map[string]string
}

func (s *Service) newTask(sv *service, d *deployment) *task {
	id := s.w.Hex(32)
	t := &task{
		id: id, arn: s.w.ARN("ecs", sv.cluster.account, "task/"+sv.Cluster+"/"+id), deployment: d, status: pending, created: s.w.Now(),
	}
	sv.tasks = append(sv.tasks, t)
	return t
}

// live are a deployment's tasks that are not on their way out.
func (sv *service) live(d *deployment) []*task {
	return slices.DeleteFunc(slices.Clone(sv.tasks), func(t *task) bool { return t.deployment != d || t.draining })
}

// well counts a deployment's healthy tasks.
func (sv *service) well(d *deployment) int {
	n := 0
	for _, t := range sv.live(d) {
		if t.status == running && t.healthy {
			n++
		}
	}
	return n
}

// start takes a task from PENDING to RUNNING and through its health check. What
// it reads, it reads when it starts.
func (s *Service) start(sv *service, t *task) {
	s.w.Kernel.After(s.draw(s.Timing.Start), func() {
		if t.draining {
			return
		}
		env, err := s.environment(sv)
		if err != nil {
			s.fail(sv, t, "ResourceInitializationError: unable to pull secrets or registry auth: "+err.Error())
			return
		}
		t.env, t.status, t.started = env, running, s.w.Now()
		s.say(sv, "has started 1 tasks: (task %s).", t.id)
		s.w.Kernel.After(s.draw(s.Timing.Healthy), func() { s.judge(sv, t) })
	})
}

func (s *Service) judge(sv *service, t *task) {
	if t.draining || t.status != running {
		return
	}
	if sv.Healthy != nil {
		if err := sv.Healthy(t.env); err != nil {
			s.fail(sv, t, "Task failed container health checks: "+err.Error())
			return
		}
	}
	t.healthy = true
	s.reconcile(sv)
}

// fail stops a task that could not be what it should.
func (s *Service) fail(sv *service, t *task, why string) {
	t.draining = true
	s.gone(sv, t, why)
	s.taskFailed(sv, t.deployment)
}

// stop drains a task.
func (s *Service) stop(sv *service, t *task, why string) {
	if t.draining {
		return
	}
	t.draining = true
	if t.status == pending {
		s.gone(sv, t, why)
		return
	}
	s.w.Kernel.After(s.draw(s.Timing.Drain), func() {
		s.gone(sv, t, why)
		s.say(sv, "has stopped 1 running tasks: (task %s).", t.id)
		s.reconcile(sv)
	})
}

func (s *Service) gone(sv *service, t *task, why string) {
	t.status, t.stopped, t.why, t.healthy = stopped, s.w.Now(), why, false
	sv.tasks = slices.DeleteFunc(sv.tasks, func(o *task) bool { return o == t })
}

// environment reads what a task is given when it starts, with the task
// execution role.
func (s *Service) environment(sv *service) (map[string]string, error) {
	env := map[string]string{}
	if len(sv.Parameters)+len(sv.Secrets) == 0 {
		return env, nil
	}
	ctx := context.Background()
	caller, err := s.w.AssumeAsService("ecs-tasks.amazonaws.com", sv.ExecutionRole, "ecs-"+sv.Name, sv.arn)
	if err != nil {
		return nil, err
	}
	for _, variable := range sortedKeys(sv.Parameters) {
		name := sv.Parameters[variable]
		out, err := awsservice.Call[ssm.GetParametersOutput](ctx, s.w, caller, "SSM", "GetParameters", &ssm.GetParametersInput{Names: []string{name}, WithDecryption: aws.Bool(true)})
		if err != nil {
			return nil, err
		}
		if len(out.Parameters) == 0 {
			return nil, fmt.Errorf("invalid ssm parameters: %s", name)
		}
		env[variable] = aws.ToString(out.Parameters[0].Value)
	}
	for _, variable := range sortedKeys(sv.Secrets) {
		out, err := awsservice.Call[secretsmanager.GetSecretValueOutput](ctx, s.w, caller, "Secrets Manager", "GetSecretValue", &secretsmanager.GetSecretValueInput{SecretId: aws.String(sv.Secrets[variable])})
		if err != nil {
			return nil, err
		}
		env[variable] = aws.ToString(out.SecretString)
	}
	return env, nil
}
