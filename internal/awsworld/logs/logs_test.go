package logs_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/dbferry/dbferry/internal/awsworld/logs"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

const group = "/aws/rds/cluster/shop/audit"

// TestFilterLogEvents: by terms and times, a page at a time, for those who may.
func TestFilterLogEvents(t *testing.T) {
	f, ctx := worldtest.New(t), context.Background()
	s := logs.New(f.W)
	begin := f.W.Now()
	s.Group = func(account, name string) ([]logs.Event, bool) {
		if account != worldtest.Staging || name != group {
			return nil, false
		}
		var all []logs.Event
		for i, text := range []string{"1,a,app,CONNECT", "2,a,app,QUERY", "3,a,root,CONNECT", "4,a,app,CONNECT"} {
			all = append(all, logs.Event{Stream: "a", Text: text, At: begin.Add(time.Duration(i) * time.Minute)})
		}
		return all, true
	}
	stranger := sdk.NewFromConfig(f.As(worldtest.Staging, "stranger", worldtest.Allow("logs:FilterLogEvents", "arn:aws:logs:eu-west-1:222222222222:log-group:/another")))
	client := sdk.NewFromConfig(f.As(worldtest.Staging, "reader", worldtest.Allow("logs:FilterLogEvents", "arn:aws:logs:eu-west-1:222222222222:log-group:/aws/rds/*")))
	f.Run(func() {
		for what, x := range map[string]struct {
			in   sdk.FilterLogEventsInput
			want string
			code string
		}{
			"all":          {sdk.FilterLogEventsInput{}, "1234", ""},
			"terms":        {sdk.FilterLogEventsInput{FilterPattern: aws.String(`"app" "CONNECT"`)}, "14", ""},
			"times":        {sdk.FilterLogEventsInput{StartTime: aws.Int64(begin.Add(time.Minute).UnixMilli()), EndTime: aws.Int64(begin.Add(2 * time.Minute).UnixMilli())}, "23", ""},
			"pages":        {sdk.FilterLogEventsInput{Limit: aws.Int32(1)}, "1234", ""},
			"no group":     {sdk.FilterLogEventsInput{LogGroupName: aws.String("/aws/rds/cluster/other/audit")}, "", "ResourceNotFoundException"},
			"limit":        {sdk.FilterLogEventsInput{Limit: aws.Int32(10001)}, "", "InvalidParameterException"},
			"wrong token":  {sdk.FilterLogEventsInput{NextToken: aws.String("x")}, "", "InvalidParameterException"},
			"not a reader": {sdk.FilterLogEventsInput{}, "", "AccessDeniedException"},
		} {
			if x.in.LogGroupName == nil {
				x.in.LogGroupName = aws.String(group)
			}
			api := client
			if what == "not a reader" {
				api = stranger
			}
			got := ""
			for more := true; more; {
				out, err := api.FilterLogEvents(ctx, &x.in)
				if c := service.Code(err); c != x.code {
					t.Errorf("%s: code %q, want %q (%v)", what, c, x.code, err)
				}
				if err != nil {
					break
				}
				for _, e := range out.Events {
					got += (*e.Message)[:1]
				}
				x.in.NextToken = out.NextToken
				more = out.NextToken != nil
			}
			if got != x.want {
				t.Errorf("%s: %s, want %s", what, got, x.want)
			}
		}
	})
}
