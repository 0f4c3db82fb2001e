package dynamodb

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) queryOp() awsworld.Op {
	return row("Query", s.query, on(s, func(in *dynamodb.QueryInput) *string { return in.TableName }),
		"one condition, that the hash key equals a value; no filters, projections or indexes; reads are always consistent")
}

// hashCondition is the one form of a key condition that is understood.
var hashCondition = regexp.MustCompile(`^\s*(#?[A-Za-z0-9_.-]+)\s*=\s*(:[A-Za-z0-9_]+)\s*$`)

// query lists the items of one hash key in the order of their range key.
func (s *Service) query(c *awsworld.Call, in *dynamodb.QueryInput) (*dynamodb.QueryOutput, error) {
	if err := service.OnlyFields(c, "TableName", "KeyConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues", "Limit", "ConsistentRead", "Select"); err != nil {
		return nil, err
	}
	t, err := s.forData(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, err
	}
	prefix, err := t.hashPrefix(in)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.QueryOutput{}
	for _, key := range t.sortedKeys() {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		if in.Limit != nil && out.Count == *in.Limit {
			break
		}
		out.Count++
		if in.Select != types.SelectCount {
			out.Items = append(out.Items, clone(t.items[key]))
		}
	}
	out.ScannedCount = out.Count
	return out, nil
}

// hashPrefix is how the encoded keys of the wanted items begin; an encoded
// value is never the beginning of another.
func (t *table) hashPrefix(in *dynamodb.QueryInput) (string, error) {
	m := hashCondition.FindStringSubmatch(aws.ToString(in.KeyConditionExpression))
	if m == nil {
		return "", &awsworld.Unsimulated{Service: "DynamoDB", Operation: "Query with " + aws.ToString(in.KeyConditionExpression)}
	}
	name := m[1]
	if strings.HasPrefix(name, "#") {
		name = in.ExpressionAttributeNames[name]
	}
	value, ok := in.ExpressionAttributeValues[m[2]]
	switch {
	case name != t.Hash.Name:
		return "", invalid("Query condition missed key schema element: %s", t.Hash.Name)
	case !ok:
		return "", invalid("Invalid KeyConditionExpression: An expression attribute value used in expression is not defined; attribute value: %s", m[2])
	}
	stored, err := normalizeMap(Item{name: value}, 1)
	if err != nil {
		return "", err
	}
	if typeOf(stored[name]) != t.Hash.Type {
		return "", invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
	}
	return string(encode(nil, stored[name])), nil
}
