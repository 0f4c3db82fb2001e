package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
)

var name = aws.String("shop-carts")

func TestDescribeShowsEverySetting(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(3, nil)
		c := f.client(prod)
		d := describe(f, c, "shop-carts")
		if d.TableStatus != types.TableStatusActive || *d.ItemCount != 3 || *d.TableSizeBytes == 0 || d.StreamSpecification.StreamViewType != types.StreamViewTypeNewImage ||
			!strings.HasPrefix(*d.LatestStreamArn, carts+"/stream/2026-01-01T") || !*d.DeletionProtectionEnabled || d.BillingModeSummary != nil ||
			d.TableClassSummary.TableClass != types.TableClassStandardInfrequentAccess || d.GlobalSecondaryIndexes[0].IndexStatus != types.IndexStatusActive {
			t.Errorf("%+v", d)
		}
		ttl, err := c.DescribeTimeToLive(ctx, &sdk.DescribeTimeToLiveInput{TableName: name})
		if err != nil || *ttl.TimeToLiveDescription.AttributeName != "expires" {
			t.Errorf("%+v %v", ttl, err)
		}
		backups, err := c.DescribeContinuousBackups(ctx, &sdk.DescribeContinuousBackupsInput{TableName: name})
		if err != nil || *backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.RecoveryPeriodInDays != 35 {
			t.Errorf("%+v %v", backups, err)
		}
		for _, missing := range []error{
			second(c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: aws.String("none")})),
			second(c.DescribeTimeToLive(ctx, &sdk.DescribeTimeToLiveInput{TableName: aws.String("none")})),
			second(c.PutItem(ctx, &sdk.PutItemInput{TableName: aws.String("none"), Item: cart(1)})),
		} {
			if code(missing) != "ResourceNotFoundException" {
				t.Error(missing)
			}
		}
		if _, err := c.DescribeContinuousBackups(ctx, &sdk.DescribeContinuousBackupsInput{TableName: aws.String("none")}); code(err) != "TableNotFoundException" {
			t.Error(err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestCountsAreStale(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(3, nil)
		c := f.client(prod)
		f.ok(f.PutItems(prod, "shop-carts", cart(100), cart(101)))
		if n := *describe(f, c, "shop-carts").ItemCount; n != 3 {
			t.Errorf("at once: %d", n)
		}
		f.sleep(6 * time.Hour)
		if n := *describe(f, c, "shop-carts").ItemCount; n != 5 {
			t.Errorf("after six hours: %d", n)
		}
	})
}

func TestScanInPages(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(25, nil)
		c := f.client(prod)
		seen, pages := map[string]bool{}, 0
		for p := sdk.NewScanPaginator(c, &sdk.ScanInput{TableName: name, Limit: aws.Int32(10)}); p.HasMorePages(); pages++ {
			out, err := p.NextPage(ctx)
			f.ok(err)
			for _, item := range out.Items {
				seen[item["customer"].(*types.AttributeValueMemberS).Value] = true
			}
		}
		if pages != 3 || len(seen) != 25 {
			t.Errorf("%d pages, %d items", pages, len(seen))
		}
		total := int32(0)
		for i := range int32(4) {
			out, err := c.Scan(ctx, &sdk.ScanInput{TableName: name, Segment: aws.Int32(i), TotalSegments: aws.Int32(4), Select: types.SelectCount})
			f.ok(err)
			total += out.Count
		}
		if total != 25 {
			t.Errorf("four segments have %d items", total)
		}
		if _, err := c.Scan(ctx, &sdk.ScanInput{TableName: name, FilterExpression: aws.String("x")}); err == nil || !strings.Contains(err.Error(), "does not simulate DynamoDB.Scan with FilterExpression") {
			t.Errorf("an expression: %v", err)
		}
	})
}

