package rehearsal

import (
	"context"
	"fmt"

	"github.com/dbferry/dbferry/internal/awsworld/ecs"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/dbproxy"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/simnet"
	"github.com/dbferry/dbferry/internal/stagingapp"
)

// startApps lets the targets' applications serve; it runs as a process of the
// world, because tasks read their environment by calls.
func (s *stage) startApps() error {
	for _, x := range s.applications() {
		app, err := s.application(x)
		if err != nil {
			return fmt.Errorf("application of %s: %w", x.target.Name, err)
		}
		for i, v := range x.app.Services {
			spec := s.service(x, v)
			if i == 0 && s.clients {
				spec.Healthy = app.Healthy // a round of calls
			}
			if err := s.ecs.PutService(x.target.Account, spec); err != nil {
				return err
			}
		}
		if s.clients {
			s.apps[x.target.Name] = app
			app.Start()
		}
	}
	return nil
}

func (s *stage) stopApps() {
	for _, x := range s.applications() {
		if app := s.apps[x.target.Name]; app != nil {
			app.Stop()
		}
	}
}

// App is the application of a target; nil when its ground has none.
func (o *Operator) App(target string) *stagingapp.App { return o.s.apps[target] }

// service is a service of the application as ECS runs it.
func (s *stage) service(x site, v ground.Service) ecs.ServiceSpec {
	return ecs.ServiceSpec{
		Cluster: v.Cluster, Name: v.Name, TaskDefinition: v.Name + ":1", Desired: v.Desired, ExecutionRole: s.config.Place(x.target).RoleARN(executionRole),
		Parameters: v.Parameters, Secrets: v.Secrets, CircuitBreaker: true, Rollback: true, Tags: map[string]string{"team": "shop"},
	}
}

// application is the client that the first service's tasks are.
func (s *stage) application(x site) (*stagingapp.App, error) {
	account, v := x.target.Account, x.app.Services[0]
	caller, err := s.w.AssumeAsService("ecs-tasks.amazonaws.com", s.config.Place(x.target).RoleARN(taskRole), "task", "")
	if err != nil {
		return nil, err
	}
	c := stagingapp.Config{
		Kernel: s.w.Kernel, AWS: s.w.Config(caller), AtWork: func() bool { return s.atWork(x) },
		Dialer: simnet.Dialer{RDS: s.rds, DNS: s.route53.Resolver(x.target.Network.VPC), From: rds.NetworkPlace{
			Account: account, VPC: x.target.Network.VPC, Subnets: x.app.Subnets, SecurityGroups: []string{x.app.Group},
		}},
		Tasks: func() []ecs.Task { return s.ecs.Serving(account, v.Cluster, v.Name) },
	}
	for _, u := range v.Databases {
		c.Databases = append(c.Databases, s.useOfDatabase(u))
	}
	for _, u := range v.Tables {
		c.Tables = append(c.Tables, stagingapp.Table{Name: u.Name, TableVar: stagingapp.Variable{Name: u.At, Before: u.Before, After: u.After}, Key: map[string]string{cartKey.Name: cartID(0)}, Hash: [2]string{cartKey.Name, cartID(0)}})
	}
	return stagingapp.New(c), nil
}

// useOfDatabase asks for orders, or where a user's dump takes the sample's place
// for anything.
func (s *stage) useOfDatabase(u ground.Use) stagingapp.Database {
	d := stagingapp.Database{Name: u.Name, Engine: u.Engine, HostVar: stagingapp.Variable{Name: u.At, Before: u.Before, After: u.After}, SecretVar: u.Secret, SecretAt: u.SecretAt, Port: 3306, Query: "SELECT COUNT(*) FROM shop.orders"}
	if u.Engine == rds.AuroraPostgreSQL {
		d.Port = 5432
	}
	if s.scenario.Load[string(engineOf(u.Engine))] != "" {
		d.Query = "SELECT 1"
	}
	return d
}

// atWork tells whether AWS has not finished a change under an application.
func (s *stage) atWork(x site) bool {
	for _, p := range x.app.Proxies {
		if s.rds.ProxySwitching(x.target.Account, p.Name) {
			return true
		}
	}
	client := x.app.Services[0]
	return s.ecs.Rolling(x.target.Account, client.Cluster, client.Name) || s.route53.Syncing(x.target.Account)
}

// appReport is what a target's application noticed; nil when there is none.
func (s *stage) appReport(t config.Target) *stagingapp.Report {
	app := s.apps[t.Name]
	if app == nil {
		return nil
	}
	r := app.Report()
	return &r
}

// Login implements rds.Logins, as a proxy proves its secrets.
func (d *databases) Login(ctx context.Context, key, engine, user, password string) error {
	addr, err := d.Addr(ctx, key)
	if err != nil {
		return err
	}
	err = dbproxy.Login(context.WithoutCancel(ctx), engine, addr, user, password)
	if dbconn.IsAuth(err) {
		return fmt.Errorf("%w: %w", rds.ErrLogin, err)
	}
	return err
}
