package eventpattern

import (
	"fmt"
	"strings"
)

// text makes a test that only strings can pass.
func text(words string, holds func(string) bool) test {
	return test{text: words, holds: func(v any) bool {
		s, ok := v.(string)
		return ok && holds(s)
	}}
}

func prefix(arg any) (test, error) {
	return affix("prefix", "a string beginning with ", arg, strings.HasPrefix, func(s, p string) bool {
		return len(s) >= len(p) && strings.EqualFold(s[:len(p)], p)
	})
}

func suffix(arg any) (test, error) {
	return affix("suffix", "a string ending with ", arg, strings.HasSuffix, func(s, p string) bool {
		return len(s) >= len(p) && strings.EqualFold(s[len(s)-len(p):], p)
	})
}

// affix reads {"prefix": "x"} and {"prefix": {"equals-ignore-case": "x"}}.
func affix(name, words string, arg any, plain, folded func(s, affix string) bool) (test, error) {
	compare := plain
	if obj, ok := arg.(object); ok {
		if len(obj) != 1 || obj[0].name != "equals-ignore-case" {
			return test{}, fmt.Errorf("%s takes a string or {\"equals-ignore-case\": …}", name)
		}
		arg, compare, words = obj[0].value, folded, words+"(any case) "
	}
	want, ok := arg.(string)
	if !ok {
		return test{}, fmt.Errorf("%s takes a string, not %s", name, render(arg))
	}
	return text(words+render(want), func(s string) bool { return compare(s, want) }), nil
}

func equalFold(arg any) (test, error) {
	want, ok := arg.(string)
	if !ok {
		return test{}, fmt.Errorf("equals-ignore-case takes a string, not %s", render(arg))
	}
	return text(render(want)+" in any case", func(s string) bool { return strings.EqualFold(s, want) }), nil
}

// wildcard matches * to any run of characters; \* and \\ are the characters
// themselves. EventBridge refuses ** and every other escape.
func wildcard(arg any) (test, error) {
	want, ok := arg.(string)
	if !ok {
		return test{}, fmt.Errorf("wildcard takes a string, not %s", render(arg))
	}
	parts, err := splitWildcard(want)
	if err != nil {
		return test{}, err
	}
	return text("a string like "+render(want), func(s string) bool { return matchParts(parts, s) }), nil
}

func splitWildcard(want string) ([]string, error) {
	parts, part, afterStar := []string{}, strings.Builder{}, false
	for i := 0; i < len(want); i++ {
		c := want[i]
		switch {
		case c == '*' && afterStar:
			return nil, fmt.Errorf("wildcard %s has two * in a row", render(want))
		case c == '*':
			parts = append(parts, part.String())
			part.Reset()
			afterStar = true
			continue
		case c == '\\':
			if i++; i == len(want) || (want[i] != '*' && want[i] != '\\') {
				return nil, fmt.Errorf(`wildcard %s has a backslash that escapes neither * nor \`, render(want))
			}
			c = want[i]
		}
		part.WriteByte(c)
		afterStar = false
	}
	return append(parts, part.String()), nil
}

// matchParts: the first part begins s, the last one ends it, the others follow
// each other in between.
func matchParts(parts []string, s string) bool {
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return s == first
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return true
}
