package iam

import (
	"fmt"
	"strings"
)

// expand replaces the policy variables of a value, ${aws:PrincipalAccount} and
// the like, by what the request has. read turns the text between variables into
// a pattern (wild or literal); values of variables are always literal. ok is
// false when a variable has no value, or several: then nothing equals it (IAM
// user guide, "Using policy variables with no value").
func expand(value string, read func(string) pattern, ctx requestContext) (p pattern, ok bool) {
	if !strings.Contains(value, "${") {
		return read(value), true
	}
	for {
		before, rest, found := strings.Cut(value, "${")
		p = append(p, read(before)...)
		if !found {
			return p, true
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, false
		}
		v, ok := ctx.variable(name)
		if !ok {
			return nil, false
		}
		p, value = append(p, literal(v)...), after
	}
}

// variable resolves the inside of ${…}: a key, a key with a default in quotes,
// or one of the three characters that cannot be written otherwise.
func (c requestContext) variable(name string) (string, bool) {
	switch name {
	case "*", "?", "$":
		return name, true
	}
	key, fallback, hasDefault := strings.Cut(name, ",")
	if v := c.values(strings.TrimSpace(key)); len(v) == 1 {
		return v[0], true
	}
	fallback = strings.TrimSpace(fallback)
	if hasDefault && isQuoted(fallback) {
		return fallback[1 : len(fallback)-1], true
	}
	return "", false
}

func isQuoted(s string) bool {
	return len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\''
}

// checkVariables refuses a value whose variables are not well formed.
func checkVariables(value string) error {
	for rest := value; ; {
		_, after, found := strings.Cut(rest, "${")
		if !found {
			return nil
		}
		name, tail, closed := strings.Cut(after, "}")
		_, fallback, hasDefault := strings.Cut(name, ",")
		if !closed || name == "" || hasDefault && !isQuoted(strings.TrimSpace(fallback)) {
			return fmt.Errorf("%q: a policy variable is written ${key} or ${key, 'default'}", value)
		}
		rest = tail
	}
}
