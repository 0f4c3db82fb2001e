package kms

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

const reference = "https://docs.aws.amazon.com/kms/latest/APIReference/API_"

func (s *Service) ops() []awsworld.Op {
	describe := awsworld.On("KMS", "DescribeKey", "kms:DescribeKey", s.describeKey)
	describe.Resources = s.on(func(c *awsworld.Call) *string { return awsworld.Input[kms.DescribeKeyInput](c).KeyId })
	policy := awsworld.On("KMS", "GetKeyPolicy", "kms:GetKeyPolicy", s.getKeyPolicy)
	policy.Resources = s.on(func(c *awsworld.Call) *string { return awsworld.Input[kms.GetKeyPolicyInput](c).KeyId })
	create := awsworld.On("KMS", "CreateGrant", "kms:CreateGrant", s.createGrant)
	create.Resources = s.on(func(c *awsworld.Call) *string { return awsworld.Input[kms.CreateGrantInput](c).KeyId })
	create.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		keys := grantSpec(awsworld.Input[kms.CreateGrantInput](c)).conditionKeys()
		keys["kms:GrantIsForAWSResource"] = []string{fmt.Sprint(c.Caller.Via != "")}
		return keys
	}
	list := awsworld.On("KMS", "ListGrants", "kms:ListGrants", s.listGrants)
	list.Resources = s.on(func(c *awsworld.Call) *string { return awsworld.Input[kms.ListGrantsInput](c).KeyId })
	revoke := awsworld.On("KMS", "RevokeGrant", "kms:RevokeGrant", s.revokeGrant)
	revoke.Resources = s.on(func(c *awsworld.Call) *string { return awsworld.Input[kms.RevokeGrantInput](c).KeyId })
	retire := awsworld.On("KMS", "RetireGrant", "", s.retireGrant)
	aliases := awsworld.On("KMS", "ListAliases", "kms:ListAliases", s.listAliases)

	ops := []awsworld.Op{describe, policy, create, list, revoke, retire, aliases}
	for i := range ops {
		ops[i].Source = reference + ops[i].Name + ".html; docs/aws.md §2.4"
		ops[i].Differs = "symmetric keys only; grants take effect at once; grant tokens are not needed and not checked"
	}
	return ops
}

// on authorises an operation on the key that the input names. A key that does
// not exist is left to the operation, which says so.
func (s *Service) on(name func(*awsworld.Call) *string) func(*awsworld.Call) []awsworld.Resource {
	return func(c *awsworld.Call) []awsworld.Resource {
		given := aws.ToString(name(c))
		k, err := s.resolve(c.Account.ID, given)
		if err != nil {
			return []awsworld.Resource{}
		}
		return []awsworld.Resource{k.resource(s, given)}
	}
}

func (s *Service) describeKey(c *awsworld.Call, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	k, err := s.resolve(c.Account.ID, aws.ToString(in.KeyId))
	if err != nil {
		return nil, err
	}
	return &kms.DescribeKeyOutput{KeyMetadata: k.metadata()}, nil
}

func (s *Service) getKeyPolicy(c *awsworld.Call, in *kms.GetKeyPolicyInput) (*kms.GetKeyPolicyOutput, error) {
	k, err := s.resolve(c.Account.ID, aws.ToString(in.KeyId))
	if err != nil {
		return nil, err
	}
	if k.owner != c.Account.ID {
		return nil, awsworld.Errorf("AccessDeniedException", "the policy of %s can be read in account %s only", k.arn, k.owner)
	}
	return &kms.GetKeyPolicyOutput{Policy: aws.String(string(k.raw)), PolicyName: aws.String("default")}, nil
}

func grantSpec(in *kms.CreateGrantInput) GrantSpec {
	g := GrantSpec{Name: aws.ToString(in.Name), Grantee: aws.ToString(in.GranteePrincipal), Retiring: aws.ToString(in.RetiringPrincipal)}
	for _, op := range in.Operations {
		g.Operations = append(g.Operations, string(op))
	}
	if in.Constraints != nil {
		g.Context = map[string]string{}
		for k, v := range in.Constraints.EncryptionContextSubset {
			g.Context[k] = v
		}
		for k, v := range in.Constraints.EncryptionContextEquals {
			g.Context[k] = v
		}
	}
	return g
}

func (s *Service) createGrant(c *awsworld.Call, in *kms.CreateGrantInput) (*kms.CreateGrantOutput, error) {
	if err := service.OnlyFields(c, "KeyId", "Operations", "GranteePrincipal", "RetiringPrincipal", "Name", "Constraints", "GrantTokens"); err != nil {
		return nil, err
	}
	k, err := s.resolve(c.Account.ID, aws.ToString(in.KeyId))
	if err != nil {
		return nil, err
	}
	if err := k.usable("kms:CreateGrant"); err != nil {
		return nil, err
	}
	spec := grantSpec(in)
	if strings.HasPrefix(spec.Grantee, "arn:") && !s.w.PrincipalExists(spec.Grantee) {
		return nil, &types.InvalidArnException{Message: aws.String("ARN does not refer to a valid principal: " + spec.Grantee)}
	}
	g := s.add(k, c.Caller, spec)
	return &kms.CreateGrantOutput{GrantId: aws.String(g.id), GrantToken: aws.String("token-" + g.id)}, nil
}

