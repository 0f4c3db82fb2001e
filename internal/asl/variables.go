package asl

import (
	"fmt"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// scope holds the variables of the machine's top level, of one branch, or of
// one iteration. Inner scopes read outer ones; Parse made sure that they never
// assign the same names (Developer Guide, "Passing data between states with
// variables").
type scope struct {
	x      *Execution
	outer  *scope
	values map[string]*jsonata.Value
}

func newScope(x *Execution, outer *scope) *scope {
	return &scope{x: x, outer: outer}
}

func (s *scope) lookup(name string) *jsonata.Value {
	for ; s != nil; s = s.outer {
		if v := s.values[name]; v != nil {
			return v
		}
	}
	return nil
}

// assign sets the fields of values, which the next state sees, if they are
// within the limits.
func (s *scope) assign(values *jsonata.Value) error {
	if err := s.x.sized(values, "Assign sets variables of"); err != nil {
		return err
	}
	grown := s.x.varBytes
	for _, f := range values.Fields() {
		grown += f.Value.Size()
		if old := s.values[f.Name]; old != nil {
			grown -= old.Size()
		}
	}
	if grown > MaxVariables {
		return &Error{Name: ErrDataLimitExceeded, Cause: fmt.Sprintf("the variables of the execution have %d bytes; Step Functions allows %d", grown, MaxVariables)}
	}
	s.x.varBytes = grown
	if s.values == nil {
		s.values = make(map[string]*jsonata.Value, len(values.Fields()))
	}
	for _, f := range values.Fields() {
		s.values[f.Name] = f.Value
	}
	return nil
}

// leave frees the variables when their branch or iteration has ended.
func (s *scope) leave() {
	for _, v := range s.values {
		s.x.varBytes -= v.Size()
	}
	s.values = nil
}

func tooLarge(what string, bytes int) *Error {
	return &Error{Name: ErrDataLimitExceeded, Cause: fmt.Sprintf("%s %d bytes; Step Functions allows %d", what, bytes, MaxPayload)}
}
