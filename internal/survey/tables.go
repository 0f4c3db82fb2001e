package survey

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
)

// tagLimit is the largest number of tables whose tags are read: DynamoDB
// answers ten ListTagsOfResource a second for a whole account.
const tagLimit = 100

// tables finds the tables that the selectors name and describes them.
func (v *visit) tables(ctx context.Context) error {
	found, err := v.tableNames(ctx)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(name string) bool {
		if v.wanted(name) {
			return false
		}
		v.f.LeftOut = append(v.f.LeftOut, check.Item{Kind: "table", ID: name})
		return true
	})
	tables := make([]check.TableFacts, len(found))
	err = v.Each(ctx, len(found), func(ctx context.Context, i int) (err error) {
		tables[i], err = v.table(ctx, found[i], len(found) <= tagLimit)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range tables { // keys are few and shared, so they are read in turn
		if f.KeyARN == "" {
			continue
		}
		if err := v.key(ctx, f.KeyARN, false); err != nil {
			return err
		}
	}
	v.f.Tables = append(v.f.Tables, tables...)
	return nil
}

func (v *visit) table(ctx context.Context, name string, withTags bool) (check.TableFacts, error) {
	out, err := v.ddb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if fault.IsNotFound(err) {
		return check.TableFacts{Name: name, Missing: true}, nil
	}
	if err != nil {
		return check.TableFacts{}, fault.AWS("describe the table", name, err)
	}
	t := out.Table
	f := check.TableFacts{Name: name, ARN: aws.ToString(t.TableArn), Status: string(t.TableStatus), Bytes: aws.ToInt64(t.TableSizeBytes), Tags: -1}
	if sse := t.SSEDescription; sse != nil {
		f.KeyARN, f.KeyLostAt = aws.ToString(sse.KMSMasterKeyArn), lostAt(sse)
	}
	if withTags {
		tags, err := v.tableTags(ctx, f.ARN)
		if err != nil {
			return f, err
		}
		f.Tags = userTags(tags)
	}
	return f, nil
}

func lostAt(sse *ddbtypes.SSEDescription) time.Time {
	return aws.ToTime(sse.InaccessibleEncryptionDateTime)
}

// tableNames resolves the selectors. Tables are listed only when a prefix or a
// tag asks for it; tags are read only when a tag does.
func (v *visit) tableNames(ctx context.Context) ([]string, error) {
	var listed, out []string
	for i, sel := range v.config.DataSet.Tables {
		if sel.ID != "" {
			out = appendNew(out, sel.ID)
			continue
		}
		if listed == nil {
			var err error
			if listed, err = v.listTables(ctx); err != nil {
				return nil, err
			}
		}
		found := 0
		for _, name := range listed {
			ok, err := v.tableMatches(ctx, sel, name)
			if err != nil {
				return nil, err
			}
			if ok {
				out = appendNew(out, name)
				found++
			}
		}
		v.selected("tables", i, sel, found)
	}
	return out, nil
}

func appendNew(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

func (v *visit) listTables(ctx context.Context) ([]string, error) {
	all := []string{}
	pages := dynamodb.NewListTablesPaginator(v.ddb, &dynamodb.ListTablesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("list the tables", v.here.Account, err)
		}
		all = append(all, page.TableNames...)
	}
	return all, nil
}

func (v *visit) tableMatches(ctx context.Context, sel config.Selector, name string) (bool, error) {
	if sel.Tag == nil {
		return sel.Matches(name, nil), nil
	}
	tags, err := v.tableTags(ctx, v.here.Table(name))
	return err == nil && sel.Matches(name, tags), err
}

// tableTags reads all tags of a table.
func (v *visit) tableTags(ctx context.Context, arn string) (map[string]string, error) {
	tags := map[string]string{}
	in := &dynamodb.ListTagsOfResourceInput{ResourceArn: &arn}
	for {
		page, err := v.ddb.ListTagsOfResource(ctx, in)
		if err != nil {
			return nil, fault.AWS("read the tags of the table", arn, err)
		}
		for _, t := range page.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		if page.NextToken == nil {
			return tags, nil
		}
		in.NextToken = page.NextToken
	}
}
