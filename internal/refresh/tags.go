package refresh

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
)

// RDSTags makes a map of a tag list.
func RDSTags(list []rdstypes.Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags
}

// SecretTags makes a map of a tag list.
func SecretTags(list []smtypes.Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags
}

// TableTags reads all tags of a table.
func TableTags(ctx context.Context, client *dynamodb.Client, arn string) (map[string]string, error) {
	tags := map[string]string{}
	in := &dynamodb.ListTagsOfResourceInput{ResourceArn: &arn}
	for {
		page, err := client.ListTagsOfResource(ctx, in)
		if err != nil {
			return nil, fault.AWS("read the tags of the table", arn, err)
		}
		for _, t := range page.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		if page.NextToken == nil {
			break
		}
		in.NextToken = page.NextToken
	}
	return tags, nil
}

// ddbTags makes a tag list in the order of the keys.
func ddbTags(tags map[string]string) []ddbtypes.Tag {
	var out []ddbtypes.Tag
	for _, k := range sortedKeys(tags) {
		out = append(out, ddbtypes.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}

// keepable drops the tags that must not travel: AWS's own, dbferry's, and those
// that name something of production by its ARN.
func keepable(tags map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range tags {
		if !strings.HasPrefix(k, "aws:") && !strings.HasPrefix(k, names.Prefix+":") && !strings.HasPrefix(v, "arn:") {
			out[k] = v
		}
	}
	return out
}
