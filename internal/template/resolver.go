package template

import (
	"encoding/json"
	"fmt"
	"strings"
)

// noValue is what {"Ref": "AWS::NoValue"} leaves: the property or list element
// that holds it disappears.
type noValue struct{}

// resolver turns the values of one template into plain values.
type resolver struct {
	stack      *Stack
	given      Given
	pseudo     map[string]any
	parameters map[string]any
	active     map[string]bool      // resources whose condition holds
	resources  map[string]*Resource // resolved so far
	failed     map[string]bool      // resources that could not be resolved
	conditions map[string]verdict
	problems   problems
	tainted    bool // the value at hand has a problem, maybe in what it refers to
}

func (r *resolver) fail(at, format string, args ...any) any {
	r.tainted = true
	r.problems.add("%s: %s", at, fmt.Sprintf(format, args...))
	return noValue{}
}

// functions are the intrinsic functions that resources may use.
var functions map[string]func(r *resolver, arg any, at string) any

func init() { // a variable would refer to itself through eval
	functions = map[string]func(*resolver, any, string) any{
		"Ref":           (*resolver).ref,
		"Fn::GetAtt":    (*resolver).getAtt,
		"Fn::Sub":       (*resolver).sub,
		"Fn::Join":      (*resolver).join,
		"Fn::Select":    (*resolver).selectItem,
		"Fn::Split":     (*resolver).split,
		"Fn::If":        (*resolver).ifElse,
		"Fn::FindInMap": (*resolver).findInMap,
		"Fn::Base64":    (*resolver).base64,
	}
}

// reasons explain some refusals better than "not supported".
var reasons = map[string]string{
	"Fn::ImportValue": "stacks never refer to each other; compute the name from the configuration",
	"Fn::Transform":   "macros run in AWS and cannot be rehearsed",
	"Fn::GetAZs":      "it depends on the account; name the Availability Zones",
}

// eval resolves a value. A problem is recorded and noValue returned.
func (r *resolver) eval(v any, at string) any {
	switch v := v.(type) {
	case map[string]any:
		if name, ok := functionName(v); ok {
			return r.call(name, v, at)
		}
		return r.evalObject(v, at)
	case []any:
		return r.evalList(v, at)
	case string:
		if strings.Contains(v, "{{resolve:") {
			return r.fail(at, "dynamic reference %s is not supported: a secret or parameter would enter the template's values", clip(v))
		}
	}
	return v
}

func (r *resolver) evalObject(v map[string]any, at string) any {
	out := make(map[string]any, len(v))
	for _, k := range sortedKeys(v) {
		if x := r.eval(v[k], at+"."+k); x != (noValue{}) {
			out[k] = x
		}
	}
	return out
}

func (r *resolver) evalList(v []any, at string) []any {
	out := make([]any, 0, len(v))
	for i, item := range v {
		if x := r.eval(item, fmt.Sprintf("%s[%d]", at, i)); x != (noValue{}) {
			out = append(out, x)
		}
	}
	return out
}

// functionName finds an intrinsic function among the keys of an object.
func functionName(v map[string]any) (string, bool) {
	for _, k := range sortedKeys(v) {
		if k == "Ref" || strings.HasPrefix(k, "Fn::") {
			return k, true
		}
	}
	return "", false
}

func (r *resolver) call(name string, v map[string]any, at string) any {
	if len(v) != 1 {
		return r.fail(at, "%s stands beside other keys; a function must be alone in its object", name)
	}
	if f, ok := functions[name]; ok {
		return f(r, v[name], at+"."+name)
	}
	if why := reasons[name]; why != "" {
		return r.fail(at, "%s is not supported: %s", name, why)
	}
	if _, ok := conditionFunctions[name]; ok {
		return r.fail(at, "%s belongs into the Conditions section", name)
	}
	return r.fail(at, "%s is not supported; supported are %s", name, strings.Join(sortedKeys(functions), ", "))
}

// value resolves a value that must be there. A problem is recorded once, where
// it arises.
func (r *resolver) value(v any, at string) (any, bool) {
	before := r.tainted
	r.tainted = false
	x := r.eval(v, at)
	if x == (noValue{}) && !r.tainted {
		r.fail(at, "AWS::NoValue cannot be used here")
	}
	r.tainted = r.tainted || before
	return x, x != (noValue{})
}

// text resolves a value that must be a scalar, the way CloudFormation writes
// numbers and booleans into strings.
func (r *resolver) text(v any, at string) (string, bool) {
	x, ok := r.value(v, at)
	if !ok {
		return "", false
	}
	s, ok := scalar(x)
	if !ok {
		r.fail(at, "a string is needed, not %s", clip(string(encode(x))))
	}
	return s, ok
}

// items resolves a value that must be a list.
func (r *resolver) items(v any, at string) ([]any, bool) {
	x, ok := r.value(v, at)
	if !ok {
		return nil, false
	}
	list, ok := x.([]any)
	if !ok {
		r.fail(at, "a list is needed, not %s", clip(string(encode(x))))
	}
	return list, ok
}

// list resolves a value that must be a list of scalars.
func (r *resolver) list(v any, at string) ([]string, bool) {
	items, ok := r.items(v, at)
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(items))
	for i, item := range items {
		s, ok := scalar(item)
		if !ok {
			r.fail(fmt.Sprintf("%s[%d]", at, i), "a string is needed, not %s", clip(string(encode(item))))
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// args checks the number of a function's arguments.
func (r *resolver) args(arg any, at string, least, most int) ([]any, bool) {
	list, ok := arg.([]any)
	if !ok || len(list) < least || len(list) > most {
		r.fail(at, "takes a list of %d to %d arguments", least, most)
		return nil, false
	}
	return list, true
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	}
	return "", false
}

func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return s
}
