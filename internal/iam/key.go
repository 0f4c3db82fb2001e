package iam

// key is the rule of KMS keys: the key policy must allow, or a grant does (KMS
// developer guide, "Key policies" and "Grants in AWS KMS").
func (e *evaluation) key() Decision {
	d := e.mandatoryPolicy()
	if d.Allowed {
		return d
	}
	for _, g := range e.pol.Grants {
		if e.grantApplies(g) {
			return e.allow(g.statementID())
		}
	}
	return d
}
