package asl

import (
	"strings"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// Template is a JSON value of a definition in which strings of the form
// {% … %} are JSONata expressions.
type Template struct {
	// Field is where the template stands in its state, in the notation of AWS's
	// messages: Arguments/Payload/id.
	Field string

	kind    templateKind
	literal *jsonata.Value // kind literal
	text    string         // kind expression: without its marks
	keys    []string       // kind object, one for each item
	items   []*Template    // kinds array and object
}

type templateKind uint8

const (
	literal templateKind = iota
	expression
	arrayTemplate
	objectTemplate
)

// Expression is the JSONata text when the whole template is one expression.
func (t *Template) Expression() (text string, ok bool) { return t.text, t.kind == expression }

// Literal is the value of a template without expressions, else nil.
func (t *Template) Literal() *jsonata.Value { return t.literal }

// EachExpression visits the expressions in the template, in order; t may be nil.
func (t *Template) EachExpression(visit func(field, text string)) {
	if t == nil {
		return
	}
	if t.kind == expression {
		visit(t.Field, t.text)
	}
	for _, item := range t.items {
		item.EachExpression(visit)
	}
}

// newTemplate reads a template and reports strings that are almost expressions.
func newTemplate(v *jsonata.Value, field string, problem func(field, what string)) *Template {
	t := &Template{Field: field}
	switch v.Kind() {
	case jsonata.String:
		t.text, t.kind = readExpression(v.Text(), func(what string) { problem(field, what) })
	case jsonata.Array:
		t.kind = arrayTemplate
		for i, item := range v.Items() {
			t.items = append(t.items, newTemplate(item, field+"["+itoa(i)+"]", problem))
		}
	case jsonata.Object:
		t.kind = objectTemplate
		for _, f := range v.Fields() {
			t.keys = append(t.keys, f.Name)
			t.items = append(t.items, newTemplate(f.Value, field+"/"+f.Name, problem))
		}
	}
	if t.constant() {
		return &Template{Field: field, literal: v}
	}
	return t
}

func (t *Template) constant() bool {
	if t.kind == expression {
		return false
	}
	for _, item := range t.items {
		if item.kind != literal {
			return false
		}
	}
	return true
}

// readExpression recognises {% … %}, which must be the whole string.
func readExpression(s string, problem func(string)) (string, templateKind) {
	trimmed := strings.TrimSpace(s)
	opens, closes := strings.HasPrefix(trimmed, "{%"), strings.HasSuffix(trimmed, "%}")
	whole := opens && closes && len(trimmed) >= 4
	switch {
	case whole && trimmed == s:
		text := strings.TrimSpace(s[2 : len(s)-2])
		if text == "" {
			problem("an empty JSONata expression")
		}
		return text, expression
	case whole:
		problem("a JSONata expression must not have spaces around {% and %}")
	case opens || closes:
		problem("a JSONata expression begins with {% and ends with %}, with nothing around them")
	}
	return "", literal
}
