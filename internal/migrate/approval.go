package migrate

import (
	"context"
	"time"

	"github.com/dbferry/dbferry/internal/fault"
)

// Gate is what an approval opens.
type Gate string

// The gates.
const (
	GateSwitch Gate = "switch" // the switchover
	GateRetire Gate = "retire" // removing the old cluster
)

// Approval is the state of one gate. The task token that it holds opens the gate
// for whoever may call Step Functions with it, so it stays in the ledger and is
// in no message; only answer-approval may use it.
type Approval struct {
	Migration string    `json:"migration"`
	Cluster   string    `json:"cluster"`
	Gate      Gate      `json:"gate"`
	Execution string    `json:"execution"` // that waits
	PlanHash  string    `json:"planHash"`
	Token     string    `json:"token,omitempty"`
	AskedAt   time.Time `json:"askedAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	Asked     int       `json:"asked"` // how often people were told
	Answer    *Answer   `json:"answer,omitempty"`
}

// Answer is what somebody decided.
type Answer struct {
	Approved bool      `json:"approved"`
	By       string    `json:"by"` // ARN of the caller
	At       time.Time `json:"at"`
	Comment  string    `json:"comment,omitempty"`
}

// open reads the approval of a gate.
func (s *step) open(ctx context.Context, cluster, id string, g Gate) (a Approval, found bool, err error) {
	_, found, err = s.ledger.Get(ctx, approvalKey(cluster, id, g), &a)
	return a, found, err
}

// approved refuses to go on without a live approval of the plan that is about
// to be carried out.
func (s *step) approved(ctx context.Context, h *held, g Gate) (Approval, error) {
	a, found, err := s.open(ctx, h.Plan.Cluster, h.ID, g)
	if err != nil {
		return a, err
	}
	no := func(format string, args ...any) error {
		return fault.New(fault.NotReady, "open the gate "+string(g), h.ID, "start again with the same input; it asks for the approval anew", format, args...)
	}
	switch {
	case !found || a.Answer == nil:
		return a, no("nobody has approved it")
	case !a.Answer.Approved:
		return a, no("%s has refused it", a.Answer.By)
	case a.PlanHash != h.PlanHash || h.Plan.Hash() != h.PlanHash:
		return a, no("the approval is of plan %s, not of %s", a.PlanHash, h.PlanHash)
	case s.Now().After(a.ExpiresAt):
		return a, no("the approval has expired at %s", a.ExpiresAt.Format(time.RFC3339))
	}
	return a, nil
}
