// Package logs simulates Amazon CloudWatch Logs as far as the audit logs of
// Aurora clusters are read from it.
package logs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// Event is one that a log group has.
type Event struct {
	Stream, Text string
	At           time.Time
}

// Service is CloudWatch Logs in all accounts of one world.
type Service struct {
	// Group finds the events of a log group, in order of time; false when there is
	// no such group.
	Group func(account, name string) ([]Event, bool)

	w *awsworld.World
}

// New registers the operations.
func New(w *awsworld.World) *Service {
	s := &Service{w: w}
	op := awsworld.On(sdk.ServiceID, "FilterLogEvents", "logs:FilterLogEvents", s.filter)
	op.Source = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html; Filter pattern syntax, unstructured log events"
	op.Differs = "by name of the group, in patterns of quoted terms; the audit logs of Aurora clusters are the only groups"
	op.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.FilterLogEventsInput](c)
		return []awsworld.Resource{{ARN: w.ARN("logs", c.Account.ID, "log-group:"+aws.ToString(in.LogGroupName)), Owner: c.Account.ID, Kind: iam.NoPolicy}}
	}
	w.Register(op)
	return s
}

// mostEvents is how many a page has at most.
const mostEvents = 10000

var terms = regexp.MustCompile(`^("[^"]*"\s*)*$`)

func (s *Service) filter(c *awsworld.Call, in *sdk.FilterLogEventsInput) (*sdk.FilterLogEventsOutput, error) {
	if err := service.OnlyFields(c, "LogGroupName", "StartTime", "EndTime", "FilterPattern", "Limit", "NextToken"); err != nil {
		return nil, err
	}
	name, pattern := aws.ToString(in.LogGroupName), strings.TrimSpace(aws.ToString(in.FilterPattern))
	if !terms.MatchString(pattern) {
		return nil, &awsworld.Unsimulated{Service: "CloudWatch Logs", Operation: "FilterLogEvents with a pattern of other than quoted terms"}
	}
	limit := int(aws.ToInt32(in.Limit))
	switch {
	case in.Limit == nil:
		limit = mostEvents
	case limit < 1 || limit > mostEvents:
		return nil, &types.InvalidParameterException{Message: aws.String(fmt.Sprintf("limit must be between 1 and %d", mostEvents))}
	}
	var all []Event
	found := false
	if s.Group != nil {
		all, found = s.Group(c.Account.ID, name)
	}
	if !found {
		return nil, &types.ResourceNotFoundException{Message: aws.String("The specified log group does not exist.")}
	}
	from := 0
	if in.NextToken != nil {
		n, err := strconv.Atoi(*in.NextToken)
		if err != nil || n < 0 || n > len(all) {
			return nil, &types.InvalidParameterException{Message: aws.String("The specified nextToken is invalid.")}
		}
		from = n
	}
	out := &sdk.FilterLogEventsOutput{}
	for i := from; i < len(all); i++ {
		if len(out.Events) == limit {
			out.NextToken = aws.String(strconv.Itoa(i))
			break
		}
		e := all[i]
		at := e.At.UnixMilli()
		if in.StartTime != nil && at < *in.StartTime || in.EndTime != nil && at > *in.EndTime || !fits(e.Text, pattern) {
			continue
		}
		out.Events = append(out.Events, types.FilteredLogEvent{EventId: aws.String(strconv.Itoa(i)), LogStreamName: aws.String(e.Stream), Message: aws.String(e.Text), Timestamp: &at})
	}
	return out, nil
}

// fits says whether a text has every quoted term of a pattern.
func fits(text, pattern string) bool {
	for i, term := range strings.Split(pattern, `"`) {
		if i%2 == 1 && !strings.Contains(text, term) {
			return false
		}
	}
	return true
}
