package rds

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
)

// encryption is how storage is encrypted.
type encryption struct {
	key   string // ARN; empty when not under a KMS key of an account
	owned bool   // under an AWS owned key
	grant string // RDS's grant on the key
}

func (e encryption) encrypted() bool { return e.key != "" || e.owned }

func (e encryption) kind() types.StorageEncryptionType {
	switch {
	case e.key != "":
		return types.StorageEncryptionTypeCmk
	case e.owned:
		return types.StorageEncryptionTypeSse
	}
	return types.StorageEncryptionTypeUnencrypted
}

// grantOperations are what RDS asks for in the grant that it keeps on a key.
var grantOperations = []string{
	"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
	"CreateGrant", "RetireGrant", "DescribeKey",
}

// grantFor lets RDS keep the use of a key for one resource, with the caller's
// permission to create grants. It is all that a snapshot of an own cluster asks.
func (s *Service) grantFor(ctx context.Context, caller awsworld.Caller, key, contextKey, resourceID string) (string, error) {
	return s.kms.Grant(ctx, caller.Through("rds"), key, kms.GrantSpec{
		Grantee: "rds.amazonaws.com", Operations: grantOperations, Context: map[string]string{contextKey: resourceID},
	})
}

// readUnder asks whether the caller may let RDS read what is encrypted under a
// key: DescribeKey, ReEncryptFrom and CreateGrant must all be allowed, and
// everything after runs under the grant (docs/aws.md §1.6, §2.4, §11b).
func (s *Service) readUnder(ctx context.Context, caller awsworld.Caller, key, resourceID string) (grant string, err error) {
	for _, action := range []string{"DescribeKey", "ReEncryptFrom"} {
		if err := s.kms.Use(ctx, caller.Through("rds"), action, key, nil); err != nil {
			return "", err
		}
	}
	return s.grantFor(ctx, caller, key, "aws:rds:dbc-id", resourceID)
}

// writeUnder asks the same for encrypting something new.
func (s *Service) writeUnder(ctx context.Context, caller awsworld.Caller, key, resourceID string) (grant string, err error) {
	for _, action := range []string{"DescribeKey", "GenerateDataKeyWithoutPlaintext"} {
		if err := s.kms.Use(ctx, caller.Through("rds"), action, key, nil); err != nil {
			return "", err
		}
	}
	return s.grantFor(ctx, caller, key, "aws:rds:dbc-id", resourceID)
}

// keyNotAccessible is RDS's answer whatever was wrong with a key; the reason is
// in the decision log only (docs/aws.md §11).
func keyNotAccessible(what, key string) error {
	return &types.KMSKeyNotAccessibleFault{Message: aws.String(fmt.Sprintf(
		"The %sKMS key [%s] does not exist, is not enabled or you do not have permissions to access it", what, key))}
}

// unshareable says why a snapshot cannot leave its account; empty when it can.
func (s *Service) unshareable(e encryption) string {
	if by, _ := s.kms.Managed(e.key); by == kmstypes.KeyManagerTypeAws {
		return "Snapshots encrypted with the AWS managed key can't be shared"
	}
	if e.owned {
		return "Snapshots encrypted with an AWS owned key can't be shared"
	}
	return ""
}

// release gives the grant back when the resource is gone.
func (s *Service) release(e encryption) {
	if e.grant != "" {
		s.kms.Retire(e.key, e.grant)
	}
}

// readable tells whether what is under the key can still be read.
func (s *Service) readable(e encryption) bool {
	return e.key == "" || e.grant == "" || s.kms.Held(e.key, e.grant) == nil
}
