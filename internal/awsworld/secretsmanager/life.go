package secretsmanager

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// lifeOps are how a secret begins and ends.
func (s *Service) lifeOps() []awsworld.Op {
	create := awsworld.On(serviceID, "CreateSecret", "secretsmanager:CreateSecret", s.create)
	create.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.CreateSecretInput](c)
		// The suffix of a secret that is not there yet is as long as any.
		made := awsworld.Resource{ARN: s.w.ARN("secretsmanager", c.Caller.Principal.Account, "secret:"+aws.ToString(in.Name)+"-AbCdEf"), Owner: c.Caller.Principal.Account}
		out := []awsworld.Resource{made}
		if len(in.Tags) > 0 {
			made.Action = "secretsmanager:TagResource"
			out = append(out, made)
		}
		return out
	}
	create.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		in := awsworld.Input[sdk.CreateSecretInput](c)
		keys := service.RequestTags(tagMap(in.Tags))
		keys["secretsmanager:Name"] = []string{aws.ToString(in.Name)}
		return keys
	}
	create.Source = "Secrets Manager API Reference, CreateSecret; Service Authorization Reference, Secrets Manager (tags ask for TagResource as well)"
	create.Differs = "text under the key aws/secretsmanager only; the ARN that is asked for has any suffix; a name whose secret is to be deleted is taken"
	remove := awsworld.On(serviceID, "DeleteSecret", "secretsmanager:DeleteSecret", s.remove)
	remove.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.resource(c, *awsworld.Input[sdk.DeleteSecretInput](c).SecretId)
	}
	remove.Source = "Secrets Manager API Reference, DeleteSecret"
	remove.Differs = "with a recovery window only; its end is not simulated"
	return []awsworld.Op{create, remove}
}

func (s *Service) create(c *awsworld.Call, in *sdk.CreateSecretInput) (*sdk.CreateSecretOutput, error) {
	if err := service.OnlyFields(c, "Name", "SecretString", "Tags", "Description", "ClientRequestToken"); err != nil {
		return nil, err
	}
	account, name := c.Caller.Principal.Account, aws.ToString(in.Name)
	switch x := s.secrets[account+"/"+name]; {
	case x != nil && !x.DeletedDate.IsZero():
		return nil, &types.InvalidRequestException{Message: new("You can't create this secret because a secret with this name is already scheduled for deletion.")}
	case x != nil && x.current.id == aws.ToString(in.ClientRequestToken) && x.current.value == aws.ToString(in.SecretString):
		return s.made(x), nil
	case x != nil:
		return nil, &types.ResourceExistsException{Message: new("The operation failed because the secret " + name + " already exists.")}
	}
	spec := SecretSpec{Name: name, Value: aws.ToString(in.SecretString), Tags: tagMap(in.Tags)}
	if _, err := s.PutSecret(account, spec); err != nil {
		return nil, err
	}
	x := s.secrets[account+"/"+name]
	if in.ClientRequestToken != nil {
		x.current.id = *in.ClientRequestToken
	}
	return s.made(x), nil
}

func (s *Service) made(x *secret) *sdk.CreateSecretOutput {
	return &sdk.CreateSecretOutput{ARN: new(x.arn), Name: new(x.Name), VersionId: new(x.current.id)}
}

func tagMap(tags []types.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range tags {
		out[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}

// The days of a recovery window.
const (
	leastWindow, mostWindow = 7, 30
	day                     = 24 * time.Hour
)

func (s *Service) remove(c *awsworld.Call, in *sdk.DeleteSecretInput) (*sdk.DeleteSecretOutput, error) {
	if err := service.OnlyFields(c, "SecretId", "RecoveryWindowInDays"); err != nil {
		return nil, err
	}
	x := s.find(c.Caller.Principal.Account, *in.SecretId)
	if x == nil {
		return nil, missing("Secrets Manager can't find the specified secret.")
	}
	days := int64(mostWindow)
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
	}
	switch {
	case days < leastWindow || days > mostWindow:
		return nil, &types.InvalidParameterException{Message: new("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")}
	case !x.DeletedDate.IsZero():
		return nil, &types.InvalidRequestException{Message: new("You tried to perform the operation on a secret that's currently marked deleted.")}
	}
	x.DeletedDate = s.w.Now()
	return &sdk.DeleteSecretOutput{ARN: new(x.arn), Name: new(x.Name), DeletionDate: new(x.DeletedDate.Add(time.Duration(days) * day))}, nil
}
