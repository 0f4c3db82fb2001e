package survey

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
)

// linked are the service-linked roles that copies and restores need.
var linked = []struct{ service, role string }{
	{check.BackupService, "AWSServiceRoleForBackup"}, {check.RDSService, "AWSServiceRoleForRDS"},
}

func (v *visit) linkedRoles(ctx context.Context) error {
	v.f.Roles = map[string]bool{}
	for _, l := range linked {
		r, err := v.role(ctx, l.role)
		if err != nil {
			return err
		}
		v.f.Roles[l.service] = r != nil
	}
	return nil
}

func (v *visit) backupRole(ctx context.Context) (err error) {
	v.f.BackupRole, err = v.role(ctx, names.BackupRole)
	return err
}

func (v *visit) restoreRole(ctx context.Context) (err error) {
	v.f.RestoreRole, err = v.role(ctx, names.RestoreRole)
	return err
}

// role reads a role; nil when there is none.
func (v *visit) role(ctx context.Context, name string) (*check.RoleFacts, error) {
	out, err := v.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if fault.IsNotFound(err) || fault.HasCode(err, "NoSuchEntityException") {
		return nil, nil
	}
	if err != nil {
		return nil, fault.AWS("look for the role", name, err)
	}
	trust, err := url.QueryUnescape(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err != nil {
		return nil, fmt.Errorf("trust policy of role %s: %w", name, err)
	}
	return &check.RoleFacts{ARN: aws.ToString(out.Role.Arn), Trust: trust}, nil
}

// organization reads to which organization the account belongs. That it may not
// be read is a fact also in a function: organizations forbid it to members.
func (v *visit) organization(ctx context.Context) error {
	id, err := OrganizationOf(ctx, v.orgs)
	if fault.Is(err, fault.Denied) {
		v.f.Unread[check.FromOrganization] = "denied: " + reason(err)
		return nil
	}
	v.f.OrganizationID = id
	return err
}

// OrganizationOf is the id of the account's organization; empty when it belongs
// to none.
func OrganizationOf(ctx context.Context, client *organizations.Client) (string, error) {
	out, err := client.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	if fault.HasCode(err, "AWSOrganizationsNotInUseException") {
		return "", nil
	}
	if err != nil {
		return "", fault.AWS("read the organization of the account", "organization", err)
	}
	return aws.ToString(out.Organization.Id), nil
}
