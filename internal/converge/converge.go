// Package converge holds the rule that every step obeys: the same call confirms
// or continues, and never repeats. A step starts work and looks at it in one
// function, so a lost reply heals itself; what was intended is in the ledger
// before AWS is asked, with the attempt that it belongs to, so that a dead job
// never answers for a new one.
package converge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/ledger"
)

// Status is what a step tells the state machine.
type Status string

// The answers of a step.
const (
	Waiting Status = "WAITING"
	Done    Status = "DONE"
)

// Answer is the output of a converging step.
type Answer struct {
	Status      Status `json:"status"`
	WaitSeconds int    `json:"waitSeconds,omitempty"`

	// Detail is what the work was seen to do, for an error about its deadline.
	Detail string `json:"-"`
}

// DoneNow is the answer of finished work.
func DoneNow() Answer { return Answer{Status: Done} }

// Longest is the longest wait between two looks. With what the look itself
// takes, every end is noticed within a minute.
const Longest = 55 * time.Second

// Wait is the answer of work that goes on, for something that began at since.
// Intervals grow with age and never exceed Longest: AWS Backup's events come
// late or never, so looking is the only sure way to know.
func Wait(now, since time.Time) Answer {
	seconds := int(Longest / time.Second)
	switch age := now.Sub(since); {
	case age < 5*time.Minute:
		seconds = 10
	case age < 15*time.Minute:
		seconds = 15
	case age < 30*time.Minute:
		seconds = 20
	case age < time.Hour:
		seconds = 30
	}
	return Answer{Status: Waiting, WaitSeconds: seconds}
}

// Observed is what a look at a resource found.
type Observed int

// The four things that a look can find.
const (
	Absent   Observed = iota // it is not there
	Settling                 // it is ours and not ready
	Ours                     // it is ours and ready
	Foreign                  // somebody else's has the name
)

// Resource is something with a fixed name that a step creates.
type Resource struct {
	Ledger    *ledger.Ledger
	Key       string // of the intent in the ledger
	Name      string // for people
	Execution string
	Now       func() time.Time

	Look   func(ctx context.Context) (Observed, string, error) // the string describes what was found
	Create func(ctx context.Context) error                     // an "already exists" is nil: the next look decides
}

// Converge creates the resource once and waits until it is ready.
func (r Resource) Converge(ctx context.Context) (Answer, error) {
	var in Intent
	_, intended, err := r.Ledger.Get(ctx, r.Key, &in)
	if err != nil {
		return Answer{}, err
	}
	state, detail, err := r.Look(ctx)
	if err != nil {
		return Answer{}, err
	}
	switch {
	case state == Ours:
		return DoneNow(), nil
	case state == Foreign, state == Settling && !intended:
		return Answer{}, fault.New(fault.NameTaken, "create "+r.Name, r.Name,
			"rename or remove that resource if it is not needed, then start again", "something that dbferry did not make has this name: %s", detail)
	case state == Settling:
		return Wait(r.Now(), in.At), nil
	}
	if !intended {
		in = Intent{Attempt: 1, Execution: r.Execution, At: r.Now().UTC(), ResourceID: r.Name}
		if _, err := r.Ledger.Create(ctx, r.Key, in); err != nil {
			return Answer{}, err
		}
	}
	if err := r.Create(ctx); err != nil {
		return Answer{}, err
	}
	return Wait(r.Now(), r.Now()), nil
}

// Intent is written before AWS is asked for anything.
type Intent struct {
	Attempt    int       `json:"attempt"`
	Execution  string    `json:"execution"`
	At         time.Time `json:"at"`
	ResourceID string    `json:"resourceId,omitempty"` // empty until AWS has named it
}

// Job is one asynchronous AWS job, started once per attempt.
type Job struct {
	Ledger    *ledger.Ledger
	Key       string // of the intent
	Name      string // for people: "back up shop-orders"
	Failure   fault.Name
	Execution string // the execution that asks now
	Seed      []string
	Every     time.Duration // the shortest time between two looks; 0: as Wait says
	Now       func() time.Time

	// Start asks AWS for the job; in is the intent that was written before.
	Start func(ctx context.Context, in Intent, token string) (id string, err error)
	// Look asks AWS about the job in.ResourceID.
	Look func(ctx context.Context, in Intent) (JobState, error)
}

