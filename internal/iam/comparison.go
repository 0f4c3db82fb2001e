package iam

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// template reads a policy value, with its variables where they exist.
func template(want string, read func(string) pattern, ctx requestContext, variables bool) (pattern, bool) {
	if !variables {
		return read(want), true
	}
	return expand(want, read, ctx)
}

func stringEquals(want, got string, ctx requestContext, variables bool) bool {
	p, ok := template(want, literal, ctx, variables)
	return ok && string(p) == got
}

func stringFoldEquals(want, got string, ctx requestContext, variables bool) bool {
	p, ok := template(want, literal, ctx, variables)
	return ok && strings.EqualFold(string(p), got)
}

func stringLike(want, got string, ctx requestContext, variables bool) bool {
	p, ok := template(want, wild, ctx, variables)
	return ok && p.matches(got)
}

// arnLike serves ArnEquals too: AWS treats the two alike.
func arnLike(want, got string, ctx requestContext, variables bool) bool {
	p, ok := template(want, wild, ctx, variables)
	return ok && p.matchesARN(got)
}

func boolEquals(want, got string, ctx requestContext, variables bool) bool {
	return stringFoldEquals(want, got, ctx, variables)
}

func checkBool(v string) error {
	if strings.EqualFold(v, "true") || strings.EqualFold(v, "false") {
		return nil
	}
	return fmt.Errorf("%q is neither true nor false", v)
}

func checkARNValue(v string) error {
	if v == "*" || strings.Count(v, ":") >= 5 {
		return nil
	}
	return fmt.Errorf("%q is not an ARN of six parts", v)
}

func negate(c comparison) comparison {
	c.negated = true
	return c
}

// numeric compares as numbers; the sign given to ok is that of got minus want.
func numeric(ok func(int) bool) comparison {
	return comparison{
		check: func(want string) error {
			if _, valid := number(want); !valid {
				return fmt.Errorf("%q is not a number", want)
			}
			return nil
		},
		holds: func(want, got string, _ requestContext, _ bool) bool {
			w, valid := number(want)
			g, there := number(got)
			return valid && there && ok(cmp.Compare(g, w))
		},
	}
}

func number(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// date compares as points in time; the sign given to ok is that of got minus want.
func date(ok func(int) bool) comparison {
	return comparison{
		check: func(want string) error {
			if _, valid := instant(want); !valid {
				return fmt.Errorf("%q is not a date; write 2026-11-23T09:00:00Z or seconds since 1970", want)
			}
			return nil
		},
		holds: func(want, got string, _ requestContext, _ bool) bool {
			w, valid := instant(want)
			g, there := instant(got)
			return valid && there && ok(g.Compare(w))
		},
	}
}

// instant reads the W3C forms of ISO 8601 that AWS takes, and epoch seconds.
func instant(s string) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(n, 0).UTC(), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
