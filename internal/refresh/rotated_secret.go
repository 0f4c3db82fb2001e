package refresh

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
)

// rotated finds the secret that this refresh has made for a login, or makes it:
// the login's own secret with another password. The own one is never written, so
// that what it opens stays open.
func (s *resetCredentials) rotated(ctx context.Context, in ItemInput, l config.Login) (arn string, _ credential, err error) {
	name := names.LoginSecret(s.t.Name, in.Item.ID, in.RefreshID, l.User)
	there, err := s.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &name})
	switch {
	case fault.IsNotFound(err):
		return s.makeSecret(ctx, in, l, name)
	case err != nil:
		return "", credential{}, fault.AWS("look at the secret", name, err)
	case there.DeletedDate != nil || !ours(SecretTags(there.Tags), in.RefreshID, in.Item.ID):
		return "", credential{}, fault.New(fault.NameTaken, "use the secret", name, "`aws secretsmanager describe-secret` shows whose it is; remove it and continue with resume",
			"it is to be deleted, or is not the one that this refresh made")
	}
	cred, err := readSecret(ctx, s.secrets, name)
	return aws.ToString(there.ARN), cred, err
}

func (s *resetCredentials) makeSecret(ctx context.Context, in ItemInput, l config.Login, name string) (arn string, _ credential, err error) {
	todays, err := s.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &l.Secret})
	if err != nil {
		return "", credential{}, fault.AWS("read the secret", l.Secret, err)
	}
	value, err := withPassword(aws.ToString(todays.SecretString), rand.Text()+rand.Text()[:6])
	if err != nil {
		return "", credential{}, fault.New(fault.LoginFailed, "read the secret", l.Secret, "store {\"username\":\"…\",\"password\":\"…\"} in it", "%v", err)
	}
	var tags []smtypes.Tag
	own := ownTags(in, s.t.Name)
	for _, k := range sortedKeys(own) {
		tags = append(tags, smtypes.Tag{Key: aws.String(k), Value: aws.String(own[k])})
	}
	made, err := s.secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: &name, SecretString: &value, Tags: tags, Description: aws.String("login of one generation; made by dbferry, which deletes it with the generation"),
	})
	if fault.HasCode(err, "ResourceExistsException") {
		return "", credential{}, fault.New(fault.Unavailable, "make the secret", name, "", "another call has just made it")
	}
	if err != nil {
		return "", credential{}, fault.AWS("make the secret", name, err)
	}
	cred, err := readSecret(ctx, s.secrets, name)
	return aws.ToString(made.ARN), cred, err
}

var errNotJSON = errors.New("it is not JSON with a password")

// withPassword replaces the password of a database secret; the other fields stay
// what they are. Errors never quote the secret.
func withPassword(secret, password string) (string, error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(secret), &fields) != nil || fields["password"] == nil {
		return "", errNotJSON
	}
	fields["password"], _ = json.Marshal(password)
	out, err := json.Marshal(fields)
	if err != nil {
		return "", errNotJSON
	}
	return string(out), nil
}
