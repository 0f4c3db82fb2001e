package refresh

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/s3"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
)

// Two refreshes that overlap ask at the same moment: one gets everything, the
// other nothing, and no lock is left half taken.
func TestOfTwoOverlappingRefreshesOneGetsAllLocks(t *testing.T) {
	f := worldtest.New(t)
	buckets := s3.New(f.W)
	if err := buckets.PutBucket(worldtest.Production, s3.BucketSpec{Name: "dbferry-ledger"}); err != nil {
		t.Fatal(err)
	}
	running := awsworld.On("SFN", "DescribeExecution", "states:DescribeExecution", func(*awsworld.Call, *sfn.DescribeExecutionInput) (*sfn.DescribeExecutionOutput, error) {
		return &sfn.DescribeExecutionOutput{Status: sfntypes.ExecutionStatusRunning}, nil
	})
	running.Source = "every execution of this test runs"
	f.W.Register(running)
	cfg := f.As(worldtest.Production, "step", worldtest.Allow("s3:*", "*"), worldtest.Allow("states:*", "*"))
	s := step{
		Runtime: lambdafn.Runtime{Now: f.W.Now, Fork: f.W.Kernel.Fork, Log: slog.New(slog.DiscardHandler)},
		ledger:  ledger.New(cfg, "dbferry-ledger"),
	}
	s.AWS = cfg
	all := tables(150)
	plans := map[string]Plan{"first": {RefreshID: id, Items: all[:100]}, "second": {RefreshID: id, Items: all[50:]}}
	ends := map[string]error{}
	for _, name := range []string{"first", "second"} {
		f.W.Kernel.Go(func() {
			for range 3 { // as the machine retries
				if ends[name] = s.lockItems(t.Context(), plans[name], name); !fault.Is(ends[name], fault.Unavailable) {
					return
				}
				if err := f.W.Kernel.Sleep(t.Context(), 10*time.Second); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if err := f.W.Kernel.Run(nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	winner, loser := "first", "second"
	if ends["first"] != nil {
		winner, loser = loser, winner
	}
	if ends[winner] != nil || !fault.Is(ends[loser], fault.Busy) {
		t.Fatalf("first: %v; second: %v", ends["first"], ends["second"])
	}
	var held int
	for _, key := range buckets.Objects("dbferry-ledger") {
		raw, _ := buckets.Object("dbferry-ledger", key)
		if !strings.Contains(string(raw), `"execution":"`+winner+`"`) || key == gateKey {
			t.Errorf("%s is left: %s", key, raw)
		}
		held++
	}
	if held != len(plans[winner].Items) {
		t.Errorf("the %s holds %d locks of %d", winner, held, len(plans[winner].Items))
	}
}
