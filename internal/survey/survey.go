// Package survey gathers the facts that the preflight asks, with any AWS
// credentials: those of the functions in a deployed account, or a person's
// before anything is deployed. It only reads.
package survey

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
)

// Surveyor reads one account.
type Surveyor struct {
	// Tolerant makes a read that is denied a fact, "not proved", as a person's
	// credentials may lack it. Without it a denial is an error: the role of a
	// deployed function has every permission that it needs.
	Tolerant bool
	// Bound, when positive, is how long an API may take for its first answer;
	// one that takes longer is not reached from here (Facts.Endpoints).
	Bound time.Duration
	// Each does work for every i from 0 to n-1, many at once where the caller
	// can; New leaves it one after another.
	Each func(ctx context.Context, n int, work func(ctx context.Context, i int) error) error

	config config.Config
	now    func() time.Time

	rds     *rds.Client
	ddb     *dynamodb.Client
	kms     *kms.Client
	backup  *backup.Client
	cw      *cloudwatch.Client
	s3      *s3.Client
	iam     *iam.Client
	secrets *secretsmanager.Client
	events  *eventbridge.Client
	orgs    *organizations.Client
	ssm     *ssm.Client
	dns     *route53.Client
	ecs     *ecs.Client
}

// New makes a surveyor of the account that the credentials belong to.
func New(cfg aws.Config, c config.Config, now func() time.Time) *Surveyor {
	return &Surveyor{Each: inTurn, config: c, now: now, rds: rds.NewFromConfig(cfg), ddb: dynamodb.NewFromConfig(cfg), kms: kms.NewFromConfig(cfg),
		backup: backup.NewFromConfig(cfg), cw: cloudwatch.NewFromConfig(cfg), s3: s3.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg),
		secrets: secretsmanager.NewFromConfig(cfg), events: eventbridge.NewFromConfig(cfg), orgs: organizations.NewFromConfig(cfg),
		ssm: ssm.NewFromConfig(cfg), dns: route53.NewFromConfig(cfg), ecs: ecs.NewFromConfig(cfg)}
}

// inTurn works on one item after another.
func inTurn(ctx context.Context, n int, work func(ctx context.Context, i int) error) error {
	for i := range n {
		if err := work(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// visit is one look at one account.
type visit struct {
	*Surveyor
	here names.Place
	only []string // of a partial refresh
	f    *check.Facts
}

func (s *Surveyor) visit(here names.Place, t config.Target) *visit {
	return &visit{Surveyor: s, here: here, f: &check.Facts{Config: s.config, Target: t, Now: s.now().UTC(), Deployed: true,
		Unread: map[check.Source]string{}, Keys: map[string]check.KeyFacts{}, Endpoints: map[string]string{}}}
}

// question is one read, the API it goes to, and what it tells.
type question struct {
	source check.Source
	api    string
	find   func(context.Context) error
}

// ask reads everything, in order. It stops at the first error that is not a fact.
func (v *visit) ask(ctx context.Context, questions []question) error {
	for _, q := range questions {
		if err := v.bounded(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// note turns a denial into a fact where that is wanted.
func (v *visit) note(source check.Source, err error) error {
	if err != nil && v.Tolerant && fault.Is(err, fault.Denied) {
		v.f.Unread[source] = "denied: " + reason(err)
		return nil
	}
	return err
}

// Production reads production for one target: its items, and what a refresh
// meets there. only limits it to the named items, if there are any.
func (s *Surveyor) Production(ctx context.Context, t config.Target, only []string) (check.Facts, error) {
	v := s.visit(s.config.ProductionPlace(), t)
	v.only = only
	err := v.ask(ctx, []question{
		{check.FromClusters, "RDS", v.clusters},
		{check.FromTables, "DynamoDB", v.tables},
		{check.FromOptIns, "AWS Backup", v.optIns},
		{check.FromJobs, "AWS Backup", v.jobs},
		{check.FromVault, "AWS Backup", v.vault},
		{check.FromVault, "KMS", v.vaultKey},
		{check.FromBackupRole, "IAM", v.backupRole},
		{check.FromOrganization, "Organizations", v.organization},
		{check.FromReady, "S3", v.ready},
	})
	v.receivesFromReady()
	v.deployed(check.FromBackupRole, v.f.BackupRole)
	return *v.f, err
}

// deployed decides for a person whether the side's stack is there: by its vault
// and its role, since a person need not be allowed to look into stacks.
func (v *visit) deployed(source check.Source, role *check.RoleFacts) {
	unknown := v.f.Unread[check.FromVault] != "" && v.f.Unread[source] != ""
	v.f.Deployed = !v.Tolerant || v.f.Vault != nil || role != nil || unknown
}

// Target reads a target.
func (s *Surveyor) Target(ctx context.Context, t config.Target) (check.Facts, error) {
	v := s.visit(s.config.Place(t), t)
	v.f.Receives = &check.Receives{Families: map[string]string{}, Versions: map[string]string{}, Classes: map[string][]string{}}
	questions := []question{
		{check.FromLinkedRoles, "IAM", v.linkedRoles},
		{check.FromRestoreRole, "IAM", v.restoreRole},
		{check.FromOptIns, "AWS Backup", v.optIns},
		{check.FromVault, "AWS Backup", v.vault},
		{check.FromVault, "KMS", v.vaultKey},
		{check.FromVaultPolicy, "AWS Backup", v.vaultPolicy},
		{check.FromSubnetGroup, "RDS", v.subnetGroup},
		{check.FromGroups, "RDS", v.groups},
		{check.FromOffers, "RDS", v.offers},
		{check.FromQuotas, "RDS", v.quotas},
		{check.FromSecrets, "Secrets Manager", v.secretFacts},
	}
	if t.Bus == "default" {
		questions = append(questions, question{check.FromRules, "EventBridge", v.rules})
	}
	questions = append(questions, v.switching()...)
	if s.Tolerant {
		questions = append(questions, question{check.FromOrganization, "Organizations", v.organization})
	} else {
		v.f.Unread[check.FromOrganization] = "only `dbferry check` asks: Organizations is not reached from every VPC"
	}
	err := v.ask(ctx, questions)
	v.deployed(check.FromRestoreRole, v.f.RestoreRole)
	return *v.f, err
}

// Organization reads the organization's management account.
func (s *Surveyor) Organization(ctx context.Context) (check.Facts, error) {
	v := s.visit(names.Place{Region: s.config.Region}, config.Target{})
	err := v.ask(ctx, []question{{check.FromGlobalSetting, "AWS Backup", v.globalSettings}})
	return *v.f, err
}

// wanted says whether a partial refresh includes a name.
func (v *visit) wanted(name string) bool { return len(v.only) == 0 || slices.Contains(v.only, name) }
