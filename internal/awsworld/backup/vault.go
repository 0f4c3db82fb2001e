package backup

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// DefaultVault is the vault that AWS makes by itself; nothing can be copied
// into it from another account (docs/aws.md §2.2).
const DefaultVault = "Default"

// DefaultKey is the alias of the AWS managed key of a vault without a key of
// its own.
const DefaultKey = "alias/aws/backup"

// VaultSpec describes a backup vault.
type VaultSpec struct {
	Name string
	// Key is the ARN, id or alias of the KMS key; empty means DefaultKey.
	Key string
	// Policy is the vault's access policy; nil: none.
	Policy *iam.Policy
	// MinRetentionDays and MaxRetentionDays are the range of a vault lock;
	// 0: no limit. Locked says that there is a lock.
	MinRetentionDays, MaxRetentionDays int64
	Locked                             bool
	Tags                               map[string]string
}

type vault struct {
	VaultSpec
	arn     string
	created time.Time
	keyARN  string
	// customer is set when the key is the customer's own; awsBackup when it is
	// the one that AWS Backup made.
	customer, awsBackup bool
}

var vaultName = regexp.MustCompile(`^[a-zA-Z0-9\-_]{2,50}$`)

// PutVault creates or replaces a vault. The key must exist in KMS. Recovery
// points in a replaced vault stay.
func (s *Service) PutVault(account string, spec VaultSpec) error {
	if !vaultName.MatchString(spec.Name) {
		return fmt.Errorf("backup vault %q of %s: a name has 2 to 50 letters, digits, - and _", spec.Name, account)
	}
	if spec.Key == "" {
		spec.Key = DefaultKey
	}
	keyARN, ok := s.keys.KeyARN(account, spec.Key)
	if spec.Key == DefaultKey {
		keyARN, ok = s.keys.AWSManaged(account, "backup"), true
	}
	if !ok {
		return fmt.Errorf("backup vault %s of %s: its key %s does not exist; create the key first", spec.Name, account, spec.Key)
	}
	spec.Tags = maps.Clone(spec.Tags)
	s.account(account).vaults[spec.Name] = &vault{
		VaultSpec: spec, arn: s.vaultARN(account, spec.Name), created: s.w.Now(),
		keyARN: keyARN, customer: s.customerKey(keyARN), awsBackup: keyARN == s.keys.AWSManaged(account, "backup"),
	}
	return nil
}

// customerKey says whether a key is the customer's own.
func (s *Service) customerKey(keyARN string) bool {
	by, ok := s.keys.Managed(keyARN)
	return ok && by == kmstypes.KeyManagerTypeCustomer
}

func (s *Service) vaultARN(account, name string) string {
	return s.w.ARN("backup", account, "backup-vault:"+name)
}

// usable refuses work on a vault whose key has been disabled or deleted.
func (s *Service) usable(v *vault) error {
	if s.keys.Enabled(v.keyARN) {
		return nil
	}
	return failf("The key %s of backup vault %s does not exist, is not enabled or cannot be accessed.", v.keyARN, v.Name)
}

// admits checks a retention against the vault's lock; 0 days means for ever.
func (v *vault) admits(days int64) bool {
	if v.MinRetentionDays > 0 && days != 0 && days < v.MinRetentionDays {
		return false
	}
	return v.MaxRetentionDays == 0 || days != 0 && days <= v.MaxRetentionDays
}

// resource is the vault as a thing to be authorized on.
func (s *Service) vaultResource(account, name string) awsworld.Resource {
	r := awsworld.Resource{ARN: s.vaultARN(account, name), Owner: account, Kind: iam.VaultCopy}
	if v := s.account(account).vaults[name]; v != nil {
		r.Policy = v.Policy
		r.Context = service.TagContext(v.Tags)
	}
	return r
}

// vaultOf finds a vault that a call names.
func (s *Service) vaultOf(account string, name *string) (*vault, error) {
	if !vaultName.MatchString(aws.ToString(name)) {
		return nil, invalid("Invalid backup vault name %q: it must match %s", aws.ToString(name), vaultName)
	}
	if v := s.account(account).vaults[*name]; v != nil {
		return v, nil
	}
	return nil, notFound("Backup vault with name %q was not found in account %s", *name, account)
}

// ownVault names the vault in the input's field as the call's resource.
func ownVault[In any](s *Service, name func(*In) *string) func(*awsworld.Call) []awsworld.Resource {
	return func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{s.vaultResource(c.Account.ID, aws.ToString(name(awsworld.Input[In](c))))}
	}
}

func (s *Service) vaultOps() []awsworld.Op {
	describe := awsworld.On(ServiceID, "DescribeBackupVault", "backup:DescribeBackupVault", s.describeVault)
	describe.Resources = ownVault(s, func(in *sdk.DescribeBackupVaultInput) *string { return in.BackupVaultName })
	describe.Source = "API DescribeBackupVault; docs/aws.md §2.3"
	describe.Differs = "standard vaults of the caller's own account only"

	policy := awsworld.On(ServiceID, "GetBackupVaultAccessPolicy", "backup:GetBackupVaultAccessPolicy", s.getVaultPolicy)
	policy.Resources = ownVault(s, func(in *sdk.GetBackupVaultAccessPolicyInput) *string { return in.BackupVaultName })
	policy.Source = "API GetBackupVaultAccessPolicy; docs/aws.md §2.2"
	return []awsworld.Op{describe, policy}
}

func (s *Service) describeVault(c *awsworld.Call, in *sdk.DescribeBackupVaultInput) (*sdk.DescribeBackupVaultOutput, error) {
	if err := service.OnlyFields(c, "BackupVaultName"); err != nil {
		return nil, err
	}
	v, err := s.vaultOf(c.Account.ID, in.BackupVaultName)
	if err != nil {
		return nil, err
	}
	out := &sdk.DescribeBackupVaultOutput{
		BackupVaultArn: aws.String(v.arn), BackupVaultName: aws.String(v.Name), CreationDate: aws.Time(v.created),
		EncryptionKeyArn: aws.String(v.keyARN), Locked: aws.Bool(v.Locked), VaultType: types.VaultTypeBackupVault,
	}
	if v.customer {
		out.EncryptionKeyType = types.EncryptionKeyTypeCustomerManagedKmsKey
	}
	if v.MinRetentionDays > 0 {
		out.MinRetentionDays = aws.Int64(v.MinRetentionDays)
	}
	if v.MaxRetentionDays > 0 {
		out.MaxRetentionDays = aws.Int64(v.MaxRetentionDays)
	}
	for _, p := range s.of(c).points {
		if p.vault == v.Name {
			out.NumberOfRecoveryPoints++
		}
	}
	return out, nil
}

func (s *Service) getVaultPolicy(c *awsworld.Call, in *sdk.GetBackupVaultAccessPolicyInput) (*sdk.GetBackupVaultAccessPolicyOutput, error) {
	v, err := s.vaultOf(c.Account.ID, in.BackupVaultName)
	if err != nil {
		return nil, err
	}
	if v.Policy == nil {
		return nil, notFound("Backup vault %s has no access policy", v.Name)
	}
	doc, err := json.Marshal(v.Policy.Doc)
	if err != nil {
		return nil, fmt.Errorf("policy of backup vault %s: %w", v.Name, err)
	}
	return &sdk.GetBackupVaultAccessPolicyOutput{
		BackupVaultArn: aws.String(v.arn), BackupVaultName: aws.String(v.Name), Policy: aws.String(string(doc)),
	}, nil
}
