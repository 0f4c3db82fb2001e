package iam

// Decision is the answer to a Request.
type Decision struct {
	Allowed bool
	// By lists the statements that decided. Allowed: one per side that had to
	// allow, in the order identity, resource, boundary, service control.
	// Explicitly denied: every denying statement. Otherwise empty.
	By []StatementID
	// Why is one sentence for the operator: account, side, action, and for a
	// refusal the nearest miss.
	Why string

	// The rest describes a refusal.

	Explicit bool       // a Deny statement applied; nothing can be added to help
	Side     string     // what refused: "vault policy of copies in 222222222222", "explicit deny", …
	Missing  string     // what would have to be changed, in words
	FixIn    PolicyType // the side Fix belongs to; empty when no statement helps
	Fix      *Statement // the statement that is missing; nil when no statement helps
}

// Evaluate decides a request. The same arguments give the same decision.
//
// Nearly every request is allowed, and an allowed one is decided by the
// statements that apply alone. So those are read first; near misses, which only
// explain a refusal, are read when there is one to explain.
func Evaluate(req Request, pol Policies) Decision {
	if d := newEvaluation(req, pol, false).decide(); d.Allowed {
		return d
	}
	return newEvaluation(req, pol, true).decide()
}

func (e *evaluation) decide() Decision {
	if denied := e.explicitDenials(); len(denied) > 0 {
		return e.deniedBy(denied)
	}
	if level, missing := e.scpGap(); missing {
		return e.refuseSCP(level)
	}
	return e.byKind()
}

// Referenced lists every statement (and grant) that applies to the request,
// whether or not it decided. Removing a statement that is not listed cannot
// change Allowed, so a mutant needs only the logged requests that reference it.
func Referenced(req Request, pol Policies) []StatementID {
	e := newEvaluation(req, pol, false)
	var out []StatementID
	for _, f := range e.all() {
		out = append(out, f.id)
	}
	for _, g := range pol.Grants {
		if e.grantApplies(g) {
			out = append(out, g.statementID())
		}
	}
	return out
}

// evaluation is a request with its policies read.
type evaluation struct {
	req      Request
	pol      Policies
	identity []finding
	resource []finding
	boundary []finding
	service  []finding
}

// newEvaluation reads the policies; without misses only statements that apply
// are kept.
func newEvaluation(req Request, pol Policies, misses bool) *evaluation {
	req = req.normalized()
	r := reader{req: req, misses: misses}
	e := &evaluation{req: req, pol: pol}
	if req.Kind.hasPolicy() {
		e.resource = r.readAll(one(pol.Resource), ResourcePolicy)
	}
	if req.Principal.Service != "" {
		return e // nothing is attached to a service principal
	}
	e.identity = r.readAll(pol.Identity, IdentityPolicy)
	e.boundary = r.readAll(one(pol.Boundary), BoundaryPolicy)
	if e.scpsApply() {
		e.service = r.readAll(pol.Service, ServiceControlPolicy)
	}
	return e
}

func one(p *Policy) []Policy {
	if p == nil {
		return nil
	}
	return []Policy{*p}
}

// all is every finding, in the order decisions list them.
func (e *evaluation) all() []finding {
	var out []finding
	for _, side := range [][]finding{e.identity, e.resource, e.boundary, e.service} {
		out = append(out, side...)
	}
	return out
}

func (e *evaluation) explicitDenials() []finding {
	var out []finding
	for _, side := range [][]finding{e.identity, e.resource, e.boundary, e.service} {
		for _, f := range side {
			if f.denies() {
				out = append(out, f)
			}
		}
	}
	return out
}

// byKind hands over to the rule of the resource's kind.
func (e *evaluation) byKind() Decision {
	switch e.req.Kind {
	case General:
		return e.general()
	case Key:
		return e.key()
	case Trust:
		return e.mandatoryPolicy()
	case VaultCopy:
		return e.vault()
	case NoPolicy:
		return e.noPolicy()
	case Shared:
		return e.identityOnly()
	}
	return e.refuseOutright(e.resourceName(), "the kind of this resource is not known")
}

// firstAllow returns the first allowing statement of a side.
func firstAllow(side []finding) (finding, bool) {
	for _, f := range side {
		if f.allows() {
			return f, true
		}
	}
	return finding{}, false
}

// firmest returns the allowing statement that holds the caller most firmly.
func firmest(side []finding) (finding, bool) {
	var best finding
	for _, f := range side {
		if f.allows() && f.grip > best.grip {
			best = f
		}
	}
	return best, best.grip > noGrip
}
