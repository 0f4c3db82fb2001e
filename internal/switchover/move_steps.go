package switchover

import (
	"context"

	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
)

// mover is a step that makes the plan's moves of some kinds, one kind after the
// other.
type mover struct {
	*step
	kinds []MoveKind
}

func newMover(rt lambdafn.Runtime, kinds ...MoveKind) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &mover{base, kinds}
	return s.eager(s.do), nil
}

func (s *mover) do(ctx context.Context, p *Plan, ver ledger.Version) (bool, error) {
	moves := p.of(s.kinds...)
	if len(moves) == 0 {
		return true, nil
	}
	if err := s.setPhase(ctx, p, ver, Moving); err != nil {
		return false, err
	}
	for _, kind := range s.kinds {
		if done, err := s.all(ctx, p, p.of(kind), Forward); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}

// NewPointProxy builds point-proxy: every serving proxy gets the candidate's
// secrets, which it needs to come up, and then its cluster in place of the old one. From the deregistration until AWS has made
// the new target available, applications wait; so it looks every second.
func NewPointProxy(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	return newMover(rt, ProxySecret, Proxy)
}

// NewWriteParameters builds write-parameters: SSM parameters and CNAME records
// lead to the candidate; what they were is in the plan.
func NewWriteParameters(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	return newMover(rt, Parameter, CNAME)
}

type rollServices struct{ *step }

// NewRollServices builds roll-services: ECS services start new tasks, all at
// once, and then the hooks run, one after another.
func NewRollServices(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &rollServices{base}
	return s.eager(s.do), nil
}

func (s *rollServices) do(ctx context.Context, p *Plan, _ ledger.Version) (bool, error) {
	done, err := s.all(ctx, p, p.of(Service), Forward)
	if err != nil || !done {
		return false, err
	}
	for _, m := range p.of(Hook) {
		if done, err := s.make(ctx, p, m, Forward); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}
