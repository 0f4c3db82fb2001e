package refresh

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/survey"
)

// CheckGroundInput is the contract of check-ground with the machine.
type CheckGroundInput struct {
	Target    string          `json:"target"`
	Execution string          `json:"execution"`
	Input     json.RawMessage `json:"input"` // the execution's own input, a BackupInput
}

// BackupInput is what an operator or the schedule gives to production-backup.
type BackupInput struct {
	Resume string   `json:"resume,omitempty"` // refresh id to continue
	Only   []string `json:"only,omitempty"`   // names of clusters and tables; empty: the whole data set
	Reason string   `json:"reason,omitempty"` // free text for the ledger
}

// run is the record of one refresh in an account's ledger.
type run struct {
	RefreshID string    `json:"refreshId"`
	Target    string    `json:"target"`
	Execution string    `json:"execution"` // the execution that works on it now
	Reason    string    `json:"reason,omitempty"`
	StartedAt time.Time `json:"startedAt"`
	// Begun says, in the record of an execution, that its first step is through:
	// from then on the refresh can be resumed.
	Begun bool `json:"begun,omitempty"`
}

func (r run) begun() run {
	r.Begun = true
	return r
}

type checkGround struct {
	step
	ground *survey.Surveyor
}

// NewCheckGround builds check-ground: it mints the refresh id, gathers the
// facts of production, asks the preflight, takes the locks and fixes the plan.
// Run again for the same execution it gives the same answer.
func NewCheckGround(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	s := &checkGround{step: newStep(rt), ground: survey.New(rt.AWS, rt.Config, rt.Now)}
	s.ground.Each = rt.Each
	return lambdafn.Typed(s.do), nil
}

func (s *checkGround) do(ctx context.Context, in CheckGroundInput) (Begun, error) {
	var wish BackupInput
	if err := lambdafn.Strict(in.Input, &wish); err != nil {
		return Begun{}, &fault.Error{Name: fault.BadRequest, Op: "read the execution's input", Cause: err,
			Next: "give {} for a whole refresh, {\"only\":[names]} for a part, {\"resume\":\"<refresh id>\"} to continue"}
	}
	t, _, err := s.target(in.Target)
	if err != nil {
		return Begun{}, err
	}
	p, err := s.settle(ctx, in, wish, t)
	if err != nil {
		return Begun{}, err
	}
	if err := s.lockItems(ctx, p, in.Execution); err != nil {
		return Begun{}, err
	}
	if err := s.writeRun(ctx, p, in, wish); err != nil {
		return Begun{}, err
	}
	return Begun{Status: begunStatus, RefreshID: p.RefreshID, Clusters: count(p.Items, Cluster), Tables: count(p.Items, Table)}, nil
}

// settle finds the plan of this execution: the one it continues, the one that
// an earlier call of the same execution made, or a new one.
func (s *checkGround) settle(ctx context.Context, in CheckGroundInput, wish BackupInput, t config.Target) (Plan, error) {
	if wish.Resume != "" {
		return s.resume(ctx, in, wish)
	}
	id, err := s.identify(ctx, in.Execution)
	if err != nil {
		return Plan{}, err
	}
	var p Plan
	if _, found, err := s.ledger.Get(ctx, planKey(id), &p); err != nil || found {
		return p, err
	}
	items, left, err := s.preflight(ctx, id, t, wish.Only)
	if err != nil {
		return Plan{}, err
	}
	p = Plan{RefreshID: id, Target: t.Name, ConfigHash: s.Config.Hash(), CreatedAt: s.Now().UTC(), Only: wish.Only, Items: items, LeftOut: left}
	return p, s.ledger.Put(ctx, planKey(id), p)
}

// preflight finds the items and asks production's half of the preflight, and
// what needs both. What was proved goes to the ledger, as it may be long.
func (s *checkGround) preflight(ctx context.Context, id string, t config.Target, only []string) ([]Planned, []ItemName, error) {
	facts, err := s.ground.Production(ctx, t, only)
	if err != nil {
		return nil, nil, err
	}
	items := plannedItems(facts)
	if names := unknown(only, items); names != "" {
		return nil, nil, fault.New(fault.BadRequest, "choose the items", names, "correct only", "the data set has no such cluster or table")
	}
	report := check.Run(facts, check.Production, check.Both)
	if problems := report.Problems(); len(problems) > 0 {
		return nil, nil, &fault.Error{Name: fault.NotReady, Op: "begin a refresh of " + t.Name, Cause: problems,
			Next: "mend these and start again; nothing was begun"}
	}
	if len(items) == 0 {
		return nil, nil, fault.New(fault.BadRequest, "choose the items", t.Name, "correct dataSet in dbferry.json", "the selectors match nothing")
	}
	return items, leftOut(facts), s.ledger.Put(ctx, runKey(id, preflightFile), report)
}

