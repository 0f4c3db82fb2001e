package rds

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// eventRetention is how long DescribeEvents knows an event.
const eventRetention = 14 * 24 * time.Hour

// keptEvent is an event as DescribeEvents gives it: without its id.
type keptEvent struct {
	at           time.Time
	n            int
	kind, id     string // source type and identifier, as they were then
	arn, message string
	category     string
}

// sourceTypes are DescribeEvents' names for the resource part of an ARN.
var sourceTypes = map[string]string{
	"cluster": "db-cluster", "db": "db-instance", "cluster-snapshot": "db-cluster-snapshot", "deployment": "blue-green-deployment", "db-proxy": "db-proxy",
}

func (s *Service) keepEvent(accountID, arn, resource, id string, e event) {
	a := s.account(accountID)
	a.log = append(a.log, keptEvent{at: s.w.Now(), n: len(a.log), kind: cmp.Or(sourceTypes[resource], resource), id: id, arn: arn, message: e.message, category: e.category})
}

// describeEvents: an hour unless told otherwise, never more than two weeks
// (docs/migration.md §1.5).
func (s *Service) describeEvents(c *awsworld.Call, in *rds.DescribeEventsInput) (*rds.DescribeEventsOutput, error) {
	if err := service.OnlyFields(c, "SourceIdentifier", "SourceType", "StartTime", "EndTime", "Duration", "EventCategories", "Marker", "MaxRecords"); err != nil {
		return nil, err
	}
	if in.SourceIdentifier != nil && in.SourceType == "" {
		return nil, invalidCombination("SourceType must be provided when SourceIdentifier is given.")
	}
	from, to := s.eventWindow(in)
	var found []keptEvent
	for _, e := range s.account(c.Account.ID).log {
		if e.at.Before(from) || e.at.After(to) || in.SourceType != "" && e.kind != string(in.SourceType) ||
			in.SourceIdentifier != nil && e.id != strings.ToLower(*in.SourceIdentifier) ||
			len(in.EventCategories) > 0 && !slices.Contains(in.EventCategories, e.category) {
			continue
		}
		found = append(found, e)
	}
	rows, next, err := page(found, func(e keptEvent) string { return fmt.Sprintf("%09d", e.n) }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeEventsOutput{Marker: next}
	for _, e := range rows {
		v := types.Event{Date: aws.Time(e.at), Message: aws.String(e.message), SourceArn: aws.String(e.arn), SourceIdentifier: aws.String(e.id), SourceType: types.SourceType(e.kind)}
		if e.category != "" {
			v.EventCategories = []string{e.category}
		}
		out.Events = append(out.Events, v)
	}
	return out, nil
}

func (s *Service) eventWindow(in *rds.DescribeEventsInput) (from, to time.Time) {
	to = s.w.Now()
	if in.EndTime != nil {
		to = *in.EndTime
	}
	span := time.Hour
	if in.Duration != nil {
		span = time.Duration(*in.Duration) * time.Minute
	}
	from = to.Add(-span)
	if in.StartTime != nil {
		from = *in.StartTime
		if in.Duration != nil {
			to = from.Add(span)
		}
	}
	if oldest := s.w.Now().Add(-eventRetention); from.Before(oldest) {
		from = oldest
	}
	return from, to
}
