package eventpattern

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// test is one alternative of a leaf. Absence is not a property of a value, so
// it is kept apart from holds.
type test struct {
	text   string // as a reader would say it
	holds  func(value any) bool
	absent bool
}

// operators are the match expressions this package knows, by their name.
var operators = map[string]func(arg any) (test, error){
	"prefix":             prefix,
	"suffix":             suffix,
	"equals-ignore-case": equalFold,
	"wildcard":           wildcard,
	"numeric":            numeric,
	"exists":             exists,
}

// reserved are the names that EventBridge does not take as fields inside $or,
// because there they would read as operators.
var reserved = map[string]bool{
	"exactly": true, "prefix": true, "suffix": true, "equals-ignore-case": true, "wildcard": true,
	"anything-but": true, "numeric": true, "exists": true, "cidr": true,
}

func newTest(v any) (test, error) {
	obj, ok := v.(object)
	if !ok {
		return exact(v)
	}
	if len(obj) != 1 {
		return test{}, fmt.Errorf("a match expression has exactly one operator, this has %d", len(obj))
	}
	name, arg := obj[0].name, obj[0].value
	if name == "anything-but" {
		return anythingBut(arg)
	}
	build, ok := operators[name]
	if !ok {
		return test{}, fmt.Errorf("operator %q is not supported; known are %s", name, known())
	}
	return build(arg)
}

func known() string {
	names := []string{"anything-but", "$or"}
	for n := range operators {
		names = append(names, n)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

func exact(want any) (test, error) {
	if list, ok := want.([]any); ok {
		return test{}, fmt.Errorf("an array of %d values stands inside an array; a field takes one flat array", len(list))
	}
	if n, ok := want.(json.Number); ok {
		return test{text: render(n), holds: func(v any) bool { return sameNumber(n, v) }}, nil
	}
	return test{text: render(want), holds: func(v any) bool { return v == want }}, nil
}

// sameNumber compares by value, 300 = 3.0e2, and by text where a number is
// beyond what a float64 holds exactly.
func sameNumber(want json.Number, v any) bool {
	got, ok := v.(json.Number)
	if !ok {
		return false
	}
	if got == want {
		return true
	}
	a, errA := want.Float64()
	b, errB := got.Float64()
	return errA == nil && errB == nil && a == b && inRange(a)
}

func exists(arg any) (test, error) {
	want, ok := arg.(bool)
	if !ok {
		return test{}, fmt.Errorf("exists takes true or false, not %s", render(arg))
	}
	if want {
		return test{text: "any value", holds: func(any) bool { return true }}, nil
	}
	return test{text: "no such field", holds: never, absent: true}, nil
}

func never(any) bool { return false }

// anythingBut negates a value, a list of values of one kind, or one of the
// string operators. It needs the field to be there, and a value of another
// type counts as different.
func anythingBut(arg any) (test, error) {
	inner, err := anythingButTests(arg)
	if err != nil {
		return test{}, fmt.Errorf("anything-but: %w", err)
	}
	var words []string
	for _, t := range inner {
		words = append(words, t.text)
	}
	return test{
		text: "anything but " + strings.Join(words, " or "),
		holds: func(v any) bool {
			for _, t := range inner {
				if t.holds(v) {
					return false
				}
			}
			return true
		},
	}, nil
}

func anythingButTests(arg any) ([]test, error) {
	if obj, ok := arg.(object); ok {
		return anythingButOperator(obj)
	}
	list := listOf(arg)
	if len(list) == 0 {
		return nil, fmt.Errorf("the list is empty")
	}
	var tests []test
	for _, v := range list {
		if kind(v) != kind(list[0]) || kind(v) == "" {
			return nil, fmt.Errorf("takes strings or numbers, all of one kind, not %s", render(v))
		}
		t, err := exact(v)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	return tests, nil
}

func anythingButOperator(obj object) ([]test, error) {
	if len(obj) != 1 {
		return nil, fmt.Errorf("takes exactly one operator, this has %d", len(obj))
	}
	name := obj[0].name
	switch name {
	case "prefix", "suffix", "equals-ignore-case", "wildcard":
	default:
		return nil, fmt.Errorf("operator %q is not supported inside it; known are equals-ignore-case, prefix, suffix, wildcard", name)
	}
	var tests []test
	for _, v := range listOf(obj[0].value) {
		if v == "" {
			return nil, fmt.Errorf("%s takes a string that is not empty", name)
		}
		t, err := operators[name](v)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("%s takes a string or a list of strings", name)
	}
	return tests, nil
}

func listOf(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func kind(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case json.Number:
		return "number"
	}
	return ""
}
