package iam

// general is the rule of most resources: in one account either side suffices,
// across accounts both must allow.
func (e *evaluation) general() Decision {
	switch {
	case e.req.Principal.Service != "":
		return e.resourceAlone()
	case e.req.crossAccount():
		return e.bothSides()
	}
	if f, ok := firstAllow(e.identity); ok {
		if d := e.withinBoundary(f.id); d.Allowed {
			return d
		}
	}
	if f, ok := firmest(e.resource); ok && f.grip >= byRole {
		return e.letIn(f)
	}
	return e.identityOnly()
}

// resourceAlone is for service principals, to which no other policy applies.
func (e *evaluation) resourceAlone() Decision {
	f, ok := firmest(e.resource)
	if !ok {
		return e.refuseResource()
	}
	return e.allow(f.id)
}

// bothSides is the rule across accounts: the owner lets the caller (or its
// account) in, and the caller's account lets it out. How firmly the resource
// policy holds the caller does not matter (IAM user guide, "Cross-account policy
// evaluation logic").
func (e *evaluation) bothSides() Decision {
	in, let := firstAllow(e.resource)
	if !let {
		return e.refuseResource()
	}
	out, ok := firstAllow(e.identity)
	if !ok {
		return e.refuseIdentity()
	}
	return e.withinBoundary(out.id, in.id)
}

// mandatoryPolicy is the rule of keys and roles: their own policy must allow,
// also in one account. If it names the caller, that is enough; if it names the
// account, identity policies decide.
func (e *evaluation) mandatoryPolicy() Decision {
	switch {
	case e.req.Principal.Service != "":
		return e.resourceAlone()
	case e.req.crossAccount():
		return e.bothSides()
	}
	f, ok := firmest(e.resource)
	switch {
	case !ok:
		return e.refuseResource()
	case f.grip >= byRole:
		return e.letIn(f)
	}
	return e.bothSides()
}
