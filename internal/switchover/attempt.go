package switchover

import (
	"context"
	"time"

	"github.com/dbferry/dbferry/internal/fault"
)

// begun is when a move was begun, and what AWS calls what it began.
type begun struct {
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"`      // the execution that works on it
	Clock   time.Time `json:"clock,omitzero"`    // since when that execution does; its time limit counts from here
	Try     int       `json:"try,omitempty"`     // 1 for the first
	Before  string    `json:"before,omitempty"`  // what was there
	ID      string    `json:"id,omitempty"`      // what AWS made: a deployment, a change, an execution
	Refused bool      `json:"refused,omitempty"` // nothing was done: AWS did not even start it
	Stopped bool      `json:"stopped,omitempty"` // AWS was asked to stop it
	Over    bool      `json:"over,omitempty"`    // ended, and not well: another execution begins it anew
	Done    bool      `json:"done,omitempty"`
	Result  string    `json:"result,omitempty"`
	Ended   time.Time `json:"ended,omitzero"`
}

// intend records that a move is about to be begun, with what was there. An
// execution that takes over an earlier one's work gets the whole time limit.
func (s *step) intend(ctx context.Context, p *Plan, key, before string) (begun, error) {
	var b begun
	_, found, err := s.ledger.Get(ctx, key, &b)
	if err != nil {
		return b, err
	}
	if !found {
		return s.begin(ctx, p, key, begun{Before: before, Try: 1})
	}
	if b.By == p.Execution || b.Done {
		return b, nil
	}
	b.By, b.Clock = p.Execution, s.Now().UTC()
	return b, s.ledger.Put(ctx, key, b)
}

func (s *step) begin(ctx context.Context, p *Plan, key string, b begun) (begun, error) {
	b.At, b.By = s.Now().UTC(), p.Execution
	b.Clock = b.At
	return b, s.ledger.Put(ctx, key, b)
}

// attempt is intend for what has no from and to: services and hooks. One that
// ended badly is tried anew by the next execution, and one that was done before
// the other direction was begun is to be done again.
func (s *step) attempt(ctx context.Context, p *Plan, m Move, d Direction, before string) (b begun, key string, err error) {
	key = startedKey(p, m, d)
	_, found, err := s.ledger.Get(ctx, key, &b)
	switch {
	case err != nil || found && b.By == p.Execution:
		return b, key, err
	case !found:
		b, err = s.begin(ctx, p, key, begun{Before: before, Try: 1})
		return b, key, err
	}
	var other begun
	if _, _, err = s.ledger.Get(ctx, startedKey(p, m, d.opposite()), &other); err != nil {
		return b, key, err
	}
	if b.Over || other.At.After(b.At) {
		b, err = s.begin(ctx, p, key, begun{Before: before, Try: b.Try + 1})
		return b, key, err
	}
	b, err = s.intend(ctx, p, key, before)
	return b, key, err
}

// over records how something ended that did not end well, and returns why.
func (s *step) over(ctx context.Context, key string, b begun, why error) error {
	b.Over, b.Result, b.Ended = true, why.Error(), s.Now().UTC()
	if err := s.ledger.Put(ctx, key, b); err != nil {
		return err
	}
	return why
}

// again repeats why something did not end well: within one execution it is not
// tried twice.
func (b begun) again() error { return past{b.Result} }

// past is a failure of an earlier look, in the words of then.
type past struct{ text string }

// Error is that failure's text.
func (p past) Error() string { return p.text }

// Unwrap names it for the state machine.
func (p past) Unwrap() error { return &fault.Error{Name: fault.VerifyFailed} }

// well records that something is done.
func (s *step) well(ctx context.Context, key string, b begun, result string) error {
	b.Done, b.Result, b.Ended = true, result, s.Now().UTC()
	return s.ledger.Put(ctx, key, b)
}

// late says whether an execution's time for something has passed.
func (s *step) late(b begun, limit time.Duration) bool { return s.Now().Sub(b.Clock) > limit }

// Outcome is how a service's deployment or a hook went, for the record.
type Outcome struct {
	Move      string    `json:"move"`
	Direction Direction `json:"direction"`
	Result    string    `json:"result"`
	Began     time.Time `json:"began"`
	Ended     time.Time `json:"ended,omitzero"`
}

// outcomes are those of everything that was begun.
func (s *step) outcomes(ctx context.Context, p *Plan) ([]Outcome, error) {
	var out []Outcome
	for _, d := range []Direction{Forward, Backward} {
		for _, m := range p.of(Service, Hook) {
			var b begun
			_, found, err := s.ledger.Get(ctx, startedKey(p, m, d), &b)
			if err != nil {
				return nil, err
			}
			if !found {
				continue
			}
			o := Outcome{Move: m.String(), Direction: d, Result: b.Result, Began: b.At, Ended: b.Ended}
			if o.Result == "" {
				o.Result = "not waited for"
			}
			out = append(out, o)
		}
	}
	return out, nil
}
