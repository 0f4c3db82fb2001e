package rds

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

func tagList(tags map[string]string) []types.Tag {
	out := make([]types.Tag, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}

func tagMap(list []types.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range list {
		out[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}

// checkTags: at most 50, keys of 1 to 128 characters and values of up to 256,
// and aws: is AWS's own (Aurora user guide, "Tagging").
func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return invalidValue("A resource can have at most 50 tags, not %d.", len(tags))
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		switch {
		case k == "" || len(k) > 128 || len(tags[k]) > 256:
			return invalidValue("Tag %q is not valid: keys have 1 to 128 characters, values up to 256.", k)
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return invalidValue("Tag %q is not valid: the prefix aws: is reserved.", k)
		}
	}
	return nil
}

// tagsOf finds the tags of a resource by ARN; nil when it does not exist.
func (s *Service) tagsOf(account, arn string) (tags map[string]string, set func(map[string]string), err error) {
	parts := strings.SplitN(arn, ":", 7)
	if len(parts) < 7 || parts[2] != "rds" || parts[4] != account {
		return nil, nil, invalidValue("Invalid resource name: %s", arn)
	}
	a, id := s.account(account), strings.ToLower(parts[6])
	switch parts[5] {
	case "cluster":
		if c := a.clusters[id]; c != nil {
			return c.Tags, func(t map[string]string) { c.Tags = t }, nil
		}
		return nil, nil, clusterNotFound(id)
	case "db":
		if i := a.instances[id]; i != nil {
			return i.Tags, func(t map[string]string) { i.Tags = t }, nil
		}
		return nil, nil, instanceNotFound(id)
	case "cluster-snapshot":
		if sn := a.snapshots[id]; sn != nil {
			return sn.tags, func(t map[string]string) { sn.tags = t }, nil
		}
		return nil, nil, snapshotNotFound(id)
	}
	return nil, nil, &awsworld.Unsimulated{Service: "RDS", Operation: "tags of " + parts[5]}
}

func (s *Service) listTags(c *awsworld.Call, in *rds.ListTagsForResourceInput) (*rds.ListTagsForResourceOutput, error) {
	tags, _, err := s.tagsOf(c.Account.ID, aws.ToString(in.ResourceName))
	if err != nil {
		return nil, err
	}
	return &rds.ListTagsForResourceOutput{TagList: tagList(tags)}, nil
}

func (s *Service) addTags(c *awsworld.Call, in *rds.AddTagsToResourceInput) (*rds.AddTagsToResourceOutput, error) {
	tags, set, err := s.tagsOf(c.Account.ID, aws.ToString(in.ResourceName))
	if err != nil {
		return nil, err
	}
	merged := maps.Clone(tags)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, tagMap(in.Tags))
	if err := checkTags(merged); err != nil {
		return nil, err
	}
	set(merged)
	return &rds.AddTagsToResourceOutput{}, nil
}

func (s *Service) removeTags(c *awsworld.Call, in *rds.RemoveTagsFromResourceInput) (*rds.RemoveTagsFromResourceOutput, error) {
	tags, set, err := s.tagsOf(c.Account.ID, aws.ToString(in.ResourceName))
	if err != nil {
		return nil, err
	}
	left := maps.Clone(tags)
	for _, k := range in.TagKeys {
		delete(left, k)
	}
	set(left)
	return &rds.RemoveTagsFromResourceOutput{}, nil
}
