package refresh

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

type stagingReady struct {
	step
	t       config.Target
	backup  *backup.Client
	iam     *iam.Client
	kms     *kms.Client
	rds     *rds.Client
	secrets *secretsmanager.Client
	s3      *s3.Client
}

// NewStagingReady builds staging-ready: it asks the target's half of the
// preflight from inside the target's network, and leaves the answer where
// production may read it. It runs on a schedule and by hand.
func NewStagingReady(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	t, err := rt.Config.Target(rt.Side)
	s := &stagingReady{step: newStep(rt), t: t, backup: backup.NewFromConfig(rt.AWS), iam: iam.NewFromConfig(rt.AWS), kms: kms.NewFromConfig(rt.AWS),
		rds: rds.NewFromConfig(rt.AWS), secrets: secretsmanager.NewFromConfig(rt.AWS), s3: s3.NewFromConfig(rt.AWS)}
	return func(ctx context.Context, _ []byte) ([]byte, error) { return s.do(ctx) }, err
}

func (s *stagingReady) do(ctx context.Context) ([]byte, error) {
	f, err := s.facts(ctx)
	if err != nil {
		return nil, err
	}
	ready := check.Ready{Schema: check.ReadySchema, Target: s.t.Name, ConfigHash: s.Config.Hash(), CheckedAt: s.Now().UTC(), Problems: check.Run(check.Target, f)}
	if ready.Problems == nil {
		ready.Problems = check.Problems{}
	}
	raw, err := json.Marshal(ready)
	if err != nil {
		return nil, err
	}
	bucket := s.here.Inbox()
	_, err = s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(names.ReadyKey), Body: bytes.NewReader(raw), ContentType: aws.String("application/json")})
	return raw, fault.AWS("write ready.json", bucket, err)
}

// facts gathers what the target's checks ask. The function runs in the subnets
// of those that log in to databases, so each question also proves that its API
// is reached from there; one that is not answered is a fact, not an error.
func (s *stagingReady) facts(ctx context.Context) (check.Facts, error) {
	f := check.Facts{Config: s.Config, Target: s.t, Now: s.Now().UTC(), Endpoints: map[string]string{}}
	for _, ask := range []struct {
		api  string
		find func(context.Context, *check.Facts) error
	}{
		{"IAM", s.roles}, {"AWS Backup and KMS", s.backupFacts}, {"RDS", s.network}, {"RDS", s.groups}, {"RDS", s.quota},
		{"Secrets Manager", s.secretFacts}, {"S3", s.ledgerAnswers},
	} {
		if f.Endpoints[ask.api] != "" {
			continue // once is enough to know
		}
		bounded, cancel := context.WithTimeout(ctx, dbconn.Timeout)
		err := ask.find(bounded, &f)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			f.Endpoints[ask.api] = fmt.Sprintf("its API did not answer within %s from the function subnets", dbconn.Timeout)
		case err != nil:
			return f, err
		default:
			f.Endpoints[ask.api] = ""
		}
	}
	return f, nil
}

// ledgerAnswers reads an object that need not exist.
func (s *stagingReady) ledgerAnswers(ctx context.Context, _ *check.Facts) error {
	_, _, _, err := s.ledger.Bytes(ctx, names.ReadyKey)
	return err
}

// roles looks for the service-linked roles that copies and restores need.
func (s *stagingReady) roles(ctx context.Context, f *check.Facts) error {
	f.Roles = map[string]bool{}
	for service, role := range map[string]string{check.BackupService: "AWSServiceRoleForBackup", check.RDSService: "AWSServiceRoleForRDS"} {
		_, err := s.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
		if err != nil && !fault.IsNotFound(err) && !fault.HasCode(err, "NoSuchEntityException") {
			return fault.AWS("look for the role", role, err)
		}
		f.Roles[service] = err == nil
	}
	return nil
}

