package eventpattern

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
)

// Match tells whether the event, a JSON object, matches. If not, why names
// the first field that differs, with what the event has and what the pattern
// wants; a malformed event never matches and why says so.
//
// Arrays in the event match when any element does, except that two fields
// must not come from different elements of one array. A field that is missing,
// an empty array or an empty object has no value: it matches only
// {"exists": false}.
func (p Pattern) Match(event []byte) (matched bool, why string) {
	root, err := readEvent(event)
	if err != nil {
		return false, "the event " + err.Error()
	}
	var reasons []string
	for _, b := range p.branches {
		reason := b.mismatch(root)
		if reason == "" {
			return true, ""
		}
		reasons = appendNew(reasons, reason)
	}
	if len(reasons) == 0 {
		return false, "the pattern is empty"
	}
	return false, strings.Join(reasons, "; or ")
}

func readEvent(raw []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var root map[string]any
	if err := d.Decode(&root); err != nil {
		return nil, fmt.Errorf("is not a JSON object: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("has text after its JSON object")
	}
	if root == nil {
		return nil, fmt.Errorf("is null, not a JSON object")
	}
	return root, nil
}

// value is one leaf value of the event and the array elements it lives in.
type value struct {
	of any
	in elements
}

// elements maps an array (by its place in the event) to the element chosen.
type elements map[string]int

// join is the union of two choices, or false if they contradict.
func (e elements) join(other elements) (elements, bool) {
	out := make(elements, len(e)+len(other))
	for a, i := range e {
		out[a] = i
	}
	for a, i := range other {
		if chosen, ok := out[a]; ok && chosen != i {
			return nil, false
		}
		out[a] = i
	}
	return out, true
}

// mismatch is empty if every leaf holds.
func (b branch) mismatch(root map[string]any) string {
	found := make([][]value, len(b))
	for i, l := range b {
		found[i] = find(root, l.steps, "", elements{})
		if !l.possible(found[i]) {
			return l.explain(found[i])
		}
	}
	if b.solve(found, 0, elements{}) {
		return ""
	}
	var names []string
	for _, l := range b {
		names = append(names, show(l.steps))
	}
	return "no single array element matches " + strings.Join(names, ", ") + " together"
}

// solve chooses a value for each leaf so that all choices agree. Absence is
// judged last, under the final choice: a field may be missing from one element
// of an array and present in another.
func (b branch) solve(found [][]value, i int, chosen elements, absent ...[]value) bool {
	if i == len(b) {
		for _, values := range absent {
			if !absentUnder(values, chosen) {
				return false
			}
		}
		return true
	}
	for _, v := range found[i] {
		if !b[i].holds(v.of) {
			continue
		}
		if next, ok := chosen.join(v.in); ok && b.solve(found, i+1, next, absent...) {
			return true
		}
	}
	return b[i].allowsAbsence() && b.solve(found, i+1, chosen, append(absent[:len(absent):len(absent)], found[i])...)
}

func absentUnder(values []value, chosen elements) bool {
	for _, v := range values {
		if _, ok := chosen.join(v.in); ok {
			return false
		}
	}
	return true
}

// find collects the leaf values at a path; arrays on the way are looked
// through, as EventBridge does.
func find(node any, steps []string, at string, in elements) []value {
	if list, ok := node.([]any); ok {
		var out []value
		for i, item := range list {
			inner, _ := in.join(elements{at: i})
			out = append(out, find(item, steps, fmt.Sprintf("%s[%d]", at, i), inner)...)
		}
		return out
	}
	obj, isObject := node.(map[string]any)
	if len(steps) == 0 {
		if isObject {
			return nil
		}
		return []value{{node, in}}
	}
	child, ok := obj[steps[0]]
	if !ok {
		return nil
	}
	return find(child, steps[1:], at+"."+steps[0], in)
}

func (l leaf) holds(v any) bool {
	for _, t := range l.tests {
		if t.holds(v) {
			return true
		}
	}
	return false
}

func (l leaf) allowsAbsence() bool {
	for _, t := range l.tests {
		if t.absent {
			return true
		}
	}
	return false
}

// possible: some value holds, whatever the other leaves choose.
func (l leaf) possible(values []value) bool {
	for _, v := range values {
		if l.holds(v.of) {
			return true
		}
	}
	if !l.allowsAbsence() {
		return false
	}
	for _, v := range values {
		if len(v.in) == 0 {
			return false
		}
	}
	return true
}

func (l leaf) explain(values []value) string {
	var want, got []string
	for _, t := range l.tests {
		want = appendNew(want, t.text)
	}
	for _, v := range values {
		got = appendNew(got, render(v.of))
	}
	has := "is missing"
	switch {
	case len(got) > 3:
		sort.Strings(got)
		has = fmt.Sprintf("is one of %d values, none fits", len(got))
	case len(got) > 0:
		has = "is " + strings.Join(got, " and ")
	}
	return fmt.Sprintf("%s %s, want %s", show(l.steps), has, strings.Join(want, " or "))
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
