package jsonata

import "slices"

// A fastFunc evaluates an expression in Go, some hundred times faster than
// JavaScript. The rule: it either knows the answer exactly (known is true; a
// nil value is then undefined) or declines, and the expression goes to the
// engine. Whatever could raise an error, touch an array by field name, or
// depend on JavaScript's prototypes is declined. A corpus and a fuzz test hold
// both answers equal.
type fastFunc func(env *fastEnv) (v *Value, known bool)

type fastEnv struct {
	lookup Lookup
	opt    Options
}

// compileFast gives the Go form of a syntax tree, or nil when it has none.
func compileFast(n *node) fastFunc {
	switch n.Type {
	case "string", "number", "value":
		return fastLiteral(n)
	case "variable":
		return fastVariable(n)
	case "path":
		return fastPath(n)
	case "binary":
		return fastBinary(n)
	case "condition":
		return fastCondition(n)
	case "block":
		return fastBlock(n)
	case "function":
		return fastCall(n)
	case "unary":
		return fastObject(n)
	}
	return nil
}

func fastLiteral(n *node) fastFunc {
	if !n.only() {
		return nil
	}
	v, err := Of(n.Value)
	if err != nil {
		return nil
	}
	return func(*fastEnv) (*Value, bool) { return v, true }
}

func fastVariable(n *node) fastFunc {
	name := n.text()
	if !n.only() || name == "" || name == "$" || slices.Contains(builtins, name) || inherited(name) || name == "eval" {
		return nil
	}
	return func(env *fastEnv) (*Value, bool) { return env.lookup(name), true }
}

// inherited names are found on every JavaScript object.
func inherited(name string) bool {
	switch name {
	case "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString",
		"toString", "valueOf", "__proto__", "__defineGetter__", "__defineSetter__",
		"__lookupGetter__", "__lookupSetter__":
		return true
	}
	return false
}

// fastPath follows plain field names from a variable through objects only.
func fastPath(n *node) fastFunc {
	steps := n.list("steps")
	if !n.only("steps") || len(steps) == 0 || steps[0].Type != "variable" {
		return nil
	}
	root := fastVariable(steps[0])
	if root == nil {
		return nil
	}
	var names []string
	for _, s := range steps[1:] {
		if s.Type != "name" || !s.only() || inherited(s.text()) {
			return nil
		}
		names = append(names, s.text())
	}
	return func(env *fastEnv) (*Value, bool) {
		v, known := root(env)
		if !known || v != nil && v.kind == Array {
			return nil, false
		}
		return follow(v, names)
	}
}

// follow declines arrays on the way, where JavaScript maps over the items.
func follow(v *Value, names []string) (*Value, bool) {
	for _, name := range names {
		if v == nil || v.kind < Array {
			return nil, true // undefined and scalars have no fields
		}
		if v.kind == Array {
			return nil, false
		}
		v = v.Get(name)
	}
	return v, true
}

func fastCondition(n *node) fastFunc {
	if !n.only("condition", "then", "else") {
		return nil
	}
	test, then := compileChild(n, "condition"), compileChild(n, "then")
	if test == nil || then == nil {
		return nil
	}
	other := fastFunc(func(*fastEnv) (*Value, bool) { return nil, true })
	if n.Props["else"] != nil {
		if other = compileChild(n, "else"); other == nil {
			return nil
		}
	}
	return func(env *fastEnv) (*Value, bool) {
		v, known := test(env)
		yes, sure := truth(v)
		switch {
		case !known || !sure:
			return nil, false
		case yes:
			return then(env)
		}
		return other(env)
	}
}

func compileChild(n *node, name string) fastFunc {
	c := n.child(name)
	if c == nil {
		return nil
	}
	return compileFast(c)
}

// truth casts to a boolean as $boolean does; sure is false for values that
// JSONata treats in more than one way.
func truth(v *Value) (yes, sure bool) {
	if v == nil {
		return false, true
	}
	switch v.kind {
	case Bool:
		return v.flag, true
	case Null:
		return false, true
	case Number:
		return v.num != 0, true
	case String:
		return v.str != "", true
	case Object:
		return len(v.fields) > 0, true
	}
	return false, false
}

func fastBlock(n *node) fastFunc {
	inner := n.list("expressions")
	if !n.only("expressions") || len(inner) != 1 {
		return nil
	}
	return compileFast(inner[0])
}

// fastObject builds an object from literal keys.
func fastObject(n *node) fastFunc {
	pairs, _ := n.Props["lhs"].([]any)
	if n.text() != "{" || !n.only("lhs") {
		return nil
	}
	names := make([]string, len(pairs))
	values := make([]fastFunc, len(pairs))
	for i, pair := range pairs {
		both, ok := pair.([]any)
		if !ok || len(both) != 2 {
			return nil
		}
		key, val := both[0].(*node), both[1].(*node)
		if key.Type != "string" || !key.only() || slices.Contains(names[:i], key.text()) || inherited(key.text()) {
			return nil
		}
		names[i] = key.text()
		if values[i] = compileFast(val); values[i] == nil {
			return nil
		}
	}
	return func(env *fastEnv) (*Value, bool) {
		fields := make([]Field, len(names))
		for i, value := range values {
			v, known := value(env)
			if !known {
				return nil, false
			}
			fields[i] = Field{names[i], v}
		}
		return NewObject(fields...), true
	}
}
