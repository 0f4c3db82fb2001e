package refresh

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/fault"
)

// credential is a user with its password. It never leaves a function: it has no
// JSON tags that matter, and prints without the password.
type credential struct {
	User     string
	password string
}

func (c credential) String() string       { return c.User }
func (c credential) GoString() string     { return c.User }
func (c credential) LogValue() slog.Value { return slog.StringValue(c.User) }

// readSecret reads {"username","password"} from the target's own secret.
func readSecret(ctx context.Context, client *secretsmanager.Client, name string) (credential, error) {
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if fault.IsNotFound(err) {
		return credential{}, fault.New(fault.LoginFailed, "read the secret", name, "create it with {\"username\",\"password\"}", "there is no such secret")
	}
	if fault.IsDenied(err) {
		// AWS knows no suffix of a secret that is not there, so the policy, which
		// names the suffix, does not cover it.
		return credential{}, fault.New(fault.LoginFailed, "read the secret", name, "create it with {\"username\",\"password\"} if it is not there; if it is, `npx cdk diff` shows what may read it",
			"there is no such secret, or a policy forbids it: %v", err)
	}
	if err != nil {
		return credential{}, fault.AWS("read the secret", name, err)
	}
	var v struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	// The parser's own words could quote the secret: they are not passed on.
	if json.Unmarshal([]byte(aws.ToString(out.SecretString)), &v) != nil || v.Username == "" || v.Password == "" {
		return credential{}, fault.New(fault.LoginFailed, "read the secret", name, "store {\"username\":\"…\",\"password\":\"…\"} in it", "it is not JSON with username and password")
	}
	return credential{v.Username, v.Password}, nil
}

// usableMaster refuses a password that RDS would refuse (docs/aws.md §7.1).
func (c credential) usableMaster(secret, user string) error {
	if c.User != user {
		return fault.New(fault.LoginFailed, "use the secret", secret, "store the master user's name in it; a restore cannot change that name", "it is for user %q, but the cluster's master user is %q", c.User, user)
	}
	bad := len(c.password) < 8 || len(c.password) > 41 || strings.ContainsAny(c.password, `/"@`)
	for _, r := range c.password {
		bad = bad || r < '!' || r > '~'
	}
	if bad {
		return fault.New(fault.LoginFailed, "use the secret", secret, "store another password in it", "RDS takes 8 to 41 printable ASCII characters without / \" @ and space")
	}
	return nil
}
