package sqs_test

import (
	"context"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/sqs"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

var ctx = context.Background()

func TestSendReceiveDelete(t *testing.T) {
	f := worldtest.New(t)
	s := sqs.New(f.W)
	arn, err := s.PutQueue(worldtest.Staging, sqs.QueueSpec{Name: "dead"})
	if err != nil {
		t.Fatal(err)
	}
	url := s.URL(arn)
	cfg := f.As(worldtest.Staging, "reader", worldtest.Allow("sqs:*", arn))
	var counts []string
	f.Run(func() {
		client := sdk.NewFromConfig(cfg)
		count := func() {
			got, err := client.GetQueueAttributes(ctx, &sdk.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"All"}})
			if err != nil {
				t.Fatal(err)
			}
			counts = append(counts, got.Attributes["ApproximateNumberOfMessages"]+"+"+got.Attributes["ApproximateNumberOfMessagesNotVisible"])
		}
		attrs := map[string]types.MessageAttributeValue{"ERROR_CODE": {DataType: new("String"), StringValue: new("NO_PERMISSIONS")}}
		if _, err := client.SendMessage(ctx, &sdk.SendMessageInput{QueueUrl: &url, MessageBody: new("event"), MessageAttributes: attrs}); err != nil {
			t.Fatal(err)
		}
		count()
		receive := func() *sdk.ReceiveMessageOutput {
			got, err := client.ReceiveMessage(ctx, &sdk.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 1, MessageAttributeNames: []string{"All"}})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		first := receive()
		count()
		if len(receive().Messages) != 0 {
			t.Error("a message in flight was received again")
		}
		_ = f.W.Kernel.Sleep(ctx, 31*time.Second)
		again := receive()
		if len(again.Messages) != 1 || *first.Messages[0].MessageAttributes["ERROR_CODE"].StringValue != "NO_PERMISSIONS" {
			t.Fatalf("received %v, then %v", first.Messages, again.Messages)
		}
		if _, err := client.DeleteMessage(ctx, &sdk.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: again.Messages[0].ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
		count()
	})
	if diff := cmp.Diff([]string{"1+0", "0+1", "0+0"}, counts); diff != "" {
		t.Error(diff)
	}
}

func TestWhoMaySend(t *testing.T) {
	f := worldtest.New(t)
	s := sqs.New(f.W)
	arn, err := s.PutQueue(worldtest.Staging, sqs.QueueSpec{Name: "dead", Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	cfg := f.As(worldtest.Production, "writer", worldtest.Allow("sqs:SendMessage", "*"))
	f.Run(func() {
		for url, code := range map[string]string{s.URL(arn): "AccessDeniedException", s.URL(arn + "x"): "AccessDeniedException"} {
			_, err := sdk.NewFromConfig(cfg).SendMessage(ctx, &sdk.SendMessageInput{QueueUrl: &url, MessageBody: new("m")})
			if got := service.Code(err); got != code {
				t.Errorf("%s: code %q, want %q", url, got, code)
			}
		}
		own := s.URL("arn:aws:sqs:eu-west-1:111111111111:none")
		_, err := sdk.NewFromConfig(cfg).SendMessage(ctx, &sdk.SendMessageInput{QueueUrl: &own, MessageBody: new("m")})
		if !service.Missing(err) {
			t.Errorf("missing queue: %v", err)
		}
	})
	if len(s.Messages(arn)) != 0 {
		t.Error("a refused message lies in the queue")
	}
}
