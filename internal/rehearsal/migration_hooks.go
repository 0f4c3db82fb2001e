package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/ecs"
	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/ssm"
	"github.com/dbferry/dbferry/internal/config"
)

// maintained is how many tasks a service of a maintenance hook has.
const maintained = 3

// putMaintenance makes what the maintenance hooks of a migration run.
func (s *stage) putMaintenance() error {
	account := s.config.Production.Account
	if err := s.putUserRole(account, hookRole, "lambda.amazonaws.com", `{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"*"}`); err != nil {
		return err
	}
	for _, h := range s.config.Production.Migrate.Maintenance {
		var err error
		switch {
		case h.Function != "":
			parts := strings.Split(h.Function, ":")
			_, err = s.lambda.PutFunction(lambda.Function{Name: parts[6], Account: service.AccountOf(h.Function), RoleARN: s.config.ProductionPlace().RoleARN(hookRole), Timeout: time.Minute,
				Code: func(_ context.Context, event []byte) ([]byte, *lambda.FunctionError) {
					if err := s.maintain(h, string(event)); err != nil {
						return nil, &lambda.FunctionError{Type: "Error", Message: err.Error()}
					}
					return []byte("null"), nil
				}})
		case h.Automation != "":
			s.ssm.PutDocument(account, ssm.DocumentSpec{Name: h.Automation, Automator: true, Takes: 5 * time.Second,
				Do: func(in map[string][]string) error { return s.maintain(h, fmt.Sprint(in)) }})
		case h.Listener != nil:
			s.putListener(h)
		case h.Service != nil:
			err = s.ecs.PutService(account, ecs.ServiceSpec{Cluster: h.Service.Cluster, Name: h.Service.Service, TaskDefinition: h.Service.Service + ":1", Desired: maintained,
				CircuitBreaker: true, Rollback: true})
		}
		if err != nil {
			return fmt.Errorf("maintenance hook %s: %w", h.Name, err)
		}
	}
	return nil
}

// busyPriority is that of the rule by which the application of a listener is
// reached.
const busyPriority = 10

// putListener makes a listener whose application is reached by a rule.
func (s *stage) putListener(h config.MaintenanceHook) {
	s.elb.PutListener(s.config.Production.Account, h.Listener.ARN)
	s.elb.PutRule(h.Listener.ARN, busyPriority)
	s.elb.Changed = func(listener string, made bool) {
		for _, h := range s.config.Production.Migrate.Maintenance {
			if h.Listener != nil && h.Listener.ARN == listener {
				s.hookRuns = append(s.hookRuns, HookRun{At: s.w.Now(), Hook: h.Name, Input: map[bool]string{true: "on", false: "off"}[made]})
			}
		}
	}
}

// maintain notes that a hook has run, and says whether it is one that fails.
func (s *stage) maintain(h config.MaintenanceHook, input string) error {
	phase := "off"
	if strings.Contains(input, `:"on"`) || strings.Contains(input, "[on]") {
		phase = "on"
	}
	failed := false
	for _, key := range []string{h.Name, h.Name + "/" + phase} {
		if s.scenario.Migrate.HookFails[key] > 0 {
			s.scenario.Migrate.HookFails[key]--
			failed = true
		}
	}
	s.hookRuns = append(s.hookRuns, HookRun{At: s.w.Now(), Hook: h.Name, Input: phase, Failed: failed})
	if failed {
		return errors.New("the page could not be changed")
	}
	return nil
}
