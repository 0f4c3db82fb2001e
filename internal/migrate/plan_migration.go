package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/refresh"
)

// PlanInput is the contract of plan-migration with the machine.
type PlanInput struct {
	Execution string          `json:"execution"`
	Input     json.RawMessage `json:"input"` // the execution's own input, an Input
}

// Begun is what plan-migration tells the states that follow, and the operator in
// the console.
type Begun struct {
	Status          string   `json:"status"` // PLAN, CREATE, SWITCH, RETIRE, ABANDON, BACK or UNDO
	Cluster         string   `json:"cluster"`
	Migration       string   `json:"migration"`
	PlanHash        string   `json:"planHash"`
	Plan            []string `json:"plan"`    // for reading
	KeptOut         bool     `json:"keptOut"` // an earlier execution has left maintenance on
	StopAfterVerify bool     `json:"stopAfterVerify"`
	Deadline        int64    `json:"deadline"` // Unix milliseconds; green is ready by then
	SoakSeconds     int      `json:"soakSeconds"`
	WayBack         bool     `json:"wayBack"` // it is kept open while the new production soaks
}

// Where an execution goes on.
const (
	statusPlan    = "PLAN"
	statusCreate  = "CREATE"
	statusSwitch  = "SWITCH"
	statusRetire  = "RETIRE"
	statusAbandon = "ABANDON"
	statusBack    = "BACK"
	statusUndo    = "UNDO" // an earlier execution has left proxies off, or green half removed
)

type planMigration struct{ *step }

// NewPlanMigration builds plan-migration: it takes the cluster's lock, asks
// every check, and writes the plan down. Nothing else has been changed when it
// answers. Run again, or in a later execution, it continues the cluster's
// migration with the plan that there is.
func NewPlanMigration(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	s := &planMigration{base}
	return lambdafn.Typed(s.do), err
}

// ParseInput reads an operator's wish strictly.
func ParseInput(raw []byte) (Input, error) {
	var in Input
	if err := lambdafn.Strict(raw, &in); err != nil {
		return in, err
	}
	switch {
	case in.Cluster == "":
		return in, fmt.Errorf("cluster is missing")
	case !slices.Contains([]Mode{ModeAll, ModePlan, ModeCreate, ModeSwitch, ModeAbandon, ModeRetire, ModeBack}, in.Mode):
		return in, fmt.Errorf("mode %q is none of plan, create, switch, retire, back and abandon", in.Mode)
	case in.SwitchoverSecondsWanted != 0 && (in.SwitchoverSecondsWanted < 30 || in.SwitchoverSecondsWanted > 3600):
		return in, fmt.Errorf("switchoverTimeoutSeconds %d is not between 30 and 3600", in.SwitchoverSecondsWanted)
	}
	return in, nil
}

func (s *planMigration) do(ctx context.Context, in PlanInput) (Begun, error) {
	want, err := ParseInput(in.Input)
	if err != nil {
		return Begun{}, &fault.Error{Name: fault.BadRequest, Op: "read the execution's input", Cause: err,
			Next: `give {"cluster":"<identifier>","targetEngineVersion":"<version>"}; docs/migrate.md has every field`}
	}
	if err := s.ledger.Put(ctx, executionKey(in.Execution), StepInput{in.Execution, want.Cluster}); err != nil {
		return Begun{}, err
	}
	if want.Mode == ModeBack {
		if err := s.takeOver(ctx, in.Execution, want.Cluster); err != nil {
			return Begun{}, err
		}
	}
	h := ledger.Holder{Target: "production", Execution: in.Execution, AcquiredAt: s.Now().UTC()}
	alive := func(ctx context.Context, execution string) (bool, error) {
		return refresh.Alive(ctx, s.Runtime, execution)
	}
	if err := s.ledger.Acquire(ctx, ledger.LockKey(string(refresh.Cluster), want.Cluster), h, alive); err != nil {
		return Begun{}, err
	}
	m, err := s.settle(ctx, in.Execution, want)
	if err != nil {
		return Begun{}, err
	}
	return s.begun(want, m), nil
}

