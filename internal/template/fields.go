package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// fields reads the properties of one resource strictly: a property that no
// reader asks for is a problem, so that nothing is deployed that the rehearsal
// silently leaves out.
type fields struct {
	of   string // resource type
	at   string // place, for messages
	m    map[string]any
	read map[string]bool
	p    *problems
	// stackTags are what deploy puts on every resource that takes tags.
	stackTags map[string]string
}

func newFields(r *Resource, p *problems, stackTags map[string]string) *fields {
	return &fields{of: r.Type, at: r.where() + " Properties", m: r.Properties, read: map[string]bool{}, p: p, stackTags: stackTags}
}

func (f *fields) inner(at string, m map[string]any) *fields {
	return &fields{of: f.of, at: at, m: m, read: map[string]bool{}, p: f.p}
}

func (f *fields) get(name string) (any, bool) {
	f.read[name] = true
	v, ok := f.m[name]
	return v, ok && v != nil
}

func (f *fields) bad(name, want string) {
	f.p.add("%s.%s: must be %s, not %s", f.at, name, want, clip(string(encode(f.m[name]))))
}

// str is a text; empty if it is not there.
func (f *fields) str(name string) string {
	v, ok := f.get(name)
	if !ok {
		return ""
	}
	s, ok := scalar(v)
	if !ok {
		f.bad(name, "a text")
	}
	return s
}

// need is a text that must be there.
func (f *fields) need(name string) string {
	s := f.str(name)
	if _, there := f.m[name]; !there || s == "" {
		f.p.add("%s.%s: is required", f.at, name)
	}
	return s
}

// choice is one of the values; the first if it is not there.
func (f *fields) choice(name string, values ...string) string {
	s := f.str(name)
	if s == "" {
		return values[0]
	}
	if !contains(values, s) {
		f.bad(name, "one of "+strings.Join(values, ", "))
	}
	return s
}

// number is a whole number; otherwise if it is not there.
func (f *fields) number(name string, otherwise int) int {
	if n := f.optional(name); n != nil {
		return *n
	}
	return otherwise
}

// optional is a whole number, nil if it is not there.
func (f *fields) optional(name string) *int {
	v, ok := f.get(name)
	if !ok {
		return nil
	}
	s, _ := scalar(v)
	n, err := strconv.Atoi(s)
	if err != nil {
		f.bad(name, "a whole number")
		return nil
	}
	return &n
}

// flag is a boolean; CloudFormation takes its text too.
func (f *fields) flag(name string, otherwise bool) bool {
	v, ok := f.get(name)
	if !ok {
		return otherwise
	}
	switch s, _ := scalar(v); s {
	case "true":
		return true
	case "false":
		return false
	}
	f.bad(name, "true or false")
	return otherwise
}

// texts is a list of texts; CloudFormation takes a single one too.
func (f *fields) texts(name string) []string {
	v, ok := f.get(name)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, item := range list {
		s, ok := scalar(item)
		if !ok {
			f.bad(name, "a list of texts")
			return nil
		}
		out = append(out, s)
	}
	return out
}

// document is a JSON document, given as an object or as its text; nil if it is
// not there. What comes out is compact, with sorted keys.
func (f *fields) document(name string) []byte {
	v, ok := f.get(name)
	if !ok {
		return nil
	}
	if text, ok := v.(string); ok {
		if err := decode([]byte(text), &v); err != nil {
			f.bad(name, "a JSON document")
			return nil
		}
	}
	if _, ok := v.(map[string]any); !ok {
		f.bad(name, "a JSON document")
		return nil
	}
	return encode(v)
}

// needDocument is a document that must be there.
func (f *fields) needDocument(name string) []byte {
	doc := f.document(name)
	if _, there := f.m[name]; !there {
		f.p.add("%s.%s: is required", f.at, name)
	}
	return doc
}

// object is a nested object for its own reader, or nil.
func (f *fields) object(name string, read func(*fields)) {
	v, ok := f.get(name)
	if !ok {
		return
	}
	m, ok := v.(map[string]any)
	if !ok {
		f.bad(name, "an object")
		return
	}
	in := f.inner(f.at+"."+name, m)
	read(in)
	in.done()
}

// objects is a list of nested objects.
func (f *fields) objects(name string, read func(*fields)) {
	v, ok := f.get(name)
	if !ok {
		return
	}
	list, ok := v.([]any)
	if !ok {
		f.bad(name, "a list of objects")
		return
	}
	for i, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			f.bad(name, "a list of objects")
			return
		}
		in := f.inner(fmt.Sprintf("%s.%s[%d]", f.at, name, i), m)
		read(in)
		in.done()
	}
}

// textMap is an object whose values are texts.
func (f *fields) textMap(name string) map[string]string {
	v, ok := f.get(name)
	if !ok {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		f.bad(name, "an object of texts")
		return nil
	}
	out := map[string]string{}
	for _, k := range sortedKeys(m) {
		s, ok := scalar(m[k])
		if !ok {
			f.bad(name, "an object of texts")
			return nil
		}
		out[k] = s
	}
	return out
}

// tags reads [{"Key","Value"}] or {key: value}, as the types differ, on top of
// the stack's own tags.
func (f *fields) tags(name string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, f.stackTags)
	if _, isObject := f.m[name].(map[string]any); isObject {
		maps.Copy(out, f.textMap(name))
		return out
	}
	f.objects(name, func(t *fields) { out[t.need("Key")] = t.str("Value") })
	return out
}

// harmless names properties that change nothing a rehearsal could show.
func (f *fields) harmless(names ...string) {
	for _, n := range names {
		f.read[n] = true
	}
}

// only accepts a property as long as it has the one value that is simulated.
func (f *fields) only(name, value string) {
	v, ok := f.get(name)
	if !ok {
		return
	}
	if s, _ := scalar(v); s != value {
		f.p.add("%s.%s: only %s is simulated for type %s, not %s", f.at, name, value, f.of, clip(string(encode(v))))
	}
}

// raw is the resolved value as compact JSON, nil if it is not there.
func (f *fields) raw(name string) json.RawMessage {
	v, ok := f.get(name)
	if !ok {
		return nil
	}
	return encode(v)
}

// done reports what nobody read.
func (f *fields) done() {
	for _, name := range sortedKeys(f.m) {
		if !f.read[name] {
			f.p.add("%s: property %s of type %s is not simulated", f.at, name, f.of)
		}
	}
}
