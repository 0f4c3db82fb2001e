package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// maxAge is how long Lambda keeps an asynchronous event that is throttled.
const maxAge = 6 * time.Hour

// runAsync executes an event that nobody waits for: a function error is
// retried twice, throttling for up to six hours, and what still fails goes to
// the failure destination or the dead-letter queue (Lambda guide,
// "Asynchronous invocation").
func (s *Service) runAsync(f *function, event []byte) {
	ctx := context.Background()
	began, failures := s.w.Now(), 0
	retries := 2
	if f.MaxRetries != nil {
		retries = *f.MaxRetries
	}
	for lap := 1; ; lap++ {
		payload, failed, err := s.run(ctx, f, event)
		switch {
		case err == nil && !failed:
			return
		case err != nil && s.w.Now().Sub(began) > maxAge:
			s.giveUp(ctx, f, event, "EventAgeExceeded", fmt.Appendf(nil, "%q", err.Error()))
			return
		case err != nil:
			if s.w.Kernel.Sleep(ctx, min(time.Second<<min(lap, 9), 5*time.Minute)) != nil {
				return
			}
		default:
			if failures++; failures > retries {
				s.giveUp(ctx, f, event, "RetriesExhausted", payload)
				return
			}
			if s.w.Kernel.Sleep(ctx, s.Timing.wait(failures)) != nil {
				return
			}
		}
	}
}

// giveUp hands a failed event on with the function's own role.
func (s *Service) giveUp(ctx context.Context, f *function, event []byte, why string, report []byte) {
	to, body := f.OnFailure, s.record(f, event, why, report)
	if to == "" {
		to, body = f.DeadLetter, event
	}
	if to == "" {
		s.lose(f, why+", and the function has no failure destination")
		return
	}
	caller, err := s.w.AssumeAsService("lambda.amazonaws.com", f.RoleARN, f.Name, f.ARN)
	if err == nil {
		err = s.deliver(ctx, caller, to, string(body))
	}
	if err != nil {
		s.lose(f, fmt.Sprintf("%s, and %s could not be told: %v", why, to, err))
	}
}

func (s *Service) lose(f *function, reason string) {
	s.lost = append(s.lost, Lost{At: s.w.Now(), Function: f.Name, Reason: reason})
}

func (s *Service) deliver(ctx context.Context, caller awsworld.Caller, arn, body string) error {
	switch service.ServiceOf(arn) {
	case "sqs":
		url := fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", s.w.Region, service.AccountOf(arn), service.ResourceOf(arn))
		_, err := service.Call[sqs.SendMessageOutput](ctx, s.w, caller, "SQS", "SendMessage", &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
		return err
	case "sns":
		_, err := service.Call[sns.PublishOutput](ctx, s.w, caller, "SNS", "Publish", &sns.PublishInput{TopicArn: &arn, Message: &body})
		return err
	}
	return &awsworld.Unsimulated{Service: serviceID, Operation: "the failure destination " + arn}
}

// record is the envelope that a failure destination gets.
func (s *Service) record(f *function, event []byte, why string, report []byte) []byte {
	raw, err := json.Marshal(map[string]any{
		"version": "1.0", "timestamp": s.w.Now().Format("2006-01-02T15:04:05.000Z"),
		"requestContext": map[string]any{
			"requestId": s.w.UUID(), "functionArn": f.ARN + ":$LATEST", "condition": why,
		},
		"requestPayload": json.RawMessage(event), "responsePayload": json.RawMessage(report),
		"responseContext": map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
	})
	if err != nil {
		panic("awsworld/lambda: a failure record did not marshal: " + err.Error())
	}
	return raw
}
