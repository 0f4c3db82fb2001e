package events

import (
	"cmp"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) listOp() awsworld.Op {
	op := awsworld.On(serviceID, "ListRules", "events:ListRules", s.listRules)
	op.Source = "EventBridge API Reference, ListRules"
	op.Differs = "by name, own account's buses only; schedules and managed rules do not exist; targets are not part of it, as in AWS"
	return op
}

// listRules answers a page at a time; the token is the name of the last rule
// given.
func (s *Service) listRules(c *awsworld.Call, in *sdk.ListRulesInput) (*sdk.ListRulesOutput, error) {
	if err := service.OnlyFields(c, "EventBusName", "Limit", "NextToken"); err != nil {
		return nil, err
	}
	name := cmp.Or(aws.ToString(in.EventBusName), DefaultBus)
	b := s.bus(c.Account.ID, name)
	if b == nil || b.account != c.Account.ID {
		return nil, awsworld.Errorf("ResourceNotFoundException", "Event bus %s does not exist.", name)
	}
	limit := int(cmp.Or(aws.ToInt32(in.Limit), 100))
	out := &sdk.ListRulesOutput{}
	for _, name := range slices.Sorted(maps.Keys(b.rules)) {
		if in.NextToken != nil && name <= *in.NextToken {
			continue
		}
		if len(out.Rules) == limit {
			out.NextToken = out.Rules[limit-1].Name
			break
		}
		r := b.rules[name]
		state := types.RuleStateEnabled
		if r.Disabled {
			state = types.RuleStateDisabled
		}
		out.Rules = append(out.Rules, types.Rule{Name: aws.String(name), Arn: aws.String(r.arn), EventBusName: aws.String(b.name), EventPattern: aws.String(string(r.Pattern)), State: state})
	}
	return out, nil
}
