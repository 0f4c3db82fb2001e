package refresh

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// RunInput is the input of the steps that look at a whole refresh.
type RunInput struct {
	RefreshID string `json:"refreshId"`
	Target    string `json:"target"`
	Execution string `json:"execution"`
}

func (in RunInput) validate() error {
	if !ValidID(in.RefreshID) || in.Target == "" || in.Execution == "" {
		return fault.New(fault.BadRequest, "read the input", in.RefreshID, "report this with the execution's history", "refreshId, target and execution are needed")
	}
	return nil
}

// Checked is the output of check-backups.
type Checked struct {
	Status        string  `json:"status"`
	SpreadSeconds float64 `json:"spreadSeconds"` // between the first and the last cut-off
}

type checkBackups struct{ step }

// NewCheckBackups builds check-backups: every item must have a backup, and the
// cut-offs must lie close enough together. Nothing has been copied yet.
func NewCheckBackups(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	s := &checkBackups{newStep(rt)}
	return lambdafn.Typed(s.do), nil
}

func (s *checkBackups) do(ctx context.Context, in RunInput) (Checked, error) {
	if err := in.validate(); err != nil {
		return Checked{}, err
	}
	p, err := s.plan(ctx, in.RefreshID)
	if err != nil {
		return Checked{}, err
	}
	facts, err := gather[BackedUp](ctx, &s.step, p, "back-up", fault.BackupFailed)
	if err != nil {
		return Checked{}, err
	}
	whole := cutOffs(facts)
	spread := whole.NotAfter.Sub(whole.NotBefore)
	if limit := time.Duration(s.Config.Limits.Spread()) * time.Minute; spread > limit {
		return Checked{}, fault.New(fault.SpreadTooWide, "accept the backups of "+in.RefreshID, in.RefreshID,
			"refresh at a quieter time, or raise limits.spreadMinutes if the application can live with it",
			"the first and the last cut-off lie %s apart, the limit is %s", spread.Round(time.Second), limit)
	}
	return Checked{Status: "DONE", SpreadSeconds: spread.Seconds()}, nil
}

// gather reads one fact about every item of a plan; items that lack it fail
// the phase, all named.
func gather[T any](ctx context.Context, s *step, p Plan, fact string, failure fault.Name) (map[Planned]T, error) {
	list := make([]T, len(p.Items))
	missing := make([]string, len(p.Items))
	err := s.Each(ctx, len(p.Items), func(ctx context.Context, i int) error {
		it := p.Items[i]
		_, found, err := s.ledger.Get(ctx, itemKey(p.RefreshID, it.Kind, it.ID, fact), &list[i])
		if err == nil && !found {
			missing[i] = s.why(ctx, p.RefreshID, it.Kind, it.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	facts := map[Planned]T{}
	for i, it := range p.Items {
		facts[it] = list[i]
	}
	if missing = without(missing, []string{""}); len(missing) > 0 {
		return nil, fault.New(failure, "finish "+fact+" of every item", p.RefreshID,
			fmt.Sprintf("mend what is named above, then continue with {\"resume\":%q}; what is done is not done again", p.RefreshID),
			"%d of %d failed: %s", len(missing), len(p.Items), brief(missing))
	}
	return facts, nil
}

// brief joins at most ten reasons, so that a message stays readable.
func brief(reasons []string) string {
	const most = 10
	if len(reasons) > most {
		reasons = append(reasons[:most:most], fmt.Sprintf("and %d more, in the ledger", len(reasons)-most))
	}
	return strings.Join(reasons, " | ")
}

// cutOffs spans the cut-offs of all items.
func cutOffs(facts map[Planned]BackedUp) CutOff {
	var whole CutOff
	for _, f := range facts {
		if whole.NotBefore.IsZero() || f.CutOff.NotBefore.Before(whole.NotBefore) {
			whole.NotBefore = f.CutOff.NotBefore
		}
		if f.CutOff.NotAfter.After(whole.NotAfter) {
			whole.NotAfter = f.CutOff.NotAfter
		}
	}
	return whole
}
