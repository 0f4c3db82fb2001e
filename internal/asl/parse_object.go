package asl

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// object is a JSON object being read; fields nobody asked for are refused by
// done.
type object struct {
	p     *parser
	path  string
	value *jsonata.Value
	known []string
}

// jsonPathFields exist only in JSONPath machines; the text says what to use.
var jsonPathFields = map[string]string{
	"InputPath": "Arguments or Output", "OutputPath": "Output", "Parameters": "Arguments or ItemSelector",
	"ResultPath": "Assign or Output", "ResultSelector": "Output", "ItemsPath": "Items", "Result": "Output",
	"Iterator": "ItemProcessor", "Variable": "Condition", "TimeoutSecondsPath": "TimeoutSeconds",
	"HeartbeatSecondsPath": "HeartbeatSeconds", "SecondsPath": "Seconds", "TimestampPath": "Timestamp",
	"MaxConcurrencyPath": "MaxConcurrency", "ToleratedFailureCountPath": "ToleratedFailureCount",
	"ToleratedFailurePercentagePath": "ToleratedFailurePercentage", "ErrorPath": "Error", "CausePath": "Cause",
	"MaxItemsPath": "MaxItems",
}

func (o *object) get(name string) *jsonata.Value {
	o.known = append(o.known, name)
	return o.value.Get(name)
}

func (o *object) wrong(format string, args ...any) { o.p.problem(o.path, format, args...) }

// done reports fields that no getter has asked for.
func (o *object) done() {
	for _, f := range o.value.Fields() {
		if slices.Contains(o.known, f.Name) {
			continue
		}
		if instead, old := jsonPathFields[f.Name]; old {
			o.wrong("%s belongs to JSONPath; in a JSONata machine use %s", f.Name, instead)
			continue
		}
		o.wrong("unknown field %s", f.Name)
	}
}

func (o *object) text(name string) string {
	v := o.get(name)
	if v == nil {
		return ""
	}
	if v.Kind() != jsonata.String {
		o.wrong("%s must be a string, not a %s", name, v.Kind())
		return ""
	}
	return v.Text()
}

// constant is text in which Step Functions allows no expression.
func (o *object) constant(name string) string {
	s := o.text(name)
	if strings.HasPrefix(s, "{%") {
		o.wrong("%s must be a constant, not an expression", name)
	}
	return s
}

func (o *object) needText(name string) string {
	s := o.constant(name)
	if s == "" {
		o.wrong("%s is missing", name)
	}
	return s
}

// oneOf is a constant out of a list, by default the first.
func (o *object) oneOf(name string, allowed ...string) string {
	s := o.constant(name)
	if s == "" {
		return allowed[0]
	}
	if !slices.Contains(allowed, s) {
		o.wrong("%s must be one of %s, not %q", name, strings.Join(allowed, ", "), s)
	}
	return s
}

func (o *object) bool(name string) bool {
	v := o.get(name)
	if v == nil {
		return false
	}
	if v.Kind() != jsonata.Bool {
		o.wrong("%s must be true or false", name)
	}
	return v.Bool()
}

// whole is a whole number between least and most, or the default when absent.
func (o *object) whole(name string, least, most, otherwise int64) int64 {
	v := o.get(name)
	if v == nil {
		return otherwise
	}
	n := v.Number()
	if v.Kind() != jsonata.Number || n != math.Trunc(n) || n < float64(least) || n > float64(most) {
		o.wrong("%s must be a whole number from %d to %d", name, least, most)
		return otherwise
	}
	return int64(n)
}

func (o *object) number(name string, least, otherwise float64) float64 {
	v := o.get(name)
	if v == nil {
		return otherwise
	}
	if v.Kind() != jsonata.Number || v.Number() < least {
		o.wrong("%s must be a number of at least %g", name, least)
		return otherwise
	}
	return v.Number()
}

// sub is an object field, or nil when it is absent.
func (o *object) sub(name string) *object {
	v := o.get(name)
	if v == nil {
		return nil
	}
	if v.Kind() != jsonata.Object {
		o.wrong("%s must be an object, not a %s", name, v.Kind())
		return nil
	}
	return &object{p: o.p, path: join(o.path, name), value: v}
}

func (o *object) needObject(name string) *object {
	s := o.sub(name)
	if s == nil && o.value.Get(name) == nil {
		o.wrong("%s is missing", name)
	}
	return s
}

// list are the objects of an array field.
func (o *object) list(name string) []*object {
	v := o.get(name)
	if v == nil {
		return nil
	}
	if v.Kind() != jsonata.Array {
		o.wrong("%s must be an array, not a %s", name, v.Kind())
		return nil
	}
	var out []*object
	for i, item := range v.Items() {
		at := name + "[" + itoa(i) + "]"
		if item.Kind() != jsonata.Object {
			o.wrong("%s must be an object, not a %s", at, item.Kind())
			continue
		}
		out = append(out, &object{p: o.p, path: join(o.path, at), value: item})
	}
	return out
}

// template reads a field that may hold expressions. As a literal it must be of
// one of the kinds (none given: any).
func (o *object) template(name, field string, kinds ...jsonata.Kind) *Template {
	v := o.get(name)
	if v == nil {
		return nil
	}
	t := newTemplate(v, field, func(at, what string) { o.wrong("%s: %s", at, what) })
	if t.kind != expression && len(kinds) > 0 && !slices.Contains(kinds, v.Kind()) {
		o.wrong("%s must be a %s or a JSONata expression, not a %s", name, kinds[0], v.Kind())
	}
	return t
}

// seconds reads a number of seconds within Step Functions' bounds.
func (o *object) seconds(name string, least float64) *Template {
	t := o.template(name, name, jsonata.Number)
	if t != nil && t.literal != nil && t.literal.Kind() == jsonata.Number {
		if n := t.literal.Number(); n != math.Trunc(n) || n < least || n > maxSeconds {
			o.wrong("%s must be a whole number from %g to %d", name, least, maxSeconds)
		}
	}
	return t
}

// assign reads an Assign field: an object whose keys are variable names.
func (o *object) assign(field string) *Template {
	v := o.get("Assign")
	if v == nil {
		return nil
	}
	if v.Kind() != jsonata.Object {
		o.wrong("Assign must be an object, not a %s", v.Kind())
		return nil
	}
	for _, f := range v.Fields() {
		if !variableName(f.Name) {
			o.wrong("Assign: %q is not a variable name (a letter first, then letters, digits and _, at most %d, and not states)", f.Name, MaxName)
		}
	}
	return newTemplate(v, field, func(at, what string) { o.wrong("%s: %s", at, what) })
}

func variableName(s string) bool {
	if s == "states" || s == "" || utf8.RuneCountInString(s) > MaxName {
		return false
	}
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0x80
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return true
}