// JobState is what a look at a job found.
type JobState struct {
	Running bool
	Status  string // AWS's word for how far it is, while it runs
	Failed  string // why it ended badly; empty when it did not
	Next    string // what to do about that
}

// Token is the idempotency token of an attempt: the same attempt always asks
// AWS for the same job.
func Token(attempt int, seed ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(append(seed, strconv.Itoa(attempt)), "\x00")))
	return "dbferry-" + hex.EncodeToString(sum[:])[:32]
}

// Converge starts the job if this attempt has none, looks at it, and begins a
// new attempt only when the old one died under an earlier execution.
func (j Job) Converge(ctx context.Context) (Answer, Intent, error) {
	in, ver, err := j.intent(ctx)
	if err != nil {
		return Answer{}, in, err
	}
	if in.ResourceID == "" {
		in, err = j.start(ctx, in, ver)
		if fault.Is(err, fault.NameTaken) && in.Execution != j.Execution {
			return j.again(ctx) // an attempt whose name is not free never begins
		}
		if err != nil {
			return Answer{}, in, err
		}
	}
	state, err := j.Look(ctx, in)
	if fault.IsNotFound(err) && j.Now().Sub(in.At) < 2*time.Minute {
		return j.wait(in), in, nil // not visible everywhere yet
	}
	if err != nil {
		return Answer{}, in, fault.AWS(j.Name, in.ResourceID, err)
	}
	switch {
	case state.Running:
		a := j.wait(in)
		a.Detail = fmt.Sprintf("AWS's job %s is %s since %s", in.ResourceID, state.Status, in.At.Format(time.RFC3339))
		return a, in, nil
	case state.Failed == "":
		return DoneNow(), in, nil
	case in.Execution == j.Execution:
		return Answer{}, in, fault.New(j.Failure, j.Name, in.ResourceID, state.Next, "%s", state.Failed)
	}
	return j.again(ctx)
}

func (j Job) wait(in Intent) Answer {
	a := Wait(j.Now(), in.At)
	a.WaitSeconds = max(a.WaitSeconds, int(min(j.Every, Longest)/time.Second))
	return a
}

func (j Job) intent(ctx context.Context) (Intent, ledger.Version, error) {
	var in Intent
	ver, found, err := j.Ledger.Get(ctx, j.Key, &in)
	if err != nil || found {
		return in, ver, err
	}
	if _, err := j.Ledger.Create(ctx, j.Key, Intent{Attempt: 1, Execution: j.Execution, At: j.Now().UTC()}); err != nil {
		return in, "", err
	}
	ver, found, err = j.Ledger.Get(ctx, j.Key, &in)
	if err == nil && !found {
		err = fault.New(fault.Unavailable, j.Name, j.Key, "", "the intent that was just written cannot be read")
	}
	return in, ver, err
}

// start asks AWS with the attempt's token. If the job's id cannot be recorded,
// the next call asks again with the same token and gets the same job.
func (j Job) start(ctx context.Context, in Intent, ver ledger.Version) (Intent, error) {
	id, err := j.Start(ctx, in, Token(in.Attempt, j.Seed...))
	if err != nil {
		return in, err
	}
	in.ResourceID = id
	ok, err := j.Ledger.Replace(ctx, j.Key, ver, in)
	if err == nil && !ok {
		err = fault.New(fault.Unavailable, j.Name, j.Key, "", "the intent changed while the job was started")
	}
	return in, err
}

// again begins the next attempt in place of one that died under an earlier
// execution.
func (j Job) again(ctx context.Context) (Answer, Intent, error) {
	var in Intent
	ver, _, err := j.Ledger.Get(ctx, j.Key, &in)
	if err != nil {
		return Answer{}, in, err
	}
	next := Intent{Attempt: in.Attempt + 1, Execution: j.Execution, At: j.Now().UTC()}
	if _, err := j.Ledger.Replace(ctx, j.Key, ver, next); err != nil {
		return Answer{}, in, err
	}
	return Answer{Status: Waiting, WaitSeconds: 1}, next, nil
}
