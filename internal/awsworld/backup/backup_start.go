package backup

import (
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// Windows of a backup job in minutes (docs/aws.md §1.3).
const (
	defaultStartWindow = 480
	minStartWindow     = 60
	maxStartWindow     = 52_560_000
)

type backupJob struct {
	job
	state     types.BackupJobState
	vault     string
	retention retention
	tags      map[string]string
	options   map[string]string
	startBy   time.Time
	finishBy  time.Time // zero: no completion window
	plan      string    // set for another plan's jobs
	pointARN  string    // shown; known at once for advanced DynamoDB only
	nextPoint string    // the ARN that the recovery point will get
	point     *point
}

func (s *Service) backupOps() []awsworld.Op {
	start := awsworld.On(ServiceID, "StartBackupJob", "backup:StartBackupJob", s.startBackup)
	start.Resources = s.backupResources
	start.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		return requestTagContext(awsworld.Input[sdk.StartBackupJobInput](c).RecoveryPointTags)
	}
	start.Source = "API StartBackupJob; docs/aws.md §1.1, §1.3, §1.4"
	start.Differs = "Aurora clusters and DynamoDB tables only; continuous backups, indexes and air-gapped vaults are not simulated; " +
		"a token lives for ever and answers whatever the other parameters are; backup:TagResource is asked for on the ARN that the recovery point will have"

	describe := awsworld.On(ServiceID, "DescribeBackupJob", "backup:DescribeBackupJob", s.describeBackup)
	describe.Source = "API DescribeBackupJob; docs/aws.md §1.2, §1.5"
	describe.Differs = "ExpectedCompletionDate is not estimated"

	list := awsworld.On(ServiceID, "ListBackupJobs", "backup:ListBackupJobs", s.listBackups)
	list.Source = "API ListBackupJobs"
	list.Differs = "newest first is assumed; jobs are never forgotten (AWS keeps 30 days)"

	stop := awsworld.On(ServiceID, "StopBackupJob", "backup:StopBackupJob", s.stopBackup)
	stop.Source = "API StopBackupJob; docs/aws.md §1.3"
	return []awsworld.Op{start, describe, list, stop}
}

// backupResources are the vault and the role that is passed. Tags ask for one
// more permission once the recovery point has an ARN.
func (s *Service) backupResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[sdk.StartBackupJobInput](c)
	out := []awsworld.Resource{s.vaultResource(c.Account.ID, aws.ToString(in.BackupVaultName))}
	out = append(out, passRole(c, in.IamRoleArn)...)
	return out
}

func (s *Service) startBackup(c *awsworld.Call, in *sdk.StartBackupJobInput) (*sdk.StartBackupJobOutput, error) {
	source, err := s.checkBackup(c, in)
	if err != nil {
		return nil, err
	}
	token, old := s.tokenFor(c, in.IdempotencyToken)
	if j := s.of(c).backup(old); j != nil {
		return j.reply(), nil
	}
	j := s.newBackup(c, in, source)
	if len(in.RecoveryPointTags) > 0 {
		r := awsworld.Resource{ARN: j.nextPoint, Owner: c.Account.ID, Kind: iam.NoPolicy, Action: "backup:TagResource"}
		if err := c.Require(r, requestTagContext(in.RecoveryPointTags)); err != nil {
			return nil, err
		}
	}
	s.open(&j.job, "backup")
	a := s.of(c)
	a.backups = append(a.backups, j)
	token(j.id)
	s.emitBackup(j)
	s.run(&j.job, func() error { return s.backUp(j) }, func(err error) { s.endBackup(j, err) })
	return j.reply(), nil
}

// checkBackup refuses what AWS refuses before there is a job.
func (s *Service) checkBackup(c *awsworld.Call, in *sdk.StartBackupJobInput) (resource, error) {
	if err := service.OnlyFields(c, "BackupVaultName", "ResourceArn", "IamRoleArn", "IdempotencyToken", "StartWindowMinutes",
		"CompleteWindowMinutes", "Lifecycle", "RecoveryPointTags", "BackupOptions"); err != nil {
		return resource{}, err
	}
	if _, err := s.vaultOf(c.Account.ID, in.BackupVaultName); err != nil {
		return resource{}, err
	}
	source, err := parseResource(aws.ToString(in.ResourceArn))
	if err != nil {
		return resource{}, err
	}
	if source.account != c.Account.ID || source.region != s.w.Region {
		return resource{}, invalid("Resource %s is not in account %s and Region %s", source.arn, c.Account.ID, s.w.Region)
	}
	if err := s.checkRole(c, in.IamRoleArn); err != nil {
		return resource{}, err
	}
	if m := in.StartWindowMinutes; m != nil && (*m < minStartWindow || *m > maxStartWindow) {
		return resource{}, invalid("Invalid StartWindowMinutes %d: it must be between %d and %d", *m, minStartWindow, maxStartWindow)
	}
	if err := checkLifecycle(in.Lifecycle); err != nil {
		return resource{}, err
	}
	if source.kind == typeAurora && !s.of(c).optIn[typeAurora] {
		return resource{}, badRequest("Resource type Aurora is not opted in to AWS Backup in account %s and Region %s; opt in with UpdateRegionSettings", c.Account.ID, s.w.Region)
	}
	return source, s.engine(source.kind).exists(source)
}

func (s *Service) newBackup(c *awsworld.Call, in *sdk.StartBackupJobInput, source resource) *backupJob {
	j := &backupJob{
		job: s.newJob(c, source, in.IamRoleArn), state: types.BackupJobStateCreated,
		vault: *in.BackupVaultName, retention: retentionOf(in.Lifecycle),
		tags: merged(in.RecoveryPointTags), options: maps.Clone(in.BackupOptions),
	}
	window := int64(defaultStartWindow)
	if in.StartWindowMinutes != nil {
		window = *in.StartWindowMinutes
	}
	j.startBy = j.created.Add(time.Duration(window) * time.Minute)
	if m := aws.ToInt64(in.CompleteWindowMinutes); m > 0 {
		j.finishBy = j.created.Add(time.Duration(m) * time.Minute)
	}
	j.nextPoint = s.engine(source.kind).pointARN(j)
	if source.kind == typeDynamoDB && s.of(c).advanced() {
		j.pointARN = j.nextPoint
	}
	return j
}

// reply is the answer to StartBackupJob, the first time and every other.
func (j *backupJob) reply() *sdk.StartBackupJobOutput {
	out := &sdk.StartBackupJobOutput{BackupJobId: aws.String(j.id), CreationDate: aws.Time(j.created)}
	if j.source.kind == typeDynamoDB {
		out.RecoveryPointArn = textOrNil(j.pointARN)
	}
	return out
}

func (a *account) backup(id string) *backupJob {
	for _, j := range slices.Backward(a.backups) {
		if j.id == id {
			return j
		}
	}
	return nil
}

// tokenFor looks up the job that a token already stands for, and returns the
// function that ties the token to a new one.
func (s *Service) tokenFor(c *awsworld.Call, token *string) (remember func(id string), old string) {
	if aws.ToString(token) == "" {
		return func(string) {}, ""
	}
	key := c.Op.Name + "/" + *token
	a := s.of(c)
	return func(id string) { a.tokens[key] = id }, a.tokens[key]
}
