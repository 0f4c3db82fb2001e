package iam

import (
	"slices"
	"strings"
)

// stage is how far a statement got before something did not fit. Later stages
// are nearer misses.
type stage int

const (
	missedAction stage = iota
	missedPrincipal
	missedResource
	missedCondition
	applies
)

// finding is one statement read against the request.
type finding struct {
	id     StatementID
	policy *Policy
	effect Effect
	stage  stage
	grip   grip       // resource policies only
	failed *Condition // the first condition that failed, at missedCondition
}

func (f finding) allows() bool { return f.stage == applies && f.effect == Allow }
func (f finding) denies() bool { return f.stage == applies && f.effect == Deny }

// reader holds what reading needs of the request.
type reader struct {
	req    Request
	ctx    requestContext // made when a statement asks for it: most name another action
	misses bool           // keep statements that do not apply, too
}

func (r *reader) context() requestContext {
	if r.ctx == nil {
		r.ctx = newContext(r.req)
	}
	return r.ctx
}

// readAll reads every statement of the policies, in order.
func (r *reader) readAll(policies []Policy, side PolicyType) []finding {
	var out []finding
	for k := range policies {
		p := &policies[k]
		variables := p.Doc.Version == Version2012
		for i := range p.Doc.Statements {
			s := &p.Doc.Statements[i]
			f := finding{policy: p, effect: s.Effect}
			r.read(&f, s, side, variables)
			if f.stage == applies || r.misses {
				f.id = p.statementID(i)
				out = append(out, f)
			}
		}
	}
	return out
}

func (r *reader) read(f *finding, s *Statement, side PolicyType, variables bool) {
	f.stage = missedAction
	if !r.coversAction(s) {
		return
	}
	f.stage = missedPrincipal
	if f.grip = r.holdsPrincipal(s, side); f.grip == noGrip {
		return
	}
	f.stage = missedResource
	if !r.coversResource(s, side, variables) {
		return
	}
	f.stage = missedCondition
	if f.failed = r.firstFailing(s, variables); f.failed == nil {
		f.stage = applies
	}
}

func (r *reader) coversAction(s *Statement) bool {
	covers := func(want string) bool { return actionMatches(want, r.req.Action) }
	if s.NotAction != nil {
		return !slices.ContainsFunc(s.NotAction, covers)
	}
	return slices.ContainsFunc(s.Action, covers)
}

// holdsPrincipal: policies other than the resource's apply to whom they are
// attached to; one of them that names principals is malformed and never applies.
func (r *reader) holdsPrincipal(s *Statement, side PolicyType) grip {
	who := r.req.Principal
	switch {
	case side != ResourcePolicy && s.Principal == nil && s.NotPrincipal == nil:
		return byItself
	case side != ResourcePolicy:
		return noGrip
	case s.Principal != nil:
		return s.Principal.grip(who)
	case s.NotPrincipal != nil && !s.NotPrincipal.excludes(who):
		return byItself
	}
	return noGrip
}

// coversResource: a resource policy may leave the resource out (trust policies
// do); it then means the resource it stands on.
func (r *reader) coversResource(s *Statement, side PolicyType, variables bool) bool {
	covers := func(want string) bool {
		if !strings.Contains(want, "${") {
			return wild(want).matchesARN(r.req.Resource)
		}
		p, ok := template(want, wild, r.context(), variables)
		return ok && p.matchesARN(r.req.Resource)
	}
	switch {
	case s.NotResource != nil:
		return !slices.ContainsFunc(s.NotResource, covers)
	case s.Resource != nil:
		return slices.ContainsFunc(s.Resource, covers)
	}
	return side == ResourcePolicy
}

// firstFailing returns the first condition that does not hold. A condition that
// cannot be evaluated counts against the caller: it fails an Allow and is passed
// over in a Deny.
func (r *reader) firstFailing(s *Statement, variables bool) *Condition {
	for i := range s.Condition {
		holds, known := s.Condition[i].holds(r.context(), variables)
		if holds || !known && s.Effect == Deny {
			continue
		}
		return &s.Condition[i]
	}
	return nil
}
