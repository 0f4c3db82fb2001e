package switchover

import (
	"context"

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
	// it until the parameters are back.
	done, err := s.all(ctx, p, p.of(Proxy, Parameter, CNAME), Backward)
	if err != nil || !done {
		return false, err
	}
	if done, err = s.roll(ctx, p, Backward); err != nil || !done {
		return false, err
	}
	if done, err = s.all(ctx, p, p.of(IdleProxy), Backward); err != nil || !done {
		return false, err
	}
	if err := s.pointersAre(ctx, p, Backward); err != nil {
		return false, err
	}
	for _, it := range p.Items {
		if it.Serving == "" {
			continue // nothing of ours served before
		}
		if done, err := s.answers(ctx, p, it, it.Serving); err != nil || !done {
			return false, err
		}
	}
	return true, s.end(ctx, p, ver, Back)
}
