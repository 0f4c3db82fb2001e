package sns_test

import (
	"context"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/sns"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

func TestPublish(t *testing.T) {
	const own = "arn:aws:sns:eu-west-1:222222222222:dbferry-staging"
	for _, c := range []struct {
		name    string
		allow   string
		topic   string
		subject string
		message string
		code    string
	}{
		{"delivered", own, own, "Refresh done", "all 12 items", ""},
		{"not allowed", own + "-other", own, "s", "m", "AuthorizationError"},
		{"no such topic", "*", own + "-gone", "s", "m", "NotFound"},
		{"subject too long", "*", own, strings.Repeat("x", 101), "m", "InvalidParameter"},
		{"subject with a line break", "*", own, "a\nb", "m", "InvalidParameter"},
		{"subject with an umlaut", "*", own, "für", "m", "InvalidParameter"},
		{"message too long", "*", own, "s", strings.Repeat("x", 256<<10+1), "InvalidParameter"},
		{"empty message", "*", own, "s", "", "InvalidParameter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := worldtest.New(t)
			s := sns.New(f.W)
			if _, err := s.PutTopic(worldtest.Staging, sns.TopicSpec{Name: "dbferry-staging", Emails: []string{"ops@example.com"}}); err != nil {
				t.Fatal(err)
			}
			cfg := f.As(worldtest.Staging, "notify", worldtest.Allow("sns:Publish", c.allow))
			f.Run(func() {
				_, err := sdk.NewFromConfig(cfg).Publish(context.Background(), &sdk.PublishInput{TopicArn: &c.topic, Subject: &c.subject, Message: &c.message})
				if got := service.Code(err); got != c.code {
					t.Errorf("code %q, want %q (%v)", got, c.code, err)
				}
			})
			if got := len(s.Sent()); (got == 1) != (c.code == "") {
				t.Errorf("%d messages sent", got)
			}
		})
	}
}

// TestMessageStructure: each protocol gets its own text, or the default.
func TestMessageStructure(t *testing.T) {
	for _, c := range []struct{ name, structure, message, mail, https, code string }{
		{"both", "json", `{"default":"a","https":"b"}`, "a", "b", ""},
		{"default alone", "json", `{"default":"a"}`, "a", "a", ""},
		{"own text for mail", "json", `{"default":"a","email":"m"}`, "m", "a", ""},
		{"no default", "json", `{"https":"b"}`, "", "", "InvalidParameter"},
		{"no JSON", "json", `a`, "", "", "InvalidParameter"},
		{"no such structure", "xml", `{"default":"a"}`, "", "", "InvalidParameter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := worldtest.New(t)
			s := sns.New(f.W)
			arn, err := s.PutTopic(worldtest.Staging, sns.TopicSpec{Name: "dbferry-staging"})
			if err != nil {
				t.Fatal(err)
			}
			cfg := f.As(worldtest.Staging, "notify", worldtest.Allow("sns:Publish", "*"))
			f.Run(func() {
				_, err = sdk.NewFromConfig(cfg).Publish(context.Background(), &sdk.PublishInput{TopicArn: &arn, Message: &c.message, MessageStructure: &c.structure})
			})
			if got := service.Code(err); got != c.code {
				t.Fatalf("code %q, want %q (%v)", got, c.code, err)
			}
			if c.code == "" && (s.Sent()[0].Body != c.mail || s.Sent()[0].HTTPS != c.https) {
				t.Errorf("sent %+v", s.Sent()[0])
			}
		})
	}
}

func TestAnotherAccountNeedsTheTopicsPolicy(t *testing.T) {
	f := worldtest.New(t)
	s := sns.New(f.W)
	policy := worldtest.Policy(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"sns:Publish","Resource":"arn:aws:sns:eu-west-1:222222222222:open"}`)
	open, err := s.PutTopic(worldtest.Staging, sns.TopicSpec{Name: "open", Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	closed, err := s.PutTopic(worldtest.Staging, sns.TopicSpec{Name: "closed"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := f.As(worldtest.Production, "notify", worldtest.Allow("sns:Publish", "*"))
	f.Run(func() {
		for topic, code := range map[string]string{open: "", closed: "AuthorizationError"} {
			_, err := sdk.NewFromConfig(cfg).Publish(context.Background(), &sdk.PublishInput{TopicArn: &topic, Message: new("m")})
			if got := service.Code(err); got != code {
				t.Errorf("%s: code %q, want %q", topic, got, code)
			}
		}
	})
}

func TestASecretInAMessageIsFound(t *testing.T) {
	f := worldtest.New(t)
	s := sns.New(f.W)
	f.W.Secrets.Add("hunter2hunter2", "password")
	topic, err := s.PutTopic(worldtest.Staging, sns.TopicSpec{Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := f.As(worldtest.Staging, "notify", worldtest.Allow("sns:Publish", "*"))
	f.Run(func() {
		_, _ = sdk.NewFromConfig(cfg).Publish(context.Background(), &sdk.PublishInput{TopicArn: &topic, Message: new("it is hunter2hunter2")})
	})
	if len(f.W.Secrets.Leaks()) != 1 {
		t.Errorf("leaks: %v", f.W.Secrets.Leaks())
	}
}
