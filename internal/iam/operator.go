package iam

import (
	"fmt"
	"strings"
)

// quantifier is the set operator in front of a condition operator.
type quantifier int

const (
	plain quantifier = iota
	forAnyValue
	forAllValues
)

// comparison says how a value of the request compares with one of the policy.
type comparison struct {
	negated bool
	// holds compares one policy value with one request value, both as written.
	holds func(want, got string, ctx requestContext, variables bool) bool
	// check refuses a policy value that could never be compared; nil = any.
	check func(want string) error
	// variables tells whether AWS expands policy variables for this operator.
	variables bool
}

// operator is a condition operator, taken apart.
type operator struct {
	quantifier quantifier
	ifExists   bool
	isNull     bool // "Null": the values say whether the key must be absent
	comparison comparison
}

var comparisons = map[string]comparison{
	"StringEquals":              {holds: stringEquals, variables: true},
	"StringNotEquals":           {holds: stringEquals, variables: true, negated: true},
	"StringEqualsIgnoreCase":    {holds: stringFoldEquals, variables: true},
	"StringNotEqualsIgnoreCase": {holds: stringFoldEquals, variables: true, negated: true},
	"StringLike":                {holds: stringLike, variables: true},
	"StringNotLike":             {holds: stringLike, variables: true, negated: true},
	"ArnEquals":                 {holds: arnLike, variables: true, check: checkARNValue},
	"ArnLike":                   {holds: arnLike, variables: true, check: checkARNValue},
	"ArnNotEquals":              {holds: arnLike, variables: true, check: checkARNValue, negated: true},
	"ArnNotLike":                {holds: arnLike, variables: true, check: checkARNValue, negated: true},
	"Bool":                      {holds: boolEquals, variables: true, check: checkBool},
	"NumericEquals":             numeric(func(c int) bool { return c == 0 }),
	"NumericNotEquals":          negate(numeric(func(c int) bool { return c == 0 })),
	"NumericLessThan":           numeric(func(c int) bool { return c < 0 }),
	"NumericLessThanEquals":     numeric(func(c int) bool { return c <= 0 }),
	"NumericGreaterThan":        numeric(func(c int) bool { return c > 0 }),
	"NumericGreaterThanEquals":  numeric(func(c int) bool { return c >= 0 }),
	"DateEquals":                date(func(c int) bool { return c == 0 }),
	"DateNotEquals":             negate(date(func(c int) bool { return c == 0 })),
	"DateLessThan":              date(func(c int) bool { return c < 0 }),
	"DateLessThanEquals":        date(func(c int) bool { return c <= 0 }),
	"DateGreaterThan":           date(func(c int) bool { return c > 0 }),
	"DateGreaterThanEquals":     date(func(c int) bool { return c >= 0 }),
}

// notEvaluated are operators of AWS that this package refuses instead of
// guessing: nothing that is rehearsed has an address or a binary key.
var notEvaluated = map[string]bool{"BinaryEquals": true, "IpAddress": true, "NotIpAddress": true}

// parseOperator takes "ForAnyValue:StringLikeIfExists" apart.
func parseOperator(name string) (operator, error) {
	var op operator
	base := name
	if rest, found := strings.CutPrefix(base, "ForAnyValue:"); found {
		op.quantifier, base = forAnyValue, rest
	} else if rest, found := strings.CutPrefix(base, "ForAllValues:"); found {
		op.quantifier, base = forAllValues, rest
	}
	if base == "Null" {
		op.isNull = true
		if op.quantifier != plain {
			return op, fmt.Errorf("condition operator %q: Null takes no set operator", name)
		}
		return op, nil
	}
	base, op.ifExists = strings.CutSuffix(base, "IfExists")
	var known bool
	op.comparison, known = comparisons[base]
	switch {
	case notEvaluated[base]:
		return op, fmt.Errorf("condition operator %q is not evaluated; state the rule with another operator", name)
	case !known:
		return op, fmt.Errorf("condition operator %q does not exist", name)
	}
	return op, nil
}

func (op operator) checkValues(values []string, variables bool) error {
	check := op.comparison.check
	if op.isNull {
		check = checkBool
	}
	variables = variables && op.comparison.variables
	for _, v := range values {
		if variables {
			if err := checkVariables(v); err != nil {
				return err
			}
		}
		if check == nil || variables && strings.Contains(v, "${") {
			continue
		}
		if err := check(v); err != nil {
			return err
		}
	}
	return nil
}
