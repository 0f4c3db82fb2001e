package awsworld

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Site is where a call happens: the coordinates at which faults are injected
// and under which decisions are logged.
type Site struct {
	Machine   string // state machine name without account or target: "production-backup"
	Item      string // "cluster", "table", or empty
	State     string // state name
	Operation string // "Backup.StartCopyJob"
}

// String is the form printed and accepted by --fault:
// machine/item/state/Service.Operation, with "-" for an empty part.
func (s Site) String() string {
	parts := []string{s.Machine, s.Item, s.State, s.Operation}
	for i, p := range parts {
		if p == "" {
			parts[i] = "-"
		}
	}
	return strings.Join(parts, "/")
}

type siteKey struct{}

// WithSite attaches a site to the context that handlers hand to the SDK.
func WithSite(ctx context.Context, s Site) context.Context {
	return context.WithValue(ctx, siteKey{}, s)
}

// SiteOf reads it back; zero when the call belongs to no state.
func SiteOf(ctx context.Context) Site {
	s, _ := ctx.Value(siteKey{}).(Site)
	return s
}

// FaultKind is what goes wrong.
type FaultKind string

// The kinds of fault. "Before" kinds fail the call without its effect; lost
// does the work and then loses the reply.
const (
	FaultError    FaultKind = "error"    // InternalFailure before the effect
	FaultThrottle FaultKind = "throttle" // ThrottlingException before the effect
	FaultDeny     FaultKind = "deny"     // AccessDenied before the effect
	FaultLost     FaultKind = "lost"     // the effect happens, the reply is lost
	FaultSlow     FaultKind = "slow"     // the call takes 20 simulated seconds
	FaultCrash    FaultKind = "crash"    // the function dies before the call
)

// FaultKinds lists them in the order of the documentation.
func FaultKinds() []FaultKind {
	return []FaultKind{FaultError, FaultThrottle, FaultDeny, FaultLost, FaultSlow, FaultCrash}
}

// Fault is one injected fault: the first N calls at Site (every part of which
// may be "*" ) go wrong.
type Fault struct {
	Site Site
	Kind FaultKind
	// Nth is the call at the site that is hit, counted from 1; 0 hits all.
	Nth int
}

type faultState struct {
	Fault
	seen   int
	healed bool
}

// ErrCrash is how a crashing function ends; the lambda service recognises it.
type ErrCrash struct{ Site Site }

func (e *ErrCrash) Error() string { return "the function was killed at " + e.Site.String() }

// Inject adds a fault. Inject before the run.
func (w *World) Inject(f Fault) { w.faults = append(w.faults, &faultState{Fault: f}) }

// ClearFaults ends all faults, so that a run may be continued after its cause is
// mended. FaultsHit still counts them.
func (w *World) ClearFaults() {
	for _, f := range w.faults {
		f.healed = true
	}
}

// Sites lists how many calls were made at each site; --fault accepts these.
func (w *World) Sites() map[Site]int { return w.sites }

// FaultsHit tells how many of the injected faults were reached.
func (w *World) FaultsHit() int {
	n := 0
	for _, f := range w.faults {
		if f.seen > 0 && f.seen >= f.Nth {
			n++
		}
	}
	return n
}

// faultFor counts the call at its site and picks the fault that hits it.
func (w *World) faultFor(c *Call) *faultState {
	if c.Caller.Ground {
		return nil
	}
	w.sites[c.Caller.Site]++
	for _, f := range w.faults {
		if f.healed || !f.Site.covers(c.Caller.Site) {
			continue
		}
		f.seen++
		if f.Nth == 0 || f.Nth == f.seen {
			return f
		}
	}
	return nil
}

func (s Site) covers(o Site) bool {
	one := func(p, v string) bool { return p == "*" || p == v }
	return one(s.Machine, o.Machine) && one(s.Item, o.Item) && one(s.State, o.State) && one(s.Operation, o.Operation)
}

func (f *faultState) before(c *Call) error {
	if f == nil {
		return nil
	}
	switch f.Kind {
	case FaultError:
		return Errorf("InternalFailure", "injected at %s", c.Caller.Site)
	case FaultThrottle:
		return Errorf("ThrottlingException", "Rate exceeded (injected at %s)", c.Caller.Site)
	case FaultDeny:
		return Errorf("AccessDeniedException", "injected at %s", c.Caller.Site)
	case FaultCrash:
		panic(&ErrCrash{Site: c.Caller.Site})
	case FaultSlow:
		return c.World.Kernel.Sleep(c.Ctx, 20*time.Second)
	}
	return nil
}

func (f *faultState) after(c *Call) error {
	if f == nil || f.Kind != FaultLost {
		return nil
	}
	return Errorf("InternalFailure", "the reply was lost, injected at %s", c.Caller.Site)
}

// ParseFault reads SITE=KIND with an optional #N (the N-th call at the site).
func ParseFault(s string) (Fault, error) {
	site, kind, ok := strings.Cut(s, "=")
	if !ok {
		return Fault{}, fmt.Errorf("fault %q: want SITE=KIND, for example production-backup/cluster/Back up/Backup.StartBackupJob=lost", s)
	}
	nth := 1
	if k, n, ok := strings.Cut(kind, "#"); ok {
		if _, err := fmt.Sscanf(n, "%d", &nth); err != nil || nth < 1 {
			return Fault{}, fmt.Errorf("fault %q: %q is not the number of a call", s, n)
		}
		kind = k
	}
	parts := strings.Split(site, "/")
	if len(parts) != 4 {
		return Fault{}, fmt.Errorf("fault %q: a site has four parts, machine/item/state/Service.Operation, with - for none", s)
	}
	for i := range parts {
		if parts[i] == "-" {
			parts[i] = ""
		}
	}
	f := Fault{Site: Site{parts[0], parts[1], parts[2], parts[3]}, Kind: FaultKind(kind), Nth: nth}
	for _, k := range FaultKinds() {
		if k == f.Kind {
			return f, nil
		}
	}
	return Fault{}, fmt.Errorf("fault %q: unknown kind %q; kinds are %v", s, kind, FaultKinds())
}

// FunctionKilled marks the panic as the rehearsal's own, not a bug of a step.
func (e *ErrCrash) FunctionKilled() {}
