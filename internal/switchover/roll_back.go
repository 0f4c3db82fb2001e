package switchover

import (
	"context"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
)

type rollBack struct{ *step }

// NewRollBack builds roll-back: every pointer goes back to where it was when the
// switch was planned, services that were rolled are rolled again, hooks that ran
// run again for the way back, and all of it is proved.
func NewRollBack(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &rollBack{base}
	return s.eager(s.do), nil
}

func (s *rollBack) do(ctx context.Context, p *Plan, ver ledger.Version) (bool, error) {
	if p.Phase == Back {
		return true, nil
	}
	// What serves comes first; the idle proxy last, since applications may be on
	// it until the parameters are back. What cannot be put back keeps nothing else
	// from it.
	var left fault.Several // an operator is told of each
	for _, moves := range [][]Move{p.of(ProxySecret, Proxy, Parameter, CNAME), p.of(Service), p.of(Hook), p.of(IdleSecret, IdleProxy)} {
		if done, err := s.back(ctx, p, moves, &left); err != nil || !done {
			return false, err
		}
	}
	if len(left) > 0 {
		return false, left
	}
	if err := s.pointersAre(ctx, p, Backward); err != nil {
		return false, err
	}
	for _, it := range p.Items {
		if it.Serving == "" || p.Phase == Planned {
			continue // nothing of ours served before, or nothing that serves was touched: how it answers is not this switch's doing
		}
		if done, err := s.answers(ctx, p, it, it.Serving); err != nil || !done {
			return false, err
		}
	}
	return true, s.end(ctx, p, ver, Back)
}

// back puts every move of a list back as far as it can be, hooks one after the
// other. An error that may pass ends the look; others are left over.
func (s *rollBack) back(ctx context.Context, p *Plan, moves []Move, left *fault.Several) (bool, error) {
	all := true
	for _, m := range moves {
		done, err := s.make(ctx, p, m, Backward)
		switch {
		case fault.Is(err, fault.Throttled) || fault.Is(err, fault.Unavailable):
			return false, err
		case err != nil:
			*left = append(*left, err)
		case !done && m.Kind == Hook:
			return false, nil
		case !done:
			all = false
		}
	}
	return all, nil
}
