package iam

// withinBoundary ends an evaluation that depends on identity policies: a
// permissions boundary, where there is one, must allow as well (IAM user guide,
// "Permissions boundaries for IAM entities"). ids are the statements that have
// allowed so far.
func (e *evaluation) withinBoundary(ids ...StatementID) Decision {
	if e.pol.Boundary == nil {
		return e.allow(ids...)
	}
	f, ok := firstAllow(e.boundary)
	if !ok {
		return e.refuseBoundary()
	}
	return e.allow(append(ids, f.id)...)
}

// letIn ends an evaluation in which a resource policy of the same account names
// the caller. The boundary still limits a role named by its ARN, but not a
// session, a user or "*" (IAM user guide, "Policy evaluation logic").
func (e *evaluation) letIn(f finding) Decision {
	if f.grip == byRole {
		return e.withinBoundary(f.id)
	}
	return e.allow(f.id)
}
