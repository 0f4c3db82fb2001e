package secretsmanager_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

// TestASecretsLife: made with tags, once; deleted with a window, in which its
// value is not given and its name stays taken.
func TestASecretsLife(t *testing.T) {
	f := worldtest.New(t)
	secretsmanager.New(f.W)
	tags := []types.Tag{{Key: aws.String("owner"), Value: aws.String("us")}}
	value := `{"username":"app","password":"made-by-a-test"}`
	in := func(name, value string) *sdk.CreateSecretInput {
		return &sdk.CreateSecretInput{Name: &name, SecretString: &value, Tags: tags, ClientRequestToken: aws.String("11111111-2222-3333-4444-555555555555")}
	}
	untagged := sdk.NewFromConfig(f.As(worldtest.Staging, "untagged", worldtest.Allow("secretsmanager:CreateSecret", "*")))
	client := sdk.NewFromConfig(f.As(worldtest.Staging, "maker", worldtest.Allow("secretsmanager:*", "arn:aws:secretsmanager:eu-west-1:222222222222:secret:ours/*")))
	f.Run(func() {
		want := func(what, code string, err error) {
			t.Helper()
			if got := service.Code(err); got != code {
				t.Errorf("%s: code %q, want %q (%v)", what, got, code, err)
			}
		}
		_, err := untagged.CreateSecret(ctx, in("ours/a", value))
		want("tags without TagResource", "AccessDeniedException", err)
		_, err = client.CreateSecret(ctx, in("theirs/a", value))
		want("another name", "AccessDeniedException", err)
		made, err := client.CreateSecret(ctx, in("ours/a", value))
		want("made", "", err)
		again, err := client.CreateSecret(ctx, in("ours/a", value))
		want("asked again", "", err)
		if again != nil && *again.ARN != *made.ARN {
			t.Error("asked again made another")
		}
		_, err = client.CreateSecret(ctx, in("ours/a", `{"username":"app","password":"another-value"}`))
		want("another value", "ResourceExistsException", err)
		_, err = client.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: made.ARN, RecoveryWindowInDays: aws.Int64(6)})
		want("too short a window", "InvalidParameterException", err)
		gone, err := client.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: made.ARN, RecoveryWindowInDays: aws.Int64(7)})
		want("deleted", "", err)
		if gone != nil && gone.DeletionDate.Sub(f.W.Now()).Hours() < 167 {
			t.Errorf("deleted at %s", gone.DeletionDate)
		}
		_, err = client.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: made.ARN})
		want("read", "InvalidRequestException", err)
		_, err = client.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: made.ARN})
		want("deleted again", "InvalidRequestException", err)
		_, err = client.CreateSecret(ctx, in("ours/a", value))
		want("the name is taken", "InvalidRequestException", err)
		_, err = client.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: aws.String("ours/none")})
		want("not there", "ResourceNotFoundException", err)
	})
	f.W.Secrets.Search("test", "made-by-a-test")
	if len(f.W.Secrets.Leaks()) != 1 {
		t.Error("a secret that was made is not looked for")
	}
}
