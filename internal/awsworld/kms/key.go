package kms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// KeySpec describes a symmetric key.
type KeySpec struct {
	ID          string   // key id; empty to have one made
	Aliases     []string // "alias/shop"
	Policy      []byte   // key policy as JSON; empty for AWS's default, which delegates to the account
	Disabled    bool
	Description string
	Tags        map[string]string
}

type key struct {
	arn, id, owner string
	managedFor     string // "rds" for the AWS managed key aws/rds; empty for a customer's key
	description    string
	state          types.KeyState
	created        time.Time
	aliases        []string
	tags           map[string]string
	raw            []byte // policy text as GetKeyPolicy returns it
	policy         *iam.Policy
	grants         []grant
}

// PutKey creates a customer managed key, or replaces it when the id is known;
// its grants stay. Like AWS it refuses a policy that does not parse or that
// names a principal that does not exist (MalformedPolicyDocumentException), and
// an alias that is taken (AlreadyExistsException).
func (s *Service) PutKey(account string, spec KeySpec) (arn string, err error) {
	if spec.ID == "" {
		spec.ID = s.w.UUID()
	}
	k := &key{
		arn: s.w.ARN("kms", account, "key/"+spec.ID), id: spec.ID, owner: account,
		description: spec.Description, state: types.KeyStateEnabled, created: s.w.Now(), tags: maps.Clone(spec.Tags),
	}
	if spec.Disabled {
		k.state = types.KeyStateDisabled
	}
	if len(spec.Policy) == 0 {
		spec.Policy = defaultPolicy(account)
	}
	if err := s.setPolicy(k, spec.Policy); err != nil {
		return "", err
	}
	if old := s.keys[k.arn]; old != nil {
		k.grants, k.created, k.aliases = old.grants, old.created, old.aliases
	}
	if err := s.setAliases(k, spec.Aliases); err != nil {
		return "", err
	}
	s.put(k)
	return k.arn, nil
}

func (s *Service) put(k *key) {
	if s.keys[k.arn] == nil {
		s.order = append(s.order, k.arn)
	}
	s.keys[k.arn] = k
}

func (s *Service) setAliases(k *key, aliases []string) error {
	for _, alias := range aliases {
		if !strings.HasPrefix(alias, "alias/") {
			return &types.InvalidAliasNameException{Message: aws.String("Alias must start with the prefix 'alias/': " + alias)}
		}
		name := k.owner + "/" + alias
		if other, taken := s.aliases[name]; taken && other != k.arn {
			return &types.AlreadyExistsException{Message: aws.String(fmt.Sprintf("An alias with the name %s already exists in account %s", alias, k.owner))}
		}
	}
	for _, alias := range aliases {
		s.aliases[k.owner+"/"+alias] = k.arn
		if !slices.Contains(k.aliases, alias) {
			k.aliases = append(k.aliases, alias)
		}
	}
	return nil
}

func (s *Service) setPolicy(k *key, raw []byte) error {
	p, err := service.Policy("key policy of "+k.id, k.owner, raw)
	if err == nil {
		err = p.Doc.Check(iam.ResourcePolicy)
	}
	if err != nil {
		return &types.MalformedPolicyDocumentException{Message: aws.String(err.Error())}
	}
	if who := service.MissingPrincipal(s.w, p); who != "" {
		return &types.MalformedPolicyDocumentException{Message: aws.String(fmt.Sprintf(
			"Policy contains a statement with one or more invalid principals. (key %s, principal %s)", k.arn, who))}
	}
	k.policy, k.raw = p, slices.Clone(raw)
	return nil
}

// SetPolicy replaces the policy of a key, with PutKey's checks.
func (s *Service) SetPolicy(keyARN string, policy []byte) error {
	k, err := s.resolve("", keyARN)
	if err != nil {
		return err
	}
	return s.setPolicy(k, policy)
}

// SetState moves a key to Enabled, Disabled or PendingDeletion.
func (s *Service) SetState(keyARN string, state types.KeyState) error {
	k, err := s.resolve("", keyARN)
	if err == nil {
		k.state = state
	}
	return err
}

// AWSManaged returns the AWS managed key of a service in an account, such as
// aws/rds for "rds", and makes it when it does not exist yet, as the service
// does at its first use.
func (s *Service) AWSManaged(account, forService string) (arn string) {
	alias := "alias/aws/" + forService
	if arn, ok := s.aliases[account+"/"+alias]; ok {
		return arn
	}
	k := &key{
		id: s.w.UUID(), owner: account, managedFor: forService, state: types.KeyStateEnabled, created: s.w.Now(),
		description: "Default key that protects my " + forService + " data when no other key is defined",
	}
	k.arn = s.w.ARN("kms", account, "key/"+k.id)
	if err := s.setPolicy(k, managedPolicy(account, forService, s.w.Region)); err != nil {
		panic(err) // our own text
	}
	if err := s.setAliases(k, []string{alias}); err != nil {
		panic(err) // looked up above
	}
	s.put(k)
	return k.arn
}

func (k *key) manager() types.KeyManagerType {
	if k.managedFor != "" {
		return types.KeyManagerTypeAws
	}
	return types.KeyManagerTypeCustomer
}

// resource is the key as the pipe authorises it. The name is what the caller
// wrote, for kms:RequestAlias.
func (k *key) resource(s *Service, name string) awsworld.Resource {
	ctx := service.TagContext(k.tags)
	ctx["kms:KeyOrigin"] = []string{"AWS_KMS"}
	ctx["kms:KeySpec"] = []string{"SYMMETRIC_DEFAULT"}
	ctx["kms:KeyUsage"] = []string{"ENCRYPT_DECRYPT"}
	ctx["kms:MultiRegion"] = []string{"false"}
	if len(k.aliases) > 0 {
		ctx["kms:ResourceAliases"] = slices.Clone(k.aliases)
	}
	if _, alias, found := strings.Cut(name, "alias/"); found {
		ctx["kms:RequestAlias"] = []string{"alias/" + alias}
	}
	return awsworld.Resource{ARN: k.arn, Owner: k.owner, Kind: iam.Key, Policy: k.policy, Grants: k.iamGrants(), Context: ctx}
}

// usable: a key that is not enabled can only be looked at and administered.
func (k *key) usable(action string) error {
	switch action {
	case "kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants", "kms:RevokeGrant", "kms:RetireGrant":
		return nil
	}
	switch k.state {
	case types.KeyStateEnabled:
		return nil
	case types.KeyStateDisabled:
		return &types.DisabledException{Message: aws.String(k.arn + " is disabled.")}
	}
	return &types.KMSInvalidStateException{Message: aws.String(fmt.Sprintf("%s is %s.", k.arn, k.state))}
}

func (k *key) metadata() *types.KeyMetadata {
	return &types.KeyMetadata{
		Arn: aws.String(k.arn), KeyId: aws.String(k.id), AWSAccountId: aws.String(k.owner),
		CreationDate: aws.Time(k.created), Enabled: k.state == types.KeyStateEnabled, KeyState: k.state,
		KeyManager: k.manager(), KeySpec: types.KeySpecSymmetricDefault, KeyUsage: types.KeyUsageTypeEncryptDecrypt,
		Origin: types.OriginTypeAwsKms, MultiRegion: aws.Bool(false), Description: aws.String(k.description),
		EncryptionAlgorithms: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault},
	}
}
