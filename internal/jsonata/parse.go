package jsonata

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds nesting, so that hostile input cannot exhaust the stack.
const maxDepth = 1000

// Parse reads one JSON text. Of a repeated key the last value counts, in the
// place of the first, as in JavaScript; half surrogate pairs become U+FFFD.
func Parse(raw []byte) (*Value, error) { return parse(raw, false) }

// ParseStrict is Parse, but refuses repeated keys: right for files that people
// write.
func ParseStrict(raw []byte) (*Value, error) { return parse(raw, true) }

func parse(raw []byte, strict bool) (*Value, error) {
	p := parser{src: raw, strict: strict}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos < len(p.src) {
		return nil, p.fail("more text after the JSON value")
	}
	return v, nil
}

type parser struct {
	src    []byte
	pos    int
	strict bool
}

func (p *parser) fail(what string) error {
	line := 1 + strings.Count(string(p.src[:p.pos]), "\n")
	return fmt.Errorf("JSON, line %d (byte %d): %s", line, p.pos, what)
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	p.space()
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) value(depth int) (*Value, error) {
	if depth > maxDepth {
		return nil, p.fail("nested too deeply")
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.string()
		return &Value{kind: String, str: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	return p.word()
}

func (p *parser) word() (*Value, error) {
	for word, v := range map[string]*Value{"null": nullValue, "true": trueValue, "false": falseValue} {
		if strings.HasPrefix(string(p.src[p.pos:min(len(p.src), p.pos+5)]), word) {
			p.pos += len(word)
			return v, nil
		}
	}
	if p.pos >= len(p.src) {
		return nil, p.fail("unexpected end")
	}
	return nil, p.fail(fmt.Sprintf("unexpected %q", p.src[p.pos]))
}

func (p *parser) array(depth int) (*Value, error) {
	p.pos++
	v := &Value{kind: Array}
	if p.peek() == ']' {
		p.pos++
		return v, nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.items = append(v.items, item)
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return v, nil
		default:
			return nil, p.fail("expected , or ] in an array")
		}
	}
}

func (p *parser) object(depth int) (*Value, error) {
	p.pos++
	v := &Value{kind: Object}
	if p.peek() == '}' {
		p.pos++
		return v, nil
	}
	for {
		if err := p.field(v, depth); err != nil {
			return nil, err
		}
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			v.fields = orderKeys(dedupe(v.fields))
			return v, nil
		default:
			return nil, p.fail("expected , or } in an object")
		}
	}
}

func (p *parser) field(v *Value, depth int) error {
	if p.peek() != '"' {
		return p.fail("expected a key in double quotes")
	}
	name, err := p.string()
	if err != nil {
		return err
	}
	if p.strict && v.Get(name) != nil {
		return p.fail(fmt.Sprintf("the key %q is given twice", name))
	}
	if p.peek() != ':' {
		return p.fail("expected : after a key")
	}
	p.pos++
	val, err := p.value(depth + 1)
	if err != nil {
		return err
	}
	v.fields = append(v.fields, Field{name, val})
	return nil
}

// dedupe keeps the last value of each key in the place of the first.
func dedupe(fields []Field) []Field {
	if len(fields) <= 8 {
		return dedupeFew(fields)
	}
	at := make(map[string]int, len(fields))
	out := fields[:0]
	for _, f := range fields {
		if i, seen := at[f.Name]; seen {
			out[i].Value = f.Value
			continue
		}
		at[f.Name] = len(out)
		out = append(out, f)
	}
	return out
}

func dedupeFew(fields []Field) []Field {
	out := fields[:0]
	for _, f := range fields {
		i := slices.IndexFunc(out, func(g Field) bool { return g.Name == f.Name })
		if i >= 0 {
			out[i].Value = f.Value
			continue
		}
		out = append(out, f)
	}
	return out
}

// orderKeys puts keys that are array indices first, in number order, as every
// JavaScript object does.
func orderKeys(fields []Field) []Field {
	if !slices.ContainsFunc(fields, func(f Field) bool { _, ok := arrayIndex(f.Name); return ok }) {
		return fields
	}
	slices.SortStableFunc(fields, func(a, b Field) int {
		i, aok := arrayIndex(a.Name)
		j, bok := arrayIndex(b.Name)
		switch {
		case aok && bok:
			return int(i - j)
		case aok:
			return -1
		case bok:
			return 1
		}
		return 0
	})
	return fields
}

func arrayIndex(s string) (int64, bool) {
	if s == "" || len(s) > 10 || s[0] < '0' || s[0] > '9' || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n < math.MaxUint32
}

func (p *parser) string() (string, error) {
	start := p.pos
	p.pos++
	plain := true
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '"':
			p.pos++
			return p.unquote(p.src[start:p.pos], plain)
		case c == '\\':
			plain = false
			p.pos += 2
		case c < 0x20:
			return "", p.fail("a control character in a string")
		default:
			p.pos++
		}
	}
	p.pos = len(p.src)
	return "", p.fail("a string without its closing quote")
}

func (p *parser) unquote(quoted []byte, plain bool) (string, error) {
	if body := quoted[1 : len(quoted)-1]; plain && utf8.Valid(body) {
		return string(body), nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", p.fail("a wrong escape in a string")
	}
	return s, nil
}

func (p *parser) number() (*Value, error) {
	start := p.pos
	for p.pos < len(p.src) && strings.IndexByte("+-.0123456789eE", p.src[p.pos]) >= 0 {
		p.pos++
	}
	text := p.src[start:p.pos]
	if !json.Valid(text) {
		p.pos = start
		return nil, p.fail(fmt.Sprintf("%q is not a number", text))
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		p.pos = start
		return nil, p.fail(fmt.Sprintf("the number %s is too large", text))
	}
	return &Value{kind: Number, num: f}, nil
}
