package elbv2_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/dbferry/dbferry/internal/awsworld/elbv2"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

const (
	listener = "arn:aws:elasticloadbalancing:eu-west-1:222222222222:listener/app/site/0123456789abcdef/fedcba9876543210"
	rules    = "arn:aws:elasticloadbalancing:eu-west-1:222222222222:listener-rule/app/site/0123456789abcdef/fedcba9876543210/*"
)

func input(priority int32, status string) *sdk.CreateRuleInput {
	return &sdk.CreateRuleInput{ListenerArn: aws.String(listener), Priority: &priority, Tags: []types.Tag{{Key: aws.String("owner"), Value: aws.String("us")}},
		Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{"/shop/*"}}}},
		Actions:    []types.Action{{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: &status}}}}
}

// TestRules: the lowest priority whose path fits answers; tagging is asked for on
// its own; a rule is deleted by its tag, the default one never.
func TestRules(t *testing.T) {
	f, ctx := worldtest.New(t), context.Background()
	s := elbv2.New(f.W)
	s.PutListener(worldtest.Staging, listener)
	s.PutRule(listener, 10)
	untagged := sdk.NewFromConfig(f.As(worldtest.Staging, "untagged", worldtest.Allow("elasticloadbalancing:CreateRule", "*")))
	client := sdk.NewFromConfig(f.As(worldtest.Staging, "maker", `{"Effect":"Allow","Action":"elasticloadbalancing:CreateRule","Resource":"`+listener+`"}`,
		`{"Effect":"Allow","Action":"elasticloadbalancing:AddTags","Resource":"`+rules+`","Condition":{"StringEquals":{"aws:RequestTag/owner":"us"}}}`,
		`{"Effect":"Allow","Action":"elasticloadbalancing:DeleteRule","Resource":"`+rules+`","Condition":{"StringEquals":{"aws:ResourceTag/owner":"us"}}}`,
		`{"Effect":"Allow","Action":["elasticloadbalancing:DescribeRules","elasticloadbalancing:DescribeTags"],"Resource":"*"}`))
	f.Run(func() {
		want := func(what, code string, err error) {
			t.Helper()
			if got := service.Code(err); got != code {
				t.Errorf("%s: code %q, want %q (%v)", what, got, code, err)
			}
		}
		answers := func(path, want string) {
			t.Helper()
			if got := s.Answers(listener, path); got != want {
				t.Errorf("%s answers %s, want %s", path, got, want)
			}
		}
		_, err := untagged.CreateRule(ctx, input(1, "503"))
		want("tags without AddTags", "AccessDenied", err)
		_, err = client.CreateRule(ctx, input(10, "503"))
		want("a priority that is taken", "PriorityInUse", err)
		_, err = client.CreateRule(ctx, input(0, "503"))
		want("a priority that there is not", "ValidationError", err)
		made, err := client.CreateRule(ctx, input(1, "503"))
		want("made", "", err)
		answers("/shop/cart", "503")
		answers("/", "forward")
		all, err := client.DescribeRules(ctx, &sdk.DescribeRulesInput{ListenerArn: aws.String(listener)})
		want("listed", "", err)
		if len(all.Rules) != 3 || *all.Rules[0].Priority != "1" || !*all.Rules[2].IsDefault {
			t.Errorf("%+v", all.Rules)
		}
		tags, err := client.DescribeTags(ctx, &sdk.DescribeTagsInput{ResourceArns: []string{*made.Rules[0].RuleArn}})
		want("tags", "", err)
		if len(tags.TagDescriptions) != 1 || *tags.TagDescriptions[0].Tags[0].Value != "us" {
			t.Errorf("%+v", tags.TagDescriptions)
		}
		_, err = client.DeleteRule(ctx, &sdk.DeleteRuleInput{RuleArn: all.Rules[1].RuleArn})
		want("somebody else's", "AccessDenied", err)
		_, err = client.DeleteRule(ctx, &sdk.DeleteRuleInput{RuleArn: made.Rules[0].RuleArn})
		want("deleted", "", err)
		answers("/shop/cart", "forward")
		_, err = client.DescribeRules(ctx, &sdk.DescribeRulesInput{ListenerArn: aws.String(listener + "0")})
		want("no such listener", "ListenerNotFound", err)
	})
}
