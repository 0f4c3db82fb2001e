package refresh

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// The verdicts: how an execution may end. Every one but Succeeded is the Error
// of a Fail state (docs/verdicts.md).
const (
	Succeeded     = "Succeeded"
	Refused       = "Refused"
	Failed        = "Failed"
	RolledBack    = "RolledBack"
	NeedsOperator = "NeedsOperator"
)

// End is what close-run and notify are told: by the machine itself, or, when an
// execution ended in a way that it could not catch, by Step Functions' event.
type End struct {
	Execution string `json:"execution"`
	Target    string `json:"target"`
	RefreshID string `json:"refreshId,omitempty"`
	Verdict   string `json:"verdict"`
	Error     string `json:"error,omitempty"`
	Cause     string `json:"cause,omitempty"`

	event bool // told by Step Functions' event, not by the machine itself
}

// Closed is the output of close-run: the verdict with a cause that a person
// can read. Trouble in closing stands beside it and never changes it.
type Closed struct {
	Verdict   string   `json:"verdict"`
	RefreshID string   `json:"refreshId,omitempty"`
	Cause     string   `json:"cause,omitempty"`
	Trouble   []string `json:"trouble,omitempty"`
}

// closed is the record of an end in the ledger.
type closed struct {
	End
	At time.Time `json:"at"`
}

// ParseEnd reads either form of input.
func ParseEnd(raw []byte) (End, error) {
	var e event
	if err := json.Unmarshal(raw, &e); err == nil && e.DetailType != "" {
		return endOfEvent(e)
	}
	var end End
	if err := lambdafn.Strict(raw, &end); err != nil {
		return End{}, err
	}
	end.Cause = readable(end.Cause)
	return end, nil
}

func endOfEvent(e event) (End, error) {
	var d struct {
		ExecutionARN    string `json:"executionArn"`
		StateMachineARN string `json:"stateMachineArn"`
		Status          string `json:"status"`
		Error           string `json:"error"`
		Cause           string `json:"cause"`
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return End{}, err
	}
	end := End{Execution: d.ExecutionARN, Error: d.Error, Cause: readable(d.Cause), Verdict: Failed, event: true}
	switch {
	case d.Status == "TIMED_OUT" || d.Status == "ABORTED":
		end.Error = d.Status
	case d.Error == Refused || d.Error == RolledBack || d.Error == NeedsOperator:
		end.Verdict = d.Error
	}
	return end, nil
}

// wayBackFailed stands between two causes in the one that staging-switch makes
// of them.
const wayBackFailed = " | and the way back failed: "

// readable takes the message out of the cause that Step Functions makes of a
// function's error; any other text stays as it is.
func readable(cause string) string {
	parts := strings.Split(cause, wayBackFailed)
	for i, part := range parts {
		var m struct {
			Message string `json:"errorMessage"`
		}
		if json.Unmarshal([]byte(part), &m) == nil && m.Message != "" {
			parts[i] = m.Message
		}
	}
	return strings.Join(parts, wayBackFailed)
}

type closeRun struct{ step }

// NewCloseRun builds close-run: it records how an execution ended and frees the
// locks that it held. Run again, it confirms.
func NewCloseRun(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	s := &closeRun{newStep(rt)}
	return func(ctx context.Context, raw []byte) ([]byte, error) {
		end, err := ParseEnd(raw)
		if err != nil {
			return nil, &fault.Error{Name: fault.BadRequest, Op: "read how the run ended", Cause: err}
		}
		out, err := s.do(ctx, end)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}, nil
}

func (s *closeRun) do(ctx context.Context, end End) (Closed, error) {
	out := Closed{Verdict: end.Verdict, Cause: end.Cause}
	end, err := s.complete(ctx, end)
	if err != nil {
		return out, err
	}
	if end, err = s.halfWay(ctx, end); err != nil {
		return out, err
	}
	out.RefreshID, out.Verdict, out.Cause = end.RefreshID, end.Verdict, end.Cause
	if err := s.ledger.Release(ctx, servingLock, end.Execution); err != nil {
		out.Trouble = append(out.Trouble, err.Error())
	}
	if end.RefreshID == "" {
		return out, nil // it never began: nothing else is locked, nothing is recorded
	}
	record := closed{End: end, At: s.Now().UTC()}
	if _, err := s.ledger.Create(ctx, endKey(end.RefreshID, end.Execution), record); err != nil {
		return out, err
	}
	if end.Verdict == Succeeded && !switching(end.Execution) {
		if _, err := s.ledger.Create(ctx, succeededKey(end.RefreshID), record); err != nil {
			return out, err
		}
	}
	out.Trouble = append(out.Trouble, s.release(ctx, end)...)
	// The alarm for NeedsOperator counts this line (infra/stack/alarm.go).
	s.Log.Info("run closed", "verdict", end.Verdict, "refresh", end.RefreshID, "execution", end.Execution, "trouble", out.Trouble)
	return out, nil
}

// complete finds the refresh of an execution that does not say it.
func (s *step) complete(ctx context.Context, end End) (End, error) {
	if end.Execution == "" {
		return end, fault.New(fault.BadRequest, "close the run", "", "report this", "execution is missing")
	}
	var r run
	if _, _, err := s.ledger.Get(ctx, executionKey(end.Execution), &r); err != nil {
		return end, err
	}
	if end.RefreshID == "" {
		end.RefreshID = r.RefreshID
	}
	if end.Target == "" {
		end.Target = r.Target
	}
	if end.event {
		return s.endedOutside(ctx, end, r.Begun)
	}
	return end, nil
}

// endedOutside finds the verdict of an execution that was ended from outside. If it
// was closed before, it stays as it was closed. If its first step was not
// through, nothing was begun.
func (s *step) endedOutside(ctx context.Context, end End, begun bool) (End, error) {
	if end.Verdict == Failed && !begun {
		end.Verdict = Refused
	}
	if end.RefreshID == "" {
		return end, nil
	}
	var c closed
	_, found, err := s.ledger.Get(ctx, endKey(end.RefreshID, end.Execution), &c)
	if err != nil || !found {
		return end, err
	}
	return c.End, nil
}

// release frees every lock that the execution holds.
func (s *closeRun) release(ctx context.Context, end End) []string {
	var p Plan
	_, found, err := s.ledger.Get(ctx, planKey(end.RefreshID), &p)
	if err != nil {
		return []string{"locks not looked at: " + err.Error()}
	}
	if !found {
		return nil
	}
	return s.unlock(ctx, p, end.Execution)
}
