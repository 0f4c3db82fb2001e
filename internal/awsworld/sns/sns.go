// Package sns simulates Amazon SNS as far as dbferry uses it: topics with
// policies and e-mail subscriptions, and Publish. What was sent is kept for
// reports; no mail leaves the machine.
package sns

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

const (
	serviceID  = "SNS"
	maxMessage = 256 << 10 // bytes, attributes included
	maxSubject = 100       // ASCII characters
)

// Keys is how a topic's KMS key is used; the kms service is one.
type Keys interface {
	Use(ctx context.Context, caller awsworld.Caller, action, keyARN string, extra map[string][]string) error
}

// Service is SNS in all accounts of one world.
type Service struct {
	// Keys is asked for topics with a KMS key; nil leaves KMS out.
	Keys Keys

	w      *awsworld.World
	topics map[string]*topic
	sent   []Message
}

// TopicSpec describes a topic.
type TopicSpec struct {
	Name   string
	Policy []byte // topic policy as JSON; empty for SNS's default, the owner's account
	KeyARN string // KMS key; empty for none
	Emails []string
	Tags   map[string]string
}

// Message is one published message.
type Message struct {
	At       time.Time
	ID       string
	TopicARN string
	By       string // the caller
	Subject  string
	Body     string   // what e-mail addresses get
	HTTPS    string   // what HTTPS subscribers get
	To       []string // e-mail addresses
}

type topic struct {
	TopicSpec
	arn, owner string
	policy     *iam.Policy
}

// New registers the operations of SNS.
func New(w *awsworld.World) *Service {
	s := &Service{w: w, topics: map[string]*topic{}}
	op := awsworld.On(serviceID, "Publish", "sns:Publish", s.publish)
	op.Resources = s.resources
	op.Source = "SNS API Reference, Publish"
	op.Differs = "e-mail only; what HTTPS subscribers would get is kept, not sent; attributes are counted but not filtered on; subscriptions are confirmed at once"
	w.Register(op)
	return s
}

// PutTopic creates or replaces a topic and returns its ARN. A policy that
// names a principal that does not exist is refused, as in AWS.
func (s *Service) PutTopic(account string, spec TopicSpec) (string, error) {
	arn := s.w.ARN("sns", account, spec.Name)
	p, err := service.Policy("topic policy of "+spec.Name, account, spec.Policy)
	if err != nil {
		return "", invalid("Policy", "%v", err)
	}
	if who := service.MissingPrincipal(s.w, p); who != "" {
		return "", invalid("Policy", "Policy Error: PrincipalNotFound: %s in the policy of topic %s", who, spec.Name)
	}
	spec.Emails, spec.Tags = slices.Clone(spec.Emails), maps.Clone(spec.Tags)
	s.topics[arn] = &topic{TopicSpec: spec, arn: arn, owner: account, policy: p}
	return arn, nil
}

// Sent lists what was published, in order.
func (s *Service) Sent() []Message { return slices.Clone(s.sent) }

func (s *Service) resources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[sdk.PublishInput](c)
	if in.TopicArn == nil {
		return []awsworld.Resource{}
	}
	r := awsworld.Resource{ARN: *in.TopicArn, Owner: service.AccountOf(*in.TopicArn)}
	if t := s.topics[*in.TopicArn]; t != nil {
		r.Policy, r.Context = t.policy, service.TagContext(t.Tags)
	}
	return []awsworld.Resource{r}
}

func (s *Service) publish(c *awsworld.Call, in *sdk.PublishInput) (*sdk.PublishOutput, error) {
	if err := service.OnlyFields(c, "TopicArn", "Subject", "Message", "MessageStructure", "MessageAttributes"); err != nil {
		return nil, err
	}
	if in.TopicArn == nil {
		return nil, invalid("TopicArn", "no topic was named")
	}
	t := s.topics[*in.TopicArn]
	if t == nil {
		return nil, &types.NotFoundException{Message: new("Topic does not exist: " + *in.TopicArn)}
	}
	subject := ""
	if in.Subject != nil {
		subject = *in.Subject
	}
	if err := check(subject, in); err != nil {
		return nil, err
	}
	texts, err := forms(in)
	if err != nil {
		return nil, err
	}
	if err := s.useKey(c, t); err != nil {
		return nil, err
	}
	m := Message{
		At: s.w.Now(), ID: s.w.UUID(), TopicARN: t.arn, By: c.Caller.String(), Subject: subject,
		Body: texts("email"), HTTPS: texts("https"), To: slices.Clone(t.Emails),
	}
	s.w.Secrets.Search("notification to "+t.Name, subject+"\n"+*in.Message)
	s.sent = append(s.sent, m)
	return &sdk.PublishOutput{MessageId: new(m.ID)}, nil
}

// forms tells the text for a protocol (SNS API Reference, Publish,
// MessageStructure): with "json" the message is an object of texts by protocol,
// and "default" stands for those that it does not name.
func forms(in *sdk.PublishInput) (func(protocol string) string, error) {
	if in.MessageStructure == nil {
		return func(string) string { return *in.Message }, nil
	}
	if *in.MessageStructure != "json" {
		return nil, invalid("MessageStructure", "%q is not json", *in.MessageStructure)
	}
	var texts map[string]string
	if err := json.Unmarshal([]byte(*in.Message), &texts); err != nil {
		return nil, invalid("Message Structure", "JSON message body failed to parse")
	}
	if _, ok := texts["default"]; !ok {
		return nil, invalid("Message Structure", "No default entry in JSON message body")
	}
	return func(protocol string) string {
		if text, ok := texts[protocol]; ok {
			return text
		}
		return texts["default"]
	}, nil
}

// useKey asks for what a publisher to an encrypted topic needs (SNS guide,
// "Managing encryption keys").
func (s *Service) useKey(c *awsworld.Call, t *topic) error {
	if t.KeyARN == "" || s.Keys == nil || c.Caller.Ground {
		return nil
	}
	for _, action := range []string{"kms:GenerateDataKey", "kms:Decrypt"} {
		if err := s.Keys.Use(c.Ctx, c.Caller.Through("sns"), action, t.KeyARN, nil); err != nil {
			return err
		}
	}
	return nil
}

func check(subject string, in *sdk.PublishInput) error {
	size := len(*in.Message)
	for name, a := range in.MessageAttributes {
		size += len(name) + len(a.BinaryValue)
		if a.StringValue != nil {
			size += len(*a.StringValue)
		}
	}
	switch {
	case *in.Message == "":
		return invalid("Message", "Empty message")
	case size > maxMessage:
		return invalid("Message", "Message too long: %d bytes, SNS allows %d", size, maxMessage)
	case in.Subject != nil && !subjectFits(subject):
		return invalid("Subject", "%q is not 1 to %d printable ASCII characters on one line that begin with a letter, number or punctuation mark", subject, maxSubject)
	}
	return nil
}

func subjectFits(s string) bool {
	if len(s) == 0 || len(s) > maxSubject || s[0] == ' ' {
		return false
	}
	return !slices.ContainsFunc([]byte(s), func(b byte) bool { return b < ' ' || b > '~' })
}

func invalid(field, format string, args ...any) error {
	return awsworld.Errorf("InvalidParameter", "Invalid parameter: "+field+" Reason: "+format, args...)
}
