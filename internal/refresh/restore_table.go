package refresh

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

// tableStep is what the steps on a restored table have.
type tableStep struct {
	step
	t   config.Target
	ddb *dynamodb.Client
}

func newTableStep(rt lambdafn.Runtime) (tableStep, error) {
	t, err := rt.Config.Target(rt.Side)
	return tableStep{step: newStep(rt), t: t, ddb: dynamodb.NewFromConfig(rt.AWS)}, err
}

// describe reads a table; nil when there is none.
func (s *tableStep) describe(ctx context.Context, name string) (*ddbtypes.TableDescription, error) {
	out, err := s.ddb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if fault.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.AWS("describe the table", name, err)
	}
	return out.Table, nil
}

type restoreTable struct {
	tableStep
	backup *backup.Client
}

// NewRestoreTable builds restore-table: it converges on one restore job into a
// new table, and tags the table as ours.
func NewRestoreTable(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newTableStep(rt)
	s := &restoreTable{tableStep: base, backup: backup.NewFromConfig(rt.AWS)}
	return s.perItem(s.do), err
}

func (s *restoreTable) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	it, err := s.item(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	fact := Restored{Name: names.RestoredTable(in.Item.ID, in.RefreshID)}
	fact.ARN = s.here.Table(fact.Name)
	job := restoreJob(&s.step, s.backup, in, &fact)
	job.Start = func(ctx context.Context, intent converge.Intent, token string) (string, error) {
		if err := s.nameFree(ctx, intent, fact.Name); err != nil {
			return "", err
		}
		return s.start(ctx, it, fact.Name, token)
	}
	a, intent, err := job.Converge(ctx)
	if err != nil || a.Status != converge.Done {
		return a, nil, err
	}
	fact.JobID = intent.ResourceID
	table, err := s.describe(ctx, fact.Name)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	if table == nil || table.TableStatus != ddbtypes.TableStatusActive {
		return quickWait, nil, nil // the job is done before the table can be tagged
	}
	fact.ResourceID = aws.ToString(table.TableId)
	_, err = s.ddb.TagResource(ctx, &dynamodb.TagResourceInput{ResourceArn: &fact.ARN, Tags: ddbTags(ownTags(in, s.t.Name))})
	return a, fact, fault.AWS("tag the restored table", fact.ARN, err)
}

// nameFree is the same rule as for clusters.
func (s *restoreTable) nameFree(ctx context.Context, intent converge.Intent, name string) error {
	table, err := s.describe(ctx, name)
	if err != nil || table == nil || intent.Attempt == 1 && utc(table.CreationDateTime).After(intent.At.Add(-time.Minute)) {
		return err
	}
	return fault.New(fault.NameTaken, "restore as "+name, name,
		"find out whose it is; remove it if it is not needed, then continue with resume", "a table that this attempt did not make has this name")
}

// start never asks for the source's tags: AWS Backup fails such a restore, and
// always says how to encrypt, because the defaults are contradictory
// (docs/aws.md §4.3).
func (s *restoreTable) start(ctx context.Context, it ManifestItem, name, token string) (string, error) {
	out, err := s.backup.StartRestoreJob(ctx, &backup.StartRestoreJobInput{
		RecoveryPointArn: &it.RecoveryPoint, IamRoleArn: aws.String(s.here.RoleARN(names.RestoreRole)), IdempotencyToken: &token,
		ResourceType: aws.String("DynamoDB"), Metadata: map[string]string{"targetTableName": name, "encryptionType": "Default"},
	})
	if err != nil {
		return "", fault.AWS("start the restore of "+it.ID, it.RecoveryPoint, err)
	}
	return aws.ToString(out.RestoreJobId), nil
}

type finishTable struct{ tableStep }

// NewFinishTable builds finish-table: time to live, tags, stream, recovery and
// protection, which a restore loses, as recorded in production and with the
// target's own overrides; then a comparison.
func NewFinishTable(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newTableStep(rt)
	s := &finishTable{base}
	return s.perItem(s.do), err
}

func (s *finishTable) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	it, err := s.item(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	name := names.RestoredTable(in.Item.ID, in.RefreshID)
	table, err := s.describe(ctx, name)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	if table == nil {
		return converge.Answer{}, nil, fault.New(fault.RestoreFailed, "finish "+name, name, "somebody deleted it; start a new refresh", "the restored table is gone")
	}
	if table.TableStatus != ddbtypes.TableStatusActive {
		return quickWait, nil, nil
	}
	set, over := *it.Settings.Table, s.t.TableSettings(in.Item.ID)
	var fact Finished
	if over.PointInTime != nil && *over.PointInTime != set.PointInTime {
		fact.Differences = append(fact.Differences, Difference{"point-in-time recovery", fmt.Sprint(set.PointInTime), fmt.Sprint(*over.PointInTime), "the target's configuration says so"})
		set.PointInTime = *over.PointInTime
	}
	changed, err := s.apply(ctx, in, table, set, over.DeletionProtection)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	if changed {
		return quickWait, nil, nil // the next look compares
	}
	return converge.DoneNow(), fact, nil
}