// preflightFile is where in a run the findings of its preflight are kept.
const preflightFile = "preflight.json"

// plannedItems are the items that were found, those that are missing included: the
// preflight complains of them.
func plannedItems(f check.Facts) []Planned {
	var out []Planned
	for _, c := range f.Clusters {
		out = append(out, Planned{Kind: Cluster, ID: c.ID, ARN: c.ARN, Bytes: c.Bytes})
	}
	for _, t := range f.Tables {
		out = append(out, Planned{Kind: Table, ID: t.Name, ARN: t.ARN, Bytes: t.Bytes})
	}
	return out
}

func (s *checkGround) resume(ctx context.Context, in CheckGroundInput, wish BackupInput) (Plan, error) {
	bad := func(format string, args ...any) (Plan, error) {
		return Plan{}, fault.New(fault.BadRequest, "resume "+wish.Resume, wish.Resume,
			"start a new refresh, or correct the id", format, args...)
	}
	if !ValidID(wish.Resume) || len(wish.Only) > 0 {
		return bad("resume takes one refresh id and nothing else")
	}
	p, err := s.plan(ctx, wish.Resume)
	if err != nil {
		return Plan{}, err
	}
	if p.Target != in.Target {
		return bad("that refresh is for %s", p.Target)
	}
	if p.ConfigHash != s.Config.Hash() {
		return Plan{}, configChanged(wish.Resume)
	}
	return p, s.ledger.Put(ctx, executionKey(in.Execution), run{RefreshID: p.RefreshID, Target: p.Target, Execution: in.Execution})
}

// configChanged refuses to mix two configurations in one refresh.
func configChanged(id string) error {
	return fault.New(fault.BadRequest, "resume "+id, id,
		"deploy the dbferry.json with which it began, and resume again; or start a new refresh", "the configuration has changed since it began")
}

// identify gives the execution its refresh id, the same one on every call.
func (s *checkGround) identify(ctx context.Context, execution string) (string, error) {
	key := executionKey(execution)
	var r run
	if _, found, err := s.ledger.Get(ctx, key, &r); err != nil || found {
		return r.RefreshID, err
	}
	r = run{RefreshID: mint(execution, s.Now()), Execution: execution, StartedAt: s.Now().UTC()}
	if _, err := s.ledger.Create(ctx, key, r); err != nil {
		return "", err
	}
	_, _, err := s.ledger.Get(ctx, key, &r)
	return r.RefreshID, err
}

// writeRun records who works on the refresh now, and the lists for the Maps.
func (s *checkGround) writeRun(ctx context.Context, p Plan, in CheckGroundInput, wish BackupInput) error {
	now := s.Now().UTC()
	r := run{RefreshID: p.RefreshID, Target: p.Target, Execution: in.Execution, Reason: wish.Reason, StartedAt: now}
	records := []struct {
		key string
		v   any
	}{
		{mapKey(p.RefreshID, "backup"), listed(p.Items, "", backupPhase)},
		{mapKey(p.RefreshID, "copy-clusters"), listed(p.Items, Cluster, copyPhase)},
		{mapKey(p.RefreshID, "copy-tables"), listed(p.Items, Table, copyPhase)},
		{runKey(p.RefreshID, "run.json"), r},
		{executionKey(in.Execution), r.begun()},
	}
	for _, rec := range records {
		if err := s.ledger.Put(ctx, rec.key, rec.v); err != nil {
			return err
		}
	}
	return recordAlarms(ctx, cloudwatch.NewFromConfig(s.AWS), s.ledger, p)
}

// unknown lists the names of a partial refresh that the data set does not have.
func unknown(only []string, items []Planned) string {
	var out []string
	for _, name := range only {
		if !slices.ContainsFunc(items, func(p Planned) bool { return p.ID == name }) {
			out = append(out, strconv.Quote(name)) // an empty one shows, too
		}
	}
	return strings.Join(out, ", ")
}
