package asl

// succeed ends its machine, branch or iteration with an output.
func (v *visit) succeed() (outcome, error) {
	return v.leave(nil, v.state.Output, v.input, "")
}
