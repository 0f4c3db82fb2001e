package backup

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// tables is how AWS Backup works with DynamoDB. The data of an advanced backup
// lies in the vault, so AWS Backup itself copies it.
type tables struct{ *Service }

func (e tables) describe(ctx context.Context, caller awsworld.Caller, name string) (*ddbtypes.TableDescription, error) {
	out, err := service.Call[sdkddb.DescribeTableOutput](ctx, e.w, caller, "DynamoDB", "DescribeTable", &sdkddb.DescribeTableInput{TableName: aws.String(name)})
	if err != nil {
		return nil, err
	}
	return out.Table, nil
}

func (e tables) exists(r resource) error {
	if _, err := e.describe(context.Background(), e.w.GroundCaller(r.account), r.name); err != nil {
		return notFound("Resource %s was not found", r.arn)
	}
	return nil
}

// pointARN tells by its form whether the advanced features are on
// (docs/aws.md §1.4).
func (e tables) pointARN(j *backupJob) string {
	if e.account(j.account).advanced() {
		return e.w.ARN("backup", j.account, "recovery-point:"+e.w.UUID())
	}
	return fmt.Sprintf("%s/backup/%014d-%s", j.source.arn, j.created.UnixMilli(), e.w.Hex(8))
}

// basic says whether a recovery point was made without the advanced features;
// such a one cannot be copied.
func basic(p *point) bool { return strings.HasPrefix(p.arn, "arn:aws:dynamodb:") }

func (e tables) beginBackup(ctx context.Context, caller awsworld.Caller, j *backupJob, p *point, v *vault) error {
	table, err := e.describe(ctx, caller, j.source.name)
	if err != nil {
		return err
	}
	if p.resourceTags, err = e.tagsOf(ctx, caller, j.source.arn); err != nil {
		return err
	}
	p.tags = merged(p.resourceTags, j.tags)
	if len(p.tags) > maxTags {
		return failf(msgTags)
	}
	p.metadata = tableMetadata(table)
	e.encryptTable(p, v, table)
	out, err := service.Call[dynamodb.StartAwsBackupJobOutput](ctx, e.w, caller, "DynamoDB", "StartAwsBackupJob", &dynamodb.StartAwsBackupJobInput{TableARN: j.source.arn})
	if err != nil {
		return err
	}
	p.image, p.size = out.Image, out.SizeBytes
	p.cutOff = CutOff{Earliest: out.At, Latest: out.At} // the request's own moment (docs/aws.md §8)
	return nil
}

func (e tables) tagsOf(ctx context.Context, caller awsworld.Caller, arn string) (map[string]string, error) {
	tags := map[string]string{}
	in := &sdkddb.ListTagsOfResourceInput{ResourceArn: aws.String(arn)}
	for {
		out, err := service.Call[sdkddb.ListTagsOfResourceOutput](ctx, e.w, caller, "DynamoDB", "ListTagsOfResource", in)
		if err != nil {
			return nil, err
		}
		for _, t := range out.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return tags, nil
		}
	}
}

// encryptTable: an advanced backup is under the vault's key, a basic one under
// the table's (docs/aws.md §2.3).
func (e tables) encryptTable(p *point, v *vault, table *ddbtypes.TableDescription) {
	if !basic(p) {
		p.encrypt(v)
		return
	}
	if table.SSEDescription != nil {
		p.key = aws.ToString(table.SSEDescription.KMSMasterKeyArn)
		p.customerKey = e.customerKey(p.key)
	}
}

func (e tables) followBackup(j *backupJob) error { return e.spend(&j.job, e.tableTime(j.point.size)) }

// beginCopy: the destination's service-linked role does the copying, so it
// must exist.
func (e tables) beginCopy(j *copyJob) error {
	if _, err := e.linked(j.toAccount, j.site); err != nil {
		return err
	}
	if j.to == nil {
		j.to = e.copied(j, e.w.ARN("backup", j.toAccount, "recovery-point:"+e.w.UUID()))
	}
	j.to.encrypt(e.account(j.toAccount).vaults[j.toVault])
	return nil
}

func (e tables) followCopy(j *copyJob) error { return e.spend(&j.job, e.tableTime(j.from.size)) }

func (e tables) endCopy(*copyJob) error { return nil }

// drop forgets the data with the last recovery point that holds it; it is AWS
// Backup's own, so no permission is asked for.
func (e tables) drop(_ context.Context, _ awsworld.Caller, p *point) error {
	for _, acct := range e.w.Accounts() {
		for _, other := range e.account(acct.ID).points {
			if other != p && other.image == p.image {
				return nil
			}
		}
	}
	e.dynamodb.DropImage(p.image)
	return nil
}

func (e tables) beginRestore(ctx context.Context, caller awsworld.Caller, j *restoreJob) error {
	if j.copyTags {
		return failf("Copying the tags of the source to the restored resource is not supported for resource type DynamoDB.")
	}
	if v := e.account(j.account).vaults[j.from.vault]; v != nil {
		if err := e.usable(v); err != nil {
			return err
		}
	}
	m := j.metadata.table
	out, err := service.Call[dynamodb.RestoreTableOutput](ctx, e.w, caller, "DynamoDB", "RestoreTableFromAwsBackup", &dynamodb.TableRestore{
		Image: j.from.image, Name: m.name, SourceARN: j.source.arn, PointARN: j.from.arn, Encryption: m.encryption, Key: m.key,
	})
	if err != nil {
		return err
	}
	j.madeARN = out.TableARN
	return nil
}

func (e tables) followRestore(caller awsworld.Caller, j *restoreJob) error {
	name := j.metadata.table.name
	return e.watch(j.scope, func() (bool, error) {
		t, err := e.describe(j.scope, caller, name)
		if err != nil {
			return false, err
		}
		switch t.TableStatus {
		case ddbtypes.TableStatusActive:
			return true, nil
		case ddbtypes.TableStatusCreating, ddbtypes.TableStatusUpdating:
			return false, nil
		}
		return false, failf("Table %s is %s.", name, t.TableStatus)
	})
}

// tableMetadata is what GetRecoveryPointRestoreMetadata answers for a table.
func tableMetadata(t *ddbtypes.TableDescription) map[string]string {
	m := map[string]string{"targetTableName": aws.ToString(t.TableName), "encryptionType": "Default"}
	if t.SSEDescription != nil {
		m["encryptionType"] = "KMS"
		m["kmsMasterKeyArn"] = aws.ToString(t.SSEDescription.KMSMasterKeyArn)
	}
	return m
}
