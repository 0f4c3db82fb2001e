package migrate

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// What is wanted of the proxies that are detached.
const (
	proxiesOff  = "detached"
	proxiesBack = "attached"
)

// ProxiesInput is the contract of set-proxies with the machine.
type ProxiesInput struct {
	Execution string `json:"execution"`
	Cluster   string `json:"cluster"`
	Wanted    string `json:"wanted"` // "detached" or "attached"
}

// ProxiesAnswer is what set-proxies tells the machine. GreenGoes says that green
// is being removed, because the proxies could not be put back beside it.
type ProxiesAnswer struct {
	converge.Answer
	GreenGoes bool `json:"greenGoes"`
}

type setProxies struct{ *step }

// NewSetProxies builds set-proxies: it takes the proxies of the plan's lane
// "detach" off blue right before the switchover, and puts them on the cluster
// that serves after it, whatever became of it. In the other lanes it has nothing
// to do.
func NewSetProxies(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &setProxies{base}
	return lambdafn.Typed(s.do), nil
}

func (s *setProxies) do(ctx context.Context, in ProxiesInput) (out ProxiesAnswer, err error) {
	work := s.back
	if in.Wanted == proxiesOff {
		work = s.off
	}
	out.Answer, err = s.watch(ctx, StepInput{in.Execution, in.Cluster}, func(ctx context.Context, h *held) (time.Duration, error) {
		wait, err := work(ctx, h)
		out.GreenGoes = h.GreenGoes
		return wait, err
	})
	return out, err
}

// off looks at the guardrails before it cuts anybody off.
func (s *setProxies) off(ctx context.Context, h *held) (time.Duration, error) {
	if h.Phase != Verified || len(h.Plan.Detach) == 0 {
		return 0, nil
	}
	if len(h.Detached) == 0 {
		if _, err := s.approved(ctx, h, GateSwitch); err != nil {
			return 0, err
		}
		if _, err := s.guard(ctx, h); err != nil {
			return 0, err
		}
	}
	return s.detach(ctx, h, h.Plan.Detach)
}

func (s *setProxies) back(ctx context.Context, h *held) (time.Duration, error) {
	switch {
	case len(h.Detached) == 0:
		return 0, nil
	case h.Phase == Switching:
		return 0, fault.New(fault.NotReady, "put the proxies back", h.Plan.Cluster, "look at the deployment in the RDS console; start again with the same input when its switchover is over, which puts the proxies on the cluster that serves",
			"it is not known yet which cluster serves")
	case h.Phase.beyond():
		return s.attach(ctx, h, s.releaseSwitched)
	case h.Plan.Early && !h.GreenGoes && h.Phase != Abandoned:
		return 0, nil // green stays, and the proxies stay off with it
	}
	if err := s.isBlue(ctx, h); err != nil {
		return 0, err
	}
	return s.attach(ctx, h, s.releaseVerified)
}

// releaseSwitched ends the deployment after a switchover: the old cluster goes
// into quarantine first, since AWS no longer keeps it read-only then. One that
// shall follow the new production has to reach it, and only refuses writes.
func (s *step) releaseSwitched(ctx context.Context, h *held) (time.Duration, error) {
	old, err := s.byResource(ctx, h.Plan.Blue.ResourceID)
	if err != nil || old == nil {
		return lookEvery, err
	}
	if h.Plan.WayBack > 0 {
		if err := s.refuseWrites(ctx, h); err != nil {
			return 0, err
		}
		if err := s.note(ctx, h, "old-refuses-writes", map[string]any{"resourceId": h.Plan.Blue.ResourceID}); err != nil {
			return 0, err
		}
	} else if wait, err := s.quarantine(ctx, h, old); err != nil || wait > 0 {
		return lookEvery, err
	}
	_, err = s.deleteDeployment(ctx, h, old)
	return lookEvery, err
}

// releaseVerified ends the deployment before a switchover: green goes with it.
func (s *step) releaseVerified(ctx context.Context, h *held) (time.Duration, error) {
	d, err := s.deployment(ctx, &h.Migration)
	if err != nil || d == nil || aws.ToString(d.Status) == bgDeleting {
		return lookEvery, err
	}
	if !h.GreenGoes {
		h.GreenGoes = true
		if err := s.save(ctx, h); err != nil {
			return 0, err
		}
	}
	_, err = s.removeGreen(ctx, h, d)
	return lookEvery, err
}
