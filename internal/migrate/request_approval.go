package migrate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
)

// ApprovalInput is the contract of request-approval with the machine.
type ApprovalInput struct {
	Execution string `json:"execution"`
	Cluster   string `json:"cluster"`
	Gate      Gate   `json:"gate"`
	Token     string `json:"token"` // of the task that waits
}

type requestApproval struct {
	*step
	sns *sns.Client
}

// NewRequestApproval builds request-approval: it keeps the task token and tells
// people what there is to approve and how. Called again by the same execution,
// after a reminder's time has passed, it keeps the new token and tells them
// again, until the approval has expired. Every execution asks anew.
func NewRequestApproval(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &requestApproval{base, sns.NewFromConfig(rt.AWS)}
	return lambdafn.Typed(s.do), nil
}

// Requested is the answer of request-approval. With a token nobody reads it: the
// state ends with the approval's own answer.
type Requested struct {
	Status string `json:"status"`
}

func (s *requestApproval) do(ctx context.Context, in ApprovalInput) (Requested, error) {
	h, err := s.current(ctx, StepInput{in.Execution, in.Cluster})
	if err != nil {
		return Requested{}, err
	}
	if in.Gate == GateSwitch {
		if err := s.lookAgain(ctx, h); err != nil {
			return Requested{}, err
		}
	}
	var a Approval
	key := approvalKey(in.Cluster, h.ID, in.Gate)
	ver, found, err := s.ledger.Get(ctx, key, &a)
	if err != nil {
		return Requested{}, err
	}
	now := s.Now().UTC()
	if a.Token == in.Token && found {
		return Requested{"ASKED"}, nil // the reply was lost
	}
	if a.Execution != h.Execution || a.PlanHash != h.PlanHash {
		a = Approval{Migration: h.ID, Cluster: in.Cluster, Gate: in.Gate, Execution: h.Execution, PlanHash: h.PlanHash, AskedAt: now,
			ExpiresAt: now.Add(time.Duration(s.conf.Limits.Approval()) * time.Hour)}
	}
	if !now.Before(a.ExpiresAt) {
		return Requested{}, fault.New(fault.NotApproved, "open the gate "+string(in.Gate), h.ID, "start again when somebody can approve", "nobody has answered by %s", a.ExpiresAt.Format(time.RFC3339))
	}
	a.Answer = nil
	a.Token = in.Token
	a.Asked++
	if err := s.tell(ctx, h, a); err != nil {
		// A message that cannot be sent does not close the gate: the console shows the wait.
		s.Log.Warn("approval request not sent", "migration", h.ID, "err", err.Error())
	}
	return Requested{"ASKED"}, s.write(ctx, key, ver, found, a)
}

// lookAgain changes the plan when a proxy was registered since it was made, so
// that what is approved is what will be done.
func (s *requestApproval) lookAgain(ctx context.Context, h *held) error {
	found, err := s.proxiesOf(ctx, h.Plan.Cluster)
	if err != nil || !h.Plan.again(found, h.Detached) {
		return err
	}
	h.PlanHash = h.Plan.Hash()
	if err := s.testify(ctx, &h.Migration, "plan-changed-"+h.PlanHash[:12], map[string]any{"plan": h.Plan, "planHash": h.PlanHash, "why": "the proxies that lead to the cluster are others than when the plan was made"}); err != nil {
		return err
	}
	return s.save(ctx, h)
}

func (s *step) write(ctx context.Context, key string, ver ledger.Version, found bool, v any) (err error) {
	ok := false
	if found {
		ok, err = s.ledger.Replace(ctx, key, ver, v)
	} else {
		ok, err = s.ledger.Create(ctx, key, v)
	}
	if err == nil && !ok {
		err = fault.New(fault.Unavailable, "write "+key, key, "", "it changed meanwhile")
	}
	return err
}

// gateAsks says what a gate opens.
var gateAsks = map[Gate]string{
	GateSwitch: "to switch production over to green",
	GateRetire: "to remove the old cluster, after a final snapshot",
}

func (s *requestApproval) tell(ctx context.Context, h *held, a Approval) error {
	lines := append([]string{
		fmt.Sprintf("Approval is needed %s: %s, %s.", gateAsks[a.Gate], h.Plan.Cluster, h.Plan.changes()),
		fmt.Sprintf("Migration %s, plan %s, asked for the %d. time; it expires at %s.", h.ID, h.PlanHash, a.Asked, a.ExpiresAt.Format(time.RFC3339)), "",
	}, h.Plan.Lines()...)
	lines = append(lines, "", "Approve, with credentials of one of production.migrate.approvers:",
		fmt.Sprintf("  dbferry approve --cluster %s --migration %s --gate %s --plan %s", h.Plan.Cluster, h.ID, a.Gate, h.PlanHash),
		"Refuse: the same with --refuse. docs/migrate.md has the request for other tools.")
	_, err := s.sns.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(s.here.TopicARN()),
		Subject: aws.String(cutSubject(fmt.Sprintf("dbferry: approval needed, %s of %s", a.Gate, h.Plan.Cluster))), Message: aws.String(strings.Join(lines, "\n"))})
	return fault.AWS("ask for the approval", s.here.TopicARN(), err)
}

// cutSubject keeps SNS's 100 characters.
func cutSubject(s string) string { return s[:min(len(s), 100)] }
