package jsonata

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var clock = time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)

func load(t testing.TB) *Engine {
	t.Helper()
	e, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// states is a typical $states with the shapes that trip JSONata up.
const states = `{"input":{"status":"DONE","n":3,"zero":0,"none":null,"yes":true,"no":false,"empty":"",
	"list":[1],"lists":[[1,2],[3]],"objects":[{"k":1},{"k":2}],"nothing":[],"object":{"b":1,"a":{"c":"x"}},
	"deadline":"2026-03-04T05:06:07.100Z","text":"ä\u20ac\"\\\n","length":7,"big":1e21,"tiny":1e-7,"frac":0.1},
	"result":{"Payload":{"status":"WAITING","waitSeconds":15}},
	"context":{"Execution":{"Name":"run-1","StartTime":"2026-03-04T05:00:00.000Z"},"State":{"RetryCount":2}}}`

func bindings() map[string]json.RawMessage {
	return map[string]json.RawMessage{
		"states": json.RawMessage(states), "deadline": json.RawMessage("1772600767000"), "attempt": json.RawMessage("4"),
		"name": json.RawMessage(`"orders"`), "items": json.RawMessage(`[{"id":1,"ok":true},{"id":2,"ok":false},{"id":3,"ok":true}]`),
	}
}

func TestEval(t *testing.T) {
	e := load(t)
	for _, c := range []struct{ name, expr, want string }{
		{"a path", "$states.input.status", `"DONE"`},
		{"whole numbers stay whole", "$states.input.n", "3"},
		{"a number after arithmetic", "$states.input.n * 2", "6"},
		{"one tenth and two tenths", "0.1 + 0.2", "0.30000000000000004"},
		{"as JSONata prints it", "$string(0.1 + 0.2)", `"0.3"`},
		{"null stays null", "$states.input.none", "null"},
		{"null is something", "$exists($states.input.none)", "true"},
		{"null has a type", "$type($states.input.none)", `"null"`},
		{"key order", "$states.input.object", `{"b":1,"a":{"c":"x"}}`},
		{"nulls inside results", "$merge([$states.input.object, {'z': null}])", `{"b":1,"a":{"c":"x"},"z":null}`},
		{"a map over one element unwraps", "$map($states.input.list, function($v) { $v + 1 })", "2"},
		{"an array of one stays when asked", "[$map($states.input.list, function($v) { $v + 1 })]", "[2]"},
		{"filters", "$items[ok].id", "[1,3]"},
		{"binding by position", "$items#$i.{'i': $i, 'id': id}[0]", `{"i":0,"id":1}`},
		{"escapes", "$states.input.text", `"ä€\"\\\n"`},
		{"base64", "$base64encode('händel')", `"aORuZGVs"`},
		{"base64 back", "$base64decode('aGVsbG8=')", `"hello"`},
		{"now is the caller's", "$now()", `"2026-03-04T05:06:07.089Z"`},
		{"now in a picture", "$now('[Y0001][M01][D01][H01][m01]')", `"202603040506"`},
		{"millis is the caller's", "$millis()", "1772600767089"},
		{"local times are UTC", "$toMillis('2026-03-04T05:06:07')", "1772600767000"},
		{"partition", "$partition([1..7], 3)", "[[1,2,3],[4,5,6],[7]]"},
		{"range", "$range(0, 10, 5)", "[0,5,10]"},
		{"range down", "$range(3, 1, -1)", "[3,2,1]"},
		{"hash", "$hash('abc', 'SHA-256')", `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`},
		{"hash MD5", "$hash('abc', 'MD5')", `"900150983cd24fb0d6963f7d28e17f72"`},
		{"parse", `$parse('{"a":[1,null]}').a`, "[1,null]"},
		{"a seed repeats itself", "$random(7) = $random(7)", "true"},
		{"random lies in [0,1)", "($r := $random(); $r >= 0 and $r < 1)", "true"},
		{"a version 4 UUID", "$match($uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/) ? 'v4' : 'other'", `"v4"`},
		{"two UUIDs differ", "$uuid() = $uuid()", "false"},
		{"recursion", "($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f(20))", "2432902008176640000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := e.Eval(c.expr, nil, bindings(), Options{Now: clock, Seed: 1})
			if err != nil || string(got) != c.want {
				t.Errorf("%s\n got %s, %v\nwant %s", c.expr, got, err, c.want)
			}
		})
	}
}

func TestEvalWithInput(t *testing.T) {
	got, err := load(t).Eval("orders.price ~> $sum", map[string]any{"orders": []map[string]int{{"price": 2}, {"price": 5}}}, nil, Options{})
	if err != nil || string(got) != "7" {
		t.Fatalf("got %s, %v", got, err)
	}
}

func TestEvaluationErrors(t *testing.T) {
	e := load(t)
	for _, c := range []struct{ name, expr, code string }{
		{"types", "1 + 'a'", "T2002"},
		{"an unknown function", "$nothing()", "T1006"},
		{"assert", "$assert(false, 'no')", "D3141"},
		{"error", "$error('stop')", "D3137"},
		{"a function as result", "$sum", CodeFunction},
		{"a lambda as result", "function($x) { $x }", CodeFunction},
		{"division by zero", "1 / 0", "D1001"},
		{"parse", "$parse('{')", "states"},
		{"an unknown hash", "$hash('a', 'MD4')", "states"},
		{"eval is gone", "$eval('1')", "T1006"},
		{"endless loop", "($f := function($n) { $f($n + 1) }; $f(1))", CodeLimit},
		{"endless recursion", "($f := function($n) { 1 + $f($n) }; $f(1))", CodeLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := e.Eval(c.expr, nil, bindings(), Options{Now: clock})
			var failed *EvaluationError
			if !errors.As(err, &failed) || failed.Code != c.code {
				t.Errorf("%s: got %s, %v; want code %s", c.expr, got, err, c.code)
			}
		})
	}
}

