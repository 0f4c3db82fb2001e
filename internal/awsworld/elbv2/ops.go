package elbv2

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

const reference = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_"

func row[In, Out any](name string, do func(*awsworld.Call, *In) (*Out, error)) awsworld.Op {
	op := awsworld.On(sdk.ServiceID, name, "elasticloadbalancing:"+name, do)
	op.Source = reference + name + ".html; Service Authorization Reference, Elastic Load Balancing V2"
	return op
}

func (s *Service) ops() []awsworld.Op {
	create := row("CreateRule", s.create)
	create.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.CreateRuleInput](c)
		out := []awsworld.Resource{{ARN: aws.ToString(in.ListenerArn), Owner: service.AccountOf(aws.ToString(in.ListenerArn))}}
		if len(in.Tags) > 0 {
			out = append(out, awsworld.Resource{ARN: s.ruleARN(aws.ToString(in.ListenerArn)), Owner: out[0].Owner, Action: "elasticloadbalancing:AddTags"})
		}
		return out
	}
	create.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		return service.RequestTags(tagMap(awsworld.Input[sdk.CreateRuleInput](c).Tags))
	}
	create.Differs = "one path-pattern condition and one fixed-response action; in force at once"
	remove := row("DeleteRule", s.remove)
	remove.Resources = func(c *awsworld.Call) []awsworld.Resource {
		arn := aws.ToString(awsworld.Input[sdk.DeleteRuleInput](c).RuleArn)
		out := awsworld.Resource{ARN: arn, Owner: service.AccountOf(arn)}
		if _, _, r := s.find(c.Caller.Principal.Account, arn); r != nil {
			out.Context = service.TagContext(r.tags)
		}
		return []awsworld.Resource{out}
	}
	describe := row("DescribeRules", s.describe)
	describe.Differs = "of one listener, on one page"
	tags := row("DescribeTags", s.tags)
	tags.Differs = "of rules"
	return []awsworld.Op{create, remove, describe, tags}
}

func (s *Service) create(c *awsworld.Call, in *sdk.CreateRuleInput) (*sdk.CreateRuleOutput, error) {
	if err := service.OnlyFields(c, "ListenerArn", "Priority", "Conditions", "Actions", "Tags"); err != nil {
		return nil, err
	}
	l := s.listeners[*in.ListenerArn]
	if l == nil || l.account != c.Caller.Principal.Account {
		return nil, noListener(*in.ListenerArn)
	}
	if len(in.Conditions) != 1 || aws.ToString(in.Conditions[0].Field) != "path-pattern" || in.Conditions[0].PathPatternConfig == nil ||
		len(in.Actions) != 1 || in.Actions[0].FixedResponseConfig == nil || in.Actions[0].Type != types.ActionTypeEnumFixedResponse {
		return nil, &awsworld.Unsimulated{Service: "Elastic Load Balancing", Operation: "CreateRule with other than one path pattern and one fixed response"}
	}
	if n := *in.Priority; n < 1 || n > 50000 {
		return nil, awsworld.Errorf("ValidationError", "Priority must be between 1 and 50000")
	}
	if fixed := in.Actions[0].FixedResponseConfig; len(aws.ToString(fixed.MessageBody)) > 1024 {
		return nil, &types.InvalidLoadBalancerActionException{Message: new("The message body must be at most 1024 characters")}
	}
	priority := strconv.Itoa(int(*in.Priority))
	if slices.ContainsFunc(l.rules, func(r *rule) bool { return r.priority == priority }) {
		return nil, &types.PriorityInUseException{Message: new(fmt.Sprintf("Priority '%s' is currently in use", priority))}
	}
	r := &rule{arn: s.ruleARN(*in.ListenerArn), priority: priority, conditions: in.Conditions, actions: in.Actions, tags: tagMap(in.Tags)}
	l.rules = append(l.rules, r)
	l.sort()
	if s.Changed != nil {
		s.Changed(*in.ListenerArn, true)
	}
	return &sdk.CreateRuleOutput{Rules: []types.Rule{r.view()}}, nil
}

func (s *Service) remove(c *awsworld.Call, in *sdk.DeleteRuleInput) (*sdk.DeleteRuleOutput, error) {
	arn, l, r := s.find(c.Caller.Principal.Account, *in.RuleArn)
	switch {
	case r == nil:
		return nil, noRule(*in.RuleArn)
	case r.priority == defaultPriority:
		return nil, &types.OperationNotPermittedException{Message: new("Default rule '" + r.arn + "' cannot be deleted")}
	}
	l.rules = slices.DeleteFunc(l.rules, func(x *rule) bool { return x == r })
	if s.Changed != nil {
		s.Changed(arn, false)
	}
	return &sdk.DeleteRuleOutput{}, nil
}

func (s *Service) describe(c *awsworld.Call, in *sdk.DescribeRulesInput) (*sdk.DescribeRulesOutput, error) {
	if err := service.OnlyFields(c, "ListenerArn", "Marker", "PageSize"); err != nil {
		return nil, err
	}
	l := s.listeners[aws.ToString(in.ListenerArn)]
	if l == nil || l.account != c.Caller.Principal.Account {
		return nil, noListener(aws.ToString(in.ListenerArn))
	}
	out := &sdk.DescribeRulesOutput{}
	for _, r := range l.rules {
		out.Rules = append(out.Rules, r.view())
	}
	return out, nil
}

func (s *Service) tags(c *awsworld.Call, in *sdk.DescribeTagsInput) (*sdk.DescribeTagsOutput, error) {
	if len(in.ResourceArns) > 20 {
		return nil, awsworld.Errorf("ValidationError", "at most 20 resources")
	}
	out := &sdk.DescribeTagsOutput{}
	for _, arn := range in.ResourceArns {
		_, _, r := s.find(c.Caller.Principal.Account, arn)
		if r == nil {
			return nil, noRule(arn)
		}
		d := types.TagDescription{ResourceArn: new(arn)}
		for _, k := range slices.Sorted(maps.Keys(r.tags)) {
			d.Tags = append(d.Tags, types.Tag{Key: new(k), Value: new(r.tags[k])})
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, nil
}
