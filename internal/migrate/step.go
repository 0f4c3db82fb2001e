package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/names"
)

// step is what all steps of a migration have.
type step struct {
	lambdafn.Runtime
	ledger  *ledger.Ledger
	here    names.Place
	conf    config.Migrate
	rds     *rds.Client
	secrets *secretsmanager.Client
}

func newStep(rt lambdafn.Runtime) (*step, error) {
	if rt.Config.Production.Migrate == nil || rt.Side != names.ProductionSide {
		return nil, fmt.Errorf("production.migrate is missing in dbferry.json; add it and deploy the production stack again")
	}
	return &step{Runtime: rt, ledger: ledger.New(rt.AWS, rt.Ledger), here: rt.Place(), conf: *rt.Config.Production.Migrate,
		rds: rds.NewFromConfig(rt.AWS), secrets: secretsmanager.NewFromConfig(rt.AWS)}, nil
}

// StepInput is the input of every step after plan-migration.
type StepInput struct {
	Execution string `json:"execution"`
	Cluster   string `json:"cluster"`
}

// held is a migration as it was read, to be written back.
type held struct {
	Migration
	ver ledger.Version
}

// current reads the migration and makes sure that it is this execution's.
func (s *step) current(ctx context.Context, in StepInput) (*held, error) {
	h := &held{}
	ver, found, err := s.ledger.Get(ctx, RecordKey(in.Cluster), &h.Migration)
	if err != nil {
		return nil, err
	}
	if !found || h.Execution != in.Execution {
		return nil, fault.New(fault.Busy, s.Function, in.Cluster, "look at the execution named here before you start again",
			"the ledger's migration of this cluster is worked on by %q", h.Execution)
	}
	h.ver = ver
	return h, nil
}

// save writes the migration back over what was read.
func (s *step) save(ctx context.Context, h *held) error {
	ok, err := s.ledger.Replace(ctx, RecordKey(h.Plan.Cluster), h.ver, h.Migration)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Unavailable, "record the migration", h.Plan.Cluster, "", "the record changed meanwhile")
	}
	h.ver, _, err = s.ledger.Get(ctx, RecordKey(h.Plan.Cluster), &Migration{})
	return err
}

// work is what a step does with the migration: wait is for how long to leave it
// alone, 0 when it is done.
type work func(ctx context.Context, h *held) (wait time.Duration, err error)

// looking makes a handler that looks once; the state machine does the waiting.
func (s *step) looking(do work) lambdafn.Handler {
	return lambdafn.Typed(func(ctx context.Context, in StepInput) (converge.Answer, error) {
		h, err := s.current(ctx, in)
		if err != nil {
			return converge.Answer{}, err
		}
		wait, err := do(ctx, h)
		if err != nil {
			return converge.Answer{}, err
		}
		if wait > 0 {
			return converge.Answer{Status: converge.Waiting, WaitSeconds: int(wait / time.Second)}, nil
		}
		return converge.DoneNow(), nil
	})
}

// While applications may be cut off a step looks every second within one
// invocation, because a lap through the state machine takes longer.
const (
	lookEvery  = time.Second
	invocation = 600 * time.Second
)

// watching makes a handler that looks each second within the invocation.
func (s *step) watching(do work) lambdafn.Handler {
	return lambdafn.Typed(func(ctx context.Context, in StepInput) (converge.Answer, error) { return s.watch(ctx, in, do) })
}

func (s *step) watch(ctx context.Context, in StepInput, do work) (converge.Answer, error) {
	for until := s.Now().Add(invocation); ; {
		h, err := s.current(ctx, in)
		if err != nil {
			return converge.Answer{}, err
		}
		wait, err := do(ctx, h)
		switch {
		case err != nil:
			return converge.Answer{}, err
		case wait == 0:
			return converge.DoneNow(), nil
		case s.Now().After(until):
			return converge.Answer{Status: converge.Waiting, WaitSeconds: 1}, nil
		}
		if err := s.Sleep(ctx, wait); err != nil {
			return converge.Answer{}, fault.AWS(s.Function, in.Cluster, err)
		}
	}
}
