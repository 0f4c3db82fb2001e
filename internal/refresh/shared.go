package refresh

import (
	"context"
	"slices"
	"strings"
	"time"

	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
)

// What the switch needs of a refresh: both keep their records in the target's
// one ledger, and take the same locks.

// ReadCandidate reads what a refresh restored and opened; found is false when
// it has not come so far.
func ReadCandidate(ctx context.Context, l *ledger.Ledger, id string) (c Candidate, found bool, err error) {
	_, found, err = l.Get(ctx, candidateKey(id), &c)
	return c, found, err
}

// Candidates reads every candidate of the ledger, the newest first.
func Candidates(ctx context.Context, l *ledger.Ledger) ([]Candidate, error) {
	keys, err := l.List(ctx, "candidates/")
	if err != nil {
		return nil, err
	}
	slices.Sort(keys) // a refresh id begins with its minute
	slices.Reverse(keys)
	var all []Candidate
	for _, key := range keys {
		id := strings.TrimSuffix(strings.TrimPrefix(key, "candidates/"), ".json")
		if !ValidID(id) {
			continue
		}
		c, found, err := ReadCandidate(ctx, l, id)
		if err != nil {
			return nil, err
		}
		if found {
			all = append(all, c)
		}
	}
	return all, nil
}

// ReadRestored reads what a refresh's restore step made for an item.
func ReadRestored(ctx context.Context, l *ledger.Ledger, id string, kind Kind, source string) (r Restored, found bool, err error) {
	_, found, err = l.Get(ctx, RestoredKey(id, kind, source), &r)
	return r, found, err
}

// RestoredKey is where a target's ledger keeps what a refresh's restore step
// made for an item.
func RestoredKey(id string, kind Kind, source string) string {
	if kind == Cluster {
		return itemKey(id, kind, source, "restore-cluster")
	}
	return itemKey(id, kind, source, "restore-table")
}

// Lock takes the locks of a candidate's items for an execution, or says Busy.
func Lock(ctx context.Context, rt lambdafn.Runtime, c Candidate, execution string) error {
	s := newStep(rt)
	p := Plan{RefreshID: c.RefreshID, Target: c.Target}
	for _, it := range c.Items {
		p.Items = append(p.Items, Planned{Kind: it.Kind, ID: it.Source})
	}
	return s.lockItems(ctx, p, execution)
}

// LockServing takes the lock of a target's pointers, which every switch and
// every clean-up needs.
func LockServing(ctx context.Context, rt lambdafn.Runtime, refreshID, execution string) error {
	s := newStep(rt)
	h := ledger.Holder{RefreshID: refreshID, Target: rt.Side, Execution: execution, AcquiredAt: rt.Now().UTC()}
	return s.ledger.Acquire(ctx, servingLock, h, s.executionAlive)
}

// servingLock is the lock of a target's pointers; close-run frees it.
var servingLock = ledger.LockKey("switch", "serving")

// Alive says whether an execution still runs.
func Alive(ctx context.Context, rt lambdafn.Runtime, execution string) (bool, error) {
	s := newStep(rt)
	return s.executionAlive(ctx, execution)
}

// Begin records which refresh an execution works on, so that close-run finds it
// however the execution ends. It counts as begun from here on: a switch that is
// stopped later must never be told as one that nothing came of.
func Begin(ctx context.Context, rt lambdafn.Runtime, refreshID, execution string) error {
	r := run{RefreshID: refreshID, Target: rt.Side, Execution: execution, StartedAt: rt.Now().UTC().Truncate(time.Second), Begun: true}
	return ledger.New(rt.AWS, rt.Ledger).Put(ctx, executionKey(execution), r)
}

// openSwitch is what close-run and notify must know of a switch: the part of its
// plan that they read (internal/switchover writes it).
type openSwitch struct {
	RefreshID string `json:"refreshId"`
	Previous  string `json:"previous"` // generation that served before, if one did
	Execution string `json:"execution"`
	Phase     string `json:"phase"`
	Moves     []struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"moves"`
}

// switchOf reads the switch that an execution works on; nil when it works on none.
func (s *step) switchOf(ctx context.Context, execution string) (*openSwitch, error) {
	var o openSwitch
	_, found, err := s.ledger.Get(ctx, "switch/current.json", &o)
	if err != nil || !found || o.Execution != execution {
		return nil, err
	}
	return &o, nil
}

// halfWay corrects the verdict of a switch that was stopped or timed out: when
// pointers may be half-way, somebody has to finish it or put it back.
func (s *step) halfWay(ctx context.Context, end End) (End, error) {
	if end.Verdict != Failed || end.Error == "" || strings.HasPrefix(end.Error, "Ferry.") {
		return end, nil
	}
	o, err := s.switchOf(ctx, end.Execution)
	if err != nil || o == nil || o.Phase != "moving" {
		return end, err
	}
	end.Verdict = NeedsOperator
	end.Cause = strings.TrimSpace(end.Cause + " The switch to " + o.RefreshID + ` was ended half-way: finish it with {"refreshId":"` + o.RefreshID + `"} or put it back with {"undo":true}.`)
	return end, nil
}

// Credential is a user with its password, which no printing shows.
type Credential = credential

// Password is the secret itself: for logging in, and for nothing else.
func (c credential) Password() string { return c.password }

// ReadSecret reads {"username","password"} from the target's own secret.
func ReadSecret(ctx context.Context, client *secretsmanager.Client, name string) (Credential, error) {
	return readSecret(ctx, client, name)
}

// ClusterScaling reads the replica auto scaling of a cluster.
func ClusterScaling(ctx context.Context, rt lambdafn.Runtime, cluster string) ([]ScalingTarget, error) {
	targets, _, err := scaler{aas.NewFromConfig(rt.AWS), cluster, Cluster}.read(ctx, nil)
	return targets, err
}

// PutClusterScaling puts replica auto scaling back where it is missing; done is
// false while there may be more to put.
func PutClusterScaling(ctx context.Context, rt lambdafn.Runtime, cluster string, want []ScalingTarget) (done bool, err error) {
	changed, err := scaler{aas.NewFromConfig(rt.AWS), cluster, Cluster}.apply(ctx, want, nil)
	return !changed, err
}
