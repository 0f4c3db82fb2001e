package refresh

import (
	"context"
	"time"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
)

// Planned is one item of a plan.
type Planned struct {
	Kind  Kind   `json:"kind"`
	ID    string `json:"id"` // cluster identifier or table name
	ARN   string `json:"arn"`
	Bytes int64  `json:"bytes"` // VolumeBytesUsed or TableSizeBytes; feeds deadlines
}

// Plan is what one refresh will do, fixed when it begins.
type Plan struct {
	RefreshID  string     `json:"refreshId"`
	Target     string     `json:"target"`
	ConfigHash string     `json:"configHash"`
	CreatedAt  time.Time  `json:"createdAt"`
	Only       []string   `json:"only,omitempty"` // what a partial refresh was limited to
	Items      []Planned  `json:"items"`
	LeftOut    []ItemName `json:"leftOut,omitempty"` // of the data set, by a partial refresh
}

// MapItem is one entry of the list that a Distributed Map reads.
type MapItem struct {
	Kind Kind   `json:"kind"`
	ID   string `json:"id"`
	// StartSeconds is how long the item's child waits before its first call, so
	// that a thousand children do not make it in the same second.
	StartSeconds int `json:"startSeconds"`
	// LimitSeconds is how long the phase may take, from the child's start: an
	// item that waits for its turn in the Map does not use up its time.
	LimitSeconds int64 `json:"limitSeconds"`
	// EverySeconds is the shortest time between two looks at the item's job.
	EverySeconds int `json:"everySeconds"`
}

func (it MapItem) every() time.Duration { return time.Duration(it.EverySeconds) * time.Second }

// Begun is what the first step of a machine tells the states that follow.
type Begun struct {
	Status    string `json:"status"` // "BEGUN"; "DUPLICATE" when another execution has it; "WAITING" when it is about to
	RefreshID string `json:"refreshId"`
	Clusters  int    `json:"clusters"`
	Tables    int    `json:"tables"`
	HandledBy string `json:"handledBy,omitempty"` // the other execution

	WaitSeconds int   `json:"waitSeconds,omitempty"` // with WAITING: ask again then,
	Deadline    int64 `json:"deadline,omitempty"`    // until this moment, in Unix milliseconds
}

// The answers of a first step.
const (
	begunStatus     = "BEGUN"
	duplicateStatus = "DUPLICATE"
	waitingStatus   = "WAITING"
)

// CutOff bounds the moment whose data an image holds: everything acknowledged
// before NotBefore is in it, nothing that began after NotAfter is.
type CutOff struct {
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
}

// phase is one Map of a machine.
type phase struct {
	base   time.Duration // how long it may take for an empty item
	rate   int64         // and bytes a second, slower than anything AWS was seen to do
	atOnce int           // MaxConcurrency of the Map of tables (a test compares)
}

var (
	backupPhase  = phase{base: 3 * time.Hour, rate: 50 << 20, atOnce: 1000}
	copyPhase    = phase{base: 8 * time.Hour, rate: 20 << 20, atOnce: 40}
	restorePhase = phase{base: 8 * time.Hour, rate: 50 << 20, atOnce: 40}
)

// limit is how long the phase may take for an item of a size.
func (p phase) limit(bytes int64) time.Duration {
	return p.base + time.Duration(bytes/p.rate)*time.Second
}

// The ramp of a Map: a burst of children begins at once, the others of the first
// atOnce in groups of a second. DynamoDB answers ListTagsOfResource ten times a
// second in an account, and every call is a Lambda invocation, of which an
// account has a thousand at once by default (docs/aws.md §14). Later children
// begin when others end, which is spread already.
const (
	burst     = 10
	perSecond = 5
)

func (p phase) start(i int) int {
	if i < burst || i >= p.atOnce {
		return 0
	}
	return (i-burst)/perSecond + 1
}

// every is the shortest time between two looks at one of n jobs. A small set is
// looked at more often, since that costs next to nothing. With a
// thousand in flight the longest wait makes 18 looks a second; where only a few
// dozen are, 30 seconds, because there every late look delays the items behind
// (docs/benchmarks.md).
func (p phase) every(n int) time.Duration {
	switch {
	case n <= 50:
		return 0
	case min(n, p.atOnce) <= 500:
		return 30 * time.Second
	}
	return converge.Longest
}

// listed makes the list of a phase for the items of one kind ("" for all).
func listed(items []Planned, kind Kind, p phase) []MapItem {
	list := []MapItem{}
	for _, it := range items {
		if kind == "" || it.Kind == kind {
			list = append(list, MapItem{Kind: it.Kind, ID: it.ID, StartSeconds: p.start(len(list)), LimitSeconds: int64(p.limit(it.Bytes) / time.Second)})
		}
	}
	for i := range list {
		list[i].EverySeconds = int(p.every(len(list)) / time.Second)
	}
	return list
}

func count(items []Planned, kind Kind) int {
	n := 0
	for _, it := range items {
		if it.Kind == kind {
			n++
		}
	}
	return n
}

// plan reads the plan of a refresh; a missing one means that it never began.
func (s *step) plan(ctx context.Context, id string) (Plan, error) {
	var p Plan
	_, found, err := s.ledger.Get(ctx, planKey(id), &p)
	if err == nil && !found {
		err = fault.New(fault.BadRequest, "find refresh "+id, id,
			"look for its id in the notification, or start a new refresh without resume", "this account's ledger has no such refresh")
	}
	return p, err
}
