package refresh

import (
	"context"
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/names"
)

// step is what all steps have.
type step struct {
	lambdafn.Runtime
	ledger *ledger.Ledger
	here   names.Place
}

func newStep(rt lambdafn.Runtime) step {
	return step{Runtime: rt, ledger: ledger.New(rt.AWS, rt.Ledger), here: rt.Place()}
}

// target is the target of an input, with its place.
func (s *step) target(name string) (config.Target, names.Place, error) {
	t, err := s.Config.Target(name)
	if err != nil {
		return t, names.Place{}, &fault.Error{Name: fault.BadRequest, Op: "find the target", Cause: err,
			Next: "deploy the stack again; the machine and the function disagree"}
	}
	return t, s.Config.Place(t), nil
}

// ItemInput is the input of every step that works on one item.
type ItemInput struct {
	RefreshID string  `json:"refreshId"`
	Target    string  `json:"target"`
	Execution string  `json:"execution"` // ARN of the machine's execution, not of the Map's child
	Item      MapItem `json:"item"`
	Deadline  int64   `json:"deadline"` // Unix milliseconds, counted from the child's start
}

func (in ItemInput) validate() error {
	switch {
	case !ValidID(in.RefreshID):
		return fmt.Errorf("refreshId %q is not a refresh id", in.RefreshID)
	case in.Item.ID == "" || in.Item.Kind != Cluster && in.Item.Kind != Table:
		return fmt.Errorf("item %+v is neither a cluster nor a table", in.Item)
	case in.Execution == "":
		return fmt.Errorf("execution is missing")
	}
	return nil
}

// itemKey is a fact about the input's item.
func (in ItemInput) key(fact string) string {
	return itemKey(in.RefreshID, in.Item.Kind, in.Item.ID, fact)
}

// Failure is why an item's step gave up; the judges of a phase read it.
type Failure struct {
	Step  string     `json:"step"`
	Error fault.Name `json:"error"`
	Cause string     `json:"cause"`
	At    time.Time  `json:"at"`
}

// work is what a step does for one item. On DONE its fact is recorded, and the
// step is never run for this item again.
type work func(ctx context.Context, in ItemInput) (a converge.Answer, fact any, err error)

// perItem wraps the work of one item: done work is confirmed from the ledger,
// the deadline is kept, and what goes wrong for good is recorded, so that the
// judge of the phase can name it.
func (s *step) perItem(do work) lambdafn.Handler {
	return lambdafn.Typed(func(ctx context.Context, in ItemInput) (converge.Answer, error) {
		if err := in.validate(); err != nil {
			return converge.Answer{}, &fault.Error{Name: fault.BadRequest, Op: s.Function, Cause: err}
		}
		if _, _, found, err := s.ledger.Bytes(ctx, in.key(s.Function)); err != nil || found {
			return converge.DoneNow(), err
		}
		a, fact, err := do(ctx, in)
		if err == nil && a.Status == converge.Waiting && s.Now().UnixMilli() > in.Deadline {
			err = fault.New(fault.DeadlineExceeded, s.Function, in.Item.ID,
				"look at the job in the AWS Backup console; then continue with {\"resume\":\""+in.RefreshID+"\"}",
				"%s", overdue(in, a))
		}
		if err != nil {
			return a, s.recordFailure(ctx, in, err)
		}
		if a.Status == converge.Done {
			return a, s.ledger.Put(ctx, in.key(s.Function), fact)
		}
		return a, nil
	})
}

func overdue(in ItemInput, a converge.Answer) string {
	text := "not done by " + time.UnixMilli(in.Deadline).UTC().Format(time.RFC3339)
	if a.Detail != "" {
		text += "; " + a.Detail
	}
	return text
}

// recordFailure keeps an error that the machine will not retry. It returns the
// same error: a record that could not be written must not hide it.
func (s *step) recordFailure(ctx context.Context, in ItemInput, cause error) error {
	name := fault.NameOf(cause)
	if name == fault.Throttled || name == fault.Unavailable {
		return cause
	}
	f := Failure{Step: s.Function, Error: name, Cause: cause.Error(), At: s.Now().UTC()}
	if err := s.ledger.Put(ctx, in.key("failure"), f); err != nil {
		s.Log.Warn("failure not recorded", "item", in.Item.ID, "err", err.Error())
	}
	return cause
}

// fact reads what an earlier step recorded about the item.
func (s *step) fact(ctx context.Context, in ItemInput, name string, v any) error {
	_, found, err := s.ledger.Get(ctx, in.key(name), v)
	if err == nil && !found {
		err = fault.New(fault.Bug, s.Function, in.Item.ID, "report this with the execution's history", "%s has not run for it", name)
	}
	return err
}

// why explains an item that lacks a fact: its recorded failure, or that there
// is none, which means that its step crashed or timed out.
func (s *step) why(ctx context.Context, id string, kind Kind, name string) string {
	var f Failure
	_, found, err := s.ledger.Get(ctx, itemKey(id, kind, name, "failure"), &f)
	switch {
	case err != nil:
		return fmt.Sprintf("%s %s: no result, and its record cannot be read: %v", kind, name, err)
	case !found:
		return fmt.Sprintf("%s %s: no result and no recorded failure: its step crashed, timed out or was stopped; open the Map Run in the Step Functions console", kind, name)
	}
	return fmt.Sprintf("%s %s: %s in %s: %s", kind, name, f.Error, f.Step, f.Cause)
}
