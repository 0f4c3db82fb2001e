package switchover

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/refresh"
)

// PlanInput is the contract of plan-switch with the machine.
type PlanInput struct {
	Execution string          `json:"execution"`
	Input     json.RawMessage `json:"input"` // the execution's own input, an Input
}

// Begun is what plan-switch tells the states that follow.
type Begun struct {
	Status    string `json:"status"` // SWITCH, UNDO or RETIRE
	RefreshID string `json:"refreshId"`
	Deadline  int64  `json:"deadline"` // Unix milliseconds; every loop has ended by then
	Moves     int    `json:"moves"`
}

// What is asked of a switch.
const (
	statusSwitch = "SWITCH"
	statusUndo   = "UNDO"
	statusRetire = "RETIRE"
)

// wholeLimit bounds a switch; each move has a nearer limit of its own.
const wholeLimit = 48 * time.Hour

type planSwitch struct{ *step }

// NewPlanSwitch builds plan-switch: it takes the locks, reads every live
// pointer, and writes down what is to be moved from where to where before
// anything is. Run again it continues a switch that has not ended.
func NewPlanSwitch(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	s := &planSwitch{base}
	return lambdafn.Typed(s.do), err
}

func (s *planSwitch) do(ctx context.Context, in PlanInput) (Begun, error) {
	want, err := ParseInput(in.Input)
	if err != nil {
		return Begun{}, &fault.Error{Name: fault.BadRequest, Op: "read the execution's input", Cause: err,
			Next: `give {"refreshId":"<id>"} to switch to a generation, {"undo":true} to put back an unfinished switch, {"retire":true} to delete old generations`}
	}
	var open Plan
	if _, _, err := s.ledger.Get(ctx, PlanKey, &open); err != nil {
		return Begun{}, err
	}
	if err := refuseWhileOpen(open, want); err != nil {
		return Begun{}, err
	}
	id := want.RefreshID
	if id == "" {
		id = open.RefreshID
	}
	if err := refresh.Begin(ctx, s.Runtime, id, in.Execution); err != nil {
		return Begun{}, err
	}
	if err := refresh.LockServing(ctx, s.Runtime, id, in.Execution); err != nil {
		return Begun{}, err
	}
	if want.Retire {
		return s.begun(statusRetire, Plan{RefreshID: id}), nil
	}
	return s.settle(ctx, in, want)
}

// ParseInput reads an operator's wish strictly: exactly one is allowed.
func ParseInput(raw []byte) (Input, error) {
	var in Input
	if err := lambdafn.Strict(raw, &in); err != nil {
		return in, err
	}
	n := 0
	for _, set := range []bool{in.RefreshID != "", in.Undo, in.Retire} {
		if set {
			n++
		}
	}
	if n != 1 {
		return in, fmt.Errorf("exactly one of refreshId, undo and retire is needed")
	}
	if in.RefreshID != "" && !refresh.ValidID(in.RefreshID) {
		return in, fmt.Errorf("refreshId %q is not a refresh id", in.RefreshID)
	}
	return in, nil
}

// refuseWhileOpen keeps half-moved pointers from being moved somewhere else or
// lost by a clean-up: what has begun is finished or undone first.
func refuseWhileOpen(open Plan, want Input) error {
	switch {
	case want.Undo && !open.Open():
		return fault.New(fault.BadRequest, "undo", open.RefreshID, `to go back to an earlier generation give {"refreshId":"<its id>"}`, "no switch is unfinished")
	case open.Phase == Moving && want.RefreshID != "" && want.RefreshID != open.RefreshID, open.Phase == Moving && want.Retire:
		return fault.New(fault.Busy, "begin", want.RefreshID, fmt.Sprintf(`finish it with {"refreshId":%q} or put it back with {"undo":true}`, open.RefreshID),
			"the switch to %s, begun %s, is half-way", open.RefreshID, open.StartedAt.Format(time.RFC3339))
	}
	return nil
}

