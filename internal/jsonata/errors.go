package jsonata

import "fmt"

// SyntaxError says that an expression would be refused when a state machine is
// created.
type SyntaxError struct {
	Expression string
	Code       string // JSONata's code, such as "S0202"; "states" for a restriction of Step Functions
	Message    string
	Position   int // characters from the start of the expression; -1 when unknown
}

func (e *SyntaxError) Error() string {
	if e.Position < 0 {
		return fmt.Sprintf("JSONata expression '%s': %s (%s)", e.Expression, e.Message, e.Code)
	}
	return fmt.Sprintf("JSONata expression '%s', at character %d: %s (%s)", e.Expression, e.Position, e.Message, e.Code)
}

// EvaluationError says that a valid expression failed on these values. In a
// state machine it becomes States.QueryEvaluationError.
type EvaluationError struct {
	Expression string
	Code       string // JSONata's code, such as "T2001", or one of the Code constants
	Message    string
}

// Codes for failures that JSONata itself has no code for.
const (
	CodeFunction = "function" // the result is a function, which JSON cannot hold
	CodeLimit    = "limit"    // the evaluation took too long or nested too deeply
	CodeHost     = "host"     // a JavaScript error without a JSONata code
)

func (e *EvaluationError) Error() string {
	return fmt.Sprintf("JSONata expression '%s': %s (%s)", e.Expression, e.Message, e.Code)
}

// UndefinedError says that an expression returned nothing. JSON has no word for
// that, so Step Functions treats it as an error.
type UndefinedError struct{ Expression string }

func (e *UndefinedError) Error() string {
	return fmt.Sprintf("JSONata expression '%s' returned nothing (undefined)", e.Expression)
}
