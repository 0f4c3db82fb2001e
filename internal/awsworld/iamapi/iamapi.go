// Package iamapi simulates the one IAM operation that dbferry calls: GetRole,
// by which it learns whether a service-linked role exists.
package iamapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// Register adds the operation; roles themselves belong to the world's accounts.
func Register(w *awsworld.World) {
	op := awsworld.On("IAM", "GetRole", "iam:GetRole", getRole)
	op.Resources = func(c *awsworld.Call) []awsworld.Resource {
		account := c.Caller.Principal.Account
		name := *awsworld.Input[sdk.GetRoleInput](c).RoleName
		arn := fmt.Sprintf("arn:aws:iam::%s:role/%s", account, name)
		if r := c.Account.RoleNamed(name); r != nil {
			arn = r.ARN
		}
		return []awsworld.Resource{{ARN: arn, Owner: account, Kind: iam.NoPolicy}}
	}
	op.Source = "IAM API Reference, GetRole"
	op.Differs = "no dates, last use, tags or session length"
	w.Register(op)
}

func getRole(c *awsworld.Call, in *sdk.GetRoleInput) (*sdk.GetRoleOutput, error) {
	r := c.Account.RoleNamed(*in.RoleName)
	if r == nil {
		return nil, &types.NoSuchEntityException{Message: new("The role with name " + *in.RoleName + " cannot be found.")}
	}
	trust, err := json.Marshal(map[string]any{"Version": r.Trust.Doc.Version, "Statement": r.Trust.Doc.Statements})
	if err != nil {
		return nil, fmt.Errorf("write the trust policy of %s: %w", r.ARN, err)
	}
	path := strings.TrimSuffix(strings.TrimPrefix(service.ResourceOf(r.ARN), "role"), r.Name)
	return &sdk.GetRoleOutput{Role: &types.Role{
		Arn: new(r.ARN), RoleName: new(r.Name), Path: new(path),
		RoleId:                   new("AROA" + strings.ToUpper(c.World.Hex(16))),
		AssumeRolePolicyDocument: new(url.QueryEscape(string(trust))),
	}}, nil
}
