package backup_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/backup"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/iam/awsmanaged"
	"github.com/dbferry/dbferry/internal/sim"
)

const (
	prod, staging, management = "111111111111", "222222222222", "999999999999"
	linkedRole                = "arn:aws:iam::222222222222:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
	backupRole                = "arn:aws:iam::111111111111:role/dbferry-backup"
	restoreRole               = "arn:aws:iam::222222222222:role/dbferry-restore"
	prodVault                 = "arn:aws:backup:eu-west-1:111111111111:backup-vault:dbferry-production"
	stagingVault              = "arn:aws:backup:eu-west-1:222222222222:backup-vault:dbferry-staging"
	orders                    = "arn:aws:rds:eu-west-1:111111111111:cluster:orders"
)

// scene is two accounts in which everything is as it should be; a test spoils
// what it is about.
type scene struct {
	t          *testing.T
	w          *awsworld.World
	keys       *kms.Service
	rds        *rds.Service
	tables     *dynamodb.Service
	backup     *backup.Service
	clusterKey string
	prodKey    string
	stagingKey string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	w := awsworld.New(sim.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), "eu-west-1", 7)
	w.AddAccount(prod, "production", "o-example")
	w.AddAccount(staging, "staging", "o-example")
	w.AddAccount(management, "management", "o-example")
	keys := kms.New(w)
	aurora := rds.New(w, keys)
	s := &scene{t: t, w: w, keys: keys, rds: aurora, tables: dynamodb.New(w, keys)}
	s.backup = backup.New(w, keys, aurora, s.tables)
	s.roles()
	s.clusterKey = s.key(prod, "cluster", clusterKeyPolicy("kms:DescribeKey", "kms:CreateGrant", "kms:ReEncryptFrom", "kms:GenerateDataKeyWithoutPlaintext", "kms:ListGrants", "kms:Decrypt"))
	s.prodKey, s.stagingKey = s.key(prod, "vault", ""), s.key(staging, "vault", "")
	s.vault(prod, backup.VaultSpec{Name: "dbferry-production", Key: s.prodKey})
	s.vault(staging, backup.VaultSpec{Name: "dbferry-staging", Key: s.stagingKey, Policy: s.policy(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"backup:CopyIntoBackupVault","Resource":"*"}`)})
	s.backup.SetGlobalSettings(management, map[string]string{backup.CrossAccountSetting: "true"})
	s.networks()
	s.must(aurora.PutCluster(prod, rds.ClusterSpec{
		ID: "orders", Engine: "aurora-postgresql", KeyARN: s.clusterKey, SubnetGroup: "db", MasterPassword: "production-secret",
		Tags: map[string]string{"team": "shop"}, VolumeBytes: 100e9,
	}))
	s.must(s.tables.PutTable(prod, dynamodb.TableSpec{
		Name: "carts", Hash: dynamodb.Attribute{Name: "id", Type: "S"}, Tags: map[string]string{"team": "shop"},
		TTLAttribute: "expires", SizeBytes: 10 << 30, Items: []dynamodb.Item{{"id": &ddbtypes.AttributeValueMemberS{Value: "cart-1"}}},
	}))
	return s
}

// clusterKeyPolicy delegates to production, and lets staging do these actions.
func clusterKeyPolicy(actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"kms:*","Resource":"*"},
	 {"Sid":"Staging","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) key(account, id, policy string) string {
	s.t.Helper()
	arn, err := s.keys.PutKey(account, kms.KeySpec{ID: id, Policy: []byte(policy)})
	s.must(err)
	return arn
}

func (s *scene) vault(account string, spec backup.VaultSpec) {
	s.t.Helper()
	s.must(s.backup.PutVault(account, spec))
}

func (s *scene) policy(statements ...string) *iam.Policy {
	s.t.Helper()
	doc, err := iam.ParseDocument([]byte(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`))
	s.must(err)
	return &iam.Policy{Name: "policy", Doc: doc}
}

func (s *scene) networks() {
	for _, account := range []string{prod, staging} {
		for i, az := range []string{"eu-west-1a", "eu-west-1b"} {
			s.rds.PutSubnet(account, rds.Subnet{ID: fmt.Sprintf("subnet-%d", i), VPC: "vpc-1", AZ: az, CIDR: fmt.Sprintf("10.0.%d.0/24", i)})
		}
		s.rds.PutSecurityGroup(account, rds.SecurityGroup{ID: "sg-quarantine", Name: "quarantine", VPC: "vpc-1"})
		s.must(s.rds.PutSubnetGroup(account, rds.SubnetGroup{Name: "db", VPC: "vpc-1", Subnets: []string{"subnet-0", "subnet-1"}}))
	}
}

