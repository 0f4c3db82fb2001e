package dynamodb

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

const reference = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_"

func row[In, Out any](name string, do func(*awsworld.Call, *In) (*Out, error), resources func(*awsworld.Call) []awsworld.Resource, differs string) awsworld.Op {
	op := awsworld.On("DynamoDB", name, "dynamodb:"+name, do)
	op.Resources = resources
	op.Source = reference + name + ".html; docs/aws.md §8"
	op.Differs = differs
	return op
}

func (s *Service) ops() []awsworld.Op {
	return append(append(s.tableOps(), s.itemOps()...), s.backupOps()...)
}

// on is the table that the input names.
func on[In any](s *Service, name func(*In) *string) func(*awsworld.Call) []awsworld.Resource {
	return func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{s.resource(c, aws.ToString(name(awsworld.Input[In](c))))}
	}
}

func (s *Service) resource(c *awsworld.Call, name string) awsworld.Resource {
	arn, owner := name, service.AccountOf(name)
	if !strings.HasPrefix(name, "arn:") {
		arn, owner = s.tableARN(c.Account.ID, name), c.Account.ID
	}
	r := awsworld.Resource{ARN: arn, Owner: owner, Kind: iam.General}
	if t, err := s.find(c.Account.ID, name); err == nil {
		r.Context = service.TagContext(t.Tags)
	}
	return r
}

func (s *Service) tableOps() []awsworld.Op {
	tag := row("TagResource", s.tagResource, on(s, func(in *dynamodb.TagResourceInput) *string { return in.ResourceArn }), "takes effect at once")
	tag.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		keys := map[string][]string{}
		for _, t := range awsworld.Input[dynamodb.TagResourceInput](c).Tags {
			keys["aws:RequestTag/"+aws.ToString(t.Key)] = []string{aws.ToString(t.Value)}
			keys["aws:TagKeys"] = append(keys["aws:TagKeys"], aws.ToString(t.Key))
		}
		return keys
	}
	untag := row("UntagResource", s.untagResource, on(s, func(in *dynamodb.UntagResourceInput) *string { return in.ResourceArn }), "takes effect at once")
	untag.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		return map[string][]string{"aws:TagKeys": awsworld.Input[dynamodb.UntagResourceInput](c).TagKeys}
	}
	return []awsworld.Op{
		row("DescribeTable", s.describeTable, on(s, func(in *dynamodb.DescribeTableInput) *string { return in.TableName }),
			"counts are taken when somebody looks and six hours have passed; a restored table shows zero until then"),
		row("ListTables", s.listTables, nil, ""),
		row("UpdateTable", s.updateTable, on(s, func(in *dynamodb.UpdateTableInput) *string { return in.TableName }),
			"deletion protection, stream, billing, throughput (of indexes too) and table class; durations are modelled"),
		row("DeleteTable", s.deleteTable, on(s, func(in *dynamodb.DeleteTableInput) *string { return in.TableName }), "durations are modelled"),
		row("DescribeTimeToLive", s.describeTTL, on(s, func(in *dynamodb.DescribeTimeToLiveInput) *string { return in.TableName }), ""),
		row("UpdateTimeToLive", s.updateTTL, on(s, func(in *dynamodb.UpdateTimeToLiveInput) *string { return in.TableName }),
			"expired items are not deleted; durations are modelled"),
		row("DescribeContinuousBackups", s.describeBackups, on(s, func(in *dynamodb.DescribeContinuousBackupsInput) *string { return in.TableName }), ""),
		row("UpdateContinuousBackups", s.updateBackups, on(s, func(in *dynamodb.UpdateContinuousBackupsInput) *string { return in.TableName }),
			"refused for a short while after the table became active; the length is modelled"),
		row("ListTagsOfResource", s.listTags, on(s, func(in *dynamodb.ListTagsOfResourceInput) *string { return in.ResourceArn }), ""),
		tag, untag,
		row("GetResourcePolicy", s.resourcePolicy, on(s, func(in *dynamodb.GetResourcePolicyInput) *string { return in.ResourceArn }),
			"policies of tables are shown and not enforced"),
		row("DescribeKinesisStreamingDestination", s.describeKinesis, on(s, func(in *dynamodb.DescribeKinesisStreamingDestinationInput) *string { return in.TableName }),
			"nothing is streamed"),
		row("DescribeContributorInsights", s.describeInsights, on(s, func(in *dynamodb.DescribeContributorInsightsInput) *string { return in.TableName }),
			"of tables, not of indexes"),
	}
}

func (s *Service) itemOps() []awsworld.Op {
	const noExpressions = "no expressions, conditions or indexes; reads are always consistent"
	batch := row("BatchWriteItem", s.batchWrite, func(c *awsworld.Call) []awsworld.Resource {
		out := []awsworld.Resource{}
		for _, name := range slices.Sorted(maps.Keys(awsworld.Input[dynamodb.BatchWriteItemInput](c).RequestItems)) {
			out = append(out, s.resource(c, name))
		}
		return out
	}, "nothing is left unprocessed")
	return []awsworld.Op{
		row("PutItem", s.putItem, on(s, func(in *dynamodb.PutItemInput) *string { return in.TableName }), noExpressions),
		row("GetItem", s.getItem, on(s, func(in *dynamodb.GetItemInput) *string { return in.TableName }), noExpressions),
		row("Scan", s.scan, on(s, func(in *dynamodb.ScanInput) *string { return in.TableName }), noExpressions),
		batch, s.queryOp(),
	}
}

func (s *Service) backupOps() []awsworld.Op {
	start := row("StartAwsBackupJob", s.startBackup, on(s, func(in *StartAwsBackupJobInput) *string { return &in.TableARN }),
		"not a public operation; the same for advanced and basic backups; a table under a KMS key asks for kms:Decrypt through DynamoDB")
	start.Source = "docs/aws.md §1.6, §8"
	restore := row("RestoreTableFromAwsBackup", s.restoreTable, on(s, func(in *TableRestore) *string { return &in.Name }),
		"not a public operation; the item permissions that native restores ask for are not asked")
	restore.Source = "docs/aws.md §1.6, §4.3, §8"
	start.Internal, restore.Internal = true, true
	return []awsworld.Op{start, restore}
}
