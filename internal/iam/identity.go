package iam

// identityOnly: the caller's identity policies decide, within its boundary.
func (e *evaluation) identityOnly() Decision {
	if e.req.Principal.Service != "" {
		return e.refuseOutright(e.resourceName(), "a service principal has no identity policies; AWS acts on this resource through a role")
	}
	f, ok := firstAllow(e.identity)
	if !ok {
		return e.refuseIdentity()
	}
	return e.withinBoundary(f.id)
}

// noPolicy: the resource can let nobody in, so that only its owner's principals
// reach it.
func (e *evaluation) noPolicy() Decision {
	if e.req.crossAccount() {
		return e.refuseOutright(e.resourceName(), "such a resource has no policy that could let another account in; act through a role in "+e.req.Owner)
	}
	return e.identityOnly()
}
