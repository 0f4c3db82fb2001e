package iam

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// pattern is a string in which some characters stand for others. Letters are
// runes; the two wildcards are negative, so that a character that came from a
// policy variable is never taken for a wildcard.
type pattern []rune

const (
	anyRun rune = -1 // '*': any characters, also none
	anyOne rune = -2 // '?': exactly one character
)

// wild reads '*' and '?' as wildcards.
func wild(s string) pattern {
	p := pattern(s)
	for i, r := range p {
		switch r {
		case '*':
			p[i] = anyRun
		case '?':
			p[i] = anyOne
		}
	}
	return p
}

// literal reads every character as itself.
func literal(s string) pattern { return pattern(s) }

// matches is the classic two-pointer match: on a mismatch the last '*' takes one
// character more. Time is at most len(p)*len(s).
func (p pattern) matches(s string) bool {
	n, at := len(s), func(j int) rune { return rune(s[j]) }
	if !ascii(s) {
		text := []rune(s)
		n, at = len(text), func(j int) rune { return text[j] }
	}
	i, j, star, mark := 0, 0, -1, 0
	for j < n {
		switch {
		case i < len(p) && p[i] == anyRun:
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == anyOne || p[i] == at(j)):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return !slices.ContainsFunc(p[i:], func(r rune) bool { return r != anyRun })
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// matchesARN compares part by part, as AWS does for resources and for the Arn
// operators: a wildcard never reaches over a colon, except in the last part,
// whose own colons are ordinary. The pattern "*" matches everything.
func (p pattern) matchesARN(s string) bool {
	if len(p) == 1 && p[0] == anyRun {
		return true
	}
	for range 5 {
		i := slices.Index(p, ':')
		text, rest, found := strings.Cut(s, ":")
		if i < 0 || !found || !p[:i].matches(text) {
			return false
		}
		p, s = p[i+1:], rest
	}
	return p.matches(s)
}

// actionMatches compares actions, which AWS does without regard to case.
func actionMatches(want, action string) bool {
	if !strings.ContainsAny(want, "*?") {
		return strings.EqualFold(want, action) // nearly every entry of a long policy
	}
	return wild(strings.ToLower(want)).matches(strings.ToLower(action))
}
