package fault

import (
	"slices"
	"strings"
)

// Several are errors of things that were all tried, although one failed: an
// operator is told of each.
type Several []error

// And adds one. One that a repeated call may mend stands first, so that its name
// is the one that the state machine sees, and it calls again.
func (s Several) And(err error) Several {
	if Is(err, Throttled) || Is(err, Unavailable) {
		return slices.Insert(s, 0, err)
	}
	return append(s, err)
}

// Err is nil when there are none.
func (s Several) Err() error {
	if len(s) == 0 {
		return nil
	}
	return s
}

// Error lists them.
func (s Several) Error() string {
	var out []string
	for _, err := range s {
		out = append(out, err.Error())
	}
	return strings.Join(out, " | also: ")
}

// Unwrap gives them to errors.As.
func (s Several) Unwrap() []error { return s }
