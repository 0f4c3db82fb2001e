// Package sqs simulates standard Amazon SQS queues, which dbferry uses as
// dead-letter queues: policies, sending, receiving with a visibility timeout,
// deleting, and the count of messages.
package sqs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

const (
	serviceID  = "SQS"
	maxMessage = 1 << 20 // bytes; raised from 256 KiB in 2025
)

// Keys is how a queue's KMS key is used; the kms service is one.
type Keys interface {
	Use(ctx context.Context, caller awsworld.Caller, action, keyARN string, extra map[string][]string) error
}

// Service is SQS in all accounts of one world.
type Service struct {
	// Keys is asked for queues with a KMS key; nil leaves KMS out.
	Keys Keys

	w      *awsworld.World
	queues map[string]*queue // by URL
}

// QueueSpec describes a standard queue.
type QueueSpec struct {
	Name       string
	Policy     []byte        // queue policy as JSON; empty for none
	KeyARN     string        // KMS key; empty for SSE-SQS
	Visibility time.Duration // 0 means 30 seconds
	Retention  time.Duration // 0 means 4 days
	Tags       map[string]string
}

// Message is a message in a queue, for tests and reports.
type Message struct {
	Sent       time.Time
	Body       string
	Attributes map[string]string
}

type message struct {
	id       string
	body     string
	attrs    map[string]types.MessageAttributeValue
	sent     time.Time
	visible  time.Time
	receipt  string
	received int
}

type queue struct {
	QueueSpec
	arn, url, owner string
	policy          *iam.Policy
	messages        []*message
}

// New registers the operations of SQS.
func New(w *awsworld.World) *Service {
	s := &Service{w: w, queues: map[string]*queue{}}
	w.Register(s.ops()...)
	return s
}

// PutQueue creates a queue or replaces its settings and returns its ARN.
func (s *Service) PutQueue(account string, spec QueueSpec) (string, error) {
	p, err := service.Policy("queue policy of "+spec.Name, account, spec.Policy)
	if err != nil {
		return "", awsworld.Errorf("InvalidAttributeValue", "Invalid value for the parameter Policy. %v", err)
	}
	if spec.Visibility == 0 {
		spec.Visibility = 30 * time.Second
	}
	if spec.Retention == 0 {
		spec.Retention = 4 * 24 * time.Hour
	}
	spec.Tags = maps.Clone(spec.Tags)
	arn := s.w.ARN("sqs", account, spec.Name)
	q := s.byARN(arn)
	if q == nil {
		q = &queue{arn: arn, url: s.URL(arn), owner: account}
		s.queues[q.url] = q
	}
	q.QueueSpec, q.policy = spec, p
	return arn, nil
}

// URL is the queue URL of an ARN.
func (s *Service) URL(arn string) string {
	return fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", s.w.Region, service.AccountOf(arn), service.ResourceOf(arn))
}

// Exists says whether there is a queue of this ARN.
func (s *Service) Exists(arn string) bool { return s.byARN(arn) != nil }

// Messages lists what lies in the queue, oldest first.
func (s *Service) Messages(arn string) []Message {
	q := s.byARN(arn)
	if q == nil {
		return nil
	}
	s.expire(q)
	var out []Message
	for _, m := range q.messages {
		attrs := map[string]string{}
		for k, v := range m.attrs {
			if v.StringValue != nil {
				attrs[k] = *v.StringValue
			}
		}
		out = append(out, Message{Sent: m.sent, Body: m.body, Attributes: attrs})
	}
	return out
}

func (s *Service) byARN(arn string) *queue { return s.queues[s.URL(arn)] }

// arnOf reads the ARN that a queue URL stands for.
func (s *Service) arnOf(url string) string {
	parts := strings.Split(url, "/")
	if len(parts) < 5 {
		return "*"
	}
	return s.w.ARN("sqs", parts[3], parts[4])
}

// expire drops what is older than the queue's retention.
func (s *Service) expire(q *queue) {
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		return s.w.Now().Sub(m.sent) > q.Retention
	})
}
