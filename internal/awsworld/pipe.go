package awsworld

import (
	"context"
	"maps"
	"strings"

	"github.com/dbferry/dbferry/internal/iam"
)

// Call sends one call through the pipe: identify, fault before, authorise, do,
// fault after, journal. It takes World.Latency of simulated time.
func (w *World) Call(ctx context.Context, caller Caller, service, operation string, input any) (any, error) {
	op := w.ops[opKey{service, operation}]
	if op == nil {
		return nil, &Unsimulated{Service: service, Operation: operation}
	}
	if caller.Site == (Site{}) {
		caller.Site = SiteOf(ctx)
	}
	caller.Site.Operation = service + "." + operation
	c := &Call{Ctx: ctx, World: w, Caller: caller, Op: op, Input: input, Account: caller.Account}
	if err := w.Kernel.Sleep(ctx, w.Latency); err != nil {
		return nil, err
	}
	out, err := w.perform(c)
	w.Journal.call(c, err)
	return out, err
}

func (w *World) perform(c *Call) (any, error) {
	f := w.faultFor(c)
	if err := f.before(c); err != nil {
		return nil, err
	}
	if err := w.authorise(c); err != nil {
		return nil, err
	}
	out, err := c.Op.Do(c)
	if err != nil {
		return nil, err
	}
	if err := f.after(c); err != nil {
		return nil, err
	}
	return out, nil
}

// authorise asks IAM about every resource that the call touches.
func (w *World) authorise(c *Call) error {
	if c.Caller.Ground || c.Op.Action == "" && c.Op.Resources == nil {
		return nil
	}
	resources := []Resource{{ARN: "*", Owner: c.ownerAccount()}}
	if c.Op.Resources != nil {
		resources = c.Op.Resources(c)
	}
	var keys map[string][]string
	if c.Op.ConditionKeys != nil {
		keys = c.Op.ConditionKeys(c)
	}
	for _, r := range resources {
		if err := c.Require(r, keys); err != nil {
			return err
		}
	}
	return nil
}

func (c *Call) ownerAccount() string {
	if c.Account == nil {
		return ""
	}
	return c.Account.ID
}

// Require asks for one more permission in the course of a call; operations use
// it for what AWS checks after looking at the request.
func (c *Call) Require(r Resource, keys map[string][]string) error {
	action := r.Action
	if action == "" {
		action = c.Op.Action
	}
	if action == "" {
		return nil
	}
	return c.World.Authorise(c.Caller, action, r, keys)
}

// Authorise decides one (caller, action, resource), logs the decision with its
// whole context, and returns *Denied when it is refused.
func (w *World) Authorise(caller Caller, action string, r Resource, keys map[string][]string) error {
	if caller.Ground {
		return nil
	}
	req := iam.Request{
		Principal: caller.Principal, Action: action, Resource: r.ARN, Owner: r.Owner, Kind: r.Kind,
		Context: map[string][]string{},
	}
	maps.Copy(req.Context, keys)
	maps.Copy(req.Context, r.Context)
	w.addGlobalKeys(caller, action, req.Context)
	d := w.decide(caller.Site, action, req, w.policiesFor(caller, r))
	if !d.Allowed {
		return &Denied{Request: req, Decision: d}
	}
	return nil
}

// addGlobalKeys fills the keys that AWS sets by itself, and only where it does.
func (w *World) addGlobalKeys(caller Caller, action string, ctx map[string][]string) {
	ctx["aws:RequestedRegion"] = []string{w.Region}
	ctx["aws:SecureTransport"] = []string{"true"}
	if caller.Via != "" {
		if strings.HasPrefix(action, "kms:") {
			ctx["kms:ViaService"] = []string{caller.Via + "." + w.Region + ".amazonaws.com"}
			ctx["kms:CallerAccount"] = []string{caller.Principal.Account}
		}
		ctx["aws:CalledVia"] = []string{caller.Via + ".amazonaws.com"}
		ctx["aws:ViaAWSService"] = []string{"true"}
	}
	if caller.SourceARN != "" {
		ctx["aws:SourceArn"] = []string{caller.SourceARN}
		ctx["aws:SourceAccount"] = []string{caller.SourceAccount}
	}
}

func (w *World) policiesFor(caller Caller, r Resource) iam.Policies {
	p := iam.Policies{Resource: r.Policy, Grants: r.Grants}
	if caller.Role != nil {
		p.Identity = caller.Role.Policies
		p.Boundary = caller.Role.Boundary
	}
	if caller.Account != nil {
		p.Service = caller.Account.ServicePolicies
	}
	return p
}

func (w *World) decide(site Site, action string, req iam.Request, p iam.Policies) iam.Decision {
	d := iam.Evaluate(req, p)
	w.Journal.decision(Decided{At: w.Now(), Site: site, Action: action, Request: req, Policies: p, Decision: d})
	return d
}