// takeOver ends the execution that keeps the way back open, so that the way back
// is one command. How it ended is written down once it has, before the rule on
// ended executions comes: an execution that could not be stopped ends by itself,
// and says how. Where the rule comes first, there is one mail more.
func (s *planMigration) takeOver(ctx context.Context, execution, cluster string) error {
	var m Migration
	_, found, err := s.ledger.Get(ctx, RecordKey(cluster), &m)
	if err != nil || !found || m.going() {
		return err
	}
	if why := m.shut(); why != "" {
		return fault.New(fault.BadRequest, "go back", cluster, "keep the new production, or take rows from the old cluster by hand", "%s", why)
	}
	if err := s.leftIsFree(ctx, m.Plan.left()); err != nil {
		return err
	}
	alive, err := refresh.Alive(ctx, s.Runtime, m.Execution)
	if err != nil || !alive {
		return err
	}
	cause := "It was stopped because {\"mode\":\"back\"} was asked for; " + execution + " goes on."
	if _, err := sfn.NewFromConfig(s.AWS).StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &m.Execution, Error: aws.String("GoingBack"), Cause: &cause}); err != nil {
		return fault.AWS("stop the execution that keeps the way back", m.Execution, err)
	}
	_, err = s.ledger.Create(ctx, EndKey(m.Execution), ended{Verdict: refresh.NeedsOperator, Error: "ABORTED", Cause: cause, At: s.Now().UTC(), Told: true})
	return err
}

// settle finds the migration: the one that is not over, or a new one.
func (s *planMigration) settle(ctx context.Context, execution string, want Input) (*held, error) {
	h := &held{}
	ver, found, err := s.ledger.Get(ctx, RecordKey(want.Cluster), &h.Migration)
	if err != nil {
		return nil, err
	}
	h.ver = ver
	open := found && !h.over()
	if open && h.Execution == execution {
		return h, nil // the reply was lost
	}
	if open && h.Phase != Planned {
		if err := fits(want, h.Migration); err != nil {
			return nil, err
		}
		h.Execution = execution
		if want.Mode == ModeBack && h.Phase == Proved {
			h.Phase = Returning
		}
		return h, s.save(ctx, h)
	}
	if slices.Contains([]Mode{ModeSwitch, ModeRetire, ModeAbandon, ModeBack}, want.Mode) {
		return nil, fault.New(fault.BadRequest, string(want.Mode), want.Cluster, `begin with {"cluster":"`+want.Cluster+`",…,"mode":"create"}`, "no migration of this cluster is open")
	}
	return s.fresh(ctx, execution, want, found, ver)
}

// leftIsFree looks whether the new production can get its other name.
func (s *planMigration) leftIsFree(ctx context.Context, name string) error {
	c, err := s.cluster(ctx, name)
	if err == nil && c != nil {
		err = fault.New(fault.NameTaken, "go back", name, "delete or rename it: the new production gets this name when the old cluster returns", "a cluster of this name exists")
	}
	return err
}

// fits refuses what the open migration is not about: a plan that is approved or
// half done must not be changed by the input of a later execution.
func fits(want Input, m Migration) error {
	no := func(format string, args ...any) error {
		return fault.New(fault.BadRequest, "continue migration "+m.ID, m.Plan.Cluster,
			fmt.Sprintf(`continue with {"cluster":%q}, or remove green with {"cluster":%q,"mode":"abandon"} and begin anew`, m.Plan.Cluster, m.Plan.Cluster), format, args...)
	}
	switch {
	case want.TargetEngineVersion != "" && want.TargetEngineVersion != m.Plan.To.Engine:
		return no("it leads to version %s, not to %s", m.Plan.To.Engine, want.TargetEngineVersion)
	case want.ClusterParameterGroup != "" && want.ClusterParameterGroup != m.Plan.To.ClusterGroup:
		return no("it leads to cluster parameter group %s, not to %s", m.Plan.To.ClusterGroup, want.ClusterParameterGroup)
	case want.InstanceParameterGroup != "" && want.InstanceParameterGroup != m.Plan.To.InstanceGroup:
		return no("it leads to parameter group %s, not to %s", m.Plan.To.InstanceGroup, want.InstanceParameterGroup)
	case m.going() && want.Mode != ModeBack && want.Mode != ModeAll:
		return no("it is going back to the old cluster")
	case want.Mode == ModeBack && !m.going():
		if why := m.shut(); why != "" {
			return no("%s", why)
		}
	case want.Mode == ModeAbandon && m.Phase.beyond():
		return no("it is %s: green cannot be removed any more", m.Phase)
	case want.Mode == ModeRetire && m.Phase != Proved:
		return no("it is %s: the old cluster is retired after the new one is proved", m.Phase)
	case want.Mode == ModePlan:
		return no("it is %s: a plan has been made and begun", m.Phase)
	case want.Mode == ModeCreate && (m.Phase.beyond()):
		return no("it is %s", m.Phase)
	}
	return nil
}

