package template

import "encoding/json"

// Queue is an SQS standard queue.
type Queue struct {
	LogicalID  string
	Name       string
	ARN        string
	URL        string
	Policy     json.RawMessage // nil if none
	KeyID      string          // KMS key as written, empty for SQS's own
	ManagedSSE bool
	Retention  int             // seconds a message is kept
	Visibility int             // seconds a received message is hidden
	Redrive    json.RawMessage // RedrivePolicy, nil if none
	Tags       map[string]string
}

// Topic is an SNS standard topic.
type Topic struct {
	LogicalID     string
	Name          string
	ARN           string
	DisplayName   string
	Policy        json.RawMessage // nil for AWS's default
	KeyID         string          // KMS key as written, empty if not encrypted
	Subscriptions []*Subscription
	Tags          map[string]string
}

// Subscription sends a topic's messages to an endpoint. LogicalID and ARN are
// empty if it is written in the topic itself.
type Subscription struct {
	LogicalID    string
	ARN          string
	TopicARN     string
	Protocol     string
	Endpoint     string
	FilterPolicy json.RawMessage
	Raw          bool
	Redrive      json.RawMessage
}

func queueView(f *fields, r *Resource) any {
	v := &Queue{LogicalID: r.LogicalID, Name: r.Attributes["QueueName"], ARN: r.Attributes["Arn"], URL: r.Ref,
		KeyID: f.str("KmsMasterKeyId"), Retention: f.number("MessageRetentionPeriod", 345600),
		Visibility: f.number("VisibilityTimeout", 30), Redrive: f.raw("RedrivePolicy"), Tags: f.tags("Tags")}
	v.ManagedSSE = f.flag("SqsManagedSseEnabled", v.KeyID == "")
	f.only("FifoQueue", "false")
	f.only("DelaySeconds", "0")
	f.harmless("QueueName", "KmsDataKeyReusePeriodSeconds", "ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "MaximumMessageSize")
	return v
}

func topicView(f *fields, r *Resource) any {
	v := &Topic{LogicalID: r.LogicalID, Name: r.Attributes["TopicName"], ARN: r.Ref, DisplayName: f.str("DisplayName"),
		KeyID: f.str("KmsMasterKeyId"), Tags: f.tags("Tags")}
	f.objects("Subscription", func(s *fields) {
		v.Subscriptions = append(v.Subscriptions, &Subscription{TopicARN: v.ARN, Protocol: s.need("Protocol"), Endpoint: s.need("Endpoint")})
	})
	f.only("FifoTopic", "false")
	f.harmless("TopicName", "TracingConfig", "SignatureVersion")
	return v
}

func subscriptionView(f *fields, r *Resource) any {
	v := &Subscription{LogicalID: r.LogicalID, ARN: r.Ref, TopicARN: f.need("TopicArn"), Protocol: f.need("Protocol"),
		Endpoint: f.str("Endpoint"), FilterPolicy: f.document("FilterPolicy"), Raw: f.flag("RawMessageDelivery", false), Redrive: f.raw("RedrivePolicy")}
	f.only("FilterPolicyScope", "MessageAttributes")
	return v
}
