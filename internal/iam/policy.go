package iam

import (
	"slices"
	"strconv"
	"strings"
)

// Policy is a document together with where it stands.
type Policy struct {
	// Name identifies the policy in StatementID, and so in decision logs and
	// mutants: make it unique over everything that is compared.
	Name string
	// Account is where the policy lives.
	Account string
	// Level matters for service control policies only: the root, unit or
	// account the policy is attached to. AWS wants an Allow at every level.
	Level string
	Doc   Document
}

// Grant is a KMS grant on the key of the request. Encryption context
// constraints are not modeled: leave out a grant whose constraint fails.
type Grant struct {
	ID         string
	Grantee    string   // role, user or session ARN, or a service principal
	Operations []string // "Decrypt", "CreateGrant", … without "kms:"
}

// Policies is everything that bears on one request. All of it is plain data:
// copy it, store it, evaluate it again.
type Policies struct {
	Identity []Policy // attached to the principal, in any order
	Resource *Policy  // of the resource; nil when it has none
	Service  []Policy // service control policies over the principal's account; none = not in an organization
	Boundary *Policy  // permissions boundary of the principal; nil when it has none
	Grants   []Grant  // for ResourceKind Key
}

// PolicyType is the side a policy stands on.
type PolicyType string

// The four sides; a decision's FixIn is one of them.
const (
	IdentityPolicy       PolicyType = "identity policy"
	ResourcePolicy       PolicyType = "resource policy"
	BoundaryPolicy       PolicyType = "permissions boundary"
	ServiceControlPolicy PolicyType = "service control policy"
)

// StatementID names one statement of one policy, or one grant.
type StatementID struct {
	Policy string
	Sid    string // empty when the statement has none
	Index  int    // position in the document, from 0
}

const grantPrefix = "grant/"

// String is "policy/Sid", or "policy#2" for the second statement when it has no
// Sid. A grant is "grant/<id>".
func (id StatementID) String() string {
	switch {
	case strings.HasPrefix(id.Policy, grantPrefix):
		return id.Policy
	case id.Sid != "":
		return id.Policy + "/" + id.Sid
	}
	return id.Policy + "#" + strconv.Itoa(id.Index+1)
}

func (p Policy) statementID(i int) StatementID {
	return StatementID{Policy: p.Name, Sid: p.Doc.Statements[i].Sid, Index: i}
}

func (g Grant) statementID() StatementID { return StatementID{Policy: grantPrefix + g.ID} }

// Without returns the policies less one statement (or grant): a mutant. The
// argument is not changed. A later statement without a Sid moves up by one.
// An id that is not there changes nothing.
func Without(pol Policies, id StatementID) Policies {
	pol.Identity = policiesWithout(pol.Identity, id)
	pol.Service = policiesWithout(pol.Service, id)
	pol.Resource = policyWithout(pol.Resource, id)
	pol.Boundary = policyWithout(pol.Boundary, id)
	pol.Grants = slices.DeleteFunc(slices.Clone(pol.Grants), func(g Grant) bool { return g.statementID() == id })
	return pol
}

func policiesWithout(list []Policy, id StatementID) []Policy {
	out := slices.Clone(list)
	for i := range out {
		out[i] = *policyWithout(&out[i], id)
	}
	return out
}

func policyWithout(p *Policy, id StatementID) *Policy {
	if p == nil || p.Name != id.Policy || id.Index < 0 || id.Index >= len(p.Doc.Statements) || p.statementID(id.Index) != id {
		return p
	}
	q := *p
	q.Doc.Statements = slices.Delete(slices.Clone(p.Doc.Statements), id.Index, id.Index+1)
	return &q
}
