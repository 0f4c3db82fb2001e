// Package organizations simulates the one operation of AWS Organizations that
// dbferry calls: DescribeOrganization, by which it learns whether an account
// belongs to the configured organization.
package organizations

import (
	sdk "github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// Register adds the operation; which organization an account belongs to is the
// world's own knowledge.
func Register(w *awsworld.World) {
	op := awsworld.On("Organizations", "DescribeOrganization", "organizations:DescribeOrganization", describeOrganization)
	op.Source = "Organizations API Reference, DescribeOrganization"
	op.Differs = "the id alone: no management account, features or policy types"
	w.Register(op)
}

func describeOrganization(c *awsworld.Call, _ *sdk.DescribeOrganizationInput) (*sdk.DescribeOrganizationOutput, error) {
	if c.Account.Org == "" {
		return nil, &types.AWSOrganizationsNotInUseException{Message: new("Your account is not a member of an organization.")}
	}
	return &sdk.DescribeOrganizationOutput{Organization: &types.Organization{Id: new(c.Account.Org)}}, nil
}
