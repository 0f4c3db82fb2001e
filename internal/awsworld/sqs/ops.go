package sqs

import (
	"crypto/md5" // SQS's message digests are MD5; the SDK checks them
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) ops() []awsworld.Op {
	send := awsworld.On(serviceID, "SendMessage", "sqs:SendMessage", s.send)
	send.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.resource(awsworld.Input[sdk.SendMessageInput](c).QueueUrl)
	}
	send.Source = "SQS API Reference, SendMessage"
	send.Differs = "standard queues; no delay, no system attributes"
	receive := awsworld.On(serviceID, "ReceiveMessage", "sqs:ReceiveMessage", s.receive)
	receive.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.resource(awsworld.Input[sdk.ReceiveMessageInput](c).QueueUrl)
	}
	receive.Source = "SQS API Reference, ReceiveMessage"
	receive.Differs = "in order and never twice; long polling looks once a second"
	remove := awsworld.On(serviceID, "DeleteMessage", "sqs:DeleteMessage", s.remove)
	remove.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.resource(awsworld.Input[sdk.DeleteMessageInput](c).QueueUrl)
	}
	remove.Source = "SQS API Reference, DeleteMessage"
	attributes := awsworld.On(serviceID, "GetQueueAttributes", "sqs:GetQueueAttributes", s.attributes)
	attributes.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.resource(awsworld.Input[sdk.GetQueueAttributesInput](c).QueueUrl)
	}
	attributes.Source = "SQS API Reference, GetQueueAttributes"
	attributes.Differs = "QueueArn, VisibilityTimeout, MessageRetentionPeriod and the two counts"
	return []awsworld.Op{send, receive, remove, attributes}
}

func (s *Service) resource(url *string) []awsworld.Resource {
	arn := s.arnOf(*url)
	r := awsworld.Resource{ARN: arn, Owner: service.AccountOf(arn)}
	if q := s.queues[*url]; q != nil {
		r.Policy, r.Context = q.policy, service.TagContext(q.Tags)
	}
	return []awsworld.Resource{r}
}

func (s *Service) queue(url *string) (*queue, error) {
	q := s.queues[*url]
	if q == nil {
		return nil, &types.QueueDoesNotExist{Message: new("The specified queue does not exist: " + *url)}
	}
	s.expire(q)
	return q, nil
}

func (s *Service) send(c *awsworld.Call, in *sdk.SendMessageInput) (*sdk.SendMessageOutput, error) {
	if err := service.OnlyFields(c, "QueueUrl", "MessageBody", "MessageAttributes"); err != nil {
		return nil, err
	}
	q, err := s.queue(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if n := len(*in.MessageBody); n == 0 || n > maxMessage {
		return nil, awsworld.Errorf("InvalidParameterValue", "a message of %d bytes: SQS takes 1 to %d", n, maxMessage)
	}
	if len(in.MessageAttributes) > 10 {
		return nil, awsworld.Errorf("InvalidParameterValue", "Number of message attributes [%d] exceeds the allowed maximum [10].", len(in.MessageAttributes))
	}
	if err := s.useKey(c, q, "kms:GenerateDataKey", "kms:Decrypt"); err != nil {
		return nil, err
	}
	m := &message{id: s.w.UUID(), body: *in.MessageBody, attrs: maps.Clone(in.MessageAttributes), sent: s.w.Now(), visible: s.w.Now()}
	s.w.Secrets.Search("queue "+q.Name, m.body)
	q.messages = append(q.messages, m)
	return &sdk.SendMessageOutput{MessageId: new(m.id), MD5OfMessageBody: digest(m.body)}, nil
}

func (s *Service) receive(c *awsworld.Call, in *sdk.ReceiveMessageInput) (*sdk.ReceiveMessageOutput, error) {
	if err := service.OnlyFields(c, "QueueUrl", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds", "MessageAttributeNames"); err != nil {
		return nil, err
	}
	q, err := s.queue(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := s.useKey(c, q, "kms:Decrypt"); err != nil {
		return nil, err
	}
	hidden := q.Visibility
	if in.VisibilityTimeout > 0 {
		hidden = time.Duration(in.VisibilityTimeout) * time.Second
	}
	out := &sdk.ReceiveMessageOutput{}
	for waited := int32(0); ; waited++ {
		s.take(q, max(int(in.MaxNumberOfMessages), 1), hidden, in.MessageAttributeNames, out)
		if len(out.Messages) > 0 || waited >= in.WaitTimeSeconds {
			return out, nil
		}
		if err := s.w.Kernel.Sleep(c.Ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

func (s *Service) take(q *queue, n int, hidden time.Duration, names []string, out *sdk.ReceiveMessageOutput) {
	for _, m := range q.messages {
		if len(out.Messages) == n {
			return
		}
		if m.visible.After(s.w.Now()) {
			continue
		}
		m.visible, m.receipt = s.w.Now().Add(hidden), s.w.Hex(40)
		m.received++
		got := types.Message{MessageId: new(m.id), Body: new(m.body), MD5OfBody: digest(m.body), ReceiptHandle: new(m.receipt)}
		for k, v := range m.attrs {
			if slices.Contains(names, k) || slices.Contains(names, "All") {
				if got.MessageAttributes == nil {
					got.MessageAttributes = map[string]types.MessageAttributeValue{}
				}
				got.MessageAttributes[k] = v
			}
		}
		out.Messages = append(out.Messages, got)
	}
}

func (s *Service) remove(c *awsworld.Call, in *sdk.DeleteMessageInput) (*sdk.DeleteMessageOutput, error) {
	q, err := s.queue(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return m.receipt != "" && m.receipt == *in.ReceiptHandle })
	return &sdk.DeleteMessageOutput{}, nil
}

func (s *Service) attributes(_ *awsworld.Call, in *sdk.GetQueueAttributesInput) (*sdk.GetQueueAttributesOutput, error) {
	q, err := s.queue(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	hidden := 0
	for _, m := range q.messages {
		if m.visible.After(s.w.Now()) {
			hidden++
		}
	}
	all := map[types.QueueAttributeName]string{
		types.QueueAttributeNameQueueArn:                              q.arn,
		types.QueueAttributeNameVisibilityTimeout:                     strconv.Itoa(int(q.Visibility.Seconds())),
		types.QueueAttributeNameMessageRetentionPeriod:                strconv.Itoa(int(q.Retention.Seconds())),
		types.QueueAttributeNameApproximateNumberOfMessages:           strconv.Itoa(len(q.messages) - hidden),
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: strconv.Itoa(hidden),
	}
	out := map[string]string{}
	for name, v := range all {
		if slices.Contains(in.AttributeNames, name) || slices.Contains(in.AttributeNames, types.QueueAttributeNameAll) {
			out[string(name)] = v
		}
	}
	return &sdk.GetQueueAttributesOutput{Attributes: out}, nil
}

func (s *Service) useKey(c *awsworld.Call, q *queue, actions ...string) error {
	if q.KeyARN == "" || s.Keys == nil || c.Caller.Ground {
		return nil
	}
	for _, action := range actions {
		if err := s.Keys.Use(c.Ctx, c.Caller.Through("sqs"), action, q.KeyARN, nil); err != nil {
			return err
		}
	}
	return nil
}

func digest(body string) *string {
	sum := md5.Sum([]byte(body))
	return new(hex.EncodeToString(sum[:]))
}