func TestUndefinedIsAnError(t *testing.T) {
	for _, expr := range []string{"$states.input.missing", "$missing", "$filter($items, function($v) { $v.id > 9 })", "$states.input.n.x", "$hash($missing, 'MD5')"} {
		var undefined *UndefinedError
		if got, err := load(t).Eval(expr, nil, bindings(), Options{}); !errors.As(err, &undefined) {
			t.Errorf("%s: got %s, %v", expr, got, err)
		}
	}
}

func TestCheck(t *testing.T) {
	e := load(t)
	for _, c := range []struct{ name, expr, code string }{
		{"good", "$states.input.items[status = 'DONE'].{'id': id, 'self': $}", ""},
		{"good lambda", "$map($x, function($v) { $v.a })", ""},
		{"good sort and group", "$x.a^(>b){c: d}", ""},
		{"good chain", "$x ~> $filter(function($v) { $v.ok }) ~> $count()", ""},
		{"syntax", "$a +", "S0207"},
		{"newer operator ??", "$a ?? 1", "S0211"},
		{"newer operator ?:", "$a ?: 1", "S0211"},
		{"$eval", "$eval('1')", "states"},
		{"$$", "$x[$$.a = b]", "states"},
		{"$ at the top", "$.a", "states"},
		{"$ in a lambda at the top", "$map($x, function($v) { $ })", "states"},
		{"a bare field", "status = 'DONE'", "states"},
		{"a bare wildcard", "*.a", "states"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := e.Check(c.expr)
			var syntax *SyntaxError
			if errors.As(err, &syntax); c.code == "" && err != nil || c.code != "" && (syntax == nil || syntax.Code != c.code) {
				t.Errorf("%s: %v, want code %q", c.expr, err, c.code)
			}
		})
	}
}

func TestTheSameSeedGivesTheSameAnswer(t *testing.T) {
	e := load(t)
	eval := func(seed uint64) string {
		got, err := e.Eval("[$uuid(), $random(), $shuffle([1..20])]", nil, nil, Options{Now: clock, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	if eval(1) != eval(1) || eval(1) == eval(2) {
		t.Fatal("answers must follow the seed")
	}
}

func TestARunawayExpressionIsStopped(t *testing.T) {
	e, err := LoadFrom(packageDir(t))
	if err != nil {
		t.Fatal(err)
	}
	e.limit = 50 * time.Millisecond
	_, err = e.Eval("$sum($map([1..3000000], function($v) { $v * $v }))", nil, nil, Options{})
	var failed *EvaluationError
	if !errors.As(err, &failed) || failed.Code != CodeLimit {
		t.Fatalf("got %v", err)
	}
	e.limit = defaultLimit
	if got, err := e.Eval("$sum([1,2])", nil, nil, Options{}); err != nil || string(got) != "3" {
		t.Fatalf("the engine must go on: %s, %v", got, err)
	}
}

func packageDir(t *testing.T) string {
	t.Helper()
	root, err := findModule()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "node_modules", "jsonata")
}

func TestLoadRefusesOtherVersions(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadFrom(dir); err == nil || !strings.Contains(err.Error(), "make ready") {
		t.Fatalf("missing package: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"version":"2.2.2"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFrom(dir); err == nil || !strings.Contains(err.Error(), "2.2.2") || !strings.Contains(err.Error(), "make ready") {
		t.Fatalf("wrong version: %v", err)
	}
}

func TestExprTellsWhatItReads(t *testing.T) {
	e := load(t)
	for _, c := range []struct{ expr, variables, fields string }{
		{"$states.input.a & $states.result[0].b", "states", "input result"},
		{"$keys($states)", "states", "*"},
		{"($x := $a; $x.b + $c)", "a c states-not", ""},
		{"$map($items, function($v) { $v.id + $offset })", "items offset", ""},
	} {
		x, err := e.Compile(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSuffix(c.variables, " states-not")
		if got := strings.Join(x.Variables(), " "); got != want {
			t.Errorf("%s reads %q, want %q", c.expr, got, want)
		}
		fields, all := x.Fields("states")
		if got := strings.Join(fields, " "); all != (c.fields == "*") || !all && got != c.fields {
			t.Errorf("%s: fields %q, all %v", c.expr, got, all)
		}
	}
}

func BenchmarkScript(b *testing.B) {
	e := load(b)
	x, err := e.Compile("$merge([$states.input.object, {'wait': $states.result.Payload.waitSeconds}])")
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, x)
}

func BenchmarkFast(b *testing.B) {
	x, err := load(b).Compile("$states.result.Payload.status = 'WAITING' and $millis() > $deadline")
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, x)
}

func benchmark(b *testing.B, x *Expr) {
	vars := map[string]*Value{}
	for name, raw := range bindings() {
		vars[name], _ = Parse(raw)
	}
	lookup := func(name string) *Value { return vars[name] }
	b.ResetTimer()
	for b.Loop() {
		if _, err := x.Eval(lookup, Options{Now: clock}); err != nil {
			b.Fatal(err)
		}
	}
}
