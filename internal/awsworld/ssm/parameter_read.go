package ssm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) parameterOps() []awsworld.Op {
	put := row("PutParameter", s.put, s.putResources, "text only, no policies; TooManyUpdates only by an injected fault; texts of ValidationException are unverified; cites docs/aws.md §7.4")
	put.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		in := awsworld.Input[sdk.PutParameterInput](c)
		keys := requestTags(in.Tags)
		keys["ssm:Overwrite"] = []string{map[bool]string{true: "true", false: "false"}[aws.ToBool(in.Overwrite)]}
		return keys
	}
	byPath := row("GetParametersByPath", s.byPath, func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{s.at(c, strings.TrimSuffix(aws.ToString(awsworld.Input[sdk.GetParametersByPathInput](c).Path), "/"))}
	}, "no filters")
	byPath.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		recursive := aws.ToBool(awsworld.Input[sdk.GetParametersByPathInput](c).Recursive)
		return map[string][]string{"ssm:Recursive": {map[bool]string{true: "true", false: "false"}[recursive]}}
	}
	one := func(name func(*awsworld.Call) *string) func(*awsworld.Call) []awsworld.Resource {
		return func(c *awsworld.Call) []awsworld.Resource {
			return []awsworld.Resource{s.at(c, aws.ToString(name(c)))}
		}
	}
	return []awsworld.Op{
		put, byPath,
		row("GetParameter", s.get, one(func(c *awsworld.Call) *string { return awsworld.Input[sdk.GetParameterInput](c).Name }),
			"the cipher text of a SecureString is not shown; no parameters of other accounts"),
		row("GetParameters", s.getMany, func(c *awsworld.Call) []awsworld.Resource {
			out := []awsworld.Resource{}
			for _, name := range awsworld.Input[sdk.GetParametersInput](c).Names {
				out = append(out, s.at(c, name))
			}
			return out
		}, "as GetParameter"),
		row("GetParameterHistory", s.history, one(func(c *awsworld.Call) *string { return awsworld.Input[sdk.GetParameterHistoryInput](c).Name }), "as GetParameter"),
		row("DeleteParameter", s.deleteParameter, one(func(c *awsworld.Call) *string { return awsworld.Input[sdk.DeleteParameterInput](c).Name }), "the name is free at once; AWS asks to wait 30 seconds"),
	}
}

// putResources: tags in the request need their own permission.
func (s *Service) putResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[sdk.PutParameterInput](c)
	out := []awsworld.Resource{s.at(c, aws.ToString(in.Name))}
	if len(in.Tags) > 0 {
		r := out[0]
		r.Action = "ssm:AddTagsToResource"
		out = append(out, r)
	}
	return out
}

// show is a version as a reader sees it; decryption needs the key.
func (s *Service) show(c *awsworld.Call, p *parameter, v *version, decrypt *bool) (types.Parameter, error) {
	out := types.Parameter{
		Name: aws.String(p.name), ARN: aws.String(p.arn), Type: p.kind, Value: aws.String(v.value), Version: v.number,
		LastModifiedDate: aws.Time(v.at), DataType: aws.String("text"),
	}
	if p.kind != types.ParameterTypeSecureString {
		return out, nil
	}
	if !aws.ToBool(decrypt) {
		out.Value = aws.String("(encrypted)")
		return out, nil
	}
	return out, s.useKey(c, "kms:Decrypt", v.key, p.name)
}

func (s *Service) get(c *awsworld.Call, in *sdk.GetParameterInput) (*sdk.GetParameterOutput, error) {
	p, v, err := s.account(c.Account.ID).find(aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	out, err := s.show(c, p, v, in.WithDecryption)
	if err != nil {
		return nil, err
	}
	if _, selector := splitSelector(plainName(*in.Name)); selector != "" {
		out.Selector = aws.String(":" + selector)
	}
	return &sdk.GetParameterOutput{Parameter: &out}, nil
}

func (s *Service) getMany(c *awsworld.Call, in *sdk.GetParametersInput) (*sdk.GetParametersOutput, error) {
	if len(in.Names) > 10 {
		return nil, validation("1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less than or equal to 10")
	}
	out := &sdk.GetParametersOutput{InvalidParameters: []string{}}
	for _, name := range slices.Sorted(slices.Values(in.Names)) {
		p, v, err := s.account(c.Account.ID).find(name)
		if err != nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		one, err := s.show(c, p, v, in.WithDecryption)
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, one)
	}
	return out, nil
}

