// Package eventpattern reads EventBridge event patterns and matches events
// against them, with the semantics that AWS documents ("Amazon EventBridge
// event patterns" and "Comparison operators for use in event patterns") and
// that its open rule engine, Event Ruler, shows.
//
// Start with Parse, then Pattern.Match.
package eventpattern

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxLength is EventBridge's quota for one pattern, in characters of its
// compact JSON form ("Amazon EventBridge quotas").
const MaxLength = 2048

// maxBranches is EventBridge's limit for the combinations that $or spans.
const maxBranches = 1000

// Pattern is one parsed event pattern. The zero value matches nothing.
type Pattern struct {
	branches []branch
	text     string
}

// branch is one way to match: every leaf must hold. $or multiplies branches.
type branch []leaf

// leaf is the condition on one field: any of its tests must hold.
type leaf struct {
	steps []string
	tests []test
}

// String is the pattern's compact JSON, as EventBridge counts it.
func (p Pattern) String() string { return p.text }

// Parse reads one pattern. It refuses what EventBridge refuses (empty objects
// and arrays, bare values, more than MaxLength characters, repeated fields)
// and, by name, every operator this package does not know. Field names with a
// dot are refused too: EventBridge cannot tell them from nesting.
func Parse(raw []byte) (Pattern, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return Pattern{}, fmt.Errorf("event pattern is not JSON: %w", err)
	}
	if n := utf8.RuneCount(compact.Bytes()); n > MaxLength {
		return Pattern{}, fmt.Errorf("event pattern has %d characters, EventBridge allows %d: match on fewer values", n, MaxLength)
	}
	root, err := decode(compact.Bytes())
	if err != nil {
		return Pattern{}, fmt.Errorf("event pattern is not JSON: %w", err)
	}
	obj, ok := root.(object)
	if !ok {
		return Pattern{}, fmt.Errorf("event pattern must be an object")
	}
	branches, err := addObject([]branch{nil}, nil, obj, false)
	if err != nil {
		return Pattern{}, fmt.Errorf("event pattern: %w", err)
	}
	return Pattern{branches: branches, text: compact.String()}, nil
}

// addObject extends every branch by the conditions of one pattern object.
func addObject(branches []branch, path []string, obj object, insideOr bool) ([]branch, error) {
	if len(obj) == 0 {
		return nil, fmt.Errorf("%s is an empty object, which EventBridge refuses", show(path))
	}
	var err error
	for _, f := range obj {
		if branches, err = addField(branches, path, f, insideOr); err != nil {
			return nil, err
		}
	}
	return branches, nil
}

func addField(branches []branch, path []string, f member, insideOr bool) ([]branch, error) {
	if f.name == "$or" {
		return addOr(branches, path, f.value)
	}
	here := append(append([]string{}, path...), f.name)
	if strings.Contains(f.name, ".") {
		return nil, fmt.Errorf("field name %q has a dot: EventBridge reads it as nesting, so nest it", f.name)
	}
	if insideOr && reserved[f.name] {
		return nil, fmt.Errorf("%s: %q is an operator and cannot be a field inside $or", show(here), f.name)
	}
	switch v := f.value.(type) {
	case object:
		return addObject(branches, here, v, insideOr)
	case []any:
		return addLeaf(branches, here, v)
	}
	return nil, fmt.Errorf("%s must be an array of values or an object, write [%s]", show(here), render(f.value))
}

func addOr(branches []branch, path []string, value any) ([]branch, error) {
	list, ok := value.([]any)
	if !ok || len(list) < 2 {
		return nil, fmt.Errorf("$or at %s must be an array of two or more objects", show(path))
	}
	var out []branch
	for _, item := range list {
		obj, ok := item.(object)
		if !ok {
			return nil, fmt.Errorf("$or at %s holds %s, only objects are allowed", show(path), render(item))
		}
		forked, err := addObject(branches, path, obj, true)
		if err != nil {
			return nil, err
		}
		if out = append(out, forked...); len(out) > maxBranches {
			return nil, fmt.Errorf("$or at %s spans more than %d combinations, EventBridge's limit", show(path), maxBranches)
		}
	}
	return out, nil
}

func addLeaf(branches []branch, path []string, values []any) ([]branch, error) {
	if len(values) == 0 {
		return nil, fmt.Errorf("%s is an empty array, which EventBridge refuses", show(path))
	}
	l := leaf{steps: path}
	for _, v := range values {
		t, err := newTest(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", show(path), err)
		}
		l.tests = append(l.tests, t)
	}
	out := make([]branch, 0, len(branches))
	for _, b := range branches {
		for _, other := range b {
			if show(other.steps) == show(path) {
				return nil, fmt.Errorf("%s is tested twice; put all its values in one array", show(path))
			}
		}
		out = append(out, append(append(branch{}, b...), l))
	}
	return out, nil
}

func show(path []string) string {
	if len(path) == 0 {
		return "the pattern"
	}
	return strings.Join(path, ".")
}
