package iam

import (
	"slices"
	"strings"
)

// holds tells whether the condition is met. known is false for an operator that
// ParseDocument would have refused.
//
//   - key absent: false; true for negated operators, for …IfExists and for
//     ForAllValues (false again for ForAnyValue)
//   - several policy values: one must match; for a negated operator none may
//   - several request values without a set operator: AWS leaves the result open;
//     here one match counts as a match, so that a Deny errs on the safe side
func (c Condition) holds(ctx requestContext, variables bool) (holds, known bool) {
	op, err := parseOperator(c.Operator)
	if err != nil {
		return false, false
	}
	got := ctx.values(c.Key)
	if op.isNull {
		absent := len(got) == 0
		return slices.ContainsFunc(c.Values, func(v string) bool { return strings.EqualFold(v, "true") == absent }), true
	}
	if len(got) == 0 {
		return op.holdsAbsent(), true
	}
	return op.holdsFor(c.Values, got, ctx, variables && op.comparison.variables), true
}

func (op operator) holdsAbsent() bool {
	switch {
	case op.ifExists || op.quantifier == forAllValues:
		return true
	case op.quantifier == forAnyValue:
		return false
	}
	return op.comparison.negated
}

func (op operator) holdsFor(want, got []string, ctx requestContext, variables bool) bool {
	matched := func(g string) bool {
		return slices.ContainsFunc(want, func(w string) bool {
			return op.comparison.holds(w, g, ctx, variables)
		})
	}
	passes := func(g string) bool { return matched(g) != op.comparison.negated }
	switch {
	case op.quantifier == forAnyValue:
		return slices.ContainsFunc(got, passes)
	case op.quantifier == forAllValues:
		return !slices.ContainsFunc(got, func(g string) bool { return !passes(g) })
	}
	return slices.ContainsFunc(got, matched) != op.comparison.negated
}
