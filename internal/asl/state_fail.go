package asl

// fail ends its machine, branch or iteration with the error it names.
func (v *visit) fail() (outcome, error) {
	name, err := v.evaluateText(v.state.Fail.Error)
	if err != nil {
		return outcome{}, err
	}
	cause, err := v.evaluateText(v.state.Fail.Cause)
	if err != nil {
		return outcome{}, err
	}
	return outcome{}, &Error{Name: name, Cause: cause}
}
