package jsonata

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/dop251/goja"
)

// defaultLimit is real time. Step Functions allows one second; a busy machine
// that runs tests deserves more, and only a runaway expression notices.
const defaultLimit = 10 * time.Second

// Options are what an expression may observe besides its variables.
type Options struct {
	Now  time.Time // $now() and $millis()
	Seed uint64    // $random(), $uuid() and $shuffle()
}

// Engine evaluates expressions. It may be used from several goroutines.
type Engine struct {
	library, prelude *goja.Program
	limit            time.Duration

	mu    sync.Mutex
	idle  []*machine
	cache map[string]*Expr
}

// Check says whether Step Functions would accept the expression (without its
// {% and %} marks): the syntax, no $eval, no $$, and neither $ nor a bare field
// name where there is no context for it. The error is a *SyntaxError.
func (e *Engine) Check(expr string) error {
	x, err := e.Compile(expr)
	if err != nil {
		return err
	}
	return x.check()
}

// Compile parses an expression, or finds it in the cache. The error is a
// *SyntaxError.
func (e *Engine) Compile(expr string) (*Expr, error) {
	e.mu.Lock()
	x := e.cache[expr]
	e.mu.Unlock()
	if x != nil {
		return x, nil
	}
	tree, err := e.parse(expr)
	if err != nil {
		return nil, err
	}
	x = newExpr(e, expr, tree)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cache[expr] = x
	return x, nil
}

// Eval evaluates an expression with input as its context (nil: none, as in a
// state machine) and the bindings as variables, named without their $. The
// result is compact JSON. Errors are *SyntaxError, *EvaluationError or
// *UndefinedError, or say that an argument is not JSON.
func (e *Engine) Eval(expr string, input any, bindings map[string]json.RawMessage, opt Options) (json.RawMessage, error) {
	x, err := e.Compile(expr)
	if err != nil {
		return nil, err
	}
	vars := make(map[string]*Value, len(bindings))
	for name, raw := range bindings {
		if vars[name], err = Parse(raw); err != nil {
			return nil, fmt.Errorf("jsonata: variable $%s: %w", name, err)
		}
	}
	lookup := func(name string) *Value { return vars[name] }
	var in *Value
	if input != nil {
		if in, err = Of(input); err != nil {
			return nil, fmt.Errorf("jsonata: input: %w", err)
		}
	}
	var v *Value
	if in == nil {
		v, err = x.Eval(lookup, opt)
	} else {
		v, err = x.evalScript(in, lookup, opt)
	}
	if err != nil {
		return nil, err
	}
	return v.JSON(), nil
}

// take hands out an idle machine or a new one.
func (e *Engine) take() (*machine, error) {
	e.mu.Lock()
	if n := len(e.idle); n > 0 {
		m := e.idle[n-1]
		e.idle = e.idle[:n-1]
		e.mu.Unlock()
		return m, nil
	}
	e.mu.Unlock()
	return newMachine(e.library, e.prelude)
}

// maxRuns retires a machine, and with it the expressions it has compiled.
const maxRuns = 500_000

func (e *Engine) give(m *machine) {
	if m.dead || m.runs > maxRuns {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.idle = append(e.idle, m)
}

func (e *Engine) parse(expr string) (*node, error) {
	m, err := e.take()
	if err != nil {
		return nil, err
	}
	defer e.give(m)
	out, err := m.tree(goja.Undefined(), m.js.ToValue(expr))
	if err != nil {
		m.dead = true
		return nil, &SyntaxError{Expression: expr, Code: CodeLimit, Message: err.Error(), Position: -1}
	}
	if text, ok := out.Export().(string); ok {
		return readTree(text)
	}
	why := out.ToObject(m.js)
	position, _ := strconv.Atoi(why.Get("2").String())
	return nil, &SyntaxError{Expression: expr, Code: why.Get("0").String(), Message: why.Get("1").String(), Position: position}
}
