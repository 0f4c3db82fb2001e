package ssm

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

func (s *Service) tagOps() []awsworld.Op {
	const differs = "parameters only"
	add := row("AddTagsToResource", s.addTags, func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{s.at(c, aws.ToString(awsworld.Input[sdk.AddTagsToResourceInput](c).ResourceId))}
	}, differs)
	add.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		return requestTags(awsworld.Input[sdk.AddTagsToResourceInput](c).Tags)
	}
	list := row("ListTagsForResource", s.listTags, func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{s.at(c, aws.ToString(awsworld.Input[sdk.ListTagsForResourceInput](c).ResourceId))}
	}, differs)
	return []awsworld.Op{add, list}
}

// tagged finds the parameter whose tags are meant.
func (s *Service) tagged(c *awsworld.Call, kind types.ResourceTypeForTagging, id *string) (*parameter, error) {
	if kind != types.ResourceTypeForTaggingParameter {
		return nil, &awsworld.Unsimulated{Service: serviceID, Operation: "tags of a " + string(kind)}
	}
	p := s.account(c.Account.ID).parameters[aws.ToString(id)]
	if p == nil {
		return nil, &types.InvalidResourceId{Message: aws.String("The resource ID isn't valid: " + aws.ToString(id))}
	}
	return p, nil
}

func (s *Service) addTags(c *awsworld.Call, in *sdk.AddTagsToResourceInput) (*sdk.AddTagsToResourceOutput, error) {
	p, err := s.tagged(c, in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(p.tags)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, tagMap(in.Tags))
	if len(tags) > 50 {
		return nil, &types.TooManyTagsError{Message: aws.String("A parameter can have at most 50 tags.")}
	}
	p.tags = tags
	return &sdk.AddTagsToResourceOutput{}, nil
}

func (s *Service) listTags(c *awsworld.Call, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	p, err := s.tagged(c, in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListTagsForResourceOutput{TagList: []types.Tag{}}
	for _, k := range sortedKeys(p.tags) {
		out.TagList = append(out.TagList, types.Tag{Key: aws.String(k), Value: aws.String(p.tags[k])})
	}
	return out, nil
}