// settle finds the plan: the unfinished one, or a new one.
func (s *planSwitch) settle(ctx context.Context, in PlanInput, want Input) (Begun, error) {
	var p Plan
	ver, found, err := s.ledger.Get(ctx, PlanKey, &p)
	if err != nil {
		return Begun{}, err
	}
	status := statusSwitch
	if want.Undo {
		status = statusUndo
	}
	switch {
	case found && p.Open() && p.Execution == in.Execution:
		return s.begun(status, p), s.lockItems(ctx, p, in.Execution)
	case found && p.Open() && (want.Undo || p.Phase == Moving):
		p.Execution = in.Execution
	default:
		if p, err = s.plan(ctx, in, want); err != nil {
			return Begun{}, err
		}
	}
	if err := s.lockItems(ctx, p, in.Execution); err != nil {
		return Begun{}, err
	}
	return s.begun(status, p), s.write(ctx, p, ver, found)
}

func (s *planSwitch) begun(status string, p Plan) Begun {
	return Begun{Status: status, RefreshID: p.RefreshID, Deadline: s.Now().Add(wholeLimit).UnixMilli(), Moves: len(p.Moves)}
}

// lockItems takes the locks of the items, which a restore of the same sources
// holds too.
func (s *planSwitch) lockItems(ctx context.Context, p Plan, execution string) error {
	c := refresh.Candidate{RefreshID: p.RefreshID, Target: s.t.Name}
	for _, it := range p.Items {
		c.Items = append(c.Items, refresh.CandidateItem{Kind: it.Kind, Source: it.Source})
	}
	return refresh.Lock(ctx, s.Runtime, c, execution)
}

func (s *planSwitch) write(ctx context.Context, p Plan, ver ledger.Version, found bool) error {
	ok, err := false, error(nil)
	if found {
		ok, err = s.ledger.Replace(ctx, PlanKey, ver, p)
	} else {
		ok, err = s.ledger.Create(ctx, PlanKey, p)
	}
	if err == nil && !ok {
		err = fault.New(fault.Unavailable, "write the plan of the switch", p.ID, "", "it changed meanwhile")
	}
	return err
}

// plan makes the list of moves from what the pointers are now.
func (s *planSwitch) plan(ctx context.Context, in PlanInput, want Input) (Plan, error) {
	p := Plan{ID: want.RefreshID + "-" + short(in.Execution), RefreshID: want.RefreshID, Target: s.t.Name, Execution: in.Execution,
		Reason: want.Reason, Phase: Planned, StartedAt: s.Now().UTC()}
	c, found, err := refresh.ReadCandidate(ctx, s.ledger, want.RefreshID)
	if err != nil {
		return p, err
	}
	if !found {
		return p, fault.New(fault.BadRequest, "find generation "+want.RefreshID, want.RefreshID,
			"`aws s3 ls` of candidates/ in the ledger bucket lists what there is; a restore that has not succeeded has no candidate", "this account has no such candidate")
	}
	live, err := s.livePointers(ctx)
	if err != nil {
		return p, err
	}
	g, err := s.generation(ctx, c, live)
	if err != nil {
		return p, err
	}
	for _, it := range c.Items {
		served, err := s.served(ctx, it, live)
		if err != nil {
			return p, err
		}
		p.Items = append(p.Items, Item{Kind: it.Kind, Source: it.Source, Name: it.Name, CutOff: it.CutOff, Serving: served})
	}
	if p.Previous, err = s.previous(ctx, p); err != nil {
		return p, err
	}
	return p, s.moves(ctx, &p, g, live)
}

// previous is the one generation that all items were at, for the way back.
func (s *planSwitch) previous(ctx context.Context, p Plan) (string, error) {
	id := ""
	for _, it := range p.Items {
		var v Serving
		_, found, err := s.ledger.Get(ctx, ServingKey(it.Kind, it.Source), &v)
		if err != nil {
			return "", err
		}
		if !found || v.Name != it.Serving || id != "" && id != v.RefreshID {
			return "", nil
		}
		id = v.RefreshID
	}
	return id, nil
}

func short(execution string) string { return token(execution)[:6] }

