// Package rehearsal runs the deployed templates and the real handlers in a
// simulated pair of accounts: Scenario in, Result out. What a person or a
// program reads of a Result is made by internal/report.
package rehearsal

import (
	"time"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/stagingapp"
)

// Result is how a rehearsal ended, and everything that a report needs.
type Result struct {
	Target    string
	Verdict   string // "Succeeded", or the Error of the Fail state that ended it
	Cause     string // why, when it did not succeed
	RefreshID string

	Executions  []Execution
	Items       []Item
	Differences []Difference // settings that are not as in production
	Carried     []Carried    // settings that are as in production again
	Waits       []Wait
	Border      []Crossing
	Denials     []Denial
	Preflight   check.Report // what check-ground found, and what the target's ready.json says beside its problems

	Switch *Switched          // of the application, after the refresh; nil when there was none
	App    *stagingapp.Report // what the target's application noticed; nil when its ground has none

	Migration *Migrated // of a cluster, when that was rehearsed

	CriticalPath time.Duration // of the AWS jobs alone
	Duration     time.Duration // simulated, from the start to the end of the refresh, or of a switch that was all
	CutOffs      []CutOff      // of every item, as the manifest states them
	CutOffSpread time.Duration // from the earliest to the latest of them
	DataAge      time.Duration // from the earliest of them to the end
	Inherited    []Inherited   // what the candidate has in place of the items that were left out

	Permissions   Permissions
	SecretsLeaked []string       // "what, where"; empty when nothing leaked
	Left          []string       // what a run that did not succeed leaves behind, and how it expires
	Sites         []string       // where calls were made, "machine/item/state/Service.Operation (calls)"
	Calls         int            // API calls
	Requests      map[string]int // the same, by "Service.Operation"
	Busiest       map[string]int // the most of them in one second in one account
	Limits        []Limit        // of AWS, and how near the run came to them
	GBSeconds     float64        // of Lambda, as billed but for its own overhead
	Events        uint64         // kernel events
	Wall          time.Duration
}

// Execution is one top-level execution of a state machine.
type Execution struct {
	Machine     string
	Account     string
	Status      string
	Error       string
	Cause       string
	Events      int // history events, of this execution alone
	Transitions int // billed state transitions, with those of its Map children
	Duration    time.Duration
	Path        []string // states entered, repeated laps folded
}

// Item is one table of the data set: a table of a cluster's database, or a
// DynamoDB table.
type Item struct {
	Source         string // "shop-orders/shop.orders", or "shop-carts"
	Kind           string // "cluster" or "table"
	Target         string // the same in the target
	RowsSource     int    // at the cut-off
	RowsTarget     int
	ChecksumSource string
	ChecksumTarget string
}

// Same says whether the copy has the rows of the cut-off image.
func (i Item) Same() bool {
	return i.RowsSource == i.RowsTarget && i.ChecksumSource == i.ChecksumTarget && i.ChecksumSource != ""
}

// CutOff bounds the moment whose data an item's copy holds.
type CutOff struct {
	Item      string // "shop-orders"
	Kind      string // "cluster" or "table"
	NotBefore time.Time
	NotAfter  time.Time
}

// Carried are the settings of one item that a restore loses and that are as in
// production again.
type Carried struct {
	Item     string
	Settings []string
}

// Difference is one setting of a restored cluster or table that is not as in
// production, as the candidate's record has it.
type Difference struct {
	Item       string // "shop-orders"
	Setting    string // "backup retention"
	Production string
	Here       string
	Why        string
}

// Inherited is what stands for an item that a partial refresh left out. Name and
// RefreshID are empty when no earlier refresh has brought it.
type Inherited struct {
	Kind      string // "cluster" or "table"
	Source    string
	Name      string // in the target
	RefreshID string
	DataAge   time.Duration // at the end
}

// Wait is one piece of asynchronous AWS work, in time since the start.
type Wait struct {
	What     string
	Item     string
	Phase    string
	Began    time.Duration
	Finished time.Duration
	Noticed  time.Duration // 0 when nobody looked any more
}

// Crossing is one thing that went over the border.
type Crossing struct {
	At   time.Duration
	What string
}

// Denial is a refusal by policy that ended or hindered the run.
type Denial struct {
	Account  string // whose policy refused
	Who      string
	Action   string
	Resource string
	Why      string
	Missing  string // the statement that would allow it, as JSON
	Fix      string // a command
}

// Permissions counts (role, action) pairs.
type Permissions struct {
	Granted int
	Used    int
	Unused  []string // "role action", sorted
}
