package iam

import "slices"

// fix writes the narrowest statement that would have let the request through on
// the given side.
func (e *evaluation) fix(in PolicyType) *Statement {
	s := &Statement{Effect: Allow, Action: []string{e.req.Action}, Resource: []string{e.req.Resource}}
	switch in {
	case ResourcePolicy:
		e.fixPrincipal(s)
		e.fixResource(s)
		e.fixKeyConditions(s)
	case IdentityPolicy:
		e.fixKeyConditions(s)
	}
	slices.SortFunc(s.Condition, compareConditions)
	return s
}

// fixPrincipal: another account is named as a whole and narrowed by conditions,
// because keys and buckets refuse principals that do not exist yet.
func (e *evaluation) fixPrincipal(s *Statement) {
	p := e.req.Principal
	switch {
	case p.Service != "":
		s.Principal = &Principals{Service: []string{p.Service}}
		e.require(s, "ArnEquals", "aws:SourceArn")
		e.require(s, "StringEquals", "aws:SourceAccount")
	case !e.req.crossAccount():
		s.Principal = &Principals{AWS: []string{p.ARN}}
	default:
		s.Principal = &Principals{AWS: []string{rootOf(p)}}
		if e.req.Kind == VaultCopy && p.Org != "" {
			e.require(s, "StringEquals", "aws:PrincipalOrgID")
			return
		}
		e.require(s, "ArnEquals", "aws:PrincipalArn")
	}
}

func rootOf(p Principal) string {
	partition := "aws"
	if a, ok := splitARN(p.ARN); ok {
		partition = a.partition
	}
	return "arn:" + partition + ":iam::" + p.Account + ":root"
}

// fixResource: policies of keys and vaults mean their own resource by "*".
func (e *evaluation) fixResource(s *Statement) {
	switch {
	case !e.req.Kind.policyNamesResource():
		s.Resource = nil
	case e.req.Kind == Key || e.req.Kind == VaultCopy:
		s.Resource = []string{"*"}
	}
}

// fixKeyConditions keeps a key's fix as narrow as the call: through the same
// service, and grants for AWS resources only.
func (e *evaluation) fixKeyConditions(s *Statement) {
	if e.req.Kind != Key {
		return
	}
	e.require(s, "Bool", "kms:GrantIsForAWSResource")
	e.require(s, "StringEquals", "kms:ViaService")
}

// require adds a condition that the request meets, if the request has the key.
func (e *evaluation) require(s *Statement, operator, key string) {
	if v := newContext(e.req).values(key); len(v) == 1 {
		s.Condition = append(s.Condition, Condition{operator, key, v})
	}
}
