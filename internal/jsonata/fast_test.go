package jsonata

import (
	"fmt"
	"strings"
	"testing"
)

// operands are the leaves of the corpus: every JSON type, missing fields, arrays on
// the way, names that JavaScript objects inherit.
var operands = []string{
	"$states.input.status", "$states.input.n", "$states.input.zero", "$states.input.none", "$states.input.yes",
	"$states.input.no", "$states.input.empty", "$states.input.list", "$states.input.nothing", "$states.input.object",
	"$states.input.object.a.c", "$states.input.missing", "$states.input.missing.deeper", "$states.input.status.length",
	"$states.input.objects.k", "$states.input.lists", "$states.input.toString", "$states.input.text", "$states.input.big",
	"$states.input.tiny", "$states.input.frac", "$states.input.none.x", "$states.input.deadline", "$states",
	"$deadline", "$name", "$items", "$items.id", "$missing", "$sum", "1", "-2.5", "'DONE'", "''", "true", "null",
	"$millis()", "$now()", "($attempt)", "{'a': $attempt}", "{}",
}

func corpus() []string {
	exprs := append([]string(nil), operands...)
	for _, a := range operands {
		exprs = append(exprs, "$exists("+a+")", "$not("+a+")", a+" ? 1 : 'b'", a+" ? "+a,
			"{'b': "+a+", '1': 2, 'a': {'c': "+a+"}}", "$toMillis("+a+")", "$fromMillis("+a+")", "("+a+")")
		for _, b := range []string{"'DONE'", "3", "$states.input.none", "$states.input.missing", "$states.input.list"} {
			for _, op := range []string{"=", "!=", "<", ">=", "+", "/", "&", "and", "or"} {
				exprs = append(exprs, a+" "+op+" "+b)
			}
		}
	}
	return append(exprs, "$millis() > $toMillis($states.input.deadline) or $attempt >= 5",
		"$states.result.Payload.status = 'DONE' ? 'end' : $string($attempt + 1)",
		"($millis := function() { 1 }; $millis())")
}

func TestGoAndJavaScriptAgree(t *testing.T) {
	e := load(t)
	fast := 0
	for _, expr := range corpus() {
		if compareBoth(t, e, expr) {
			fast++
		}
	}
	t.Logf("%d expressions, %d of them answered in Go", len(corpus()), fast)
	if fast < len(corpus())/5 {
		t.Error("the Go form answers too few of them")
	}
}

// compareBoth evaluates in Go and in JavaScript and reports whether Go knew the
// answer.
func compareBoth(t *testing.T, e *Engine, expr string) bool {
	t.Helper()
	x, err := e.Compile(expr)
	if err != nil || x.fast == nil {
		return false
	}
	vars := map[string]*Value{}
	for name, raw := range bindings() {
		if vars[name], err = Parse(raw); err != nil {
			t.Fatal(err)
		}
	}
	lookup := func(name string) *Value { return vars[name] }
	opt := Options{Now: clock, Seed: 1}
	got, known := x.fast(&fastEnv{lookup: lookup, opt: opt})
	if !known {
		return false
	}
	want, err := x.evalScript(nil, lookup, opt)
	if a, b := show(got, nil), show(want, err); a != b {
		t.Errorf("%s\n        Go: %s\nJavaScript: %s", expr, a, b)
	}
	return true
}

func show(v *Value, err error) string {
	if v != nil {
		return string(v.JSON())
	}
	if err == nil {
		return "undefined"
	}
	if _, ok := err.(*UndefinedError); ok {
		return "undefined"
	}
	return fmt.Sprint("error ", err)
}

func FuzzGoAndJavaScriptAgree(f *testing.F) {
	for i, expr := range corpus() {
		if i%50 == 0 {
			f.Add(expr)
		}
	}
	e := load(f)
	f.Fuzz(func(t *testing.T, expr string) {
		if len(expr) < 200 && !strings.Contains(expr, "..") { // a range may be huge
			compareBoth(t, e, expr)
		}
	})
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{states, `{"10":1,"2":[],"a":{"a":1,"a":2}}`, `"\ud800"`, `-0.0`, `1e400`, "[1e-7,1e21,123456789012345678901]", `"\u2028"`} {
		f.Add(s)
	}
	e := load(f)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse([]byte(text))
		if err != nil || strings.Contains(text, "__proto__") || strings.Contains(strings.ToLower(text), `\ud`) {
			return
		}
		again, err := Parse(v.JSON())
		if err != nil || string(again.JSON()) != string(v.JSON()) {
			t.Fatalf("printing is not stable: %s, then %v", v.JSON(), err)
		}
		x, err := e.Compile("[$v]") // an array constructor has no Go form
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.evalScript(nil, func(string) *Value { return NewObject(Field{"w", v}) }, Options{})
		if err != nil || string(got.JSON()) != `[{"w":`+string(v.JSON())+`}]` {
			t.Fatalf("JavaScript prints %v (%v), Go %s", got, err, v.JSON())
		}
	})
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "{", "[1,]", `{"a":1,}`, `{'a':1}`, "01", "1.", "nul", "NaN", "\"\n\"", `"\x"`, "1 2", "1e999", strings.Repeat("[", 2000)} {
		if v, err := Parse([]byte(text)); err == nil {
			t.Errorf("%.20q was read as %s", text, v.JSON())
		}
	}
	if _, err := ParseStrict([]byte(`{"a":1,"a":2}`)); err == nil || !strings.Contains(err.Error(), `"a" is given twice`) {
		t.Errorf("a repeated key: %v", err)
	}
}