func (s *scene) roles() {
	managed := func(name string) iam.Policy {
		arn := "arn:aws:iam::aws:policy/" + name
		doc, _, ok := awsmanaged.Policy(arn)
		if !ok {
			s.t.Fatalf("no managed policy %s", arn)
		}
		return iam.Policy{Name: name, Doc: doc}
	}
	s.put(prod, backupRole, "backup.amazonaws.com", managed("service-role/AWSBackupServiceRolePolicyForBackup"))
	s.put(staging, restoreRole, "backup.amazonaws.com", managed("service-role/AWSBackupServiceRolePolicyForRestores"))
	s.put(staging, linkedRole, "backup.amazonaws.com", managed("aws-service-role/AWSBackupServiceLinkedRolePolicyForBackup")).Service = "backup.amazonaws.com"
	for _, account := range []string{prod, staging} {
		arn := "arn:aws:iam::" + account + ":role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS"
		s.put(account, arn, "rds.amazonaws.com", managed("aws-service-role/AmazonRDSServiceRolePolicy")).Service = "rds.amazonaws.com"
	}
	s.put(prod, "arn:aws:iam::111111111111:role/step", "lambda.amazonaws.com", *s.policy(
		`{"Effect":"Allow","Action":"backup:*","Resource":"*"}`,
		`{"Effect":"Allow","Action":"iam:PassRole","Resource":"`+backupRole+`","Condition":{"StringEquals":{"iam:PassedToService":"backup.amazonaws.com"}}}`))
	s.put(staging, "arn:aws:iam::222222222222:role/step", "lambda.amazonaws.com", *s.policy(
		`{"Effect":"Allow","Action":["backup:*","rds:*","dynamodb:*"],"Resource":"*"}`,
		`{"Effect":"Allow","Action":"iam:PassRole","Resource":"`+restoreRole+`"}`))
	s.put(management, "arn:aws:iam::999999999999:role/step", "lambda.amazonaws.com", *s.policy(`{"Effect":"Allow","Action":"backup:*","Resource":"*"}`))
}

func (s *scene) put(account, arn, service string, policies ...iam.Policy) *awsworld.Role {
	r := &awsworld.Role{
		ARN: arn, Name: arn[strings.LastIndex(arn, "/")+1:], Account: account, Policies: policies,
		Trust: *s.policy(`{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}`),
	}
	s.w.Account(account).PutRole(r)
	return r
}

// client is the SDK's client with the session of the account's step role.
func (s *scene) client(account string) *sdk.Client {
	return sdk.NewFromConfig(s.w.Config(s.step(account)))
}

func (s *scene) step(account string) awsworld.Caller {
	s.t.Helper()
	caller, err := s.w.AssumeAsService("lambda.amazonaws.com", "arn:aws:iam::"+account+":role/step", "test", "")
	s.must(err)
	caller.Site = awsworld.Site{Machine: "production-backup", Item: "cluster", State: "Back up"}
	return caller
}

// run plays the test on the world's clock.
func (s *scene) run(test func()) {
	s.t.Helper()
	over := false
	s.w.Kernel.Go(func() {
		test()
		over = true
	})
	if err := s.w.Kernel.Run(func() bool { return over }, s.w.Now().AddDate(0, 2, 0)); err != nil {
		s.t.Error(err)
	}
	s.w.Kernel.Stop()
}

func (s *scene) sleep(d time.Duration) {
	if err := s.w.Kernel.Sleep(context.Background(), d); err != nil {
		panic(err)
	}
}

// backUp starts a backup of a resource and waits for its end.
func (s *scene) backUp(arn string) *sdk.DescribeBackupJobOutput {
	s.t.Helper()
	out, err := s.client(prod).StartBackupJob(context.Background(), &sdk.StartBackupJobInput{
		BackupVaultName: aws.String("dbferry-production"), ResourceArn: aws.String(arn), IamRoleArn: aws.String(backupRole),
		Lifecycle: &types.Lifecycle{DeleteAfterDays: aws.Int64(7)}, RecoveryPointTags: map[string]string{"dbferry:refresh": "202601010000-abcdef"},
	})
	if err != nil {
		s.t.Errorf("StartBackupJob: %v", err)
		panic("stop")
	}
	return s.backupEnd(*out.BackupJobId)
}

func (s *scene) backupEnd(id string) *sdk.DescribeBackupJobOutput {
	for {
		out, err := s.client(prod).DescribeBackupJob(context.Background(), &sdk.DescribeBackupJobInput{BackupJobId: aws.String(id)})
		if err != nil || out.CompletionDate != nil {
			s.check(err)
			return out
		}
		s.sleep(30 * time.Second)
	}
}

func (s *scene) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Errorf("unexpected: %v", err)
	}
}

// copyOver starts a copy into staging's vault and waits for its end.
func (s *scene) copyOver(point string) *types.CopyJob {
	s.t.Helper()
	return s.copyInto(point, stagingVault)
}

func (s *scene) copyInto(point, vault string) *types.CopyJob {
	s.t.Helper()
	out, err := s.client(prod).StartCopyJob(context.Background(), &sdk.StartCopyJobInput{
		RecoveryPointArn: aws.String(point), SourceBackupVaultName: aws.String("dbferry-production"),
		DestinationBackupVaultArn: aws.String(vault), IamRoleArn: aws.String(backupRole),
	})
	if err != nil {
		s.t.Errorf("StartCopyJob: %v", err)
		panic("stop")
	}
	for {
		got, err := s.client(prod).DescribeCopyJob(context.Background(), &sdk.DescribeCopyJobInput{CopyJobId: out.CopyJobId})
		if err != nil || got.CopyJob.CompletionDate != nil {
			s.check(err)
			return got.CopyJob
		}
		s.sleep(30 * time.Second)
	}
}

// restore starts a restore in staging and waits for its end.
func (s *scene) restore(in *sdk.StartRestoreJobInput) *sdk.DescribeRestoreJobOutput {
	s.t.Helper()
	in.IamRoleArn = aws.String(restoreRole)
	out, err := s.client(staging).StartRestoreJob(context.Background(), in)
	if err != nil {
		s.t.Errorf("StartRestoreJob: %v", err)
		panic("stop")
	}
	for {
		got, err := s.client(staging).DescribeRestoreJob(context.Background(), &sdk.DescribeRestoreJobInput{RestoreJobId: out.RestoreJobId})
		if err != nil || got.CompletionDate != nil {
			s.check(err)
			return got
		}
		s.sleep(30 * time.Second)
	}
}
