package ssm

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// WindowSpec describes a maintenance window that opens at First and then every
// Every, and what comes of its tasks.
type WindowSpec struct {
	ID       string // "mw-0123456789abcdef0"
	Name     string
	Schedule string // as shown only
	First    time.Time
	Every    time.Duration // 0 for once
	Hours    int32
	Takes    time.Duration // of its tasks
	Fails    bool
	Failing  int64 // how many of its first executions fail; Fails is all of them
	Disabled bool
}

// PutWindow adds or replaces a maintenance window.
func (s *Service) PutWindow(account string, w WindowSpec) { s.account(account).windows[w.ID] = &w }

func (s *Service) windowOps() []awsworld.Op {
	at := func(id func(*awsworld.Call) *string) func(*awsworld.Call) []awsworld.Resource {
		return func(c *awsworld.Call) []awsworld.Resource {
			return []awsworld.Resource{{ARN: s.w.ARN("ssm", c.Account.ID, "maintenancewindow/"+aws.ToString(id(c))), Owner: c.Account.ID, Kind: iam.NoPolicy}}
		}
	}
	return []awsworld.Op{
		row("GetMaintenanceWindow", s.window, at(func(c *awsworld.Call) *string { return awsworld.Input[sdk.GetMaintenanceWindowInput](c).WindowId }),
			"the schedule is shown, not read: windows open when the ground says"),
		row("DescribeMaintenanceWindowExecutions", s.windowRuns, at(func(c *awsworld.Call) *string {
			return awsworld.Input[sdk.DescribeMaintenanceWindowExecutionsInput](c).WindowId
		}), "the outcome is the ground's; one execution a window, the newest 50 first; of the filters ExecutedAfter, as its start"),
	}
}

func (s *Service) findWindow(c *awsworld.Call, id *string) (*WindowSpec, error) {
	w := s.account(c.Account.ID).windows[aws.ToString(id)]
	if w == nil {
		return nil, &types.DoesNotExistException{Message: aws.String(fmt.Sprintf("Maintenance window %s does not exist", aws.ToString(id)))}
	}
	return w, nil
}

func (s *Service) window(c *awsworld.Call, in *sdk.GetMaintenanceWindowInput) (*sdk.GetMaintenanceWindowOutput, error) {
	w, err := s.findWindow(c, in.WindowId)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetMaintenanceWindowOutput{
		WindowId: aws.String(w.ID), Name: aws.String(w.Name), Schedule: aws.String(w.Schedule), Enabled: !w.Disabled,
		Duration: aws.Int32(w.Hours), CreatedDate: aws.Time(s.w.Start()),
	}
	if next := w.next(s.w.Now()); !next.IsZero() && !w.Disabled {
		out.NextExecutionTime = aws.String(next.Format("2006-01-02T15:04Z"))
	}
	return out, nil
}

// next is when the window opens after now; zero when never.
func (w *WindowSpec) next(now time.Time) time.Time {
	if now.Before(w.First) {
		return w.First
	}
	if w.Every <= 0 {
		return time.Time{}
	}
	return w.First.Add((now.Sub(w.First)/w.Every + 1) * w.Every)
}

func (s *Service) windowRuns(c *awsworld.Call, in *sdk.DescribeMaintenanceWindowExecutionsInput) (*sdk.DescribeMaintenanceWindowExecutionsOutput, error) {
	if err := service.OnlyFields(c, "WindowId", "MaxResults", "Filters"); err != nil {
		return nil, err
	}
	var after time.Time
	for _, f := range in.Filters {
		at, err := time.Parse(time.RFC3339, strings.Join(f.Values, " "))
		if aws.ToString(f.Key) != "ExecutedAfter" || err != nil {
			return nil, validation("filter %s of %v: only ExecutedAfter with one time is simulated", aws.ToString(f.Key), f.Values)
		}
		after = at
	}
	w, err := s.findWindow(c, in.WindowId)
	if err != nil {
		return nil, err
	}
	limit, now := 50, s.w.Now()
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	out := &sdk.DescribeMaintenanceWindowExecutionsOutput{WindowExecutions: []types.MaintenanceWindowExecution{}}
	if w.Disabled || now.Before(w.First) {
		return out, nil
	}
	last := int64(0)
	if w.Every > 0 {
		last = int64(now.Sub(w.First) / w.Every)
	}
	for n := last; n >= 0 && len(out.WindowExecutions) < limit; n-- {
		e := w.execution(n, now)
		if e.StartTime.Before(after) {
			break
		}
		out.WindowExecutions = append(out.WindowExecutions, e)
	}
	return out, nil
}

// execution is the n-th opening of the window.
func (w *WindowSpec) execution(n int64, now time.Time) types.MaintenanceWindowExecution {
	began := w.First.Add(time.Duration(n) * w.Every)
	e := types.MaintenanceWindowExecution{
		WindowId: aws.String(w.ID), WindowExecutionId: aws.String(fmt.Sprintf("%s-%08d", strings.TrimPrefix(w.ID, "mw-"), n)),
		StartTime: aws.Time(began), Status: types.MaintenanceWindowExecutionStatusInProgress,
	}
	if ended := began.Add(w.Takes); !now.Before(ended) {
		e.EndTime, e.Status = aws.Time(ended), types.MaintenanceWindowExecutionStatusSuccess
		if w.Fails || n < w.Failing {
			e.Status, e.StatusDetails = types.MaintenanceWindowExecutionStatusFailed, aws.String("One or more tasks failed")
		}
	}
	return e
}
