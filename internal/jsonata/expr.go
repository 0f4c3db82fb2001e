package jsonata

import "slices"

// Expr is a parsed expression. It may be used from several goroutines.
type Expr struct {
	engine *Engine
	text   string
	tree   *node
	fast   fastFunc            // nil when the expression has no Go form
	names  []string            // every variable it mentions, sorted
	free   []string            // those of names that only the caller can supply
	reads  map[string][]string // for each of names: the fields it reads, nil for all of it
	paths  map[string][][]string
}

// Lookup finds the value of a variable by its name without $; nil means that
// there is none.
type Lookup func(name string) *Value

func newExpr(e *Engine, text string, tree *node) *Expr {
	x := &Expr{engine: e, text: text, tree: tree}
	x.paths = readPaths(tree)
	x.reads = map[string][]string{}
	for name, paths := range x.paths {
		x.names = append(x.names, name)
		x.reads[name] = firstFields(paths)
	}
	slices.Sort(x.names)
	x.free = freeNames(x.names, tree)
	x.fast = compileFast(tree)
	return x
}

// Text is the expression's source.
func (x *Expr) Text() string { return x.text }

// Variables are the names, without $, of the variables that the expression
// needs from its caller, sorted: neither its own nor functions.
func (x *Expr) Variables() []string { return x.free }

// Fields are the fields that the expression reads of the variable, sorted; all
// is true when it may read any of them.
func (x *Expr) Fields(variable string) (fields []string, all bool) {
	fields, reads := x.reads[variable]
	return fields, reads && fields == nil
}

// Eval evaluates the expression without an input, as a state machine does.
// Errors are *EvaluationError or *UndefinedError.
func (x *Expr) Eval(lookup Lookup, opt Options) (*Value, error) {
	if x.fast != nil {
		v, known := x.fast(&fastEnv{lookup: lookup, opt: opt})
		if known && v == nil {
			return nil, &UndefinedError{Expression: x.text}
		}
		if known {
			return v, nil
		}
	}
	return x.evalScript(nil, lookup, opt)
}

// evalScript asks the JavaScript engine.
func (x *Expr) evalScript(input *Value, lookup Lookup, opt Options) (*Value, error) {
	m, err := x.engine.take()
	if err != nil {
		return nil, err
	}
	defer x.engine.give(m)
	in := ""
	if input != nil {
		in = string(input.JSON())
	}
	if err := m.eval(x.text, in, string(x.bindings(lookup).JSON()), opt, x.engine.limit); err != nil {
		return nil, x.failed(CodeLimit, err.Error())
	}
	switch m.outcome {
	case "value":
		return Parse([]byte(m.answer[0]))
	case "undefined":
		return nil, &UndefinedError{Expression: x.text}
	case "function":
		return nil, x.failed(CodeFunction, "the result is a function, which cannot be written as JSON")
	case "error":
		code := m.answer[0]
		if code == "" {
			code = CodeHost
		}
		return nil, x.failed(code, m.answer[1])
	}
	return nil, x.failed(CodeLimit, "the evaluation did not end")
}

func (x *Expr) failed(code, message string) error {
	return &EvaluationError{Expression: x.text, Code: code, Message: message}
}

// bindings is the object of variables handed to JavaScript, with only the parts
// that the expression can reach: printing and parsing them is most of the cost.
func (x *Expr) bindings(lookup Lookup) *Value {
	var fields []Field
	for _, name := range x.names {
		if v := lookup(name); v != nil {
			fields = append(fields, Field{name, prune(v, x.paths[name])})
		}
	}
	return &Value{kind: Object, fields: fields}
}

// prune keeps what can be reached by the given paths of field names.
func prune(v *Value, paths [][]string) *Value {
	if v.kind != Object || slices.ContainsFunc(paths, func(p []string) bool { return len(p) == 0 }) {
		return v
	}
	var fields []Field
	for _, f := range v.fields {
		var rest [][]string
		for _, p := range paths {
			if p[0] == f.Name {
				rest = append(rest, p[1:])
			}
		}
		if rest != nil {
			fields = append(fields, Field{f.Name, prune(f.Value, rest)})
		}
	}
	return &Value{kind: Object, fields: fields}
}
