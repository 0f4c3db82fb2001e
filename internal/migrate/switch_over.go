package migrate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

type switchOver struct{ *step }

// NewSwitchOver builds switch-over: with a live approval and fresh guardrails it
// asks AWS to switch, once a try, and watches each second until AWS has done it
// or has put everything back.
func NewSwitchOver(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &switchOver{base}
	return s.watching(s.do), nil
}

func (s *switchOver) do(ctx context.Context, h *held) (time.Duration, error) {
	if h.Phase == Switched || h.Phase == Proved || h.Phase == Retired {
		return 0, nil
	}
	d, err := s.deployment(ctx, &h.Migration)
	if err != nil {
		return 0, err
	}
	if d == nil {
		return 0, fault.New(fault.VerifyFailed, "switch over", h.Deployment, "look at both clusters in the RDS console", "the deployment is gone")
	}
	if h.Phase == Verified {
		return s.begin(ctx, h, d)
	}
	switch st := aws.ToString(d.Status); st {
	case bgCompleted:
		return 0, s.completed(ctx, h, d)
	case bgSwitching:
		return lookEvery, nil
	case bgFailed:
		return 0, s.rolledBack(ctx, h, aws.ToString(d.StatusDetails))
	case bgAvailable:
		// AWS was not reached with the call, or does not show it yet.
		if s.Now().Sub(h.SwitchingAt) < showPatience {
			return lookEvery, nil
		}
		return s.call(ctx, h)
	default:
		return 0, fault.New(fault.VerifyFailed, "switch over", h.Deployment, "look at the deployment in the RDS console", "it is %s: %s", st, aws.ToString(d.StatusDetails))
	}
}

// showPatience is how long a switchover that was asked for may not be shown:
// members follow about 11 s later (docs/migration.md §1.4).
const showPatience = 20 * time.Second

// begin looks a last time, writes down that the switchover is about to be asked
// for, and asks.
func (s *switchOver) begin(ctx context.Context, h *held, d *types.BlueGreenDeployment) (time.Duration, error) {
	a, err := s.approved(ctx, h, GateSwitch)
	if err != nil {
		return 0, err
	}
	if st := aws.ToString(d.Status); st != bgAvailable && st != bgFailed {
		return 0, fault.New(fault.NotReady, "switch over", h.Deployment, "look at the deployment in the RDS console", "it is %s: %s", st, aws.ToString(d.StatusDetails))
	}
	lags, err := s.guard(ctx, h)
	if err != nil {
		return 0, err
	}
	h.Attempts++
	h.Phase, h.SwitchingAt, h.SwitchedBack = Switching, s.Now().UTC(), false
	if err := s.testify(ctx, &h.Migration, fmt.Sprintf("switchover-asked-%d", h.Attempts), map[string]any{"timeoutSeconds": h.Plan.Timeout, "lag": lags, "approvedBy": a.Answer.By}); err != nil {
		return 0, err
	}
	if err := s.save(ctx, h); err != nil {
		return 0, err
	}
	return s.call(ctx, h)
}

func (s *switchOver) call(ctx context.Context, h *held) (time.Duration, error) {
	_, err := s.rds.SwitchoverBlueGreenDeployment(ctx, &rds.SwitchoverBlueGreenDeploymentInput{
		BlueGreenDeploymentIdentifier: &h.Deployment, SwitchoverTimeout: aws.Int32(int32(h.Plan.Timeout))})
	switch {
	case fault.HasCode(err, "InvalidBlueGreenDeploymentStateFault"):
		return 0, s.refused(ctx, h, err)
	case err != nil:
		return 0, s.notAsked(ctx, h, fault.AWS("switch over", h.Deployment, err))
	}
	return lookEvery, nil
}

// refused is AWS's answer that the deployment is not in a state to be switched:
// either our own earlier call runs, or a member is not available after all.
func (s *switchOver) refused(ctx context.Context, h *held, cause error) error {
	d, err := s.deployment(ctx, &h.Migration)
	if err != nil {
		return err
	}
	if d != nil && (aws.ToString(d.Status) == bgSwitching || aws.ToString(d.Status) == bgCompleted) {
		return nil
	}
	return s.notAsked(ctx, h, fault.New(fault.SwitchoverFailed, "switch over", h.Deployment, "wait until every member is available and start again with the same input", "%v", cause))
}