func (s *Service) listGrants(c *awsworld.Call, in *kms.ListGrantsInput) (*kms.ListGrantsOutput, error) {
	k, err := s.resolve(c.Account.ID, aws.ToString(in.KeyId))
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(int(aws.ToInt32(in.Limit)), 50)
	out := &kms.ListGrantsOutput{}
	skipping := in.Marker != nil
	for _, g := range k.grants {
		if skipping {
			skipping = g.id != *in.Marker
			continue
		}
		if in.GranteePrincipal != nil && *in.GranteePrincipal != g.Grantee || in.GrantId != nil && *in.GrantId != g.id {
			continue
		}
		if len(out.Grants) == limit {
			out.Truncated, out.NextMarker = true, out.Grants[limit-1].GrantId
			break
		}
		out.Grants = append(out.Grants, g.entry(k))
	}
	return out, nil
}

func (g grant) entry(k *key) types.GrantListEntry {
	e := types.GrantListEntry{
		GrantId: aws.String(g.id), KeyId: aws.String(k.arn), GranteePrincipal: aws.String(g.Grantee),
		IssuingAccount: aws.String("arn:aws:iam::" + g.issuer + ":root"), CreationDate: aws.Time(g.created),
	}
	for _, op := range g.Operations {
		e.Operations = append(e.Operations, types.GrantOperation(op))
	}
	if g.Name != "" {
		e.Name = aws.String(g.Name)
	}
	if g.Retiring != "" {
		e.RetiringPrincipal = aws.String(g.Retiring)
	}
	if len(g.Context) > 0 {
		e.Constraints = &types.GrantConstraints{EncryptionContextSubset: map[string]string{}}
		for name, value := range g.Context {
			e.Constraints.EncryptionContextSubset[name] = value
		}
	}
	return e
}

func (s *Service) revokeGrant(c *awsworld.Call, in *kms.RevokeGrantInput) (*kms.RevokeGrantOutput, error) {
	k, err := s.resolve(c.Account.ID, aws.ToString(in.KeyId))
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(k.grants, func(g grant) bool { return g.id == aws.ToString(in.GrantId) }) {
		return nil, &types.NotFoundException{Message: aws.String(fmt.Sprintf("Grant %s of %s does not exist", aws.ToString(in.GrantId), k.arn))}
	}
	s.Retire(k.arn, *in.GrantId)
	return &kms.RevokeGrantOutput{}, nil
}

// retireGrant needs no policy: the retiring principal named in the grant, or a
// grantee whose grant includes RetireGrant, may end it.
func (s *Service) retireGrant(c *awsworld.Call, in *kms.RetireGrantInput) (*kms.RetireGrantOutput, error) {
	k, err := s.resolve(c.Account.ID, aws.ToString(in.KeyId))
	if err != nil {
		return nil, err
	}
	for _, g := range k.grants {
		if g.id != aws.ToString(in.GrantId) {
			continue
		}
		who := c.Caller.Principal.ARN
		if g.Retiring != who && !(g.Grantee == who && slices.Contains(g.Operations, "RetireGrant")) && !c.Caller.Ground {
			return nil, awsworld.Errorf("AccessDeniedException", "%s may not retire grant %s of %s", who, g.id, k.arn)
		}
		s.Retire(k.arn, g.id)
		return &kms.RetireGrantOutput{}, nil
	}
	return nil, &types.NotFoundException{Message: aws.String(fmt.Sprintf("Grant %s of %s does not exist", aws.ToString(in.GrantId), k.arn))}
}

func (s *Service) listAliases(c *awsworld.Call, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	if err := service.OnlyFields(c, "KeyId"); err != nil {
		return nil, err
	}
	out := &kms.ListAliasesOutput{}
	for _, arn := range s.order {
		k := s.keys[arn]
		if k.owner != c.Account.ID || in.KeyId != nil && *in.KeyId != k.id && *in.KeyId != k.arn {
			continue
		}
		for _, alias := range k.aliases {
			out.Aliases = append(out.Aliases, types.AliasListEntry{
				AliasName: aws.String(alias), AliasArn: aws.String(s.w.ARN("kms", k.owner, alias)), TargetKeyId: aws.String(k.id),
			})
		}
	}
	slices.SortFunc(out.Aliases, func(a, b types.AliasListEntry) int { return strings.Compare(*a.AliasName, *b.AliasName) })
	return out, nil
}