// generation looks every resource of the candidate up, and what an earlier
// switch left serving for items that the candidate lacks. Each must be there and
// carry the tags of its refresh: names can be reused by others.
func (s *planSwitch) generation(ctx context.Context, c refresh.Candidate, live pointers) (generation, error) {
	g := generation{refreshID: c.RefreshID, target: s.t, clusters: map[string]*rdstypes.DBCluster{}, endpoints: map[string]string{}, secrets: map[string]map[string]string{}, tables: map[string]tableFacts{}}
	for _, it := range c.Items {
		if err := s.add(ctx, &g, live, it.Kind, it.Source, it.Name, c.RefreshID, true); err != nil {
			return g, err
		}
	}
	for _, kind := range []refresh.Kind{refresh.Cluster, refresh.Table} {
		keys, err := s.ledger.List(ctx, "serving/"+string(kind)+"/")
		if err != nil {
			return g, err
		}
		for _, key := range keys {
			var v Serving
			if _, _, err := s.ledger.Get(ctx, key, &v); err != nil {
				return g, err
			}
			if g.clusters[v.Source] != nil && kind == refresh.Cluster || g.tables[v.Source].name != "" && kind == refresh.Table {
				continue
			}
			if err := s.add(ctx, &g, live, kind, v.Source, v.Name, v.RefreshID, false); err != nil {
				return g, err
			}
		}
	}
	return g, nil
}

// add puts one resource into the generation. One that shall serve must be there
// and be ours; an inherited one may have been removed by its owner.
func (s *planSwitch) add(ctx context.Context, g *generation, live pointers, kind refresh.Kind, source, name, refreshID string, needed bool) error {
	gone := func(why string) error {
		if !needed {
			return nil
		}
		return fault.New(fault.BadRequest, "use "+name, name, "choose another generation; candidates/ in the ledger lists them", "%s", why)
	}
	if kind == refresh.Table {
		t, status, found, err := s.table(ctx, name)
		if err != nil {
			return err
		}
		if !found || status != "ACTIVE" && status != "UPDATING" {
			return gone("the table is not there, or not ACTIVE: " + status)
		}
		tags, err := refresh.TableTags(ctx, s.ddb, t.arn)
		if err != nil {
			return err
		}
		if !ours(tags, refreshID, source, s.t.Name) {
			return gone("the table does not carry the tags of refresh " + refreshID + ": another one has the name")
		}
		g.tables[source] = t
		return nil
	}
	c, err := s.cluster(ctx, name)
	if err != nil {
		return err
	}
	if c == nil {
		return gone("there is no such cluster")
	}
	if !ours(refresh.RDSTags(c.TagList), refreshID, source, s.t.Name) {
		return gone("the cluster does not carry the tags of refresh " + refreshID + ": another one has the name")
	}
	g.clusters[source] = c
	if g.secrets[source], err = s.secretsOf(ctx, refreshID, source); err != nil {
		return err
	}
	g.endpoints[source], err = s.endpoint(source, c, live, needed)
	return err
}

// endpoint is where applications reach a cluster once it serves.
func (s *planSwitch) endpoint(source string, c *rdstypes.DBCluster, live pointers, moves bool) (string, error) {
	p := s.t.Switch.Pointer(source)
	switch {
	case len(p.Proxies) == 1:
		return live.proxies[p.Proxies[0]].endpoint, nil
	case len(p.Proxies) == 2:
		target, err := live.proxyFor(p, aws.ToString(c.DBClusterIdentifier), moves)
		return live.proxies[target].endpoint, err
	}
	return aws.ToString(c.Endpoint), nil
}

// proxyFor is the proxy of a pair through which a cluster is, or shall be,
// reached: the one that has it, else the idle one when it moves.
func (l pointers) proxyFor(p config.ClusterPointer, cluster string, moves bool) (string, error) {
	for _, name := range p.Proxies {
		if l.proxies[name].cluster == cluster {
			return name, nil
		}
	}
	serving, idle, err := l.pair(p)
	if moves {
		return idle, err
	}
	return serving, err
}
