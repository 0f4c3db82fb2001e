package asl

import "github.com/dbferry/dbferry/internal/jsonata"

// choice follows the first rule that holds. A rule's own Assign and Output
// count when it is chosen, the state's when Default is.
func (v *visit) choice() (outcome, error) {
	for _, rule := range v.state.Choice.Rules {
		holds, err := v.evaluate(rule.Condition, nil)
		if err != nil {
			return outcome{}, err
		}
		if holds.Kind() != jsonata.Bool {
			return outcome{}, v.wrongType(rule.Condition, "boolean", holds)
		}
		if holds.Bool() {
			return v.leave(rule.Assign, rule.Output, v.input, rule.Next)
		}
	}
	if v.state.Choice.Default == "" {
		return outcome{}, &Error{Name: ErrNoChoiceMatched, Cause: v.located("Failed to transition out of the state. The state has no Default, and no rule holds.")}
	}
	return v.leave(v.state.Assign, v.state.Output, v.input, v.state.Choice.Default)
}
