package jsonata

import (
	"math"
	"strconv"
)

func fastBinary(n *node) fastFunc {
	lhs, rhs := compileChild(n, "lhs"), compileChild(n, "rhs")
	if lhs == nil || rhs == nil || !n.only("lhs", "rhs") {
		return nil
	}
	op := n.text()
	if op == "and" || op == "or" {
		return fastLogic(op == "or", lhs, rhs)
	}
	apply := operators[op]
	if apply == nil {
		return nil
	}
	return func(env *fastEnv) (*Value, bool) {
		a, ok := lhs(env)
		if !ok {
			return nil, false
		}
		b, ok := rhs(env)
		if !ok {
			return nil, false
		}
		return apply(a, b)
	}
}

// fastLogic evaluates the right side only when the left does not decide.
func fastLogic(decides bool, lhs, rhs fastFunc) fastFunc {
	return func(env *fastEnv) (*Value, bool) {
		v, known := lhs(env)
		yes, sure := truth(v)
		if !known || !sure {
			return nil, false
		}
		if yes == decides {
			return NewBool(decides), true
		}
		v, known = rhs(env)
		yes, sure = truth(v)
		return NewBool(yes), known && sure
	}
}

type operator func(a, b *Value) (*Value, bool)

var operators = map[string]operator{
	"=":  func(a, b *Value) (*Value, bool) { return equal(a, b, true) },
	"!=": func(a, b *Value) (*Value, bool) { return equal(a, b, false) },
	"<":  comparison(func(c int) bool { return c < 0 }),
	"<=": comparison(func(c int) bool { return c <= 0 }),
	">":  comparison(func(c int) bool { return c > 0 }),
	">=": comparison(func(c int) bool { return c >= 0 }),
	"+":  arithmetic(func(x, y float64) float64 { return x + y }),
	"-":  arithmetic(func(x, y float64) float64 { return x - y }),
	"*":  arithmetic(func(x, y float64) float64 { return x * y }),
	"/":  arithmetic(func(x, y float64) float64 { return x / y }),
	"&":  concatenate,
}

// equal compares scalars; a comparison with undefined is false either way.
func equal(a, b *Value, want bool) (*Value, bool) {
	if a == nil || b == nil {
		return falseValue, true
	}
	if a.kind >= Array || b.kind >= Array {
		return nil, false
	}
	same := a.kind == b.kind && a.flag == b.flag && a.num == b.num && a.str == b.str
	return NewBool(same == want), true
}

// comparison orders two numbers or two ASCII strings: beyond ASCII, JavaScript
// compares UTF-16 units.
func comparison(holds func(int) bool) operator {
	return func(a, b *Value) (*Value, bool) {
		if a == nil || b == nil || a.kind != b.kind {
			return nil, false
		}
		switch {
		case a.kind == Number:
			return NewBool(holds(compare(a.num, b.num))), true
		case a.kind == String && ascii(a.str) && ascii(b.str):
			return NewBool(holds(compare(a.str, b.str))), true
		}
		return nil, false
	}
}

func compare[T float64 | string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func arithmetic(apply func(x, y float64) float64) operator {
	return func(a, b *Value) (*Value, bool) {
		if a == nil || b == nil || a.kind != Number || b.kind != Number {
			return nil, false
		}
		f := apply(a.num, b.num)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, false
		}
		return NewNumber(f), true
	}
}

// concatenate joins strings and modest whole numbers; undefined is empty.
func concatenate(a, b *Value) (*Value, bool) {
	left, ok := printable(a)
	if !ok {
		return nil, false
	}
	right, ok := printable(b)
	return NewString(left + right), ok
}

func printable(v *Value) (string, bool) {
	switch {
	case v == nil:
		return "", true
	case v.kind == String:
		return v.str, true
	case v.kind == Number && v.num == math.Trunc(v.num) && math.Abs(v.num) < 1e15 && !(v.num == 0 && math.Signbit(v.num)):
		return strconv.FormatInt(int64(v.num), 10), true
	}
	return "", false
}