func (s *stagingReady) backupFacts(ctx context.Context, f *check.Facts) error {
	region, err := s.backup.DescribeRegionSettings(ctx, &backup.DescribeRegionSettingsInput{})
	if err != nil {
		return fault.AWS("read AWS Backup's settings of the Region", s.Config.Region, err)
	}
	f.OptIn, f.Management = region.ResourceTypeOptInPreference, region.ResourceTypeManagementPreference
	if f.Vault, err = vaultFacts(ctx, s.backup, s.here); err != nil || f.Vault == nil {
		return err
	}
	name := s.here.Vault()
	policy, err := s.backup.GetBackupVaultAccessPolicy(ctx, &backup.GetBackupVaultAccessPolicyInput{BackupVaultName: &name})
	if err != nil && !fault.IsNotFound(err) {
		return fault.AWS("read the vault's policy", s.here.VaultARN(), err)
	}
	if err == nil {
		f.Vault.Policy = aws.ToString(policy.Policy)
	}
	f.Vault.KeyManager, f.Vault.KeyEnabled, err = describeKey(ctx, s.kms, f.Vault.KeyARN)
	return err
}

func (s *stagingReady) network(ctx context.Context, f *check.Facts) error {
	name := s.t.Network.DBSubnetGroup
	out, err := s.rds.DescribeDBSubnetGroups(ctx, &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: &name})
	if fault.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fault.AWS("describe the DB subnet group", name, err)
	}
	g := out.DBSubnetGroups[0]
	zones := map[string]bool{}
	for _, sub := range g.Subnets {
		if sub.SubnetAvailabilityZone != nil {
			zones[aws.ToString(sub.SubnetAvailabilityZone.Name)] = true
		}
	}
	f.Subnets = &check.SubnetGroupFacts{Name: name, VPC: aws.ToString(g.VpcId), Zones: len(zones)}
	return nil
}

// groups looks for the configured parameter groups.
func (s *stagingReady) groups(ctx context.Context, f *check.Facts) error {
	f.ParameterGroups = map[string]bool{}
	for _, set := range s.t.Clusters {
		if g := set.ParameterGroup; g != "" {
			_, err := s.rds.DescribeDBClusterParameterGroups(ctx, &rds.DescribeDBClusterParameterGroupsInput{DBClusterParameterGroupName: &g})
			if err := s.noteGroup(f, g, err); err != nil {
				return err
			}
		}
		if g := set.InstanceParameterGroup; g != "" {
			_, err := s.rds.DescribeDBParameterGroups(ctx, &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: &g})
			if err := s.noteGroup(f, g, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stagingReady) noteGroup(f *check.Facts, name string, err error) error {
	missing := fault.IsNotFound(err) || fault.HasCode(err, "DBParameterGroupNotFound")
	if err != nil && !missing {
		return fault.AWS("describe the parameter group", name, err)
	}
	f.ParameterGroups[name] = err == nil
	return nil
}

func (s *stagingReady) quota(ctx context.Context, f *check.Facts) error {
	out, err := s.rds.DescribeAccountAttributes(ctx, &rds.DescribeAccountAttributesInput{})
	if err != nil {
		return fault.AWS("read RDS's quotas", s.here.Account, err)
	}
	for _, q := range out.AccountQuotas {
		if aws.ToString(q.AccountQuotaName) == "DBClusters" {
			f.ClusterLimit, f.ClusterCount = int(aws.ToInt64(q.Max)), int(aws.ToInt64(q.Used))
		}
	}
	return nil
}

// secretFacts looks whether every configured secret exists; it never reads one.
func (s *stagingReady) secretFacts(ctx context.Context, f *check.Facts) error {
	f.Secrets = map[string]string{}
	for _, set := range s.t.Clusters {
		wanted := []string{set.MasterSecret}
		for _, l := range set.Logins {
			wanted = append(wanted, l.Secret)
		}
		for _, name := range wanted {
			_, err := s.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &name})
			switch {
			case err == nil:
				f.Secrets[name] = ""
			case fault.IsNotFound(err):
				f.Secrets[name] = fmt.Sprintf("there is no such secret in account %s", s.here.Account)
			default:
				return fault.AWS("look for the secret", name, err)
			}
		}
	}
	return nil
}