// apply makes the first setting that differs as wished; changed says that it
// did. One change at a time, because DynamoDB refuses a second one meanwhile.
func (s *finishTable) apply(ctx context.Context, in ItemInput, table *ddbtypes.TableDescription, set TableSettings, protect bool) (changed bool, err error) {
	for _, one := range []func() (bool, error){
		func() (bool, error) { return s.tags(ctx, in, table, set.Tags) },
		func() (bool, error) { return s.ttl(ctx, table, set.TTLAttribute) },
		func() (bool, error) { return s.recovery(ctx, table, set.PointInTime) },
		func() (bool, error) { return s.stream(ctx, table, set.StreamView) },
		func() (bool, error) { return s.protection(ctx, table, protect) },
	} {
		changed, err := one()
		if fault.HasCode(err, "ResourceInUseException", "LimitExceededException", "ContinuousBackupsUnavailableException") {
			return true, nil
		}
		if err != nil || changed {
			return changed, fault.AWS("finish the table", aws.ToString(table.TableName), err)
		}
	}
	return false, nil
}

func (s *finishTable) tags(ctx context.Context, in ItemInput, table *ddbtypes.TableDescription, recorded map[string]string) (bool, error) {
	have, err := tableTags(ctx, s.ddb, aws.ToString(table.TableArn))
	if err != nil {
		return false, err
	}
	missing := map[string]string{}
	want := ownTags(in, s.t.Name)
	for k, v := range recorded {
		want[k] = v
	}
	for k, v := range want {
		if have[k] != v {
			missing[k] = v
		}
	}
	if len(missing) == 0 {
		return false, nil
	}
	_, err = s.ddb.TagResource(ctx, &dynamodb.TagResourceInput{ResourceArn: table.TableArn, Tags: ddbTags(missing)})
	return true, err
}

func (s *finishTable) ttl(ctx context.Context, table *ddbtypes.TableDescription, attribute string) (bool, error) {
	if attribute == "" {
		return false, nil
	}
	is, err := s.ttlIs(ctx, table, attribute)
	if err != nil || is {
		return false, err
	}
	_, err = s.ddb.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: table.TableName,
		TimeToLiveSpecification: &ddbtypes.TimeToLiveSpecification{AttributeName: &attribute, Enabled: aws.Bool(true)}})
	if fault.HasCode(err, "ValidationException") {
		// DynamoDB refuses to switch on what is on: an earlier call of ours may
		// have done it and only its reply was lost.
		if is, lookErr := s.ttlIs(ctx, table, attribute); lookErr == nil && is {
			return true, nil
		}
	}
	return true, err
}

func (s *finishTable) ttlIs(ctx context.Context, table *ddbtypes.TableDescription, attribute string) (bool, error) {
	out, err := s.ddb.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: table.TableName})
	if err != nil {
		return false, err
	}
	return ttlAttribute(out.TimeToLiveDescription) == attribute, nil
}

func (s *finishTable) recovery(ctx context.Context, table *ddbtypes.TableDescription, on bool) (bool, error) {
	is, err := pointInTime(ctx, s.ddb, aws.ToString(table.TableName))
	if err != nil || is == on {
		return false, err
	}
	_, err = s.ddb.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{TableName: table.TableName,
		PointInTimeRecoverySpecification: &ddbtypes.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: &on}})
	return true, err
}

func (s *finishTable) stream(ctx context.Context, table *ddbtypes.TableDescription, view string) (bool, error) {
	if view == "" || table.StreamSpecification != nil && aws.ToBool(table.StreamSpecification.StreamEnabled) {
		return false, nil
	}
	_, err := s.ddb.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: table.TableName,
		StreamSpecification: &ddbtypes.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: ddbtypes.StreamViewType(view)}})
	return true, err
}

func (s *finishTable) protection(ctx context.Context, table *ddbtypes.TableDescription, protect bool) (bool, error) {
	if aws.ToBool(table.DeletionProtectionEnabled) == protect {
		return false, nil
	}
	_, err := s.ddb.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: table.TableName, DeletionProtectionEnabled: &protect})
	return true, err
}
