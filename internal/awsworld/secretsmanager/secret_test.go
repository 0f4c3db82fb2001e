package secretsmanager_test

import (
	"context"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

var ctx = context.Background()

func TestGetSecretValue(t *testing.T) {
	f := worldtest.New(t)
	s := secretsmanager.New(f.W)
	arn, err := s.PutSecret(worldtest.Staging, secretsmanager.SecretSpec{Name: "orders", Value: `{"username":"orders_app","password":"first-password"}`})
	if err != nil {
		t.Fatal(err)
	}
	second := `{"username":"orders_app","password":"second-password"}`
	if again, err := s.PutSecret(worldtest.Staging, secretsmanager.SecretSpec{Name: "orders", Value: second}); err != nil || again != arn {
		t.Fatalf("second value: %s, %v", again, err)
	}
	may := worldtest.Allow("secretsmanager:*", "arn:aws:secretsmanager:eu-west-1:222222222222:secret:orders-??????")
	for _, c := range []struct {
		name, account, id string
		stage             *string
		want, code        string
	}{
		{"by name", worldtest.Staging, "orders", nil, second, ""},
		{"by ARN", worldtest.Staging, arn, nil, second, ""},
		{"by ARN without suffix", worldtest.Staging, arn[:len(arn)-7], nil, second, ""},
		{"previous", worldtest.Staging, "orders", new("AWSPREVIOUS"), `{"username":"orders_app","password":"first-password"}`, ""},
		{"another stage", worldtest.Staging, "orders", new("AWSPENDING"), "", "ResourceNotFoundException"},
		{"another account", worldtest.Production, arn, nil, "", "AccessDeniedException"},
		{"not allowed", worldtest.Staging, "payments", nil, "", "AccessDeniedException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := f.As(c.account, "reader", may)
			f.Run(func() {
				out, err := sdk.NewFromConfig(cfg).GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &c.id, VersionStage: c.stage})
				if got := service.Code(err); got != c.code {
					t.Fatalf("code %q, want %q (%v)", got, c.code, err)
				}
				if err == nil && *out.SecretString != c.want {
					t.Errorf("value %s, want %s", *out.SecretString, c.want)
				}
			})
		})
	}
	f.W.Secrets.Search("test", "first-password second-password orders_app")
	if got := len(f.W.Secrets.Leaks()); got != 2 {
		t.Errorf("%d secrets are known, want both passwords and no user name", got)
	}
}

func TestDescribeSecret(t *testing.T) {
	f := worldtest.New(t)
	s := secretsmanager.New(f.W)
	if _, err := s.PutSecret(worldtest.Staging, secretsmanager.SecretSpec{Name: "orders", Value: "plain-secret-text", Tags: map[string]string{"b": "2", "a": "1"}}); err != nil {
		t.Fatal(err)
	}
	cfg := f.As(worldtest.Staging, "reader", worldtest.Allow("secretsmanager:DescribeSecret", "*"))
	f.Run(func() {
		out, err := sdk.NewFromConfig(cfg).DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: new("orders")})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Tags) != 2 || *out.Tags[0].Key != "a" || len(out.VersionIdsToStages) != 1 {
			t.Errorf("got tags %v, stages %v", out.Tags, out.VersionIdsToStages)
		}
		if _, err = sdk.NewFromConfig(cfg).DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: new("none")}); !service.Missing(err) {
			t.Errorf("missing secret: %v", err)
		}
	})
}
