package asl

import (
	"fmt"
	"time"
)

// wait sleeps for a number of seconds or until a time; a time in the past does
// not wait.
func (v *visit) wait() (outcome, error) {
	d, err := v.pause()
	if err != nil {
		return outcome{}, err
	}
	if v.b.x.engine.Kernel.Sleep(v.b.ctx, d) != nil {
		return outcome{}, errAborted
	}
	return v.leave(v.state.Assign, v.state.Output, v.input, v.state.Next)
}

func (v *visit) pause() (time.Duration, error) {
	w := v.state.Wait
	if w.Seconds != nil {
		n, err := v.evaluateWhole(w.Seconds, 0, 0)
		return time.Duration(n) * time.Second, err
	}
	text, err := v.evaluateText(w.Timestamp)
	if err != nil {
		return 0, err
	}
	until, err := readTimestamp(text)
	if err != nil {
		return 0, v.queryError(fmt.Sprintf("The field 'Timestamp': %v", err))
	}
	return max(0, until.Sub(v.b.x.engine.Kernel.Now())), nil
}

// readTimestamp reads the profile of ISO 8601 that the States Language demands:
// RFC 3339 with a capital T and, for UTC, a capital Z.
func readTimestamp(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q is not a time such as 2026-01-31T23:59:00Z", s)
	}
	return t, nil
}
