package awsworld

import (
	"errors"
	"time"

	"github.com/dbferry/dbferry/internal/iam"
)

// Journal remembers every call and every decision of a run, in order.
type Journal struct {
	world     *World
	Calls     []Entry
	Decisions []Decided

	// Quiet keeps counts but not the entries of successful looks (Describe,
	// Get, List), for runs with thousands of items.
	Quiet bool
}

// Entry is one call.
type Entry struct {
	At        time.Time
	Site      Site
	Account   string
	Principal string
	Service   string
	Operation string
	Resource  string // the ARN that was authorised first; empty when none
	Outcome   string // "ok", or the error's text
}

// Decided is one authorisation with everything that decided it, so that it can
// be evaluated again with a statement taken away.
type Decided struct {
	At       time.Time
	Site     Site
	Action   string
	Request  iam.Request
	Policies iam.Policies
	Decision iam.Decision
}

func (j *Journal) call(c *Call, err error) {
	outcome := "ok"
	if err != nil {
		outcome = err.Error()
	}
	if c.Caller.Ground || (err == nil && j.Quiet && isLook(c.Op.Name)) {
		return
	}
	j.Calls = append(j.Calls, Entry{
		At: j.world.Now(), Site: c.Caller.Site, Account: c.ownerAccount(), Principal: c.Caller.String(),
		Service: c.Op.Service, Operation: c.Op.Name, Outcome: outcome,
	})
}

func isLook(op string) bool {
	for _, p := range []string{"Describe", "Get", "List", "Head"} {
		if len(op) > len(p) && op[:len(p)] == p {
			return true
		}
	}
	return false
}

func (j *Journal) decision(d Decided) { j.Decisions = append(j.Decisions, d) }

// Denials lists the decisions that refused something, in order.
func (j *Journal) Denials() []Decided {
	var out []Decided
	for _, d := range j.Decisions {
		if !d.Decision.Allowed {
			out = append(out, d)
		}
	}
	return out
}

// IsDenied says whether err is, or wraps, a refusal by policy.
func IsDenied(err error) (*Denied, bool) {
	var d *Denied
	ok := errors.As(err, &d)
	return d, ok
}
