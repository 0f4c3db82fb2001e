package iamapi_test

import (
	"context"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/iamapi"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

func TestGetRole(t *testing.T) {
	f := worldtest.New(t)
	iamapi.Register(f.W)
	const linked = "arn:aws:iam::222222222222:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
	f.W.Account(worldtest.Staging).PutRole(&awsworld.Role{ARN: linked, Name: "AWSServiceRoleForBackup", Account: worldtest.Staging, Service: "backup.amazonaws.com"})
	cfg := f.As(worldtest.Staging, "ready", worldtest.Allow("iam:GetRole", linked), worldtest.Allow("iam:GetRole", "arn:aws:iam::*:role/AWSServiceRoleForRDS"))
	for name, code := range map[string]string{
		"AWSServiceRoleForBackup": "", "AWSServiceRoleForRDS": "NoSuchEntity", "ready": "AccessDenied",
	} {
		f.Run(func() {
			out, err := sdk.NewFromConfig(cfg).GetRole(context.Background(), &sdk.GetRoleInput{RoleName: &name})
			if got := service.Code(err); got != code {
				t.Errorf("%s: code %q, want %q", name, got, code)
			}
			if err == nil && (*out.Role.Arn != linked || *out.Role.Path != "/aws-service-role/backup.amazonaws.com/") {
				t.Errorf("role %s, path %s", *out.Role.Arn, *out.Role.Path)
			}
		})
	}
}
