package awsworld

import (
	"errors"
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/iam"
)

// Journal remembers every call and every decision of a run, in order.
type Journal struct {
	world     *World
	Calls     []Entry
	Decisions []Decided
	Count     int            // calls made, also those that Quiet does not keep
	ByName    map[string]int // the same, by "Service.Operation"
	Busiest   map[string]int // the most in one second in one account, by "Service.Operation"

	// Quiet is for runs with hundreds of items. It keeps no entry of a
	// successful look (Describe, Get, List), and of allowed decisions only the
	// first that a set of statements made for a caller and an action.
	Quiet bool

	seen    map[alike]struct{}
	seconds map[operation]*second
}

// operation is what AWS limits the rate of.
type operation struct{ account, name string }

type second struct {
	at    int64
	calls int
}

// alike is what allowed decisions that differ only in their item share.
type alike struct{ who, action, owner, by string }

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
	if c.Caller.Ground {
		return
	}
	j.count(c)
	if err == nil && j.Quiet && isLook(c.Op.Name) {
		return
	}
	outcome := "ok"
	if err != nil {
		outcome = err.Error()
	}
	j.Calls = append(j.Calls, Entry{
		At: j.world.Now(), Site: c.Caller.Site, Account: c.ownerAccount(), Principal: c.Caller.String(),
		Service: c.Op.Service, Operation: c.Op.Name, Outcome: outcome,
	})
}

func (j *Journal) count(c *Call) {
	name := c.Op.Service + "." + c.Op.Name
	j.Count++
	j.ByName[name]++
	at := operation{c.ownerAccount(), name}
	s := j.seconds[at]
	if now := j.world.Now().Unix(); s == nil || s.at != now {
		s = &second{at: now}
		j.seconds[at] = s
	}
	s.calls++
	j.Busiest[name] = max(j.Busiest[name], s.calls)
}

func isLook(op string) bool {
	for _, p := range []string{"Describe", "Get", "List", "Head"} {
		if len(op) > len(p) && op[:len(p)] == p {
			return true
		}
	}
	return false
}

func (j *Journal) decision(d Decided) {
	if j.Quiet && d.Decision.Allowed {
		key := alike{d.Request.Principal.ARN + d.Request.Principal.Service, d.Action, d.Request.Owner, fmt.Sprint(d.Decision.By)}
		if _, there := j.seen[key]; there {
			return
		}
		j.seen[key] = struct{}{}
	}
	j.Decisions = append(j.Decisions, d)
}

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
