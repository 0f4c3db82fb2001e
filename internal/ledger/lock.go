package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/fault"
)

// Holder is who holds a lock.
type Holder struct {
	RefreshID  string    `json:"refreshId"`
	Target     string    `json:"target"`
	Execution  string    `json:"execution"` // ARN of the execution that took it
	AcquiredAt time.Time `json:"acquiredAt"`
}

// String says in words whose lock it is. A holder without a refresh is an
// execution of another of dbferry's machines, such as a migration.
func (h Holder) String() string {
	if parts := strings.Split(h.Execution, ":"); h.RefreshID == "" && len(parts) > 6 {
		return "an execution of " + parts[6]
	}
	if h.RefreshID == "" {
		return "somebody without a name"
	}
	return fmt.Sprintf("refresh %s for %s", h.RefreshID, h.Target)
}

// Alive asks whether a holder's execution still runs. A holder that does not
// run any more has lost its lock.
type Alive func(ctx context.Context, execution string) (bool, error)

// LockKey is the lock of one source resource; it is shared by all targets and
// by migrations, because AWS runs one backup or copy job per resource.
func LockKey(kind, id string) string { return "locks/" + Segment(kind) + "/" + Segment(id) + ".json" }

// Acquire takes a lock for an execution, or confirms that it already has it.
// A lock whose holder is dead is taken over. Busy names the live holder.
func (l *Ledger) Acquire(ctx context.Context, key string, h Holder, alive Alive) error {
	for range 3 {
		created, err := l.Create(ctx, key, h)
		if err != nil || created {
			return err
		}
		var there Holder
		ver, found, err := l.Get(ctx, key, &there)
		if err != nil {
			return err
		}
		if !found {
			continue // freed in between
		}
		if there.Execution == h.Execution {
			return nil
		}
		runs, err := alive(ctx, there.Execution)
		if err != nil {
			return err
		}
		if runs {
			return fault.New(fault.Busy, "lock "+key, l.where(key),
				"wait for it to end, or stop it in the Step Functions console",
				"%s holds it since %s (%s)", there, there.AcquiredAt.Format(time.RFC3339), there.Execution)
		}
		if taken, err := l.Replace(ctx, key, ver, h); err != nil || taken {
			return err
		}
	}
	return fault.New(fault.Busy, "lock "+key, l.where(key), "start again", "others are taking and freeing it at the same moment")
}

// Release frees a lock if the execution holds it, and leaves it alone if not.
func (l *Ledger) Release(ctx context.Context, key, execution string) error {
	var there Holder
	_, found, err := l.Get(ctx, key, &there)
	if err != nil {
		return err
	}
	if !found || there.Execution != execution {
		return nil
	}
	if err := l.Delete(ctx, key); err != nil {
		return fmt.Errorf("lock stays: %w", err)
	}
	return nil
}
