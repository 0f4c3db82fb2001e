package refresh

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/ledger"
)

// gateKey is held while locks are being taken, and no longer.
const gateKey = "locks/gate.json"

// lockItems takes the lock of every source resource, or none. Many are taken at
// once, behind a gate that admits one execution at a time: of two refreshes
// that overlap one gets all of its locks, and neither is stopped by locks that
// the other is about to give back.
func (s *step) lockItems(ctx context.Context, p Plan, execution string) error {
	h := ledger.Holder{RefreshID: p.RefreshID, Target: p.Target, Execution: execution, AcquiredAt: s.Now().UTC()}
	err := s.ledger.Acquire(ctx, gateKey, h, s.executionAlive)
	if fault.Is(err, fault.Busy) {
		// It opens in seconds; the machine asks again.
		return &fault.Error{Name: fault.Unavailable, Op: "take the locks", Resource: p.RefreshID, Cause: err}
	}
	if err != nil {
		return err
	}
	err = s.Each(ctx, len(p.Items), func(ctx context.Context, i int) error {
		return s.ledger.Acquire(ctx, lockKey(p.Items[i]), h, s.executionAlive)
	})
	if fault.Is(err, fault.Busy) {
		for _, text := range s.unlock(ctx, p, execution) {
			s.Log.Warn("lock not given back", "err", text)
		}
	}
	if e := s.ledger.Release(ctx, gateKey, execution); e != nil && err == nil {
		err = e
	}
	return err
}

// unlock frees every lock of the plan that the execution holds.
func (s *step) unlock(ctx context.Context, p Plan, execution string) (trouble []string) {
	texts := make([]string, len(p.Items))
	err := s.Each(ctx, len(p.Items), func(ctx context.Context, i int) error {
		if err := s.ledger.Release(ctx, lockKey(p.Items[i]), execution); err != nil {
			texts[i] = strings.TrimSpace(err.Error())
		}
		return nil
	})
	if err == nil {
		err = s.ledger.Release(ctx, gateKey, execution) // of a run that ended while it took them
	}
	if err != nil {
		texts = append(texts, err.Error())
	}
	return without(texts, []string{""})
}

func lockKey(it Planned) string { return ledger.LockKey(string(it.Kind), it.ID) }

// executionAlive asks Step Functions whether an execution still runs.
func (s *step) executionAlive(ctx context.Context, arn string) (bool, error) {
	out, err := sfn.NewFromConfig(s.AWS).DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if fault.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fault.AWS("look at the execution that holds the lock", arn, err)
	}
	return out.Status == sfntypes.ExecutionStatusRunning || out.Status == sfntypes.ExecutionStatusPendingRedrive, nil
}