func (s *Service) byPath(c *awsworld.Call, in *sdk.GetParametersByPathInput) (*sdk.GetParametersByPathOutput, error) {
	if err := service.OnlyFields(c, "Path", "Recursive", "WithDecryption", "MaxResults", "NextToken"); err != nil {
		return nil, err
	}
	a, path := s.account(c.Account.ID), strings.TrimSuffix(aws.ToString(in.Path), "/")+"/"
	if !strings.HasPrefix(path, "/") {
		return nil, validation("The parameter path must begin with a slash: %s", aws.ToString(in.Path))
	}
	names := slices.DeleteFunc(sortedKeys(a.parameters), func(name string) bool {
		rest, under := strings.CutPrefix(name, path)
		return !under || strings.Contains(rest, "/") && !aws.ToBool(in.Recursive)
	})
	names, next, err := page(names, in.MaxResults, in.NextToken, 10)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetParametersByPathOutput{NextToken: next}
	for _, name := range names {
		one, err := s.show(c, a.parameters[name], a.parameters[name].last(), in.WithDecryption)
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, one)
	}
	return out, nil
}

// page cuts a sorted list; the token is the last name shown.
func page(names []string, most *int32, token *string, limit int) ([]string, *string, error) {
	if most != nil {
		if *most < 1 || int(*most) > limit {
			return nil, nil, validation("MaxResults must be between 1 and %d", limit)
		}
		limit = int(*most)
	}
	if token != nil {
		i, found := slices.BinarySearch(names, *token)
		if !found {
			return nil, nil, awsworld.Errorf("InvalidNextToken", "The specified token isn't valid.")
		}
		names = names[i+1:]
	}
	if len(names) <= limit {
		return names, nil, nil
	}
	return names[:limit], aws.String(names[limit-1]), nil
}

func (s *Service) history(c *awsworld.Call, in *sdk.GetParameterHistoryInput) (*sdk.GetParameterHistoryOutput, error) {
	a := s.account(c.Account.ID)
	p, _, err := a.find(aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	var keys []string
	for i := range p.versions {
		keys = append(keys, versionKey(p.versions[i].number))
	}
	shown, next, err := page(keys, in.MaxResults, in.NextToken, 50)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetParameterHistoryOutput{NextToken: next}
	for _, v := range p.versions {
		if !slices.Contains(shown, versionKey(v.number)) {
			continue
		}
		one, err := s.show(c, p, v, in.WithDecryption)
		if err != nil {
			return nil, err
		}
		h := types.ParameterHistory{
			Name: one.Name, Type: one.Type, Value: one.Value, Version: v.number, LastModifiedDate: one.LastModifiedDate, LastModifiedUser: aws.String(v.by),
			Labels: slices.Clone(v.labels), Tier: v.tier, DataType: one.DataType,
		}
		if v.key != "" {
			h.KeyId = aws.String(v.key)
		}
		out.Parameters = append(out.Parameters, h)
	}
	return out, nil
}

// versionKey sorts like the number.
func versionKey(n int64) string { return fmt.Sprintf("%019d", n) }

func tagMap(list []types.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range list {
		out[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}

// requestTags are the condition keys of the tags in a request.
func requestTags(list []types.Tag) map[string][]string {
	out := map[string][]string{}
	tags := tagMap(list)
	if len(tags) > 0 {
		out["aws:TagKeys"] = slices.Sorted(maps.Keys(tags))
	}
	for k, v := range tags {
		out["aws:RequestTag/"+k] = []string{v}
	}
	return out
}