func TestItems(t *testing.T) {
	cases := []struct {
		name string
		item dynamodb.Item
		want string
	}{
		{"fine", cart(1), "ok"},
		{"nested", dynamodb.Item{"customer": str("a"), "line": num("1"), "m": &types.AttributeValueMemberM{Value: dynamodb.Item{"l": &types.AttributeValueMemberL{Value: []types.AttributeValue{num("-0.50")}}}}}, "ok"},
		{"no range key", dynamodb.Item{"customer": str("a")}, "ValidationException"},
		{"key of another type", dynamodb.Item{"customer": str("a"), "line": str("1")}, "ValidationException"},
		{"empty key", dynamodb.Item{"customer": str(""), "line": num("1")}, "ValidationException"},
		{"no number", dynamodb.Item{"customer": str("a"), "line": num("one")}, "ValidationException"},
		{"empty set", dynamodb.Item{"customer": str("a"), "line": num("1"), "s": set()}, "ValidationException"},
		{"twice in a set", dynamodb.Item{"customer": str("a"), "line": num("1"), "s": set("x", "x")}, "ValidationException"},
		{"nil value", dynamodb.Item{"customer": str("a"), "line": num("1"), "s": nil}, "ValidationException"},
		{"too large", dynamodb.Item{"customer": str("a"), "line": num("1"), "s": str(strings.Repeat("x", 400<<10))}, "ValidationException"},
		{"too deep", dynamodb.Item{"customer": str("a"), "line": num("1"), "d": deep(33)}, "ValidationException"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(0, nil)
				client := f.client(prod)
				if c.item["s"] == nil && c.want != "ok" && c.name == "nil value" {
					if got := code(f.PutItems(prod, "shop-carts", c.item)); got != c.want {
						t.Errorf("got %s", got)
					}
					return
				}
				_, err := client.PutItem(ctx, &sdk.PutItemInput{TableName: name, Item: c.item})
				if code(err) != c.want {
					t.Fatalf("got %v, want %s", err, c.want)
				}
				if c.want != "ok" {
					return
				}
				out, err := client.GetItem(ctx, &sdk.GetItemInput{TableName: name, Key: dynamodb.Item{"customer": c.item["customer"], "line": c.item["line"]}})
				if err != nil || len(out.Item) != len(c.item) {
					t.Errorf("read back %+v, %v", out, err)
				}
			})
		})
	}
}

func deep(n int) types.AttributeValue {
	v := str("x")
	for range n {
		v = &types.AttributeValueMemberL{Value: []types.AttributeValue{v}}
	}
	return v
}

func TestBatchWrite(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(5, nil)
		c := f.client(prod)
		_, err := c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"shop-carts": {
			{PutRequest: &types.PutRequest{Item: cart(50)}},
			{DeleteRequest: &types.DeleteRequest{Key: dynamodb.Item{"customer": str("c0001"), "line": num("1")}}},
			{DeleteRequest: &types.DeleteRequest{Key: dynamodb.Item{"customer": str("c0002"), "line": num("1.0")}}},
		}}})
		f.ok(err)
		if n, _, _ := f.Checksum(prod, "shop-carts"); n != 4 {
			t.Errorf("%d items", n)
		}
		many := make([]types.WriteRequest, 26)
		for i := range many {
			many[i].PutRequest = &types.PutRequest{Item: cart(i)}
		}
		if _, err := c.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"shop-carts": many}}); code(err) != "ValidationException" {
			t.Errorf("26 requests: %v", err)
		}
	})
}

func TestListTables(t *testing.T) {
	inWorld(t, func(f fixture) {
		for i := range 25 {
			f.ok(f.PutTable(prod, dynamodb.TableSpec{Name: fmt.Sprintf("table-%02d", i), Hash: attr("id", "S")}))
		}
		var all []string
		for p := sdk.NewListTablesPaginator(f.client(prod), &sdk.ListTablesInput{Limit: aws.Int32(10)}); p.HasMorePages(); {
			out, err := p.NextPage(ctx)
			f.ok(err)
			all = append(all, out.TableNames...)
		}
		if len(all) != 25 || all[0] != "table-00" || all[24] != "table-24" {
			t.Errorf("%v", all)
		}
	})
}

