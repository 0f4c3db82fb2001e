package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/s3"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/ledger"
)

// inWorld runs a test against a bucket of the simulated S3.
func inWorld(t *testing.T, faults []awsworld.Fault, test func(ctx context.Context, l *ledger.Ledger)) {
	t.Helper()
	f := worldtest.New(t)
	for _, x := range faults {
		f.W.Inject(x)
	}
	buckets := s3.New(f.W)
	if err := buckets.PutBucket(worldtest.Production, s3.BucketSpec{Name: "dbferry-ledger"}); err != nil {
		t.Fatal(err)
	}
	cfg := f.As(worldtest.Production, "step", worldtest.Allow("s3:*", "*"))
	f.Run(func() { test(t.Context(), ledger.New(cfg, "dbferry-ledger")) })
}

type record struct {
	Text string `json:"text"`
}

func TestARecordIsCreatedOnceEvenWhenTheReplyIsLost(t *testing.T) {
	lost := []awsworld.Fault{{Site: awsworld.Site{Machine: "*", Item: "*", State: "*", Operation: "S3.PutObject"}, Kind: awsworld.FaultLost, Nth: 1}}
	for name, faults := range map[string][]awsworld.Fault{"calm": nil, "reply lost": lost} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, faults, func(ctx context.Context, l *ledger.Ledger) {
				created, err := l.Create(ctx, "a", record{"mine"})
				if err != nil || !created {
					t.Errorf("first: %v, %v", created, err)
				}
				if created, err = l.Create(ctx, "a", record{"other"}); err != nil || created {
					t.Errorf("second: %v, %v", created, err)
				}
				var got record
				if _, found, err := l.Get(ctx, "a", &got); err != nil || !found || got.Text != "mine" {
					t.Errorf("read back %+v, %v, %v", got, found, err)
				}
			})
		})
	}
}

func TestReplaceLosesAgainstAFasterOne(t *testing.T) {
	inWorld(t, nil, func(ctx context.Context, l *ledger.Ledger) {
		if err := l.Put(ctx, "a", record{"1"}); err != nil {
			t.Fatal(err)
		}
		v, _, _ := l.Get(ctx, "a", &record{})
		if err := l.Put(ctx, "a", record{"2"}); err != nil {
			t.Fatal(err)
		}
		if ok, err := l.Replace(ctx, "a", v, record{"3"}); err != nil || ok {
			t.Errorf("replaced over a newer record: %v, %v", ok, err)
		}
	})
}

func TestALockBelongsToItsExecutionUntilThatIsDead(t *testing.T) {
	inWorld(t, nil, func(ctx context.Context, l *ledger.Ledger) {
		alive, dead := holder(true), holder(false)
		h := func(e string) ledger.Holder {
			return ledger.Holder{RefreshID: "r", Execution: e, AcquiredAt: time.Unix(0, 0).UTC()}
		}
		key := ledger.LockKey("cluster", "shop-orders")
		want := func(what string, err error, name fault.Name) {
			t.Helper()
			if name == "" && err != nil || name != "" && !fault.Is(err, name) {
				t.Errorf("%s: %v", what, err)
			}
		}
		want("first", l.Acquire(ctx, key, h("one"), alive), "")
		want("again by the same", l.Acquire(ctx, key, h("one"), alive), "")
		want("by another while it lives", l.Acquire(ctx, key, h("two"), alive), fault.Busy)
		want("release by a stranger", l.Release(ctx, key, "two"), "")
		want("still held", l.Acquire(ctx, key, h("two"), alive), fault.Busy)
		want("taken over from the dead", l.Acquire(ctx, key, h("two"), dead), "")
		want("released", l.Release(ctx, key, "two"), "")
		want("free again", l.Acquire(ctx, key, h("three"), func(context.Context, string) (bool, error) { return false, errors.New("not asked") }), "")
	})
}

func TestAHolderIsNamedByWhatItDoes(t *testing.T) {
	for want, h := range map[string]ledger.Holder{
		"refresh 202611230300-a1b2c3 for qa":         {RefreshID: "202611230300-a1b2c3", Target: "qa", Execution: "arn:aws:states:eu-west-1:1:execution:m:x"},
		"an execution of dbferry-production-migrate": {Execution: "arn:aws:states:eu-west-1:1:execution:dbferry-production-migrate:x"},
		"somebody without a name":                    {},
	} {
		if got := h.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func holder(alive bool) ledger.Alive {
	return func(context.Context, string) (bool, error) { return alive, nil }
}
