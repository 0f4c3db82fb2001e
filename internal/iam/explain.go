package iam

import (
	"fmt"
	"strings"
)

// allow ends an evaluation well.
func (e *evaluation) allow(ids ...StatementID) Decision {
	ids = append(ids, e.scpIDs()...)
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	return Decision{
		Allowed: true, By: ids,
		Why: fmt.Sprintf("%s on %s is allowed to %s by %s", e.req.Action, e.req.Resource, e.req.Principal, strings.Join(names, " and ")),
	}
}

func (e *evaluation) deniedBy(denied []finding) Decision {
	d := Decision{Explicit: true, Side: "explicit deny"}
	for _, f := range denied {
		d.By = append(d.By, f.id)
	}
	first := denied[0]
	d.Why = fmt.Sprintf("statement %s%s explicitly denies %s on %s to %s",
		first.id, inAccount(first.policy.Account), e.req.Action, e.req.Resource, e.req.Principal)
	d.Missing = fmt.Sprintf("remove or narrow the Deny in %s; no Allow outweighs it", first.id)
	return d
}

// refuseOutright is for what no statement can cure.
func (e *evaluation) refuseOutright(side, reason string) Decision {
	return Decision{
		Side:    side,
		Why:     fmt.Sprintf("%s refuses %s to %s: %s", side, e.req.Action, e.caller(), reason),
		Missing: reason,
	}
}

func (e *evaluation) refuseIdentity() Decision {
	side := "identity policy of " + e.req.Principal.String()
	return e.lacks(IdentityPolicy, side, e.identity, fmt.Sprintf("%s on %s", e.req.Action, e.req.Resource))
}

func (e *evaluation) refuseResource() Decision {
	side := e.policyName()
	d := e.lacks(ResourcePolicy, side, e.resource, fmt.Sprintf("%s to %s", e.req.Action, e.caller()))
	if e.pol.Resource == nil {
		d.Why = fmt.Sprintf("%s has no policy, and without one that allows it %s is refused to %s", e.resourceName(), e.req.Action, e.caller())
	}
	if _, ok := firstAllow(e.identity); !ok && e.req.crossAccount() {
		d.Why += "; the identity policy of " + e.req.Principal.String() + " does not allow it either"
	}
	return d
}

func (e *evaluation) refuseBoundary() Decision {
	side := "permissions boundary of " + e.req.Principal.String()
	return e.lacks(BoundaryPolicy, side, e.boundary, fmt.Sprintf("%s on %s", e.req.Action, e.req.Resource))
}

func (e *evaluation) refuseSCP(level string) Decision {
	side := "service control policy over account " + e.req.Principal.Account
	if level != "" {
		side = "service control policy at " + level + " over account " + e.req.Principal.Account
	}
	var there []finding
	for _, f := range e.service {
		if f.policy.Level == level {
			there = append(there, f)
		}
	}
	return e.lacks(ServiceControlPolicy, side, there, fmt.Sprintf("%s on %s", e.req.Action, e.req.Resource))
}

// lacks describes the side that has no allowing statement.
func (e *evaluation) lacks(in PolicyType, side string, found []finding, what string) Decision {
	fix := e.fix(in)
	return Decision{
		Side: side, FixIn: in, Fix: fix,
		Missing: "add to the " + side + ": " + fix.String(),
		Why:     side + " has no statement that allows " + what + e.nearestMiss(found),
	}
}

// nearestMiss tells what stopped the Allow that came closest.
func (e *evaluation) nearestMiss(found []finding) string {
	var best finding
	for _, f := range found {
		if f.effect == Allow && f.stage > best.stage {
			best = f
		}
	}
	switch best.stage {
	case missedPrincipal:
		return fmt.Sprintf("; %s covers the action but not this principal", best.id)
	case missedResource:
		return fmt.Sprintf("; %s covers the action but not the resource %s", best.id, e.req.Resource)
	case missedCondition:
		return fmt.Sprintf("; %s would, but its condition %s does not hold (the request has %s)",
			best.id, best.failed, e.present(best.failed.Key))
	}
	return ""
}

func (e *evaluation) present(key string) string {
	return quotedList(newContext(e.req).values(key))
}

// String is the condition as a message shows it.
func (c Condition) String() string {
	return c.Operator + " " + c.Key + " " + quotedList(c.Values)
}

func quotedList(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return `"` + strings.Join(list, `", "`) + `"`
}

func inAccount(account string) string {
	if account == "" {
		return ""
	}
	return " in " + account
}

// caller is the ARN where there is one: resource policies speak of ARNs.
func (e *evaluation) caller() string {
	if e.req.Principal.ARN != "" {
		return e.req.Principal.ARN
	}
	return e.req.Principal.String()
}
