// Package kms simulates AWS KMS as far as policies decide who may use a key:
// keys with policies, aliases, states and grants. No bytes are encrypted.
//
// Other services use a key on behalf of their caller with Use and Grant; the
// decision is taken from the key policy, the caller's identity policies and
// the grants together (docs/aws.md §2.4).
package kms

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// Service is KMS in all accounts of one world.
type Service struct {
	w       *awsworld.World
	keys    map[string]*key   // by ARN
	aliases map[string]string // "account/alias/name" → key ARN
	order   []string          // key ARNs in order of creation
}

// New registers the operations of KMS.
func New(w *awsworld.World) *Service {
	s := &Service{w: w, keys: map[string]*key{}, aliases: map[string]string{}}
	w.Register(s.ops()...)
	return s
}

// Use asks whether the caller may use a key for an action ("Decrypt", with or
// without "kms:"), and whether the key is in a state to be used. A service that
// works for somebody passes caller.Through("rds"), which sets kms:ViaService
// and, for CreateGrant, kms:GrantIsForAWSResource. The key is an ARN, a key id
// or an alias of the caller's account. The error is *awsworld.Denied or one of
// KMS's own faults; both name the key.
func (s *Service) Use(ctx context.Context, caller awsworld.Caller, action, keyARN string, extra map[string][]string) error {
	k, err := s.resolve(caller.Principal.Account, keyARN)
	if err != nil {
		return err
	}
	if caller.Site == (awsworld.Site{}) {
		caller.Site = awsworld.SiteOf(ctx)
	}
	action = "kms:" + strings.TrimPrefix(action, "kms:")
	keys := map[string][]string{}
	for name, values := range extra {
		keys[name] = values
	}
	if action == "kms:CreateGrant" {
		keys["kms:GrantIsForAWSResource"] = []string{fmt.Sprint(caller.Via != "")}
	}
	if err := s.w.Authorise(caller, action, k.resource(s, keyARN), keys); err != nil {
		return err
	}
	return k.usable(action)
}

// resolve finds a key by ARN, key id, alias ARN or alias name. The last two
// kinds of name, without an ARN, mean the caller's own account.
func (s *Service) resolve(account, name string) (*key, error) {
	arn := name
	switch {
	case strings.HasPrefix(name, "alias/"):
		arn = s.aliases[account+"/"+name]
	case strings.HasPrefix(name, "arn:") && strings.Contains(name, ":alias/"):
		owner, alias := splitKeyARN(name)
		arn = s.aliases[owner+"/"+alias]
	case !strings.HasPrefix(name, "arn:"):
		arn = s.w.ARN("kms", account, "key/"+name)
	}
	if k := s.keys[arn]; k != nil {
		return k, nil
	}
	what := "Key"
	if strings.Contains(name, "alias/") {
		what = "Alias"
	}
	return nil, &types.NotFoundException{Message: aws.String(fmt.Sprintf("%s '%s' does not exist", what, name))}
}

// splitKeyARN gives the account and the last part of an ARN.
func splitKeyARN(arn string) (account, resource string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return "", ""
	}
	return parts[4], parts[5]
}

// KeyARN resolves an alias, a key id or an ARN as seen from an account.
func (s *Service) KeyARN(account, name string) (arn string, ok bool) {
	k, err := s.resolve(account, name)
	if err != nil {
		return "", false
	}
	return k.arn, true
}

// Managed tells who manages a key: CUSTOMER, or AWS for keys such as aws/rds,
// which no other account can ever use.
func (s *Service) Managed(keyARN string) (by types.KeyManagerType, ok bool) {
	k := s.keys[keyARN]
	if k == nil {
		return "", false
	}
	return k.manager(), true
}

// Enabled tells whether a key exists and can be used.
func (s *Service) Enabled(keyARN string) bool {
	k := s.keys[keyARN]
	return k != nil && k.state == types.KeyStateEnabled
}
