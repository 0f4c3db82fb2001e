package switchover

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/fault"
)

// window waits for a maintenance window, which nobody can start by a call: its
// first execution after the pointers have moved must succeed.
func (r hookRun) window(ctx context.Context) (state, error) {
	all, err := r.executions(ctx)
	if err != nil || len(all) == 0 {
		return state{}, err
	}
	switch st := all[0].Status; st {
	case types.MaintenanceWindowExecutionStatusSuccess:
		return state{ended: true, well: true, result: string(st)}, nil
	case types.MaintenanceWindowExecutionStatusPending, types.MaintenanceWindowExecutionStatusInProgress, types.MaintenanceWindowExecutionStatusCancelling:
		return state{}, nil
	default:
		return state{ended: true, result: string(st)}, nil
	}
}

// executions are the window's since the hook was begun, the first one first.
// One that was skipped, because the one before it was still at work, has done
// nothing: the next one counts.
func (r hookRun) executions(ctx context.Context) ([]types.MaintenanceWindowExecution, error) {
	var all []types.MaintenanceWindowExecution
	pages := ssm.NewDescribeMaintenanceWindowExecutionsPaginator(r.ssm, &ssm.DescribeMaintenanceWindowExecutionsInput{
		WindowId: &r.hook.MaintenanceWindow,
		Filters:  []types.MaintenanceWindowFilter{{Key: aws.String("ExecutedAfter"), Values: []string{r.began.At.UTC().Format(time.RFC3339)}}},
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("look at the maintenance window of "+r.hook.Name, r.hook.MaintenanceWindow, err)
		}
		all = append(all, out.WindowExecutions...)
	}
	all = slices.DeleteFunc(all, func(e types.MaintenanceWindowExecution) bool {
		return aws.ToTime(e.StartTime).Before(r.began.At) || e.Status == types.MaintenanceWindowExecutionStatusSkippedOverlapping
	})
	slices.SortFunc(all, func(a, b types.MaintenanceWindowExecution) int {
		return aws.ToTime(a.StartTime).Compare(aws.ToTime(b.StartTime))
	})
	return all, nil
}
