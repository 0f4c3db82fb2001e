package organizations_test

import (
	"context"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/dbferry/dbferry/internal/awsworld/organizations"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

func TestDescribeOrganization(t *testing.T) {
	f := worldtest.New(t)
	organizations.Register(f.W)
	const alone = "333333333333"
	f.W.AddAccount(alone, "alone", "")
	may := worldtest.Allow("organizations:DescribeOrganization", "*")
	for _, c := range []struct {
		name, account, statement, id, code string
	}{
		{"member", worldtest.Staging, may, worldtest.Org, ""},
		{"account of no organization", alone, may, "", "AWSOrganizationsNotInUseException"},
		{"not allowed", worldtest.Staging, worldtest.Allow("sts:AssumeRole", "*"), "", "AccessDeniedException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := f.As(c.account, "reader", c.statement)
			f.Run(func() {
				out, err := sdk.NewFromConfig(cfg).DescribeOrganization(context.Background(), &sdk.DescribeOrganizationInput{})
				if got := service.Code(err); got != c.code {
					t.Fatalf("code %q, want %q", got, c.code)
				}
				if err == nil && *out.Organization.Id != c.id {
					t.Errorf("id %s, want %s", *out.Organization.Id, c.id)
				}
			})
		})
	}
}