func TestTTLChangesOnceAnHour(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(1, func(s *dynamodb.TableSpec) { s.TTLAttribute = "" })
		c := f.client(prod)
		update := func(on bool, attribute string) string {
			_, err := c.UpdateTimeToLive(ctx, &sdk.UpdateTimeToLiveInput{TableName: name, TimeToLiveSpecification: &types.TimeToLiveSpecification{Enabled: aws.Bool(on), AttributeName: aws.String(attribute)}})
			if err != nil {
				return err.Error()
			}
			return "ok"
		}
		status := func() types.TimeToLiveStatus {
			out, err := c.DescribeTimeToLive(ctx, &sdk.DescribeTimeToLiveInput{TableName: name})
			f.ok(err)
			return out.TimeToLiveDescription.TimeToLiveStatus
		}
		if got := update(false, "expires"); !strings.Contains(got, "already disabled") {
			t.Error(got)
		}
		if got := update(true, "expires"); got != "ok" {
			t.Error(got)
		}
		if got := status(); got != types.TimeToLiveStatusEnabling {
			t.Error(got)
		}
		f.sleep(5 * time.Minute)
		if got := status(); got != types.TimeToLiveStatusEnabled {
			t.Error(got)
		}
		if got := update(false, "expires"); !strings.Contains(got, "multiple times within a fixed interval") {
			t.Error(got)
		}
		f.sleep(time.Hour)
		if got := update(true, "expires"); !strings.Contains(got, "already enabled") {
			t.Error(got)
		}
		if got := update(false, "other"); !strings.Contains(got, "different AttributeName") {
			t.Error(got)
		}
		if got := update(false, "expires"); got != "ok" {
			t.Error(got)
		}
		w := f.w.Waits.All()
		if len(w) != 2 || w[0].Phase != "settings" || w[0].Item != "shop-carts" || w[0].Noticed.IsZero() {
			t.Errorf("waits %+v", w)
		}
	})
}

func TestUpdateTable(t *testing.T) {
	cases := []struct {
		name string
		in   sdk.UpdateTableInput
		want string
	}{
		{"nothing", sdk.UpdateTableInput{}, "ValidationException"},
		{"protection", sdk.UpdateTableInput{DeletionProtectionEnabled: aws.Bool(false)}, "ok"},
		{"stream that is on", sdk.UpdateTableInput{StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage}}, "ValidationException"},
		{"stream off", sdk.UpdateTableInput{StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(false)}}, "ok"},
		{"same throughput", sdk.UpdateTableInput{ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(5), WriteCapacityUnits: aws.Int64(6)}}, "ValidationException"},
		{"other throughput", sdk.UpdateTableInput{ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(9), WriteCapacityUnits: aws.Int64(9)}}, "ok"},
		{"on demand", sdk.UpdateTableInput{BillingMode: types.BillingModePayPerRequest}, "ok"},
		{"on demand with units", sdk.UpdateTableInput{BillingMode: types.BillingModePayPerRequest, ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(9), WriteCapacityUnits: aws.Int64(9)}}, "ValidationException"},
		{"provisioned without units", sdk.UpdateTableInput{BillingMode: types.BillingModeProvisioned}, "ValidationException"},
		{"class", sdk.UpdateTableInput{TableClass: types.TableClassStandard}, "ok"},
		{"index of nowhere", sdk.UpdateTableInput{GlobalSecondaryIndexUpdates: throughputOf("none", 3)}, "ResourceNotFoundException"},
		{"index without units", sdk.UpdateTableInput{GlobalSecondaryIndexUpdates: throughputOf("by-owner", 0)}, "ValidationException"},
		{"index", sdk.UpdateTableInput{GlobalSecondaryIndexUpdates: throughputOf("by-owner", 3)}, "ok"},
		{"two things at once", sdk.UpdateTableInput{TableClass: types.TableClassStandard, BillingMode: types.BillingModePayPerRequest}, "ValidationException"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(1, func(s *dynamodb.TableSpec) {
					s.Indexes = append(s.Indexes, dynamodb.Index{Name: "by-owner", Hash: attr("owner", types.ScalarAttributeTypeS), Read: 5, Write: 5})
				})
				client := f.client(prod)
				in := c.in
				in.TableName = name
				_, err := client.UpdateTable(ctx, &in)
				if code(err) != c.want {
					t.Fatalf("got %v, want %s", err, c.want)
				}
				if c.want != "ok" {
					return
				}
				_, err = client.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: name, DeletionProtectionEnabled: aws.Bool(false)})
				if code(err) != "ResourceInUseException" {
					t.Errorf("while UPDATING: %v", err)
				}
				f.sleep(time.Minute)
				if got := describe(f, client, "shop-carts").TableStatus; got != types.TableStatusActive {
					t.Errorf("at the end %s", got)
				}
			})
		})
	}
}

