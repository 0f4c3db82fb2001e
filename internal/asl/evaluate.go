package asl

import (
	"errors"
	"fmt"
	"math"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// evaluate fills in a template; nil gives the fallback. Every failure is
// States.QueryEvaluationError.
func (v *visit) evaluate(t *Template, fallback *jsonata.Value) (*jsonata.Value, error) {
	switch {
	case t == nil:
		return fallback, nil
	case t.kind == literal:
		return t.literal, nil
	case t.kind == expression:
		return v.evaluateExpression(t)
	}
	items := make([]*jsonata.Value, len(t.items))
	for i, inner := range t.items {
		value, err := v.evaluate(inner, nil)
		if err != nil {
			return nil, err
		}
		items[i] = value
	}
	if t.kind == arrayTemplate {
		return jsonata.NewArray(items...), nil
	}
	fields := make([]field, len(items))
	for i, value := range items {
		fields[i] = field{Name: t.keys[i], Value: value}
	}
	return jsonata.NewObject(fields...), nil
}

func (v *visit) evaluateExpression(t *Template) (*jsonata.Value, error) {
	x := v.b.x
	expr, err := x.engine.JSONata.Compile(t.text)
	if err != nil {
		return nil, v.evaluationFailed(t, err)
	}
	lookup := func(name string) *jsonata.Value {
		if name == "states" {
			return v.states(expr)
		}
		return v.b.vars.lookup(name)
	}
	value, err := expr.Eval(lookup, jsonata.Options{Now: x.engine.Kernel.Now(), Seed: x.seed()})
	if err != nil {
		return nil, v.evaluationFailed(t, err)
	}
	return value, nil
}

// states is the $states variable, with the context object only when the
// expression reads it.
func (v *visit) states(expr *jsonata.Expr) *jsonata.Value {
	fields := make([]field, 0, 4)
	fields = append(fields, field{Name: "input", Value: v.input}, field{Name: "result", Value: v.result},
		field{Name: "errorOutput", Value: v.errorOutput})
	names, all := expr.Fields("states")
	for _, name := range names {
		all = all || name == "context"
	}
	if all {
		fields = append(fields, field{Name: "context", Value: v.contextObject()})
	}
	return jsonata.NewObject(fields...)
}

// evaluationFailed words the cause as AWS does and records the event.
func (v *visit) evaluationFailed(t *Template, err error) error {
	what := err.Error()
	var undefined *jsonata.UndefinedError
	var failed *jsonata.EvaluationError
	switch {
	case errors.As(err, &undefined):
		what = fmt.Sprintf("The JSONata expression '%s' specified for the field '%s' returned nothing (undefined).", t.text, t.Field)
	case errors.As(err, &failed):
		what = fmt.Sprintf("The JSONata expression '%s' specified for the field '%s' threw an error during evaluation. %s: %s",
			t.text, t.Field, failed.Code, failed.Message)
	}
	return v.queryError(what)
}

// queryError is States.QueryEvaluationError for this state.
func (v *visit) queryError(what string) error {
	e := &Error{Name: ErrQueryEvaluation, Cause: v.located(what)}
	v.record(Event{Type: "EvaluationFailed", Name: v.state.Name, Error: e.Name, Cause: e.Cause})
	return e
}

func (v *visit) located(what string) string {
	return fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", v.state.Name, v.enteredID, what)
}

func (v *visit) wrongType(t *Template, want string, got *jsonata.Value) error {
	return v.queryError(fmt.Sprintf("The JSONata expression '%s' specified for the field '%s' returned an unexpected result type. Expected '%s', but was '%s'.",
		t.text, t.Field, want, got.Kind()))
}

// evaluateWhole evaluates a template to a whole number of at least least; nil
// gives the fallback.
func (v *visit) evaluateWhole(t *Template, least, fallback int64) (int64, error) {
	n, err := v.evaluateNumber(t, float64(least), maxSeconds, float64(fallback))
	if err == nil && n != math.Trunc(n) {
		return 0, v.queryError(fmt.Sprintf("The field '%s' must be a whole number, but was %g.", t.Field, n))
	}
	return int64(n), err
}

func (v *visit) evaluateNumber(t *Template, least, most, fallback float64) (float64, error) {
	if t == nil {
		return fallback, nil
	}
	value, err := v.evaluate(t, nil)
	if err != nil {
		return 0, err
	}
	if value.Kind() != jsonata.Number {
		return 0, v.wrongType(t, "number", value)
	}
	if n := value.Number(); n < least || n > most {
		return 0, v.queryError(fmt.Sprintf("The field '%s' must be a number from %g to %g, but was %g.", t.Field, least, most, n))
	}
	return value.Number(), nil
}

func (v *visit) evaluateText(t *Template) (string, error) {
	if t == nil {
		return "", nil
	}
	value, err := v.evaluate(t, nil)
	if err != nil {
		return "", err
	}
	if value.Kind() != jsonata.String {
		return "", v.wrongType(t, "string", value)
	}
	return value.Text(), nil
}

// sized refuses a value above the payload limit, and remembers the largest.
func (x *Execution) sized(value *jsonata.Value, what string) error {
	n := value.Size()
	x.Largest = max(x.Largest, n)
	if n > MaxPayload {
		return tooLarge(what, n)
	}
	return nil
}
