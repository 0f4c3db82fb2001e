package dynamodb

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

func (s *Service) describeTTL(c *awsworld.Call, in *dynamodb.DescribeTimeToLiveInput) (*dynamodb.DescribeTimeToLiveOutput, error) {
	t, err := s.find(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, err
	}
	s.notice(c, &t.ttlSettled)
	d := &types.TimeToLiveDescription{TimeToLiveStatus: t.ttl}
	if t.ttl != types.TimeToLiveStatusDisabled {
		d.AttributeName = aws.String(t.TTLAttribute)
	}
	return &dynamodb.DescribeTimeToLiveOutput{TimeToLiveDescription: d}, nil
}

// updateTTL: turning the time to live on or off takes a while, and within the
// hour nothing more can be changed about it (DynamoDB API reference,
// UpdateTimeToLive).
func (s *Service) updateTTL(c *awsworld.Call, in *dynamodb.UpdateTimeToLiveInput) (*dynamodb.UpdateTimeToLiveOutput, error) {
	t, err := s.find(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, err
	}
	spec := in.TimeToLiveSpecification
	on, attribute := aws.ToBool(spec.Enabled), aws.ToString(spec.AttributeName)
	if err := s.mayChangeTTL(t, on, attribute); err != nil {
		return nil, err
	}
	t.ttl, t.ttlChanged = types.TimeToLiveStatusDisabling, s.w.Now()
	end := types.TimeToLiveStatusDisabled
	if on {
		t.TTLAttribute, t.ttl, end = attribute, types.TimeToLiveStatusEnabling, types.TimeToLiveStatusEnabled
	}
	wait := s.beginWait(t, "time to live")
	s.after(t, s.draw(s.Timing.TTL), func() {
		t.ttl = end
		if !on {
			t.TTLAttribute = ""
		}
		s.settle(&t.ttlSettled, wait)
	})
	return &dynamodb.UpdateTimeToLiveOutput{TimeToLiveSpecification: &types.TimeToLiveSpecification{Enabled: aws.Bool(on), AttributeName: aws.String(attribute)}}, nil
}

func (s *Service) mayChangeTTL(t *table, on bool, attribute string) error {
	isOn := t.ttl == types.TimeToLiveStatusEnabled || t.ttl == types.TimeToLiveStatusEnabling
	switch {
	case !t.usable():
		return inUse(t)
	case attribute == "" || len(attribute) > 255:
		return invalid("TimeToLive attribute name must have 1 to 255 characters")
	case !t.ttlChanged.IsZero() && s.w.Now().Sub(t.ttlChanged) < s.Timing.TTLLock:
		return invalid("Time to live has been modified multiple times within a fixed interval")
	case on && isOn && attribute == t.TTLAttribute:
		return invalid("TimeToLive is already enabled")
	case on && isOn:
		return invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", t.TTLAttribute)
	case !on && !isOn:
		return invalid("TimeToLive is already disabled")
	case !on && attribute != t.TTLAttribute:
		return invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", t.TTLAttribute)
	}
	return nil
}

func (s *Service) describeBackups(c *awsworld.Call, in *dynamodb.DescribeContinuousBackupsInput) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	t, err := s.find(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, &types.TableNotFoundException{Message: aws.String("Table not found: " + aws.ToString(in.TableName))}
	}
	return &dynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: t.backups(s.w.Now())}, nil
}

// updateBackups switches point-in-time recovery. Right after a table came into
// being its backups are still being enabled.
func (s *Service) updateBackups(c *awsworld.Call, in *dynamodb.UpdateContinuousBackupsInput) (*dynamodb.UpdateContinuousBackupsOutput, error) {
	t, err := s.find(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, &types.TableNotFoundException{Message: aws.String("Table not found: " + aws.ToString(in.TableName))}
	}
	if !t.usable() || s.w.Now().Before(t.backupsFrom) {
		return nil, &types.ContinuousBackupsUnavailableException{Message: aws.String("Backups are being enabled for the table: " + t.Name + ". Please retry later")}
	}
	spec := in.PointInTimeRecoverySpecification
	if d := spec.RecoveryPeriodInDays; d != nil {
		if *d < 1 || *d > 35 {
			return nil, invalid("RecoveryPeriodInDays must be between 1 and 35, not %d", *d)
		}
		t.RecoveryDays = *d
	}
	on := aws.ToBool(spec.PointInTimeRecoveryEnabled)
	if on && !t.PointInTime {
		t.pointInTimeAt = s.w.Now()
	}
	t.PointInTime = on
	return &dynamodb.UpdateContinuousBackupsOutput{ContinuousBackupsDescription: t.backups(s.w.Now())}, nil
}

// tagPage is how many tags ListTagsOfResource gives at a time.
const tagPage = 10

func (s *Service) listTags(c *awsworld.Call, in *dynamodb.ListTagsOfResourceInput) (*dynamodb.ListTagsOfResourceOutput, error) {
	t, err := s.find(c.Account.ID, aws.ToString(in.ResourceArn))
	if err != nil {
		return nil, err
	}
	keys := slices.Sorted(maps.Keys(t.Tags))
	if in.NextToken != nil {
		keys = keys[sort.SearchStrings(keys, *in.NextToken+"\x00"):]
	}
	out := &dynamodb.ListTagsOfResourceOutput{}
	if len(keys) > tagPage {
		keys = keys[:tagPage]
		out.NextToken = aws.String(keys[tagPage-1])
	}
	for _, k := range keys {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(t.Tags[k])})
	}
	return out, nil
}

func (s *Service) tagResource(c *awsworld.Call, in *dynamodb.TagResourceInput) (*dynamodb.TagResourceOutput, error) {
	t, err := s.find(c.Account.ID, aws.ToString(in.ResourceArn))
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	maps.Copy(all, t.Tags)
	for _, tag := range in.Tags {
		k, v := aws.ToString(tag.Key), aws.ToString(tag.Value)
		if k == "" || len(k) > 128 || len(v) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, invalid("Tag %q is not valid: keys have 1 to 128 characters and do not begin with aws:, values have up to 256", k)
		}
		all[k] = v
	}
	if len(all) > 50 {
		return nil, invalid("Too many tags: a table can have at most 50")
	}
	t.Tags = all
	return &dynamodb.TagResourceOutput{}, nil
}

func (s *Service) untagResource(c *awsworld.Call, in *dynamodb.UntagResourceInput) (*dynamodb.UntagResourceOutput, error) {
	t, err := s.find(c.Account.ID, aws.ToString(in.ResourceArn))
	if err != nil {
		return nil, err
	}
	left := maps.Clone(t.Tags)
	for _, k := range in.TagKeys {
		delete(left, k)
	}
	t.Tags = left
	return &dynamodb.UntagResourceOutput{}, nil
}