func TestContinuousBackupsNeedAMoment(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(1, nil)
		role := f.role(prod)
		image, err := f.StartAwsBackupJob(ctx, role, carts)
		f.ok(err)
		_, err = f.RestoreTableFromAwsBackup(ctx, role, dynamodb.TableRestore{Image: image, Name: "restored"})
		f.ok(err)
		c := f.client(prod)
		enable := func() string {
			_, err := c.UpdateContinuousBackups(ctx, &sdk.UpdateContinuousBackupsInput{
				TableName: aws.String("restored"), PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true), RecoveryPeriodInDays: aws.Int32(7)},
			})
			return code(err)
		}
		if got := enable(); got != "ContinuousBackupsUnavailableException" {
			t.Errorf("while CREATING: %s", got)
		}
		for describe(f, c, "restored").TableStatus != types.TableStatusActive {
			f.sleep(time.Second)
		}
		if got := enable(); got != "ContinuousBackupsUnavailableException" {
			t.Errorf("right after: %s", got)
		}
		f.sleep(time.Minute)
		if got := enable(); got != "ok" {
			t.Errorf("a minute later: %s", got)
		}
	})
}

func TestDelete(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(1, nil)
		c := f.client(prod)
		drop := func() string {
			_, err := c.DeleteTable(ctx, &sdk.DeleteTableInput{TableName: name})
			return code(err)
		}
		if got := drop(); got != "ValidationException" {
			t.Errorf("protected: %s", got)
		}
		_, err := c.UpdateTable(ctx, &sdk.UpdateTableInput{TableName: name, DeletionProtectionEnabled: aws.Bool(false)})
		f.ok(err)
		if got := drop(); got != "ResourceInUseException" {
			t.Errorf("while UPDATING: %s", got)
		}
		f.sleep(time.Minute)
		if got := drop(); got != "ok" {
			t.Errorf("unprotected: %s", got)
		}
		if got := drop(); got != "ResourceInUseException" {
			t.Errorf("twice: %s", got)
		}
		f.sleep(2 * time.Minute)
		if got := drop(); got != "ResourceNotFoundException" {
			t.Errorf("at the end: %s", got)
		}
	})
}

func TestTags(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(1, nil)
		c := f.client(prod)
		var tags []types.Tag
		for i := range 25 {
			tags = append(tags, types.Tag{Key: aws.String(fmt.Sprintf("k%02d", i)), Value: aws.String("v")})
		}
		_, err := c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: aws.String(carts), Tags: tags})
		f.ok(err)
		_, err = c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: aws.String(carts), TagKeys: []string{"k03", "owner"}})
		f.ok(err)
		var keys []string
		pages := 0
		for in := (&sdk.ListTagsOfResourceInput{ResourceArn: aws.String(carts)}); pages == 0 || in.NextToken != nil; pages++ {
			out, err := c.ListTagsOfResource(ctx, in)
			f.ok(err)
			for _, tag := range out.Tags {
				keys = append(keys, *tag.Key)
			}
			in.NextToken = out.NextToken
		}
		if pages != 3 || len(keys) != 24 || keys[3] != "k04" {
			t.Errorf("%d pages: %v", pages, keys)
		}
		for _, bad := range []string{"aws:x", ""} {
			if _, err := c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: aws.String(carts), Tags: []types.Tag{{Key: aws.String(bad), Value: aws.String("v")}}}); code(err) != "ValidationException" {
				t.Errorf("%q: %v", bad, err)
			}
		}
	})
}

