package events_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

func TestListRules(t *testing.T) {
	f := worldtest.New(t)
	s := events.New(f.W)
	for i := range 5 {
		spec := events.RuleSpec{Name: fmt.Sprintf("rule-%d", i), Pattern: []byte(`{"source":["aws.s3"]}`), Disabled: i == 2}
		if _, err := s.PutRule(worldtest.Staging, spec); err != nil {
			t.Fatal(err)
		}
	}
	client := sdk.NewFromConfig(f.As(worldtest.Staging, "reader", worldtest.Allow("events:ListRules", "*")))
	f.Run(func() {
		var names []string
		in := &sdk.ListRulesInput{Limit: aws.Int32(2)}
		for {
			out, err := client.ListRules(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range out.Rules {
				names = append(names, *r.Name)
				if (r.State == "DISABLED") != (*r.Name == "rule-2") || *r.EventPattern != `{"source":["aws.s3"]}` {
					t.Errorf("%+v", r)
				}
			}
			if out.NextToken == nil {
				break
			}
			in.NextToken = out.NextToken
		}
		if len(names) != 5 {
			t.Errorf("rules %v", names)
		}
		if _, err := client.ListRules(context.Background(), &sdk.ListRulesInput{EventBusName: aws.String("none")}); service.Code(err) != "ResourceNotFoundException" {
			t.Errorf("a bus that is not there: %v", err)
		}
	})
}
