package migrate

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
)

// answer lets a load balancer's listener answer every request with the
// maintenance page, or no longer. The rule is this migration's own, by its tags:
// one that somebody else has at that priority is never touched.
func (s *setMaintenance) answer(ctx context.Context, h *held, v *config.Listener, phase string) error {
	there, own, err := s.ruleAt(ctx, h, v)
	what := fmt.Sprintf("rule %d of listener %s", v.At(), v.ARN)
	switch {
	case err != nil:
		return err
	case phase == maintenanceOff && own:
		_, err := s.elb.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: &there})
		if err == nil {
			return nil
		}
		// A reply that was lost: the rule is gone, and with it the tag without which
		// the second attempt is refused.
		if now, _, lookErr := s.ruleAt(ctx, h, v); lookErr == nil && now != there {
			return nil
		}
		return fault.AWS("turn maintenance off", what, err)
	case phase == maintenanceOff, own:
		return nil
	case there != "":
		return taken(what, there)
	}
	_, err = s.elb.CreateRule(ctx, &elb.CreateRuleInput{
		ListenerArn: &v.ARN, Priority: aws.Int32(int32(v.At())),
		Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{"*"}}}},
		Actions: []types.Action{{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{
			StatusCode: aws.String(fmt.Sprint(v.Code())), ContentType: aws.String(v.Type()), MessageBody: aws.String(v.Body)}}},
		Tags: []types.Tag{{Key: aws.String(names.TagOwner), Value: aws.String(names.Prefix)}, {Key: aws.String(names.TagRefresh), Value: &h.ID}},
	})
	if fault.HasCode(err, "PriorityInUse") { // by a call of ours whose reply was lost, or by somebody's
		switch now, own, lookErr := s.ruleAt(ctx, h, v); {
		case lookErr != nil:
			return lookErr
		case own:
			return nil
		default:
			return taken(what, now)
		}
	}
	return fault.AWS("turn maintenance on", what, err)
}

func taken(what, rule string) error {
	return fault.New(fault.NameTaken, "turn maintenance on", what, "give production.migrate.maintenance[].listener another priority, before every rule of the listener, and deploy again",
		"another rule has the priority: %s", rule)
}

// ruleAt is the ARN of the rule that has the hook's priority, and whether this
// migration made it.
func (s *setMaintenance) ruleAt(ctx context.Context, h *held, v *config.Listener) (arn string, own bool, err error) {
	in := &elb.DescribeRulesInput{ListenerArn: &v.ARN}
	for {
		page, err := s.elb.DescribeRules(ctx, in)
		if err != nil {
			return "", false, fault.AWS("look at the listener", v.ARN, err)
		}
		for _, r := range page.Rules {
			if aws.ToString(r.Priority) == fmt.Sprint(v.At()) {
				arn = aws.ToString(r.RuleArn)
			}
		}
		if in.Marker = page.NextMarker; aws.ToString(in.Marker) == "" {
			break
		}
	}
	if arn == "" {
		return "", false, nil
	}
	out, err := s.elb.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{arn}})
	if err != nil {
		return arn, false, fault.AWS("look at the tags of the rule", arn, err)
	}
	tags := map[string]string{}
	for _, d := range out.TagDescriptions {
		for _, t := range d.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
	}
	return arn, tags[names.TagOwner] == names.Prefix && tags[names.TagRefresh] == h.ID, nil
}
