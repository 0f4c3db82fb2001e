package kms

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
)

// GrantSpec is what a service asks for when it keeps the use of a key.
type GrantSpec struct {
	Name       string
	Grantee    string   // role or user ARN, or a service principal: "rds.amazonaws.com"
	Operations []string // "Decrypt", "GenerateDataKey", …
	Retiring   string   // who may retire it; empty for nobody

	// Context binds the grant to one resource, such as aws:rds:dbc-id. Bound
	// grants serve only the service that asked for them.
	Context map[string]string
}

type grant struct {
	GrantSpec
	id      string
	issuer  string
	created time.Time
}

// Grant creates a grant with the permissions of the caller, as RDS and DynamoDB
// do for a resource: kms:CreateGrant must be allowed, and the key enabled. The
// operations in the grant need no permission of their own (KMS developer
// guide, "Grants in AWS KMS").
func (s *Service) Grant(ctx context.Context, caller awsworld.Caller, keyARN string, spec GrantSpec) (grantID string, err error) {
	k, err := s.resolve(caller.Principal.Account, keyARN)
	if err != nil {
		return "", err
	}
	if err := s.Use(ctx, caller, "kms:CreateGrant", keyARN, spec.conditionKeys()); err != nil {
		return "", err
	}
	return s.add(k, caller, spec).id, nil
}

// conditionKeys of CreateGrant (KMS developer guide, "Condition keys").
func (g GrantSpec) conditionKeys() map[string][]string {
	keys := map[string][]string{"kms:GrantOperations": g.Operations}
	if strings.HasPrefix(g.Grantee, "arn:") {
		keys["kms:GranteePrincipal"] = []string{g.Grantee}
	}
	if len(g.Context) > 0 {
		keys["kms:GrantConstraintType"] = []string{"EncryptionContextSubset"}
		var names []string
		for name, value := range g.Context {
			names = append(names, name)
			keys["kms:EncryptionContext:"+name] = []string{value}
		}
		slices.Sort(names)
		keys["kms:EncryptionContextKeys"] = names
	}
	return keys
}

func (s *Service) add(k *key, caller awsworld.Caller, spec GrantSpec) grant {
	for _, g := range k.grants {
		if g.Name != "" && g.Name == spec.Name && g.Grantee == spec.Grantee && slices.Equal(g.Operations, spec.Operations) {
			return g // CreateGrant with a name is idempotent
		}
	}
	g := grant{GrantSpec: spec, id: s.w.Hex(64), issuer: caller.Principal.Account, created: s.w.Now()}
	k.grants = append(k.grants, g)
	return g
}

// Retire ends a grant that a service no longer needs; unknown grants are fine.
func (s *Service) Retire(keyARN, grantID string) {
	if k := s.keys[keyARN]; k != nil {
		k.grants = slices.DeleteFunc(k.grants, func(g grant) bool { return g.id == grantID })
	}
}

// Held tells whether a grant is still there and its key enabled. Whatever is
// encrypted under the key is inaccessible otherwise.
func (s *Service) Held(keyARN, grantID string) error {
	k := s.keys[keyARN]
	if k == nil {
		return &types.NotFoundException{Message: aws.String(fmt.Sprintf("Key '%s' does not exist", keyARN))}
	}
	if !slices.ContainsFunc(k.grants, func(g grant) bool { return g.id == grantID }) {
		return &types.InvalidGrantIdException{Message: aws.String(fmt.Sprintf("grant %s of %s was revoked", grantID, keyARN))}
	}
	return k.usable("kms:Decrypt")
}

// iamGrants are the grants that may speak for a caller. A grant that is bound
// to an encryption context serves only its service, which asks Held.
func (k *key) iamGrants() []iam.Grant {
	var out []iam.Grant
	for _, g := range k.grants {
		if len(g.Context) == 0 {
			out = append(out, iam.Grant{ID: g.id, Grantee: g.Grantee, Operations: g.Operations})
		}
	}
	return out
}
