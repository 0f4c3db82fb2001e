package dynamodb

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func lastPart(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// view is the table as DescribeTable shows it, freshly built. The counts are
// as old as Timing.CountsAge allows.
func (s *Service) view(t *table) *types.TableDescription {
	if now := s.w.Now(); now.Sub(t.counted) >= s.Timing.CountsAge {
		t.count(now)
	}
	v := &types.TableDescription{
		TableName: aws.String(t.Name), TableArn: aws.String(t.arn), TableId: aws.String(t.id), TableStatus: t.status,
		CreationDateTime: aws.Time(t.created), ItemCount: aws.Int64(t.shownItems), TableSizeBytes: aws.Int64(t.shownBytes),
		KeySchema: schema(t.Hash, t.Range), AttributeDefinitions: t.definitions(),
		ProvisionedThroughput:     throughput(t.Read, t.Write),
		DeletionProtectionEnabled: aws.Bool(t.DeletionProtection),
		TableClassSummary:         &types.TableClassSummary{TableClass: t.Class},
	}
	if t.onDemand() {
		v.BillingModeSummary = &types.BillingModeSummary{BillingMode: types.BillingModePayPerRequest, LastUpdateToPayPerRequestDateTime: aws.Time(t.created)}
	}
	if t.KeyARN != "" {
		v.SSEDescription = &types.SSEDescription{Status: types.SSEStatusEnabled, SSEType: types.SSETypeKms, KMSMasterKeyArn: aws.String(t.KeyARN)}
		if !t.KeyLostAt.IsZero() {
			v.SSEDescription.InaccessibleEncryptionDateTime = aws.Time(t.KeyLostAt)
		}
	}
	if t.streamLabel != "" {
		v.LatestStreamLabel = aws.String(t.streamLabel)
		v.LatestStreamArn = aws.String(t.arn + "/stream/" + t.streamLabel)
	}
	if t.Stream != "" {
		v.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: t.Stream}
	}
	for _, region := range t.Replicas {
		v.Replicas = append(v.Replicas, types.ReplicaDescription{RegionName: aws.String(region), ReplicaStatus: types.ReplicaStatusActive})
	}
	if r := t.restore; r != nil {
		v.RestoreSummary = &types.RestoreSummary{
			SourceBackupArn: aws.String(*r.SourceBackupArn), SourceTableArn: aws.String(*r.SourceTableArn),
			RestoreDateTime: aws.Time(*r.RestoreDateTime), RestoreInProgress: aws.Bool(t.status == types.TableStatusCreating),
		}
	}
	t.viewIndexes(v)
	return v
}

func (t *table) viewIndexes(v *types.TableDescription) {
	status := types.IndexStatusActive
	if t.status == types.TableStatusCreating {
		status = types.IndexStatusCreating
	}
	for _, i := range t.Indexes {
		projection := &types.Projection{ProjectionType: cmp.Or(i.Projection, types.ProjectionTypeAll), NonKeyAttributes: slices.Clone(i.NonKey)}
		arn := aws.String(t.arn + "/index/" + i.Name)
		if i.Local {
			v.LocalSecondaryIndexes = append(v.LocalSecondaryIndexes, types.LocalSecondaryIndexDescription{
				IndexName: aws.String(i.Name), IndexArn: arn, KeySchema: schema(i.Hash, i.Range), Projection: projection,
				ItemCount: aws.Int64(t.shownItems), IndexSizeBytes: aws.Int64(t.shownBytes),
			})
			continue
		}
		v.GlobalSecondaryIndexes = append(v.GlobalSecondaryIndexes, types.GlobalSecondaryIndexDescription{
			IndexName: aws.String(i.Name), IndexArn: arn, KeySchema: schema(i.Hash, i.Range), Projection: projection, IndexStatus: status,
			ItemCount: aws.Int64(t.shownItems), IndexSizeBytes: aws.Int64(t.shownBytes), ProvisionedThroughput: throughput(i.Read, i.Write),
		})
	}
}

func throughput(read, write int64) *types.ProvisionedThroughputDescription {
	return &types.ProvisionedThroughputDescription{
		ReadCapacityUnits: aws.Int64(read), WriteCapacityUnits: aws.Int64(write), NumberOfDecreasesToday: aws.Int64(0),
	}
}

func schema(hash, sort Attribute) []types.KeySchemaElement {
	out := []types.KeySchemaElement{{AttributeName: aws.String(hash.Name), KeyType: types.KeyTypeHash}}
	if sort.Name != "" {
		out = append(out, types.KeySchemaElement{AttributeName: aws.String(sort.Name), KeyType: types.KeyTypeRange})
	}
	return out
}

// definitions lists the key attributes of table and indexes, each once.
func (t *table) definitions() []types.AttributeDefinition {
	all := t.keyAttributes()
	for _, i := range t.Indexes {
		all = append(all, i.Hash, i.Range)
	}
	slices.SortFunc(all, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	var out []types.AttributeDefinition
	for _, a := range slices.Compact(all) {
		if a.Name != "" {
			out = append(out, types.AttributeDefinition{AttributeName: aws.String(a.Name), AttributeType: a.Type})
		}
	}
	return out
}

func (t *table) backups(now time.Time) *types.ContinuousBackupsDescription {
	p := &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusDisabled}
	if t.PointInTime {
		p.PointInTimeRecoveryStatus = types.PointInTimeRecoveryStatusEnabled
		p.RecoveryPeriodInDays = aws.Int32(t.RecoveryDays)
		p.EarliestRestorableDateTime, p.LatestRestorableDateTime = aws.Time(t.pointInTimeAt), aws.Time(now)
	}
	return &types.ContinuousBackupsDescription{ContinuousBackupsStatus: types.ContinuousBackupsStatusEnabled, PointInTimeRecoveryDescription: p}
}

// StreamARN is the ARN of a table's latest stream; ok is false when it has none.
func (s *Service) StreamARN(account, name string) (arn string, ok bool) {
	t := s.account(account).tables[name]
	if t == nil || t.streamLabel == "" {
		return "", false
	}
	return t.arn + "/stream/" + t.streamLabel, true
}
