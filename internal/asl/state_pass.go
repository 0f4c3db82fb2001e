package asl

// pass hands its input on.
func (v *visit) pass() (outcome, error) {
	return v.leave(v.state.Assign, v.state.Output, v.input, v.state.Next)
}
