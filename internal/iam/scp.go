package iam

// Service control policies bound what the principals of an account may do, in
// whichever account the resource is. They grant nothing. AWS itself and
// service-linked roles are exempt; leave them out for the management account.

func (e *evaluation) scpsApply() bool {
	return e.req.Principal.Service == "" && !e.req.Principal.ServiceLinked && len(e.pol.Service) > 0
}

// scpGap finds the first level, in the order given, at which no policy allows.
func (e *evaluation) scpGap() (level string, missing bool) {
	if !e.scpsApply() {
		return "", false
	}
	allowed := e.scpAllows()
	for _, p := range e.pol.Service {
		if _, ok := allowed[p.Level]; !ok {
			return p.Level, true
		}
	}
	return "", false
}

// scpAllows maps each level to its first allowing statement.
func (e *evaluation) scpAllows() map[string]StatementID {
	allowed := map[string]StatementID{}
	for _, f := range e.service {
		if _, there := allowed[f.policy.Level]; f.allows() && !there {
			allowed[f.policy.Level] = f.id
		}
	}
	return allowed
}

// scpIDs lists the allowing statement of each level once, in the order of the
// policies.
func (e *evaluation) scpIDs() []StatementID {
	if !e.scpsApply() {
		return nil
	}
	var out []StatementID
	allowed, listed := e.scpAllows(), map[string]bool{}
	for _, p := range e.pol.Service {
		if !listed[p.Level] {
			out = append(out, allowed[p.Level])
		}
		listed[p.Level] = true
	}
	return out
}
