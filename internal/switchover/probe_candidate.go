package switchover

import (
	"context"
	"slices"
	"time"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/refresh"
)

type probeCandidate struct{ *step }

// NewProbeCandidate builds probe-candidate: before anything that serves is
// touched, the candidate answers the application's own login: at its own
// endpoint, and in the pair lane through the idle proxy that will serve it.
func NewProbeCandidate(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &probeCandidate{base}
	return s.calmly(s.do), nil
}

// writerPatience is how long a candidate's writer may be busy.
const writerPatience = 30 * time.Minute

func (s *probeCandidate) do(ctx context.Context, p *Plan, _ ledger.Version) (bool, error) {
	idle, err := s.all(ctx, p, p.of(IdleSecret, IdleProxy), Forward)
	if err != nil {
		return false, err
	}
	for _, it := range p.Items {
		ready, err := s.item(ctx, p, it)
		if err != nil || !ready {
			return false, err
		}
	}
	if !idle {
		return false, nil
	}
	for _, it := range p.Items {
		for _, proxy := range p.idle(it.Source) {
			if done, err := s.throughProxy(ctx, p, it.Source, it.Name, proxy); err != nil || !done {
				return false, err
			}
		}
	}
	return true, nil
}

// idle are the idle proxies of a cluster that the plan changes.
func (p Plan) idle(source string) []string {
	var out []string
	for _, m := range p.of(IdleSecret, IdleProxy) {
		if m.Item == source && !slices.Contains(out, m.proxy()) {
			out = append(out, m.proxy())
		}
	}
	return out
}

func (s *probeCandidate) item(ctx context.Context, p *Plan, it Item) (bool, error) {
	if it.Kind == refresh.Table {
		_, status, found, err := s.table(ctx, it.Name)
		if err == nil && !found {
			err = fault.New(fault.VerifyFailed, "prove "+it.Name, it.Name, "switch to another generation", "the table is gone")
		}
		return status == "ACTIVE", err
	}
	c, err := s.cluster(ctx, it.Name)
	if err != nil {
		return false, err
	}
	if c == nil {
		return false, fault.New(fault.VerifyFailed, "prove "+it.Name, it.Name, "switch to another generation", "the cluster is gone")
	}
	ready, err := s.writerReady(ctx, c)
	if err != nil {
		return false, err
	}
	if !ready {
		if s.Now().Sub(p.StartedAt) > writerPatience {
			return false, fault.New(fault.DeadlineExceeded, "prove "+it.Name, it.Name, "look at its instances in the RDS console", "it has no available writer after %s", writerPatience)
		}
		return false, nil
	}
	return s.patient(p.StartedAt, s.login(ctx, it.Source, c, ownDoor(c)))
}

// throughProxy proves a cluster through a proxy.
func (s *step) throughProxy(ctx context.Context, p *Plan, source, cluster, proxy string) (bool, error) {
	c, err := s.cluster(ctx, cluster)
	if err != nil {
		return false, err
	}
	if c == nil {
		return false, fault.New(fault.VerifyFailed, "prove "+cluster, cluster, "switch to another generation", "the cluster is gone")
	}
	at, err := s.proxyDoor(ctx, proxy, c)
	if err != nil {
		return false, err
	}
	since, err := s.since(ctx, p, stepsPrefix+p.ID+"/prove-"+proxy+"-"+cluster+".json")
	if err != nil {
		return false, err
	}
	return s.patient(since, s.login(ctx, source, c, at))
}

// since is when this execution first looked at something.
func (s *step) since(ctx context.Context, p *Plan, key string) (time.Time, error) {
	b, err := s.intend(ctx, p, key, "")
	return b.Clock, err
}
