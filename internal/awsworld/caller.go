package awsworld

import (
	"fmt"
	"strings"

	"github.com/dbferry/dbferry/internal/iam"
)

// Caller is who makes a call: a role's session, or AWS itself as a service
// principal, possibly on behalf of the session that asked it.
type Caller struct {
	iam.Principal
	Account *Account // whose credentials these are; nil for a service principal
	Role    *Role    // nil for a service principal and for the ground

	// Ground marks the rehearsal itself setting the scene or reading it for
	// the report. It is never authorised and never journalled as use.
	Ground bool

	// Site says which machine, state and item the call belongs to.
	Site Site

	// Via is the service through which AWS makes this call with the caller's
	// permissions ("rds"); it becomes kms:ViaService and aws:CalledVia.
	Via string

	// SourceARN and SourceAccount are set when a service principal calls on
	// behalf of a resource (a rule, a topic).
	SourceARN, SourceAccount string
}

// GroundCaller acts in an account without needing permission; only for the
// ground and for reports.
func (w *World) GroundCaller(account string) Caller {
	return Caller{Account: w.Account(account), Ground: true, Principal: iam.Principal{Account: account}}
}

// ServiceCaller is a service principal, such as events.amazonaws.com calling
// Lambda for a rule.
func ServiceCaller(service, sourceARN string) Caller {
	return Caller{Principal: iam.Principal{Service: service}, SourceARN: sourceARN, SourceAccount: accountOf(sourceARN)}
}

// session is the caller that a role's credentials stand for.
func (w *World) session(r *Role, name string) Caller {
	a := w.Account(r.Account)
	return Caller{Account: a, Role: r, Principal: iam.Principal{
		ARN: r.ARN, Session: fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", r.Account, r.Name, name),
		Account: r.Account, Org: a.Org, ServiceLinked: r.Service != "",
	}}
}

// AssumeAsService gives the session of a role to an AWS service, if the role's
// trust policy allows that service for that source resource. The same rule
// serves Lambda, Step Functions, EventBridge, Scheduler and AWS Backup.
func (w *World) AssumeAsService(service, roleARN, session, sourceARN string) (Caller, error) {
	acct := w.Account(accountOf(roleARN))
	if acct == nil || acct.Role(roleARN) == nil {
		return Caller{}, fmt.Errorf("role %s does not exist", roleARN)
	}
	r := acct.Role(roleARN)
	req := iam.Request{
		Principal: iam.Principal{Service: service},
		Action:    "sts:AssumeRole", Resource: r.ARN, Owner: r.Account, Kind: iam.Trust,
		Context: map[string][]string{},
	}
	if sourceARN != "" {
		req.Context["aws:SourceArn"] = []string{sourceARN}
		req.Context["aws:SourceAccount"] = []string{accountOf(sourceARN)}
	}
	d := w.decide(Site{}, "sts:AssumeRole", req, iam.Policies{Resource: &r.Trust})
	if !d.Allowed {
		return Caller{}, &Denied{Request: req, Decision: d}
	}
	return w.session(r, session), nil
}

// ServiceLinked gives the session of a service-linked role, or an error when
// the account does not have the role (R 1.6: a virgin account may lack it).
func (w *World) ServiceLinked(account, service string) (Caller, error) {
	for _, r := range w.Account(account).Roles() {
		if r.Service == service {
			return w.session(r, strings.SplitN(service, ".", 2)[0]), nil
		}
	}
	return Caller{}, fmt.Errorf("account %s has no service-linked role for %s", account, service)
}

// Through is the same caller seen by another service: how RDS calls KMS with
// the permissions of whoever called RDS.
func (c Caller) Through(service string) Caller {
	c.Via = service
	return c
}

// As names the caller in errors and journals.
func (c Caller) String() string {
	switch {
	case c.Ground:
		return "the ground of account " + c.Principal.Account
	case c.Service != "":
		return c.Service
	case c.Session != "":
		return c.Session
	}
	return c.ARN
}
