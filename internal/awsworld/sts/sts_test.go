package sts_test

import (
	"context"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/dbferry/dbferry/internal/awsworld/sts"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

func TestGetCallerIdentityNeedsNoPermission(t *testing.T) {
	f := worldtest.New(t)
	sts.Register(f.W)
	cfg := f.As(worldtest.Staging, "nobody", worldtest.Allow("s3:GetObject", "*"))
	f.Run(func() {
		out, err := sdk.NewFromConfig(cfg).GetCallerIdentity(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if *out.Account != worldtest.Staging || *out.Arn != "arn:aws:sts::222222222222:assumed-role/nobody/nobody" {
			t.Errorf("account %s, ARN %s", *out.Account, *out.Arn)
		}
	})
}
