package secretsmanager

import (
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// The staging labels of a secret that is not being rotated.
const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
)

func (s *Service) ops() []awsworld.Op {
	get := awsworld.On(serviceID, "GetSecretValue", "secretsmanager:GetSecretValue", s.get)
	get.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.resource(c, *awsworld.Input[sdk.GetSecretValueInput](c).SecretId)
	}
	get.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		in := awsworld.Input[sdk.GetSecretValueInput](c)
		keys := map[string][]string{"secretsmanager:VersionStage": {stageCurrent}}
		if in.VersionStage != nil {
			keys["secretsmanager:VersionStage"] = []string{*in.VersionStage}
		}
		if in.VersionId != nil {
			delete(keys, "secretsmanager:VersionStage")
			keys["secretsmanager:VersionId"] = []string{*in.VersionId}
		}
		return keys
	}
	get.Source = "Secrets Manager API Reference, GetSecretValue"
	get.Differs = "text values; AWSCURRENT and AWSPREVIOUS only"
	describe := awsworld.On(serviceID, "DescribeSecret", "secretsmanager:DescribeSecret", s.describe)
	describe.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.resource(c, *awsworld.Input[sdk.DescribeSecretInput](c).SecretId)
	}
	describe.Source = "Secrets Manager API Reference, DescribeSecret"
	describe.Differs = "no rotation or replication"
	list := awsworld.On(serviceID, "ListSecrets", "secretsmanager:ListSecrets", s.list)
	list.Source = "Secrets Manager API Reference, ListSecrets"
	list.Differs = "names, ARNs and dates only, by name; filters and sorting are refused by name"
	return append([]awsworld.Op{get, describe, list}, s.lifeOps()...)
}

func (s *Service) resource(c *awsworld.Call, id string) []awsworld.Resource {
	account := c.Caller.Principal.Account
	x := s.find(account, id)
	if x != nil {
		keys := service.TagContext(x.Tags)
		keys["secretsmanager:SecretId"] = []string{x.arn}
		return []awsworld.Resource{{ARN: x.arn, Owner: x.owner, Policy: x.policy, Context: keys}}
	}
	if owner := service.AccountOf(id); owner != "" {
		return []awsworld.Resource{{ARN: id, Owner: owner}}
	}
	return []awsworld.Resource{{ARN: s.w.ARN("secretsmanager", account, "secret:"+id), Owner: account}}
}

func (s *Service) get(c *awsworld.Call, in *sdk.GetSecretValueInput) (*sdk.GetSecretValueOutput, error) {
	x := s.find(c.Caller.Principal.Account, *in.SecretId)
	if x == nil {
		return nil, missing("Secrets Manager can't find the specified secret: " + *in.SecretId)
	}
	if !x.DeletedDate.IsZero() {
		return nil, &types.InvalidRequestException{Message: new("You can't perform this operation on the secret because it was marked for deletion.")}
	}
	if x.KeyARN != "" && s.Keys != nil && !c.Caller.Ground {
		extra := map[string][]string{"kms:EncryptionContext:SecretARN": {x.arn}}
		if err := s.Keys.Use(c.Ctx, c.Caller.Through("secretsmanager"), "kms:Decrypt", x.KeyARN, extra); err != nil {
			return nil, err
		}
	}
	v, stages := x.pick(in)
	if v == nil {
		return nil, missing("Secrets Manager can't find the specified secret value for the requested version of " + x.Name)
	}
	return &sdk.GetSecretValueOutput{
		ARN: new(x.arn), Name: new(x.Name), SecretString: new(v.value), VersionId: new(v.id),
		VersionStages: stages, CreatedDate: new(v.created),
	}, nil
}

// pick finds the version asked for, by stage (AWSCURRENT by default) or id.
func (x *secret) pick(in *sdk.GetSecretValueInput) (*version, []string) {
	wantStage := stageCurrent
	if in.VersionStage != nil {
		wantStage = *in.VersionStage
	}
	for stage, v := range map[string]*version{stageCurrent: x.current, stagePrevious: x.previous} {
		byID := in.VersionId != nil && v != nil && *in.VersionId == v.id
		if byID || in.VersionId == nil && stage == wantStage && v != nil {
			return v, []string{stage}
		}
	}
	return nil, nil
}

func (s *Service) describe(c *awsworld.Call, in *sdk.DescribeSecretInput) (*sdk.DescribeSecretOutput, error) {
	x := s.find(c.Caller.Principal.Account, *in.SecretId)
	if x == nil {
		return nil, missing("Secrets Manager can't find the specified secret: " + *in.SecretId)
	}
	out := &sdk.DescribeSecretOutput{
		ARN: new(x.arn), Name: new(x.Name), CreatedDate: new(x.created), LastChangedDate: new(x.changed),
		VersionIdsToStages: map[string][]string{x.current.id: {stageCurrent}},
	}
	if !x.DeletedDate.IsZero() {
		out.DeletedDate = new(x.DeletedDate)
	}
	if x.previous != nil {
		out.VersionIdsToStages[x.previous.id] = []string{stagePrevious}
	}
	if x.KeyARN != "" {
		out.KmsKeyId = new(x.KeyARN)
	}
	for k, v := range x.Tags {
		out.Tags = append(out.Tags, types.Tag{Key: new(k), Value: new(v)})
	}
	slices.SortFunc(out.Tags, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return out, nil
}

// list answers a page at a time; the token is the name of the last secret
// given. Secrets that are to be deleted are left out, as AWS does.
func (s *Service) list(c *awsworld.Call, in *sdk.ListSecretsInput) (*sdk.ListSecretsOutput, error) {
	if err := service.OnlyFields(c, "MaxResults", "NextToken"); err != nil {
		return nil, err
	}
	limit := 100
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	out := &sdk.ListSecretsOutput{}
	for _, x := range s.of(c.Caller.Principal.Account) {
		if in.NextToken != nil && x.Name <= *in.NextToken || !x.DeletedDate.IsZero() {
			continue
		}
		if len(out.SecretList) == limit {
			out.NextToken = out.SecretList[limit-1].Name
			break
		}
		out.SecretList = append(out.SecretList, types.SecretListEntry{Name: new(x.Name), ARN: new(x.arn), CreatedDate: new(x.created), LastChangedDate: new(x.changed)})
	}
	return out, nil
}

func missing(text string) error { return &types.ResourceNotFoundException{Message: new(text)} }
