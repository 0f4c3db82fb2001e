package switchover

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/names"
)

// step is what all steps of a switch have.
type step struct {
	lambdafn.Runtime
	ledger  *ledger.Ledger
	here    names.Place
	t       config.Target
	rds     *rds.Client
	ddb     *dynamodb.Client
	ssm     *ssm.Client
	ecs     *ecs.Client
	dns     *route53.Client
	lambda  *lambda.Client
	secrets *secretsmanager.Client

	calm bool // what is waited for is slow: the state machine shall wait
}

func newStep(rt lambdafn.Runtime) (*step, error) {
	t, err := rt.Config.Target(rt.Side)
	if err == nil && t.Switch == nil {
		err = fmt.Errorf("targets[].switch is missing for %s in dbferry.json; add it and deploy the stack again", rt.Side)
	}
	if err != nil {
		return nil, err
	}
	return &step{Runtime: rt, ledger: ledger.New(rt.AWS, rt.Ledger), here: rt.Place(), t: t,
		rds: rds.NewFromConfig(rt.AWS), ddb: dynamodb.NewFromConfig(rt.AWS), ssm: ssm.NewFromConfig(rt.AWS), ecs: ecs.NewFromConfig(rt.AWS),
		dns: route53.NewFromConfig(rt.AWS), lambda: lambda.NewFromConfig(rt.AWS), secrets: secretsmanager.NewFromConfig(rt.AWS)}, nil
}

// StepInput is the input of every step after plan-switch.
type StepInput struct {
	Execution string `json:"execution"`
	RefreshID string `json:"refreshId"`
}

// current reads the plan and makes sure that it is this execution's.
func (s *step) current(ctx context.Context, in StepInput) (Plan, ledger.Version, error) {
	var p Plan
	ver, found, err := s.ledger.Get(ctx, PlanKey, &p)
	if err != nil {
		return p, ver, err
	}
	if !found || p.Execution != in.Execution || p.RefreshID != in.RefreshID {
		return p, ver, fault.New(fault.Busy, s.Function, in.RefreshID, "look at the execution named here before you start again",
			"the ledger's current switch is to %s, by %s", p.RefreshID, p.Execution)
	}
	return p, ver, nil
}

// setPhase writes how far the switch has come; writing it again is harmless.
func (s *step) setPhase(ctx context.Context, p *Plan, ver ledger.Version, phase Phase) error {
	if p.Phase == phase {
		return nil
	}
	p.Phase = phase
	if !p.Open() {
		p.EndedAt = s.Now().UTC()
	}
	ok, err := s.ledger.Replace(ctx, PlanKey, ver, p)
	if err == nil && !ok {
		err = fault.New(fault.Unavailable, "record the phase of the switch", p.ID, "", "the plan changed meanwhile")
	}
	return err
}

// work is what a step does with the plan: done is false while AWS is at it.
type work func(ctx context.Context, p *Plan, ver ledger.Version) (done bool, err error)

// How a step waits. While applications may be cut off it looks every second
// within one invocation, because a lap through the state machine takes longer;
// an invocation ends well before its own time limit.
const (
	lookEvery  = time.Second
	invocation = 100 * time.Second
)

// eager makes a handler that looks again and again within the invocation.
func (s *step) eager(do work) lambdafn.Handler {
	return lambdafn.Typed(func(ctx context.Context, in StepInput) (converge.Answer, error) {
		for until := s.Now().Add(invocation); ; {
			p, ver, err := s.current(ctx, in)
			if err != nil {
				return converge.Answer{}, err
			}
			s.calm = false
			done, err := do(ctx, &p, ver)
			switch {
			case err != nil:
				return converge.Answer{}, err
			case done:
				return converge.DoneNow(), nil
			case s.calm:
				return converge.Wait(s.Now(), p.StartedAt), nil
			case s.Now().After(until):
				return converge.Answer{Status: converge.Waiting, WaitSeconds: 1}, nil
			}
			if err := s.Sleep(ctx, lookEvery); err != nil {
				return converge.Answer{}, fault.AWS(s.Function, in.RefreshID, err)
			}
		}
	})
}

// calmly makes a handler that looks once; the state machine does the waiting.
func (s *step) calmly(do work) lambdafn.Handler {
	return lambdafn.Typed(func(ctx context.Context, in StepInput) (converge.Answer, error) {
		p, ver, err := s.current(ctx, in)
		if err != nil {
			return converge.Answer{}, err
		}
		done, err := do(ctx, &p, ver)
		if err != nil {
			return converge.Answer{}, err
		}
		if !done {
			return converge.Wait(s.Now(), p.StartedAt), nil
		}
		return converge.DoneNow(), nil
	})
}

// all makes every move of a list in a direction, all at once, and says whether
// all are made.
func (s *step) all(ctx context.Context, p *Plan, moves []Move, d Direction) (bool, error) {
	done := true
	for _, m := range moves {
		one, err := s.make(ctx, p, m, d)
		if err != nil {
			return false, err
		}
		done = done && one
	}
	return done, nil
}

// make makes one move in a direction, or looks how far it has come.
func (s *step) make(ctx context.Context, p *Plan, m Move, d Direction) (done bool, err error) {
	switch m.Kind {
	case IdleProxy, Proxy:
		return s.moveProxy(ctx, p, m, d)
	case IdleSecret, ProxySecret:
		return s.moveSecret(ctx, p, m, d)
	case Parameter:
		return true, s.moveParameter(ctx, m, d)
	case CNAME:
		return s.moveRecord(ctx, p, m, d)
	case Service:
		return s.rollService(ctx, p, m, d)
	case Hook:
		return s.runHook(ctx, p, m, d)
	}
	return false, fault.New(fault.Bug, s.Function, m.Name, "report this", "a move of kind %q", m.Kind)
}

// startedKey is when and how a move that has no from and to was begun.
func startedKey(p *Plan, m Move, d Direction) string {
	name := make([]byte, 0, len(m.Name))
	for _, c := range []byte(m.Name) {
		if c == '/' || c == ' ' || c == '\\' {
			c = '_'
		}
		name = append(name, c)
	}
	return stepsPrefix + ledger.Segment(p.ID) + "/" + string(m.Kind) + "-" + string(name) + "-" + string(d) + ".json"
}

// ours says whether tags are those of a candidate's item.
func ours(tags map[string]string, id, source string, target string) bool {
	return tags[names.TagOwner] == names.Prefix && tags[names.TagRefresh] == id && tags[names.TagSource] == source && tags[names.TagTarget] == target
}
