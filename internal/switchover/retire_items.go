package switchover

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

// Retired is the output of retire-items: counts; names are in the ledger.
type Retired struct {
	converge.Answer
	Deleted int `json:"deleted"`
	Left    int `json:"left"` // old, but not provably dbferry's own, or still in use
}

// Retirement is the record of one old resource.
type Retirement struct {
	Kind      refresh.Kind `json:"kind"`
	Source    string       `json:"source"`
	Name      string       `json:"name"`
	RefreshID string       `json:"refreshId"`
	Began     time.Time    `json:"began"`
	Gone      time.Time    `json:"gone,omitzero"`
	Left      string       `json:"left,omitempty"`     // why it was left alone
	Scaled    bool         `json:"scaled,omitempty"`   // a cluster whose readers were scaled at the refresh's wish
	Detached  bool         `json:"detached,omitempty"` // its scalable targets and alarms are gone
}

func retiredKey(kind refresh.Kind, name string) string {
	return "retired/" + string(kind) + "/" + name + ".json"
}

type retireItems struct {
	*step
	scaling *aas.Client
	alarms  *cloudwatch.Client
}

// NewRetireItems builds retire-items: it deletes generations that are no longer
// kept. A resource is deleted only if the own ledger says that a refresh made
// it, it still is that very resource by AWS's own id, it carries that refresh's
// tags, no live pointer leads to it, and it is older than what serves.
func NewRetireItems(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &retireItems{base, aas.NewFromConfig(rt.AWS), cloudwatch.NewFromConfig(rt.AWS)}
	return lambdafn.Typed(s.do), nil
}

// old is one resource that is no longer kept.
type old struct {
	kind         refresh.Kind
	source, name string
	refreshID    string
	secrets      map[string]string // ARNs, by user
}

func (s *retireItems) do(ctx context.Context, in StepInput) (Retired, error) {
	if err := refresh.LockServing(ctx, s.Runtime, in.RefreshID, in.Execution); err != nil {
		return Retired{}, err
	}
	live, err := s.livePointers(ctx)
	if err != nil {
		return Retired{}, err
	}
	all, err := refresh.Candidates(ctx, s.ledger)
	if err != nil {
		return Retired{}, err
	}
	out := Retired{Answer: converge.DoneNow()}
	var failed fault.Several // one that cannot be deleted keeps no other from it
	for _, o := range outdated(all, live.serves, s.t.Switch.Keep()) {
		rec, err := s.retire(ctx, o)
		switch {
		case err != nil:
			s.Log.Error("cannot retire", "what", o.String(), "err", err.Error())
			failed = failed.And(err)
		case rec.Left != "":
			out.Left++
		case rec.Gone.IsZero():
			out.Answer = converge.Answer{Status: converge.Waiting, WaitSeconds: 20}
		default:
			out.Deleted++
		}
	}
	if out.Status == converge.Waiting {
		return out, nil // told when the others have gone
	}
	return out, failed.Err()
}

// outdated lists what is no longer kept, oldest last: of each item, everything
// beyond the newest keep generations that is older than what serves. Where
// nothing serves, nothing is outdated: pointers may be of a kind that dbferry
// does not know.
func outdated(newestFirst []refresh.Candidate, serves func(string) bool, keep int) []old {
	type item struct {
		kind   refresh.Kind
		source string
	}
	var order []item
	generations := map[item][]old{}
	for _, c := range newestFirst {
		for _, it := range c.Items {
			k := item{it.Kind, it.Source}
			if generations[k] == nil {
				order = append(order, k)
			}
			generations[k] = append(generations[k], old{it.Kind, it.Source, it.Name, c.RefreshID, it.Secrets})
		}
	}
	var out []old
	for _, k := range order {
		list := generations[k]
		serving := slices.IndexFunc(list, func(o old) bool { return serves(o.name) })
		if serving < 0 {
			continue
		}
		for i, o := range list {
			if i >= keep && i > serving && !serves(o.name) {
				out = append(out, o)
			}
		}
	}
	return out
}

// retire converges on the end of one resource.
func (s *retireItems) retire(ctx context.Context, o old) (Retirement, error) {
	key := retiredKey(o.kind, o.name)
	var rec Retirement
	_, found, err := s.ledger.Get(ctx, key, &rec)
	if err != nil || found && !rec.Gone.IsZero() {
		return rec, err
	}
	made, known, err := refresh.ReadRestored(ctx, s.ledger, o.refreshID, o.kind, o.source)
	if err != nil {
		return rec, err
	}
	if !found {
		rec = Retirement{Kind: o.kind, Source: o.source, Name: o.name, RefreshID: o.refreshID, Began: s.Now().UTC()}
	}
	rec.Left = ""
	gone := false
	if !known || made.ResourceID == "" || made.Name != o.name {
		rec.Left = "the ledger does not know that this refresh made it"
	} else if o.kind == refresh.Table {
		gone, rec.Left, err = s.endTable(ctx, o, made, &rec)
	} else {
		gone, rec.Left, err = s.endCluster(ctx, o, made, &rec)
	}
	if err != nil {
		return rec, err
	}
	if gone {
		if err := s.endSecrets(ctx, o); err != nil {
			return rec, err
		}
		rec.Gone = s.Now().UTC()
	}
	return rec, s.ledger.Put(ctx, key, rec)
}

const stranger = "it is not the resource that the refresh made: another one has its name or its tags are gone"

// String names the resource in logs.
func (o old) String() string { return fmt.Sprintf("%s %s of refresh %s", o.kind, o.name, o.refreshID) }

// deleting wraps an error of a deletion.
func deleting(o old, err error) error { return fault.AWS("delete "+o.String(), o.name, err) }

// MarshalJSON joins the answer with the counts, so that both stand side by side.
func (r Retired) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Status      converge.Status `json:"status"`
		WaitSeconds int             `json:"waitSeconds,omitempty"`
		Deleted     int             `json:"deleted"`
		Left        int             `json:"left"`
	}{r.Status, r.WaitSeconds, r.Deleted, r.Left})
}
