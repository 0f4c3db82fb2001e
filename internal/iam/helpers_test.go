package iam

import (
	"testing"
)

const (
	production = "111111111111"
	staging    = "222222222222"
	region     = "eu-west-1"
)

// copier is a role session in production, person a user there.
var (
	copier = Principal{
		ARN:     "arn:aws:iam::111111111111:role/dbferry/copier",
		Session: "arn:aws:sts::111111111111:assumed-role/copier/run",
		Account: production, Org: "o-acme",
	}
	person       = Principal{ARN: "arn:aws:iam::111111111111:user/operator", Account: production, Org: "o-acme"}
	backupSLR    = Principal{ARN: "arn:aws:iam::222222222222:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup", Account: staging, Org: "o-acme", ServiceLinked: true}
	backupItself = Principal{Service: "backup.amazonaws.com"}
)

func document(t testing.TB, raw string) Document {
	t.Helper()
	d, err := ParseDocument([]byte(raw))
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return d
}

// policy wraps statements (JSON, comma separated) into a policy named name.
func policy(t testing.TB, name, statements string) Policy {
	t.Helper()
	return Policy{Name: name, Account: production, Doc: document(t, `{"Version":"2012-10-17","Statement":[`+statements+`]}`)}
}

func policyRef(t testing.TB, name, statements string) *Policy {
	t.Helper()
	if statements == "" {
		return nil
	}
	p := policy(t, name, statements)
	return &p
}

func identity(t testing.TB, statements string) []Policy {
	t.Helper()
	if statements == "" {
		return nil
	}
	return []Policy{policy(t, "identity", statements)}
}

// decisionCase is one row of the rule tables: policies as JSON statements.
type decisionCase struct {
	name                         string
	req                          Request
	identity, resource, boundary string
	scps                         []Policy
	grants                       []Grant
	want                         string // "" = allowed, else the side that must be missing ("explicit", "outright", or a PolicyType)
	by                           string // the deciding statements, joined by a space; not compared when empty
}

func (c decisionCase) policies(t testing.TB) Policies {
	t.Helper()
	return Policies{
		Identity: identity(t, c.identity), Resource: policyRef(t, "resource", c.resource),
		Boundary: policyRef(t, "boundary", c.boundary), Service: c.scps, Grants: c.grants,
	}
}

func runCases(t *testing.T, cases []decisionCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			pol := c.policies(t)
			d := Evaluate(c.req, pol)
			if got := outcome(d); got != c.want {
				t.Fatalf("outcome %q, want %q\nwhy: %s", got, c.want, d.Why)
			}
			if c.by != "" && joined(d.By) != c.by {
				t.Errorf("decided by %q, want %q", joined(d.By), c.by)
			}
			checkInvariants(t, c.req, pol, d)
		})
	}
}

func outcome(d Decision) string {
	switch {
	case d.Allowed:
		return ""
	case d.Explicit:
		return "explicit"
	case d.Fix == nil:
		return "outright"
	}
	return string(d.FixIn)
}

func joined(ids []StatementID) string {
	s := ""
	for i, id := range ids {
		if i > 0 {
			s += " "
		}
		s += id.String()
	}
	return s
}

// checkInvariants holds for every decision: it explains itself, its fixes lead
// to an Allow, and statements that Referenced leaves out cannot change it.
func checkInvariants(t *testing.T, req Request, pol Policies, d Decision) {
	t.Helper()
	if d.Why == "" || !d.Allowed && (d.Side == "" || d.Missing == "") {
		t.Errorf("the decision does not explain itself: %+v", d)
	}
	checkReferenced(t, req, pol, d)
	fixed, left := d, pol
	for range 4 {
		if fixed.Allowed || fixed.Fix == nil {
			break
		}
		left = withFix(left, fixed)
		fixed = Evaluate(req, left)
	}
	if d.Fix != nil && !fixed.Allowed {
		t.Errorf("the fixes do not help\nfirst: %s\nlast: %s", d.Missing, fixed.Why)
	}
}

func checkReferenced(t *testing.T, req Request, pol Policies, d Decision) {
	t.Helper()
	referenced := map[StatementID]bool{}
	for _, id := range Referenced(req, pol) {
		referenced[id] = true
	}
	for _, id := range d.By {
		if !referenced[id] {
			t.Errorf("%s decided but is not referenced", id)
		}
	}
	for _, id := range everyID(pol) {
		if flipped := Evaluate(req, Without(pol, id)).Allowed != d.Allowed; flipped && !referenced[id] {
			t.Errorf("removing %s changes the decision, but it is not referenced", id)
		}
	}
}

func everyID(pol Policies) []StatementID {
	var out []StatementID
	all := append(append([]Policy{}, pol.Identity...), pol.Service...)
	for _, p := range []*Policy{pol.Resource, pol.Boundary} {
		if p != nil {
			all = append(all, *p)
		}
	}
	for _, p := range all {
		for i := range p.Doc.Statements {
			out = append(out, p.statementID(i))
		}
	}
	for _, g := range pol.Grants {
		out = append(out, g.statementID())
	}
	return out
}

// withFix puts the fix where the decision says it belongs.
func withFix(pol Policies, d Decision) Policies {
	fix := Policy{Name: "fix", Doc: Document{Version: Version2012, Statements: []Statement{*d.Fix}}}
	switch d.FixIn {
	case IdentityPolicy:
		pol.Identity = append(append([]Policy{}, pol.Identity...), fix)
	case ServiceControlPolicy:
		pol.Service = append([]Policy{}, pol.Service...)
		for i := range pol.Service { // at every level: the decision names only the first
			pol.Service[i] = *merged(&pol.Service[i], fix)
		}
	case ResourcePolicy:
		pol.Resource = merged(pol.Resource, fix)
	case BoundaryPolicy:
		pol.Boundary = merged(pol.Boundary, fix)
	}
	return pol
}

func merged(p *Policy, fix Policy) *Policy {
	if p != nil {
		fix.Level = p.Level
		fix.Doc.Statements = append(append([]Statement{}, p.Doc.Statements...), fix.Doc.Statements...)
	}
	return &fix
}
