package iam

import (
	"slices"
	"strings"
)

// grantApplies tells whether a grant covers the request. A grant is enough by
// itself, also for a grantee in another account: this is how service-linked
// roles of another account, whose own policies say nothing of the key, get to
// use it (EC2 Auto Scaling user guide, "Required key policy for encrypted
// volumes"). Explicit denials and service control policies still come first.
func (e *evaluation) grantApplies(g Grant) bool {
	if e.req.Kind != Key || !e.isGrantee(g.Grantee) {
		return false
	}
	return slices.ContainsFunc(g.Operations, func(op string) bool {
		return strings.EqualFold("kms:"+op, e.req.Action)
	})
}

func (e *evaluation) isGrantee(grantee string) bool {
	p := e.req.Principal
	switch {
	case grantee == "":
		return false
	case p.Service != "":
		return grantee == p.Service
	}
	return grantee == p.ARN || grantee == p.Session
}
