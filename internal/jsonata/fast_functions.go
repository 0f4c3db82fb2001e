package jsonata

import (
	"math"
	"regexp"
	"time"
)

// isoLayout is how $now and $fromMillis print a time.
const isoLayout = "2006-01-02T15:04:05.000Z"

var isoTime = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z$`)

type fastFunction struct {
	arguments int
	apply     func(env *fastEnv, arg *Value) (*Value, bool)
}

var fastFunctions = map[string]fastFunction{
	"millis": {0, func(env *fastEnv, _ *Value) (*Value, bool) {
		return NewNumber(float64(env.opt.Now.UnixMilli())), true
	}},
	"now": {0, func(env *fastEnv, _ *Value) (*Value, bool) {
		return printMillis(float64(env.opt.Now.UnixMilli()))
	}},
	"exists":     {1, func(_ *fastEnv, v *Value) (*Value, bool) { return NewBool(v != nil), true }},
	"not":        {1, fastNot},
	"toMillis":   {1, fastToMillis},
	"fromMillis": {1, fastFromMillis},
}

// fastCall handles the few functions of poll loops and deadlines, unless a
// variable has taken the function's name.
func fastCall(n *node) fastFunc {
	procedure := n.child("procedure")
	if procedure == nil || procedure.Type != "variable" || !procedure.only() || !n.only("procedure", "arguments") {
		return nil
	}
	name := procedure.text()
	f, known := fastFunctions[name]
	args := n.list("arguments")
	if !known || len(args) != f.arguments {
		return nil
	}
	arg := fastFunc(func(*fastEnv) (*Value, bool) { return nil, true })
	if len(args) == 1 {
		if arg = compileFast(args[0]); arg == nil {
			return nil
		}
	}
	return func(env *fastEnv) (*Value, bool) {
		v, ok := arg(env)
		if !ok || env.lookup(name) != nil {
			return nil, false
		}
		return f.apply(env, v)
	}
}

func fastNot(_ *fastEnv, v *Value) (*Value, bool) {
	yes, sure := truth(v)
	return NewBool(!yes), sure && v != nil
}

func fastToMillis(_ *fastEnv, v *Value) (*Value, bool) {
	if v == nil || v.kind != String || !isoTime.MatchString(v.str) {
		return nil, false
	}
	t, err := time.Parse(time.RFC3339, v.str)
	if err != nil || t.Year() < 1970 {
		return nil, false
	}
	return NewNumber(float64(t.UnixMilli())), true
}

func fastFromMillis(_ *fastEnv, v *Value) (*Value, bool) {
	if v == nil || v.kind != Number {
		return nil, false
	}
	return printMillis(v.num)
}

// printMillis knows whole milliseconds of the years 1970 to 9999.
func printMillis(ms float64) (*Value, bool) {
	if ms < 0 || ms != math.Trunc(ms) || ms >= 253_402_300_800_000 {
		return nil, false
	}
	return NewString(time.UnixMilli(int64(ms)).UTC().Format(isoLayout)), true
}
