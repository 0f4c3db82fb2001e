package autoscaling

import (
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	sdkcw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

func (s *Service) endOps() []awsworld.Op {
	end := row("DeregisterScalableTarget", s.deregister)
	end.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.DeregisterScalableTargetInput](c)
		return []awsworld.Resource{s.resource(c, aws.ToString(in.ResourceId), string(in.ScalableDimension))}
	}
	end.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		in := awsworld.Input[sdk.DeregisterScalableTargetInput](c)
		return scope(string(in.ServiceNamespace), string(in.ScalableDimension))
	}
	end.Source += "; Application Auto Scaling user guide, \"Permissions required for API actions on target services and CloudWatch\""
	end.Differs = "the target's policies and their alarms go with it, at once; that the caller needs cloudwatch:DeleteAlarms on them is read out of the user guide"
	tags := row("ListTagsForResource", s.listTags)
	tags.Resources = func(c *awsworld.Call) []awsworld.Resource {
		arn := aws.ToString(awsworld.Input[sdk.ListTagsForResourceInput](c).ResourceARN)
		r := awsworld.Resource{ARN: arn, Owner: c.Account.ID, Kind: iam.NoPolicy}
		if t := s.byARN(c.Account.ID, arn); t != nil {
			r.Context = service.TagContext(t.Tags)
		}
		return []awsworld.Resource{r}
	}
	return []awsworld.Op{end, tags}
}

func (s *Service) byARN(account, arn string) *target {
	for _, t := range s.targets[account] {
		if t.arn == arn {
			return t
		}
	}
	return nil
}

// deregister ends a scalable target, with its policies and, as the
// service-linked role, their alarms.
func (s *Service) deregister(c *awsworld.Call, in *sdk.DeregisterScalableTargetInput) (*sdk.DeregisterScalableTargetOutput, error) {
	if err := service.OnlyFields(c, "ServiceNamespace", "ResourceId", "ScalableDimension"); err != nil {
		return nil, err
	}
	k := key(aws.ToString(in.ResourceId), string(in.ScalableDimension))
	t := s.targets[c.Account.ID][k]
	if t == nil {
		return nil, &types.ObjectNotFoundException{Message: aws.String("No scalable target found for " + k)}
	}
	var alarms []string
	for _, p := range t.Policies {
		for _, a := range s.alarmsOf(t, p) {
			if err := s.require(c, "cloudwatch:DeleteAlarms", s.w.ARN("cloudwatch", c.Account.ID, "alarm:"+a.Name), nil); err != nil {
				return nil, err
			}
			alarms = append(alarms, a.Name)
		}
	}
	if len(alarms) > 0 {
		role, err := s.w.ServiceLinked(t.account, principal(namespace(t.Dimension)))
		if err != nil {
			return nil, err
		}
		if _, err := service.Call[sdkcw.DeleteAlarmsOutput](context.WithoutCancel(c.Ctx), s.w, role, "CloudWatch", "DeleteAlarms", &sdkcw.DeleteAlarmsInput{AlarmNames: alarms}); err != nil {
			return nil, err
		}
	}
	delete(s.targets[c.Account.ID], k)
	return &sdk.DeregisterScalableTargetOutput{}, nil
}

func (s *Service) listTags(c *awsworld.Call, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	t := s.byARN(c.Account.ID, aws.ToString(in.ResourceARN))
	if t == nil {
		return nil, &types.ResourceNotFoundException{Message: aws.String("The resource doesn't exist: " + aws.ToString(in.ResourceARN))}
	}
	return &sdk.ListTagsForResourceOutput{Tags: maps.Clone(t.Tags)}, nil
}