func TestPermissions(t *testing.T) {
	cases := []struct {
		name, policy, want string
	}{
		{"table", `{"Effect":"Allow","Action":"dynamodb:DescribeTable","Resource":"` + carts + `"}`, "ok"},
		{"another table", `{"Effect":"Allow","Action":"dynamodb:DescribeTable","Resource":"` + carts + `2"}`, "AccessDeniedException"},
		{"by tag", `{"Effect":"Allow","Action":"dynamodb:DescribeTable","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"shop"}}}`, "ok"},
		{"by another tag", `{"Effect":"Allow","Action":"dynamodb:DescribeTable","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"x"}}}`, "AccessDeniedException"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(1, nil)
				if _, err := f.client(prod, c.policy).DescribeTable(ctx, &sdk.DescribeTableInput{TableName: name}); code(err) != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		})
	}
}

func TestPutTableRefuses(t *testing.T) {
	key := attr("id", "S")
	cases := []struct {
		name string
		spec dynamodb.TableSpec
		want string
	}{
		{"short name", dynamodb.TableSpec{Name: "ab", Hash: key}, "3 to 255"},
		{"odd name", dynamodb.TableSpec{Name: "a b c", Hash: key}, "3 to 255"},
		{"no key", dynamodb.TableSpec{Name: "abc"}, "key attribute"},
		{"key of type list", dynamodb.TableSpec{Name: "abc", Hash: attr("id", "L")}, "want S, N or B"},
		{"two types", dynamodb.TableSpec{Name: "abc", Hash: key, Indexes: []dynamodb.Index{{Name: "i", Hash: attr("id", "N")}}}, "both"},
		{"local index on another key", dynamodb.TableSpec{Name: "abc", Hash: key, Indexes: []dynamodb.Index{{Name: "i", Local: true, Hash: attr("x", "S")}}}, "local index"},
		{"bad item", dynamodb.TableSpec{Name: "abc", Hash: key, Items: []dynamodb.Item{{"x": str("y")}}}, "Missing the key id"},
		{"key of nowhere", dynamodb.TableSpec{Name: "abc", Hash: key, KeyARN: "alias/none"}, "does not exist"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				if err := f.PutTable(prod, c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
			})
		})
	}
}

func TestAnswersAreNotTheState(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(1, nil)
		c := f.client(prod)
		key := dynamodb.Item{"customer": str("c0000"), "line": num("1")}
		read := func() dynamodb.Item {
			out, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: name, Key: key})
			f.ok(err)
			return out.Item
		}
		before := fmt.Sprint(read()["tags"].(*types.AttributeValueMemberSS).Value)
		read()["tags"].(*types.AttributeValueMemberSS).Value[0] = "spoilt"
		if diff := cmp.Diff(before, fmt.Sprint(read()["tags"].(*types.AttributeValueMemberSS).Value)); diff != "" {
			t.Error(diff)
		}
	})
}

func throughputOf(index string, units int64) []types.GlobalSecondaryIndexUpdate {
	return []types.GlobalSecondaryIndexUpdate{{Update: &types.UpdateGlobalSecondaryIndexAction{IndexName: &index,
		ProvisionedThroughput: &types.ProvisionedThroughput{ReadCapacityUnits: &units, WriteCapacityUnits: &units}}}}
}