// fresh asks the checks and writes a new plan.
func (s *planMigration) fresh(ctx context.Context, execution string, want Input, found bool, ver ledger.Version) (*held, error) {
	m := Migration{ID: s.mint(execution), Phase: Planned, Execution: execution, PlannedAt: s.Now().UTC()}
	f, err := s.gather(ctx, want, &m)
	if err != nil {
		return nil, err
	}
	all := judge(f)
	if text := problems(all); text != "" {
		return nil, fault.New(fault.NotReady, "migrate", want.Cluster, "mend what is named above and start again with the same input", "%s", text)
	}
	m.Plan = s.plan(f, m.ID, all)
	m.PlanHash = m.Plan.Hash()
	h := &held{Migration: m, ver: ver}
	if err := s.testify(ctx, &h.Migration, "input", want); err != nil {
		return nil, err
	}
	if err := s.testify(ctx, &h.Migration, "plan", map[string]any{"plan": m.Plan, "planHash": m.PlanHash, "checks": all, "execution": execution}); err != nil {
		return nil, err
	}
	if found {
		return h, s.save(ctx, h)
	}
	created, err := s.ledger.Create(ctx, RecordKey(want.Cluster), h.Migration)
	if err == nil && !created {
		err = fault.New(fault.Unavailable, "record the migration", want.Cluster, "", "another one was recorded meanwhile")
	}
	if err != nil {
		return nil, err
	}
	h.ver, _, err = s.ledger.Get(ctx, RecordKey(want.Cluster), &Migration{})
	return h, err
}

// mint makes the id of a migration; the same execution makes the same within a
// minute, and another later.
func (s *planMigration) mint(execution string) string {
	return s.Now().UTC().Format("200601021504") + "-" + hashOf(execution)[:6]
}

func (s *planMigration) plan(f *facts, id string, all []Checked) Plan {
	c := f.cluster
	p := Plan{
		Cluster: f.id(), Account: s.here.Account, Engine: f.engine(), Blue: sideOf(&c), Lane: LaneNone, Reason: f.in.Reason, Migration: id,
		From: Version{Engine: aws.ToString(c.EngineVersion), ClusterGroup: aws.ToString(c.DBClusterParameterGroup)},
		Name: deploymentName(f.id(), id), Timeout: f.limits.Switchover(), Config: s.Config.Hash(),
	}
	if f.in.SwitchoverSecondsWanted != 0 {
		p.Timeout = f.in.SwitchoverSecondsWanted
	}
	if len(f.members) > 0 {
		p.From.InstanceGroup, _ = group(f.members[0])
	}
	p.To = p.From
	p.To.Engine = f.wanted()
	if f.in.ClusterParameterGroup != "" {
		p.To.ClusterGroup = f.in.ClusterParameterGroup
	} else if f.familyChanges() {
		p.To.ClusterGroup = "default." + aws.ToString(f.target.DBParameterGroupFamily)
	}
	if f.in.InstanceParameterGroup != "" {
		p.To.InstanceGroup = f.in.InstanceParameterGroup
	} else if p.To.ClusterGroup == "default."+familyOf(f) {
		p.To.InstanceGroup = p.To.ClusterGroup
	}
	p.follow(f.proxies, f.set.Proxies)
	for _, r := range c.AssociatedRoles {
		p.Carry.Roles = append(p.Carry.Roles, Role{aws.ToString(r.FeatureName), aws.ToString(r.RoleArn)})
	}
	p.Carry.Scaling = f.scaling
	for _, x := range all {
		p.Checks = append(p.Checks, x.Check+": "+x.Outcome)
		if x.Outcome == outcomeWarning {
			p.Warnings = append(p.Warnings, fmt.Sprintf("[%s] %s. %s", x.Check, x.What, x.Fix))
		}
	}
	for _, h := range s.conf.Maintenance {
		p.Hooks = append(p.Hooks, h.Name)
	}
	if f.set.WayBack != nil {
		p.WayBack = f.limits.Soak()
	}
	p.Abort = abortCriteria(f.limits, p.Timeout)
	return p
}

