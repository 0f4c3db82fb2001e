package switchover

import (
	"context"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/refresh"
)

// moves lists what leads from the live pointers to the generation. A pointer
// that is there already is no move; services and hooks follow only when
// something moves.
func (s *planSwitch) moves(ctx context.Context, p *Plan, g generation, live pointers) error {
	for _, it := range p.Items {
		if it.Kind == refresh.Cluster {
			if err := s.proxyMoves(ctx, p, it, live, g); err != nil {
				return err
			}
		}
	}
	for _, v := range s.t.Switch.Parameters {
		if err := p.valueMove(g, live, Parameter, v.Name, v.Value); err != nil {
			return err
		}
	}
	for _, r := range s.t.Switch.Records {
		if err := p.valueMove(g, live, CNAME, recordName(r), r.Value); err != nil {
			return err
		}
	}
	if len(p.Moves) == 0 {
		return nil
	}
	for _, v := range s.t.Switch.Services {
		p.Moves = append(p.Moves, Move{Kind: Service, Name: serviceName(v)})
	}
	for _, h := range s.t.Switch.Hooks {
		p.Moves = append(p.Moves, Move{Kind: Hook, Name: h.Name})
	}
	return nil
}

func (s *planSwitch) proxyMoves(ctx context.Context, p *Plan, it Item, live pointers, g generation) error {
	c := s.t.Switch.Pointer(it.Source)
	kind, secret := Proxy, ProxySecret
	if c.Lane == config.LanePair {
		kind, secret = IdleProxy, IdleSecret
	}
	for _, name := range c.Proxies {
		if live.proxies[name].endpoint != g.endpoints[it.Source] {
			continue
		}
		if err := s.secretMoves(ctx, p, secret, name, it.Source, live, g.secrets[it.Source]); err != nil {
			return err
		}
		if live.proxies[name].cluster == it.Name {
			continue
		}
		p.Moves = append(p.Moves, Move{Kind: kind, Name: name, Item: it.Source, From: live.proxies[name].cluster, To: it.Name})
	}
	return nil
}

func (p *Plan) valueMove(g generation, live pointers, kind MoveKind, name, template string) error {
	if !g.about(template, p.Items) {
		return nil
	}
	to, err := g.fill(template)
	if err != nil {
		return err
	}
	from, there := live.values[name]
	if there && from == to {
		return nil
	}
	p.Moves = append(p.Moves, Move{Kind: kind, Name: name, From: from, To: to, Absent: !there, TTL: live.recordTTL[name], Version: live.versions[name]})
	return nil
}

// served is what serves for an item now: what its proxy leads to, else the
// resource of the last switch if a pointer still leads there.
func (s *planSwitch) served(ctx context.Context, it refresh.CandidateItem, live pointers) (string, error) {
	c := s.t.Switch.Pointer(it.Source)
	if it.Kind == refresh.Cluster && len(c.Proxies) > 0 {
		name := c.Proxies[0]
		if c.Lane == config.LanePair {
			serving, _, err := live.pair(c)
			if err != nil || serving == "" {
				return "", err
			}
			name = serving
		}
		return live.proxies[name].cluster, nil
	}
	var v Serving
	_, found, err := s.ledger.Get(ctx, ServingKey(it.Kind, it.Source), &v)
	if err != nil || !found || !live.serves(v.Name) {
		return "", err
	}
	return v.Name, nil
}
