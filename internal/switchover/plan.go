package switchover

import (
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/refresh"
)

// Input is what an operator, or the end of a restore, gives to staging-switch.
type Input struct {
	RefreshID string `json:"refreshId,omitempty"` // the generation that shall serve, newer or older than the one that does
	Undo      bool   `json:"undo,omitempty"`      // put back what an unfinished switch has moved
	Retire    bool   `json:"retire,omitempty"`    // only delete generations that are no longer kept
	Reason    string `json:"reason,omitempty"`    // free text for the ledger
}

// Phase is how far a switch has come.
type Phase string

// The phases of a switch.
const (
	Planned Phase = "planned" // nothing that serves was touched
	Moving  Phase = "moving"  // pointers may be half-way
	Moved   Phase = "moved"   // all pointers are moved, and it is proved
	Back    Phase = "back"    // all pointers are where they were, and it is proved
)

// Plan is one switch: what shall serve, and every move that leads there. It
// stands in the ledger from before the first move until the next switch.
type Plan struct {
	ID        string    `json:"id"` // of this switch; a refresh may be switched to more than once
	RefreshID string    `json:"refreshId"`
	Target    string    `json:"target"`
	Previous  string    `json:"previous,omitempty"` // generation that served before; empty when none or several did
	Execution string    `json:"execution"`          // that works on it now
	Reason    string    `json:"reason,omitempty"`
	Phase     Phase     `json:"phase"`
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	Items     []Item    `json:"items"`
	Moves     []Move    `json:"moves"`
	Outcomes  []Outcome `json:"outcomes,omitempty"` // of services and hooks, once it has ended
}

// Open says whether the switch has begun and not ended.
func (p Plan) Open() bool { return p.Phase == Planned || p.Phase == Moving }

// Item is one cluster or table of the candidate.
type Item struct {
	Kind    refresh.Kind   `json:"kind"`
	Source  string         `json:"source"`
	Name    string         `json:"name"`              // the candidate's resource
	Serving string         `json:"serving,omitempty"` // what served when the switch was planned; empty: nothing that is known
	CutOff  refresh.CutOff `json:"cutOff"`
}

// MoveKind is the kind of a pointer.
type MoveKind string

// The kinds of pointers, in the order in which they move.
const (
	IdleSecret  MoveKind = "idle-proxy-secret" // a secret of a pair's idle proxy
	IdleProxy   MoveKind = "idle-proxy"        // the target of a pair's idle proxy: proved before anything that serves moves
	ProxySecret MoveKind = "proxy-secret"      // a secret of a serving proxy
	Proxy       MoveKind = "proxy"             // the target of a serving proxy
	Parameter   MoveKind = "parameter"
	CNAME       MoveKind = "record"
	Service     MoveKind = "service" // an ECS service's deployment: not from and to, but rolled anew in either direction
	Hook        MoveKind = "hook"
)

// Move is one pointer's way. From and To are a cluster identifier for proxies,
// an ARN for their secrets, a value for parameters and records; services and
// hooks have none.
type Move struct {
	Kind   MoveKind `json:"kind"`
	Name   string   `json:"name"` // proxy, proxy/user, parameter, zone/record, cluster/service, hook
	Item   string   `json:"item,omitempty"`
	From   string   `json:"from,omitempty"`
	To     string   `json:"to,omitempty"`
	Absent bool     `json:"absent,omitempty"` // the parameter or record did not exist before
	TTL    int64    `json:"ttl,omitempty"`    // of the record before

	// Version of the parameter before: its history keeps it (the last 100 do).
	Version int64 `json:"version,omitempty"`
}

// String is the move for a person.
func (m Move) String() string {
	switch {
	case m.Kind == Service || m.Kind == Hook:
		return string(m.Kind) + " " + m.Name
	case m.Absent || m.From == "":
		return string(m.Kind) + " " + m.Name + ": nothing → " + m.To
	}
	return string(m.Kind) + " " + m.Name + ": " + m.From + " → " + m.To
}

// proxy is the name of the proxy that a move is of: of a proxy's secret, what
// stands before the user.
func (m Move) proxy() string {
	name, _, _ := strings.Cut(m.Name, "/")
	return name
}

// Direction is which way a move is made.
type Direction string

// The two directions.
const (
	Forward  Direction = "forward"
	Backward Direction = "backward"
)

// ends are where a move comes from and where it goes to in a direction.
func (m Move) ends(d Direction) (from, to string) {
	if d == Backward {
		return m.To, m.From
	}
	return m.From, m.To
}

func (d Direction) opposite() Direction {
	if d == Backward {
		return Forward
	}
	return Backward
}

// of are a plan's moves of some kinds.
func (p Plan) of(kinds ...MoveKind) []Move {
	var out []Move
	for _, k := range kinds {
		for _, m := range p.Moves {
			if m.Kind == k {
				out = append(out, m)
			}
		}
	}
	return out
}

// PlanKey is where in its ledger a target keeps the plan of the latest switch.
const PlanKey = "switch/current.json"

// More keys of the ledger.
const (
	pastPrefix  = "switch/past/"
	stepsPrefix = "switch/steps/"
)

// ServingKey is where a target's ledger says which resource serves for an item
// since the last switch.
func ServingKey(kind refresh.Kind, source string) string {
	return "serving/" + string(kind) + "/" + source + ".json"
}

// Serving is the record of what serves for an item. The live pointers are the
// truth; this tells which generation they point to.
type Serving struct {
	Kind      refresh.Kind `json:"kind"`
	Source    string       `json:"source"`
	Name      string       `json:"name"`
	RefreshID string       `json:"refreshId"`
	Since     time.Time    `json:"since"`
}