func familyOf(f *facts) string {
	if f.target == nil {
		return ""
	}
	return aws.ToString(f.target.DBParameterGroupFamily)
}

// deploymentName is unique per account: letters, digits and single hyphens, at
// most 60.
func deploymentName(cluster, id string) string {
	suffix := "-" + id
	head := "dbferry-" + cluster
	return strings.TrimRight(head[:min(len(head), 60-len(suffix))], "-") + suffix
}

// begun says where the execution goes on.
func (s *planMigration) begun(want Input, h *held) Begun {
	l := s.conf.Limits
	b := Begun{
		Cluster: h.Plan.Cluster, Migration: h.ID, PlanHash: h.PlanHash, Plan: h.Plan.Lines(), StopAfterVerify: want.Mode == ModeCreate, KeptOut: h.KeptOut && h.Phase != Switching && h.Phase != Switched && h.Phase != Returning,
		WayBack:     h.Plan.WayBack > 0,
		Deadline:    s.Now().Add(time.Duration(l.Green()) * time.Hour).UnixMilli(),
		SoakSeconds: l.Soak() * 60,
	}
	switch {
	case h.going():
		b.Status = statusBack
	case want.Mode == ModeAbandon:
		b.Status = statusAbandon
	case h.GreenGoes || h.cutOff():
		b.Status = statusUndo
	case want.Mode == ModePlan:
		b.Status = statusPlan
	case h.Phase == Switching || h.Phase == Switched:
		b.Status = statusSwitch
	case h.Phase == Proved:
		b.Status = statusRetire
	default:
		b.Status = statusCreate
	}
	return b
}

// Lines is the plan for a person.
func (p Plan) Lines() []string {
	out := []string{
		fmt.Sprintf("Migrate %s (%s, account %s): %s.", p.Cluster, p.Engine, p.Account, p.changes()),
		fmt.Sprintf("  engine version           %s → %s", p.From.Engine, p.To.Engine),
		fmt.Sprintf("  cluster parameter group  %s → %s", p.From.ClusterGroup, p.To.ClusterGroup),
		fmt.Sprintf("  parameter group          %s → %s", p.From.InstanceGroup, p.To.InstanceGroup),
		fmt.Sprintf("  members                  %s", strings.Join(p.Blue.Members, ", ")),
		"  RDS Proxy                " + p.proxyLine(),
		fmt.Sprintf("  deployment               %s", p.Name),
		fmt.Sprintf("  switchover time limit    %d s", p.Timeout),
		"Steps: build green, let it settle, verify it, ask for approval, maintenance on, switch over, prove, maintenance off,",
		"       wait, ask again, quarantine the old cluster, take its final snapshot, remove it.",
	}
	if p.WayBack > 0 {
		out = append(out, fmt.Sprintf("Way back: for %d min after the switchover the old cluster follows the new one; {\"cluster\":%q,\"mode\":\"back\"} returns to it.", p.WayBack, p.Cluster))
	}
	if len(p.Hooks) > 0 {
		out = append(out, "Maintenance hooks: "+strings.Join(p.Hooks, ", "))
	}
	out = append(out, "It is given up when:")
	for _, a := range p.Abort {
		out = append(out, "  - "+a)
	}
	if n := len(p.Carry.Roles) + len(p.Carry.Scaling); n > 0 {
		out = append(out, fmt.Sprintf("Put back after the switchover: %d role(s), %d scalable target(s).", len(p.Carry.Roles), len(p.Carry.Scaling)))
	}
	for _, w := range p.Warnings {
		out = append(out, "Warning: "+w)
	}
	return append(out, fmt.Sprintf("%d checks, %d warning(s). Plan %s.", len(p.Checks), len(p.Warnings), p.Hash()[:12]))
}
