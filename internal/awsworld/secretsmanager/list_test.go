package secretsmanager_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

func TestListSecrets(t *testing.T) {
	f := worldtest.New(t)
	s := secretsmanager.New(f.W)
	for _, name := range []string{"c", "a", "b"} {
		if _, err := s.PutSecret(worldtest.Staging, secretsmanager.SecretSpec{Name: name, Value: "a-long-secret"}); err != nil {
			t.Fatal(err)
		}
	}
	gone := secretsmanager.SecretSpec{Name: "gone", Value: "another-secret", DeletedDate: f.W.Now()}
	if _, err := s.PutSecret(worldtest.Staging, gone); err != nil {
		t.Fatal(err)
	}
	client := sdk.NewFromConfig(f.As(worldtest.Staging, "reader", worldtest.Allow("secretsmanager:*", "*")))
	f.Run(func() {
		names := ""
		p := sdk.NewListSecretsPaginator(client, &sdk.ListSecretsInput{MaxResults: aws.Int32(2)})
		for p.HasMorePages() {
			out, err := p.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range out.SecretList {
				names += *x.Name
			}
		}
		if names != "abc" {
			t.Errorf("secrets %s", names)
		}
		out, err := client.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: aws.String("gone")})
		if err != nil || out.DeletedDate == nil {
			t.Errorf("%+v, %v", out, err)
		}
		if _, err := client.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: aws.String("gone")}); service.Code(err) != "InvalidRequestException" {
			t.Errorf("value of a secret that is to be deleted: %v", err)
		}
	})
}
