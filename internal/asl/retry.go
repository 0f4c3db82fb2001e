package asl

import (
	"math"
	"time"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// attempt does the work of a Task, Parallel or Map, then leaves the state, under
// its Retry and Catch. Failures of Output and Assign count too. failed is the
// event recorded when no retry is left, "" for none.
func (v *visit) attempt(failed string, work func() (*jsonata.Value, error)) (outcome, error) {
	used := make([]int64, len(v.state.Retry))
	for {
		out, err := v.once(work)
		if err == nil || err == errAborted {
			return out, err
		}
		e := named(err)
		delay, again := v.delay(used, e)
		if !again {
			if failed != "" {
				v.record(Event{Type: failed, Name: v.state.Name, Error: e.Name, Cause: e.Cause})
			}
			return v.caught(e)
		}
		if v.b.x.engine.Kernel.Sleep(v.b.ctx, delay) != nil {
			return outcome{}, errAborted
		}
		v.retries++
		v.b.x.Transitions++
	}
}

func (v *visit) once(work func() (*jsonata.Value, error)) (outcome, error) {
	v.result = nil
	result, err := work()
	if err != nil {
		return outcome{}, err
	}
	v.result = result
	return v.leave(v.state.Assign, v.state.Output, result, v.state.Next)
}

// delay finds the first Retry that names the error and tells how long it waits;
// each has its own count of attempts, and one that is used up ends the search.
func (v *visit) delay(used []int64, e *Error) (time.Duration, bool) {
	for i, r := range v.state.Retry {
		if !matches(r.ErrorEquals, e) {
			continue
		}
		if used[i] >= r.MaxAttempts {
			return 0, false
		}
		seconds := float64(r.IntervalSeconds) * math.Pow(r.BackoffRate, float64(used[i]))
		if r.MaxDelaySeconds > 0 {
			seconds = min(seconds, float64(r.MaxDelaySeconds))
		}
		seconds = min(seconds, maxSeconds)
		used[i]++
		if r.FullJitter {
			seconds *= v.b.x.rng.Float64()
		}
		return time.Duration(seconds * float64(time.Second)), true
	}
	return 0, false
}

// caught leaves the state through the first Catch that names the error.
func (v *visit) caught(e *Error) (outcome, error) {
	for _, c := range v.state.Catch {
		if !matches(c.ErrorEquals, e) {
			continue
		}
		v.result = nil
		v.errorOutput = jsonata.NewObject(
			field{Name: "Error", Value: jsonata.NewString(e.Name)},
			field{Name: "Cause", Value: jsonata.NewString(e.Cause)},
		)
		return v.leave(c.Assign, c.Output, v.errorOutput, c.Next)
	}
	return outcome{}, e
}
