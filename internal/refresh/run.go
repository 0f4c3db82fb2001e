package refresh

import (
	"context"
	"time"

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
	Kind     Kind   `json:"kind"`
	ID       string `json:"id"`
	Deadline int64  `json:"deadline"` // Unix milliseconds; the phase must be done by then
}

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

// The phases of a refresh, for deadlines.
type phase struct {
	base      time.Duration // for an empty item
	perSecond int64         // bytes a second, slower than anything AWS was seen to do
}

var (
	backupPhase  = phase{base: 3 * time.Hour, perSecond: 50 << 20}
	copyPhase    = phase{base: 8 * time.Hour, perSecond: 20 << 20}
	restorePhase = phase{base: 8 * time.Hour, perSecond: 50 << 20}
)

// limit is how long the phase may take for an item of a size.
func (p phase) limit(bytes int64) time.Duration {
	return p.base + time.Duration(bytes/p.perSecond)*time.Second
}

// deadlines makes the list of a phase for the items of one kind ("" for all),
// with deadlines counted from start.
func deadlines(items []Planned, kind Kind, start time.Time, phases ...phase) []MapItem {
	list := []MapItem{}
	for _, it := range items {
		if kind != "" && it.Kind != kind {
			continue
		}
		at := start
		for _, p := range phases {
			at = at.Add(p.limit(it.Bytes))
		}
		list = append(list, MapItem{Kind: it.Kind, ID: it.ID, Deadline: at.UnixMilli()})
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
