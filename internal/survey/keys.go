package survey

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/fault"
)

// key reads who manages a key, its state and, when asked, its policy, once for
// each key. A policy that may not be read is a fact also in a function: it may
// be a key that leaves nothing to the account's own permissions.
func (v *visit) key(ctx context.Context, arn string, withPolicy bool) error {
	k, seen := v.f.Keys[arn]
	if !seen {
		var err error
		if k, err = v.describeKey(ctx, arn); err != nil {
			return err
		}
	}
	if withPolicy && k.Policy == "" && k.PolicyError == "" && k.Unread == "" && !k.Missing && k.Manager == "CUSTOMER" {
		if err := v.keyPolicy(ctx, &k); err != nil {
			return err
		}
	}
	v.f.Keys[arn] = k
	return nil
}

func (v *visit) describeKey(ctx context.Context, arn string) (check.KeyFacts, error) {
	k := check.KeyFacts{ARN: arn}
	out, err := v.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn})
	switch {
	case err == nil:
		k.Manager, k.State = string(out.KeyMetadata.KeyManager), string(out.KeyMetadata.KeyState)
	case fault.IsNotFound(err) || fault.HasCode(err, "NotFoundException"):
		k.Missing = true
	case v.Tolerant && fault.IsDenied(err):
		k.Unread = "key " + arn + " cannot be described: denied: " + reason(err)
	default:
		return k, fault.AWS("describe the key", arn, err)
	}
	return k, nil
}

func (v *visit) keyPolicy(ctx context.Context, k *check.KeyFacts) error {
	out, err := v.kms.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &k.ARN, PolicyName: aws.String("default")})
	switch {
	case err == nil:
		k.Policy = aws.ToString(out.Policy)
	case fault.IsDenied(err):
		k.PolicyError = "denied: " + reason(err)
	default:
		return fault.AWS("read the policy of the key", k.ARN, err)
	}
	return nil
}