// notAsked takes the intent back when AWS has certainly not begun.
func (s *switchOver) notAsked(ctx context.Context, h *held, cause error) error {
	if n := fault.NameOf(cause); n == fault.Unavailable || n == fault.Throttled {
		return cause // it may have begun; the next call looks
	}
	h.Phase, h.SwitchedBack = Verified, true
	if err := s.save(ctx, h); err != nil {
		return err
	}
	return cause
}

// guard are dbferry's own guardrails, before AWS asks its.
func (s *step) guard(ctx context.Context, h *held) ([]float64, error) {
	no := func(format string, args ...any) error {
		return fault.New(fault.NotReady, "switch over", h.Plan.Cluster, "mend it and start again with the same input; green stays", format, args...)
	}
	for _, id := range []string{h.Plan.Cluster, h.Green.Cluster} {
		c, err := s.mustCluster(ctx, id)
		if err != nil {
			return nil, err
		}
		all, err := s.members(ctx, c)
		if err != nil {
			return nil, err
		}
		if why := unwell(c, all); why != "" {
			return nil, no("%s", why)
		}
	}
	if err := s.unplanned(ctx, h); err != nil {
		return nil, err
	}
	lags, why, err := s.lag(ctx, &h.Migration)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return nil, no("%s", why)
	}
	set, err := s.conf.Cluster(h.Plan.Cluster)
	if err != nil {
		return nil, &fault.Error{Name: fault.BadRequest, Op: "switch over", Cause: err}
	}
	db, err := s.login(ctx, set, set.MasterSecret, h.Plan.Engine, h.Plan.Blue.Endpoint, h.Plan.Blue.Port)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	oldest, err := oldestTransaction(ctx, db, h.Plan.Engine)
	if err != nil {
		return nil, fault.New(fault.VerifyFailed, "look for long transactions", h.Plan.Cluster, "look at the writer", "%v", err)
	}
	if most := s.conf.Limits.Transaction(); oldest > most {
		return nil, no("a transaction on blue is open for %d s, the limit is %d s", oldest, most)
	}
	return lags, nil
}

func (s *switchOver) completed(ctx context.Context, h *held, d *types.BlueGreenDeployment) error {
	h.Phase, h.SwitchedAt = Switched, s.Now().UTC()
	var events []string
	if out, err := s.rds.DescribeEvents(ctx, &rds.DescribeEventsInput{SourceType: types.SourceTypeBlueGreenDeployment, SourceIdentifier: &h.Deployment, Duration: aws.Int32(1440)}); err == nil {
		for _, e := range out.Events {
			events = append(events, e.Date.UTC().Format(time.RFC3339Nano)+" "+aws.ToString(e.Message))
		}
	}
	at, told := s.coordinates(ctx, h)
	if told {
		h.Coordinates = &at
	}
	if err := s.testify(ctx, &h.Migration, "switched", map[string]any{"askedAt": h.SwitchingAt, "source": aws.ToString(d.Source), "target": aws.ToString(d.Target),
		"coordinates": h.Coordinates, "events": events}); err != nil {
		return err
	}
	return s.save(ctx, h)
}

// rolledBack records that AWS has put everything back, after looking whether it
// has.
func (s *switchOver) rolledBack(ctx context.Context, h *held, details string) error {
	c, err := s.mustCluster(ctx, h.Plan.Cluster)
	if err != nil {
		return err
	}
	if id := aws.ToString(c.DbClusterResourceId); id != h.Plan.Blue.ResourceID {
		return fault.New(fault.VerifyFailed, "look whether AWS has switched back", h.Plan.Cluster, "look at both clusters in the RDS console; do not start again before you know which one serves", "the cluster has resource id %s, not blue's %s", id, h.Plan.Blue.ResourceID)
	}
	h.Phase, h.SwitchedBack = Verified, true
	if err := s.testify(ctx, &h.Migration, fmt.Sprintf("switchover-rolled-back-%d", h.Attempts), map[string]any{"askedAt": h.SwitchingAt, "details": details}); err != nil {
		return err
	}
	if err := s.save(ctx, h); err != nil {
		return err
	}
	next := "mend the cause and start again with the same input; green stays"
	if h.Plan.Engine == dbconn.AuroraPostgres && strings.Contains(details, "replication") {
		// docs/migration.md §1.3: there is no other way out of degraded replication.
		next = "replication to an Aurora PostgreSQL green that DDL or large objects have broken does not recover: remove green with {\"mode\":\"abandon\"} and begin anew"
	}
	return fault.New(fault.SwitchoverFailed, "switch over", h.Deployment, next, "AWS did not switch over, and blue serves as before: %s", details)
}
