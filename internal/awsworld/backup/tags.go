package backup

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// maxTags is the most user tags that anything can carry (docs/aws.md §3).
const maxTags = 50

// requestTagContext gives aws:RequestTag/… and aws:TagKeys.
func requestTagContext(tags map[string]string) map[string][]string {
	out := map[string][]string{}
	if len(tags) == 0 {
		return out
	}
	for k, v := range tags {
		out["aws:RequestTag/"+k] = []string{v}
	}
	out["aws:TagKeys"] = slices.Sorted(maps.Keys(tags))
	return out
}

// merged joins tag sets, later ones winning. Tags of AWS's own ("aws:…") do
// not travel.
func merged(sets ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, set := range sets {
		for k, v := range set {
			if !strings.HasPrefix(k, "aws:") {
				out[k] = v
			}
		}
	}
	return out
}

func (s *Service) tagOps() []awsworld.Op {
	list := awsworld.On(ServiceID, "ListTags", "backup:ListTags", s.listTags)
	list.Resources = taggedResource(s, func(in *sdk.ListTagsInput) *string { return in.ResourceArn })
	list.Source = "API ListTags"
	list.Differs = "vaults and recovery points with an arn:aws:backup ARN only, as in AWS; Aurora's tags are on the snapshot"

	tag := awsworld.On(ServiceID, "TagResource", "backup:TagResource", s.tagResource)
	tag.Resources = taggedResource(s, func(in *sdk.TagResourceInput) *string { return in.ResourceArn })
	tag.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		return requestTagContext(awsworld.Input[sdk.TagResourceInput](c).Tags)
	}
	tag.Source = "API TagResource; docs/aws.md §3"
	return []awsworld.Op{list, tag}
}

func taggedResource[In any](s *Service, arn func(*In) *string) func(*awsworld.Call) []awsworld.Resource {
	return func(c *awsworld.Call) []awsworld.Resource {
		name := aws.ToString(arn(awsworld.Input[In](c)))
		if vault, ok := strings.CutPrefix(name, s.vaultARN(c.Account.ID, "")); ok {
			return []awsworld.Resource{s.vaultResource(c.Account.ID, vault)}
		}
		return []awsworld.Resource{s.pointResource(c.Account.ID, name)}
	}
}

// tagsAt finds the tags of a vault or recovery point for reading or writing.
func (s *Service) tagsAt(a *account, arn string) (*map[string]string, error) {
	if !strings.HasPrefix(arn, "arn:aws:backup:") {
		return nil, invalid("%s: tags of this kind of resource are kept by its own service", arn)
	}
	if name, ok := strings.CutPrefix(arn, s.vaultARN(a.id, "")); ok && a.vaults[name] != nil {
		return &a.vaults[name].Tags, nil
	}
	if p := a.point(arn); p != nil {
		return &p.tags, nil
	}
	return nil, notFound("Resource %s was not found", arn)
}

func (s *Service) listTags(c *awsworld.Call, in *sdk.ListTagsInput) (*sdk.ListTagsOutput, error) {
	tags, err := s.tagsAt(s.of(c), aws.ToString(in.ResourceArn))
	if err != nil {
		return nil, err
	}
	keys, next, err := page(slices.Sorted(maps.Keys(*tags)), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sdk.ListTagsOutput{Tags: map[string]string{}, NextToken: next}
	for _, k := range keys {
		out.Tags[k] = (*tags)[k]
	}
	return out, nil
}

func (s *Service) tagResource(c *awsworld.Call, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	tags, err := s.tagsAt(s.of(c), aws.ToString(in.ResourceArn))
	if err != nil {
		return nil, err
	}
	next := merged(*tags, in.Tags)
	if len(next) > maxTags {
		return nil, invalid("%s would have %d tags; at most %d are allowed", aws.ToString(in.ResourceArn), len(next), maxTags)
	}
	*tags = next
	return &sdk.TagResourceOutput{}, nil
}
