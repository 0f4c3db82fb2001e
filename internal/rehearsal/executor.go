package rehearsal

import (
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/simnet"
	"github.com/dbferry/dbferry/internal/switchover"
)

// execute runs a deployed function: the same constructor and the same edge as
// on Lambda, with the environment of the template and the configuration of the
// asset. Whatever leaves it is searched for secrets.
func (s *stage) execute(ctx context.Context, fn *lambda.Function, caller awsworld.Caller, event []byte) ([]byte, *lambda.FunctionError) {
	where := "function " + fn.Name + " in " + fn.Account
	w, err := s.takeWarm(fn, caller)
	if err != nil {
		return nil, &lambda.FunctionError{Type: "Runtime.ExitError", Message: err.Error()}
	}
	out, failure := lambdafn.Invoke(ctx, w.name, w.log, w.handler, event)
	s.warm[warmKey(fn, caller)] = append(s.warm[warmKey(fn, caller)], w) // not when it was killed
	if failure != nil {
		s.w.Secrets.Search("error of "+where, failure.Message)
		return nil, &lambda.FunctionError{Type: failure.Type, Message: failure.Message}
	}
	s.w.Secrets.Search("answer of "+where, string(out))
	return out, nil
}

// environment is one execution environment of a function: built once, and used
// by one invocation after the other, as on Lambda.
type environment struct {
	name    string
	log     *slog.Logger
	handler lambdafn.Handler
}

type warmth struct {
	function, asset string
	role            *awsworld.Role
}

func warmKey(fn *lambda.Function, caller awsworld.Caller) warmth {
	return warmth{fn.ARN, fn.AssetDir, caller.Role}
}

// takeWarm gives an idle environment, or starts one.
func (s *stage) takeWarm(fn *lambda.Function, caller awsworld.Caller) (*environment, error) {
	key := warmKey(fn, caller)
	if idle := s.warm[key]; len(idle) > 0 {
		s.warm[key] = idle[:len(idle)-1]
		return idle[len(idle)-1], nil
	}
	where := "function " + fn.Name + " in " + fn.Account
	log := slog.New(slog.NewJSONHandler(sink{s.w.Secrets, "log of " + where}, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	h, name, err := s.handler(fn, caller, log)
	return &environment{name, log, h}, err
}

// steps are the functions of all workflows, by folder.
var steps = func() map[string]lambdafn.Constructor {
	all := maps.Clone(refresh.Steps)
	maps.Copy(all, switchover.Steps)
	maps.Copy(all, migrate.Steps)
	return all
}()

// handler builds the step that the function's environment names.
func (s *stage) handler(fn *lambda.Function, caller awsworld.Caller, log *slog.Logger) (lambdafn.Handler, string, error) {
	rt, err := lambdafn.Load(
		func(name string) string { return fn.Env[name] },
		func(file string) ([]byte, error) { return os.ReadFile(filepath.Join(fn.AssetDir, filepath.Base(file))) })
	if err != nil {
		return nil, "", err
	}
	build, ok := steps[rt.Function]
	if !ok {
		return nil, "", awsworld.Errorf("Runtime.InvalidEntrypoint", "function %s runs %q, for which there is no step", fn.Name, rt.Function)
	}
	rt.AWS, rt.Now, rt.Sleep, rt.Log, rt.Fork, rt.Limit = s.w.Config(caller), s.w.Now, s.w.Kernel.Sleep, log, s.w.Kernel.Fork, s.w.Kernel.Within
	rt.Dialer = dialer{s.rds, s.place(fn)}
	h, err := build(rt)
	return h, rt.Function, err
}

// place is where in the network a function runs.
func (s *stage) place(fn *lambda.Function) rds.NetworkPlace {
	p := rds.NetworkPlace{Account: fn.Account, Subnets: fn.Subnets, SecurityGroups: fn.SecurityGroups}
	if len(fn.Subnets) > 0 {
		p.VPC = s.vpcs[fn.Account+"/"+fn.Subnets[0]]
	}
	return p
}

// dialer reaches the private server behind a simulated endpoint, if the
// simulated network lets it through.
type dialer struct {
	rds  *rds.Service
	from rds.NetworkPlace
}

// Dial connects, asking for names anew.
func (d dialer) Dial(ctx context.Context, host string, port int) (net.Conn, error) {
	return simnet.Dialer{RDS: d.rds, From: d.from}.Dial(ctx, host, port)
}

// TLS is nil: the connection stays inside the machine.
func (dialer) TLS(string) *tls.Config { return nil }

// sink searches every log line for secrets.
type sink struct {
	secrets *awsworld.Secrets
	where   string
}

func (s sink) Write(p []byte) (int, error) {
	s.secrets.Search(s.where, string(p))
	return len(p), nil
}

// withoutTime drops the machine's time, which has no place in a simulation.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && !slices.Contains(groups, a.Key) {
		return slog.Attr{}
	}
	return a
}
