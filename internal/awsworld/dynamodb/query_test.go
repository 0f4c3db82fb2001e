package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
)

func TestQuery(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(0, func(s *dynamodb.TableSpec) {
			for _, customer := range []string{"c1", "c11"} {
				for _, line := range []string{"10", "2", "1"} {
					s.Items = append(s.Items, dynamodb.Item{"customer": str(customer), "line": num(line)})
				}
			}
		})
		in := func(condition string, value types.AttributeValue) *sdk.QueryInput {
			return &sdk.QueryInput{
				TableName: aws.String("shop-carts"), KeyConditionExpression: &condition, ExpressionAttributeNames: map[string]string{"#c": "customer", "#l": "line"},
				ExpressionAttributeValues: map[string]types.AttributeValue{":c": value},
			}
		}
		c := f.client(prod)
		for name, q := range map[string]struct {
			in   *sdk.QueryInput
			want string
		}{
			"by an alias":        {in("#c = :c", str("c1")), "3"},
			"by the name":        {in("customer = :c", str("c11")), "3"},
			"nobody":             {in("#c = :c", str("c")), "0"},
			"not the hash key":   {in("#l = :c", num("1")), "ValidationException"},
			"of another type":    {in("#c = :c", num("1")), "ValidationException"},
			"value not given":    {in("#c = :d", str("c1")), "ValidationException"},
			"another expression": {in("#c = :c AND #l > :c", str("c1")), "the rehearsal does not simulate"},
		} {
			out, err := c.Query(ctx, q.in)
			got := code(err)
			if err == nil {
				got = fmt.Sprint(out.Count)
			}
			if !strings.Contains(got, q.want) {
				t.Errorf("%s: %s, want %s", name, got, q.want)
			}
		}
		limited := in("#c = :c", str("c1"))
		limited.Limit = aws.Int32(2)
		if out, err := c.Query(ctx, limited); err != nil || len(out.Items) != 2 {
			t.Errorf("%v, %v", out, err)
		}
		if _, err := f.client(prod, `{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*"}`).Query(ctx, in("#c = :c", str("c1"))); code(err) != "AccessDeniedException" {
			t.Errorf("without permission: %v", err)
		}
	})
}
