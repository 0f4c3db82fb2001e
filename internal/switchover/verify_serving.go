package switchover

import (
	"context"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/refresh"
)

type verifyServing struct{ *step }

// NewVerifyServing builds verify-serving: every live pointer is read again and
// must lead to the candidate, the application's login must work through the door
// that applications use, and the deployments that were begun must be the ones
// that run. Then the switch is recorded as done.
func NewVerifyServing(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &verifyServing{base}
	return s.calmly(s.do), nil
}

func (s *verifyServing) do(ctx context.Context, p *Plan, ver ledger.Version) (bool, error) {
	if p.Phase == Moved {
		return true, nil
	}
	if err := s.pointersAre(ctx, p, Forward); err != nil {
		return false, err
	}
	for _, it := range p.Items {
		if done, err := s.answers(ctx, p, it, it.Name); err != nil || !done {
			return false, err
		}
	}
	for _, it := range p.Items {
		v := Serving{Kind: it.Kind, Source: it.Source, Name: it.Name, RefreshID: p.RefreshID, Since: s.Now().UTC()}
		if err := s.ledger.Put(ctx, ServingKey(it.Kind, it.Source), v); err != nil {
			return false, err
		}
	}
	return true, s.end(ctx, p, ver, Moved)
}

// pointersAre proves that every pointer is at its end of the move.
func (s *step) pointersAre(ctx context.Context, p *Plan, d Direction) error {
	live, err := s.livePointers(ctx)
	if err != nil {
		return err
	}
	for _, m := range p.Moves {
		left, want := m.ends(d)
		is := ""
		switch m.Kind {
		case IdleSecret, ProxySecret:
			if is = want; !replacedIn(live.proxies[m.proxy()].secrets, left, want) {
				is = strings.Join(live.proxies[m.proxy()].secrets, ", ")
			}
		case IdleProxy, Proxy:
			is = live.proxies[m.Name].cluster
		case Parameter, CNAME:
			is = live.values[m.Name]
		case Service:
			if err := s.serviceStands(ctx, p, m, d); err != nil {
				return err
			}
			continue
		default:
			continue
		}
		if is != want {
			return fault.New(fault.VerifyFailed, "prove the pointer "+m.Name, m.Name, "find out who moved it", "it leads to %q, not to %q", is, want)
		}
	}
	return nil
}

// answers proves that an item serves: a table is ACTIVE, a cluster lets the
// application in through the door that applications use.
func (s *step) answers(ctx context.Context, p *Plan, it Item, name string) (bool, error) {
	if it.Kind == refresh.Table {
		_, status, found, err := s.table(ctx, name)
		if err == nil && (!found || status != "ACTIVE" && status != "UPDATING") {
			err = fault.New(fault.VerifyFailed, "prove the table "+name, name, "look at it in the DynamoDB console", "its status is %q", status)
		}
		return err == nil, err
	}
	c := s.t.Switch.Pointer(it.Source)
	if c.Lane != config.LaneNone {
		live, err := s.livePointers(ctx)
		if err != nil {
			return false, err
		}
		for _, proxy := range c.Proxies {
			if live.proxies[proxy].cluster == name {
				return s.throughProxy(ctx, p, it.Source, name, proxy)
			}
		}
	}
	cluster, err := s.cluster(ctx, name)
	if err != nil {
		return false, err
	}
	if cluster == nil {
		return false, fault.New(fault.VerifyFailed, "prove the cluster "+name, name, "switch to another generation", "it is gone")
	}
	return s.patient(p.StartedAt, s.login(ctx, it.Source, cluster, ownDoor(cluster)))
}

// end records the end of the switch, and keeps it among the past ones.
func (s *step) end(ctx context.Context, p *Plan, ver ledger.Version, phase Phase) error {
	var err error
	if p.Outcomes, err = s.outcomes(ctx, p); err != nil {
		return err
	}
	if err := s.setPhase(ctx, p, ver, phase); err != nil {
		return err
	}
	return s.ledger.Put(ctx, pastPrefix+p.ID+".json", p)
}
