package refresh

import (
	"context"
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
	a, fact, err := restoring{
		step: &s.step, backup: s.backup, in: in, name: names.RestoredTable, arn: s.here.Table, created: s.created,
		start: func(ctx context.Context, name, token string) (string, error) {
			it, err := s.item(ctx, in)
			if err != nil {
				return "", err
			}
			return s.start(ctx, it, name, token)
		},
	}.converge(ctx)
	if err != nil || a.Status != converge.Done {
		return a, nil, err
	}
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

func (s *restoreTable) created(ctx context.Context, name string) (time.Time, bool, error) {
	table, err := s.describe(ctx, name)
	if err != nil || table == nil {
		return time.Time{}, false, err
	}
	return utc(table.CreationDateTime), true, nil
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
