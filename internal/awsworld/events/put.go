package events

import (
	"encoding/json"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// opPassOn is a rule's delivery to another bus: events:PutEvents, but with the
// event as it is, sender's account and aws.* source included.
const opPassOn = "PassOnEvent"

const maxEntry = 256 << 10 // bytes

type passOnInput struct {
	busARN string
	event  Event
}

type passOnOutput struct{}

func (s *Service) ops() []awsworld.Op {
	put := awsworld.On(serviceID, "PutEvents", "events:PutEvents", s.putEvents)
	put.Resources = s.entryBuses
	put.Source = "EventBridge API Reference, PutEvents; docs/aws.md §6"
	put.Differs = "no global endpoints; an entry for a bus that does not exist is answered with InvalidArgument, which is unverified"
	pass := awsworld.On(serviceID, opPassOn, "events:PutEvents", s.passOn)
	pass.Internal = true
	pass.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[passOnInput](c)
		return []awsworld.Resource{s.busResource(in.busARN, in.event.Source, in.event.DetailType, "true")}
	}
	pass.Source = "docs/aws.md §6: a rule whose target is an event bus"
	pass.Differs = "that events:eventBusInvocation is true is AWS's; retries by Region and encryption are left out"
	return []awsworld.Op{put, pass, s.listOp()}
}

func (s *Service) busResource(arn, source, detailType, byBus string) awsworld.Resource {
	r := awsworld.Resource{ARN: arn, Owner: service.AccountOf(arn), Context: map[string][]string{
		"events:source": {source}, "events:detail-type": {detailType}, "events:eventBusInvocation": {byBus},
	}}
	if b := s.bus("", arn); b != nil {
		r.Policy = b.policy
	}
	return r
}

func (s *Service) entryBuses(c *awsworld.Call) []awsworld.Resource {
	var out []awsworld.Resource
	for _, e := range awsworld.Input[sdk.PutEventsInput](c).Entries {
		out = append(out, s.busResource(s.busARN(c, e), text(e.Source), text(e.DetailType), "false"))
	}
	return out
}

func (s *Service) busARN(c *awsworld.Call, e types.PutEventsRequestEntry) string {
	name := text(e.EventBusName)
	if name == "" {
		name = DefaultBus
	}
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return s.w.ARN("events", c.Caller.Principal.Account, "event-bus/"+name)
}

func (s *Service) putEvents(c *awsworld.Call, in *sdk.PutEventsInput) (*sdk.PutEventsOutput, error) {
	if err := service.OnlyFields(c, "Entries"); err != nil {
		return nil, err
	}
	if n := len(in.Entries); n < 1 || n > 10 {
		return nil, awsworld.Errorf("ValidationException", "PutEvents takes 1 to 10 entries, not %d", n)
	}
	out := &sdk.PutEventsOutput{}
	for _, entry := range in.Entries {
		r := types.PutEventsResultEntry{}
		if code, why := s.accept(c, entry); code != "" {
			r.ErrorCode, r.ErrorMessage = &code, &why
			out.FailedEntryCount++
		} else {
			r.EventId = new(s.enter(c, entry))
		}
		out.Entries = append(out.Entries, r)
	}
	return out, nil
}

// accept checks one entry; a code means that it is refused.
func (s *Service) accept(c *awsworld.Call, e types.PutEventsRequestEntry) (code, why string) {
	var object map[string]json.RawMessage
	size := len(text(e.Source)) + len(text(e.DetailType)) + len(text(e.Detail))
	switch {
	case e.Source == nil || e.DetailType == nil || e.Detail == nil:
		return "InvalidArgument", "Parameter Source, DetailType or Detail is not valid. Reason: it is a required argument."
	case strings.HasPrefix(*e.Source, "aws."):
		return "NotAuthorizedForSourceException", "Not authorized for the source: " + *e.Source
	case json.Unmarshal([]byte(*e.Detail), &object) != nil:
		return "MalformedDetail", "Detail is malformed."
	case size > maxEntry:
		return "InvalidArgument", "Total size of the entry exceeds 262144 bytes."
	case s.bus("", s.busARN(c, e)) == nil:
		return "InvalidArgument", "Event bus does not exist: " + s.busARN(c, e)
	}
	return "", ""
}

func (s *Service) enter(c *awsworld.Call, entry types.PutEventsRequestEntry) string {
	e := Event{
		ID: s.w.UUID(), DetailType: *entry.DetailType, Source: *entry.Source, Account: c.Caller.Principal.Account,
		Time: s.w.Now(), Region: s.w.Region, Resources: append([]string{}, entry.Resources...), Detail: json.RawMessage(*entry.Detail),
	}
	if entry.Time != nil {
		e.Time = entry.Time.Truncate(time.Second)
	}
	s.w.Secrets.Search("event "+e.Source+" "+e.DetailType, *entry.Detail)
	b := s.bus("", s.busARN(c, entry))
	e.crossed = b.account != e.Account
	s.w.Kernel.Go(func() { s.arrive(b, e) })
	return e.ID
}

func (s *Service) passOn(_ *awsworld.Call, in *passOnInput) (*passOnOutput, error) {
	b := s.bus("", in.busARN)
	if b == nil {
		return nil, &types.ResourceNotFoundException{Message: new("Event bus " + in.busARN + " does not exist.")}
	}
	s.w.Kernel.Go(func() { s.arrive(b, in.event) })
	return &passOnOutput{}, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
