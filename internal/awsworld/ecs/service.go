// Package ecs simulates Amazon ECS as far as a switch needs it: services whose
// rolling deployments start tasks, which read their parameters and secrets when
// they start and never again.
package ecs

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	awsservice "github.com/dbferry/dbferry/internal/awsworld/service"
)

// Range is a duration drawn anew each time from [Low, High].
type Range struct{ Low, High time.Duration }

// Timing is how long ECS takes. AWS publishes none of these.
type Timing struct {
	Start   Range // from a task's creation until it runs: placing, pulling, starting
	Healthy Range // then until its health check has passed, or failed
	Drain   Range // from the decision to stop a task until it is gone
	Steady  Range // from the last change until the deployment is COMPLETED
	Again   Range // between a failed task and the next try
}

// DefaultTiming makes a rolling update of a small service take about two
// minutes.
func DefaultTiming() Timing {
	return Timing{
		Start:   Range{25 * time.Second, 50 * time.Second},
		Healthy: Range{10 * time.Second, 30 * time.Second},
		Drain:   Range{10 * time.Second, 30 * time.Second}, // stopTimeout is 30 s by default
		Steady:  Range{10 * time.Second, 30 * time.Second},
		Again:   Range{5 * time.Second, 20 * time.Second},
	}
}

// Service is ECS in all accounts of one world.
type Service struct {
	Timing Timing
	// Emit sends an event to an account's default bus; nil sends none.
	Emit func(account, source, detailType string, resources []string, detail map[string]any)

	w        *awsworld.World
	accounts map[string]map[string]*cluster // account → cluster name
}

type cluster struct {
	name, account string
	services      map[string]*service
}

// ServiceSpec describes a service with a completed deployment.
type ServiceSpec struct {
	Cluster, Name  string
	TaskDefinition string // "shop:7"
	Desired        int
	ExecutionRole  string // with which a task reads what follows when it starts

	// Parameters and Secrets are what a task finds in its environment: name of
	// the variable → SSM parameter's name or ARN, or secret's ARN.
	Parameters, Secrets map[string]string

	CircuitBreaker, Rollback bool
	Tags                     map[string]string

	// Healthy is a task's own health check, asked once when it has started; nil
	// is always well.
	Healthy func(env map[string]string) error
}

// service is one service with its deployments, the newest first.
type service struct {
	ServiceSpec
	cluster     *cluster
	arn         string
	deployments []*deployment
	tasks       []*task
	events      []event
	created     time.Time
	lastGood    *deployment
	settled     []string
}

type event struct {
	id, text string
	at       time.Time
}

// New registers the operations of ECS.
func New(w *awsworld.World) *Service {
	s := &Service{w: w, Timing: DefaultTiming(), accounts: map[string]map[string]*cluster{}}
	w.Register(s.ops()...)
	return s
}

func (s *Service) draw(r Range) time.Duration { return s.w.Between(r.Low, r.High) }

// PutService adds a service whose tasks run already; they have read their
// parameters and secrets now. It is called inside a process of the world.
func (s *Service) PutService(account string, spec ServiceSpec) error {
	c := s.cluster(account, spec.Cluster)
	if c.services[spec.Name] != nil {
		return fmt.Errorf("ECS service %s in account %s exists already", spec.Name, account)
	}
	spec.Parameters, spec.Secrets, spec.Tags = maps.Clone(spec.Parameters), maps.Clone(spec.Secrets), maps.Clone(spec.Tags)
	sv := &service{ServiceSpec: spec, cluster: c, arn: s.w.ARN("ecs", account, "service/"+spec.Cluster+"/"+spec.Name), created: s.w.Now()}
	d := s.newDeployment(sv, spec.TaskDefinition)
	for range spec.Desired {
		t := s.newTask(sv, d)
		env, err := s.environment(sv)
		if err != nil {
			return fmt.Errorf("ECS service %s in account %s: a task could not start: %w", spec.Name, account, err)
		}
		t.env, t.status, t.healthy, t.started = env, running, true, s.w.Now()
	}
	s.completed(sv, d)
	c.services[spec.Name] = sv
	return nil
}

func (s *Service) cluster(account, name string) *cluster {
	if s.accounts[account] == nil {
		s.accounts[account] = map[string]*cluster{}
	}
	c := s.accounts[account][name]
	if c == nil {
		c = &cluster{name: name, account: account, services: map[string]*service{}}
		s.accounts[account][name] = c
	}
	return c
}

// find takes a service by name or ARN, in a cluster by name or ARN; an empty
// cluster is "default".
func (s *Service) find(account, clusterName, name string) (*cluster, *service) {
	clusterName = lastPart(clusterName)
	if clusterName == "" {
		clusterName = "default"
	}
	c := s.accounts[account][clusterName]
	if c == nil {
		return nil, nil
	}
	return c, c.services[lastPart(name)]
}

func lastPart(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// say adds a line to a service's events.
func (s *Service) say(sv *service, format string, args ...any) {
	e := event{id: s.w.UUID(), text: fmt.Sprintf("(service %s) ", sv.Name) + fmt.Sprintf(format, args...), at: s.w.Now()}
	sv.events = append([]event{e}, sv.events...)
	if len(sv.events) > 100 {
		sv.events = sv.events[:100]
	}
}

// number makes the next 19 digits of a deployment's id.
func (s *Service) number() string {
	sum := sha256.Sum256([]byte(s.w.Hex(16)))
	return fmt.Sprintf("%019d", binary.BigEndian.Uint64(sum[:8])%1e19)
}

// Task is a running task, for the application that it is.
type Task struct {
	ID, Deployment string
	Env            map[string]string // as read when it started
	Started        time.Time
}

// Serving lists the healthy tasks of a service, the oldest first.
func (s *Service) Serving(account, clusterName, name string) []Task {
	_, sv := s.find(account, clusterName, name)
	if sv == nil {
		return nil
	}
	var out []Task
	for _, t := range sv.tasks {
		if t.status == running && t.healthy && !t.draining {
			out = append(out, Task{ID: t.id, Deployment: t.deployment.id, Env: maps.Clone(t.env), Started: t.started})
		}
	}
	return out
}

// Rolling tells whether ECS still works on a deployment of a service. One that
// the circuit breaker has ended, and after which nothing moves, is not worked on.
func (s *Service) Rolling(account, clusterName, name string) bool {
	_, sv := s.find(account, clusterName, name)
	return sv != nil && (sv.primary().state == inProgress || slices.ContainsFunc(sv.tasks, func(t *task) bool { return t.draining || t.status == pending }))
}

// SetHealthy changes the health check of a service's new tasks.
func (s *Service) SetHealthy(account, clusterName, name string, check func(env map[string]string) error) {
	if _, sv := s.find(account, clusterName, name); sv != nil {
		sv.Healthy = check
	}
}

// SetCircuitBreaker switches a service's deployment circuit breaker, with its
// rollback, on or off.
func (s *Service) SetCircuitBreaker(account, clusterName, name string, on bool) error {
	_, sv := s.find(account, clusterName, name)
	if sv == nil {
		return fmt.Errorf("account %s has no ECS service %s/%s", account, clusterName, name)
	}
	sv.CircuitBreaker, sv.Rollback = on, on
	return nil
}

func (sv *service) primary() *deployment { return sv.deployments[0] }

func (sv *service) context() map[string][]string {
	keys := awsservice.TagContext(sv.Tags)
	for k, v := range sv.Tags {
		keys["ecs:ResourceTag/"+k] = []string{v}
	}
	return keys
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
