package dynamodb_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
)

func describe(f fixture, c *sdk.Client, name string) *types.TableDescription {
	f.t.Helper()
	out, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: aws.String(name)})
	f.ok(err)
	return out.Table
}

func TestBackupAndRestoreAcrossAccounts(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(100, func(s *dynamodb.TableSpec) { s.SizeBytes = 5e9 })
		image, err := f.StartAwsBackupJob(ctx, f.role(prod), carts)
		f.ok(err)
		items, sum, at, ok := f.ImageChecksum(image)
		if !ok || items != 100 || at.After(f.w.Now()) {
			t.Errorf("image of %d items at %s", items, at)
		}
		f.ok(f.PutItems(prod, "shop-carts", cart(1000))) // after the cut-off

		began := f.w.Now()
		arn, err := f.RestoreTableFromAwsBackup(ctx, f.role(staging), dynamodb.TableRestore{
			Image: image, Name: "shop-carts-new", SourceARN: carts, PointARN: "arn:aws:backup:eu-west-1:222222222222:recovery-point:x", Encryption: "Default",
		})
		f.ok(err)
		c := f.client(staging)
		if d := describe(f, c, "shop-carts-new"); d.TableStatus != types.TableStatusCreating || *d.TableArn != arn || !*d.RestoreSummary.RestoreInProgress {
			t.Errorf("at first %+v", d)
		}
		if _, err := c.Scan(ctx, &sdk.ScanInput{TableName: aws.String("shop-carts-new")}); code(err) != "ResourceNotFoundException" {
			t.Errorf("reading while CREATING: %v", err)
		}
		for describe(f, c, "shop-carts-new").TableStatus == types.TableStatusCreating {
			f.sleep(10 * time.Second)
		}
		if took := f.w.Now().Sub(began); took < 5*time.Minute || took > 11*time.Minute {
			t.Errorf("5 GB took %s", took)
		}
		n, restored, err := f.Checksum(staging, "shop-carts-new")
		if err != nil || n != 100 || restored != sum {
			t.Errorf("restored %d items, sum %s, want %s", n, restored, sum)
		}
		if _, now, _ := f.Checksum(prod, "shop-carts"); now == sum {
			t.Error("the checksum does not see a new item")
		}
		checkLosses(t, f, c)
	})
}

// checkLosses: what docs/aws.md §8 says is kept and what is lost.
func checkLosses(t *testing.T, f fixture, c *sdk.Client) {
	t.Helper()
	d := describe(f, c, "shop-carts-new")
	ttl, err := c.DescribeTimeToLive(ctx, &sdk.DescribeTimeToLiveInput{TableName: aws.String("shop-carts-new")})
	f.ok(err)
	backups, err := c.DescribeContinuousBackups(ctx, &sdk.DescribeContinuousBackupsInput{TableName: aws.String("shop-carts-new")})
	f.ok(err)
	tags, err := c.ListTagsOfResource(ctx, &sdk.ListTagsOfResourceInput{ResourceArn: d.TableArn})
	f.ok(err)
	got := map[string]any{
		"read": *d.ProvisionedThroughput.ReadCapacityUnits, "global": len(d.GlobalSecondaryIndexes), "globalRead": *d.GlobalSecondaryIndexes[0].ProvisionedThroughput.ReadCapacityUnits,
		"local": len(d.LocalSecondaryIndexes), "keys": len(d.KeySchema), "attributes": len(d.AttributeDefinitions), "source": *d.RestoreSummary.SourceTableArn,
		"ttl": ttl.TimeToLiveDescription.TimeToLiveStatus, "stream": d.StreamSpecification != nil, "protected": *d.DeletionProtectionEnabled, "class": d.TableClassSummary.TableClass,
		"pitr": backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus, "tags": len(tags.Tags), "sse": d.SSEDescription != nil,
	}
	want := map[string]any{
		"read": int64(5), "global": 1, "globalRead": int64(3), "local": 1, "keys": 2, "attributes": 4, "source": carts,
		"ttl": types.TimeToLiveStatusDisabled, "stream": false, "protected": false, "class": types.TableClassStandard,
		"pitr": types.PointInTimeRecoveryStatusDisabled, "tags": 0, "sse": false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("restored table (-want +got):\n%s", diff)
	}
}

func TestRestoreRefusals(t *testing.T) {
	cases := []struct {
		name   string
		change func(f fixture, r *dynamodb.TableRestore)
		policy string
		want   string
	}{
		{"fine", func(fixture, *dynamodb.TableRestore) {}, "", "ok"},
		{"name taken", func(_ fixture, r *dynamodb.TableRestore) { r.Name = "shop-carts" }, "", "TableAlreadyExistsException"},
		{"two characters", func(_ fixture, r *dynamodb.TableRestore) { r.Name = "ab" }, "", "ValidationException"},
		{"256 characters", func(_ fixture, r *dynamodb.TableRestore) { r.Name = strings.Repeat("a", 256) }, "", "ValidationException"},
		{"no image", func(_ fixture, r *dynamodb.TableRestore) { r.Image = "none" }, "", "BackupNotFoundException"},
		{"odd encryption", func(_ fixture, r *dynamodb.TableRestore) { r.Encryption = "AES256" }, "", "ValidationException"},
		{"key without KMS", func(_ fixture, r *dynamodb.TableRestore) { r.Key = "alias/x" }, "", "ValidationException"},
		{"AWS managed key", func(_ fixture, r *dynamodb.TableRestore) { r.Encryption = "KMS" }, "", "ok"},
		{"key of nowhere", func(_ fixture, r *dynamodb.TableRestore) { r.Encryption, r.Key = "KMS", "alias/none" }, "", "NotFoundException"},
		{"key that the role may not use", func(f fixture, r *dynamodb.TableRestore) {
			key, err := f.kms.PutKey(prod, kms.KeySpec{})
			f.ok(err)
			r.Encryption, r.Key = "KMS", key
		}, allowAll, "denied"},
		{"table quota", func(f fixture, _ *dynamodb.TableRestore) { f.SetTableQuota(prod, 1) }, "", "LimitExceededException"},
		{"no permission", func(fixture, *dynamodb.TableRestore) {}, allowKMS, "denied"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(1, nil)
				image, err := f.StartAwsBackupJob(ctx, f.role(prod), carts)
				f.ok(err)
				r := dynamodb.TableRestore{Image: image, Name: "restored"}
				c.change(f, &r)
				var statements []string
				if c.policy != "" {
					statements = []string{c.policy}
				}
				if _, err := f.RestoreTableFromAwsBackup(ctx, f.role(prod, statements...), r); code(err) != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		})
	}
}

func TestBackupPermissions(t *testing.T) {
	const start = `{"Effect":"Allow","Action":"dynamodb:StartAwsBackupJob","Resource":"arn:aws:dynamodb:*:*:table/*"}`
	cases := []struct {
		name       string
		statements []string
		key        bool
		want       string
	}{
		{"AWS owned key", []string{start}, false, "ok"},
		{"no permission", []string{allowKMS}, false, "denied"},
		{"KMS key without Decrypt", []string{start}, true, "denied"},
		{"KMS key with Decrypt through DynamoDB", []string{start, `{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringLike":{"kms:ViaService":"dynamodb.*.amazonaws.com"}}}`}, true, "ok"},
		{"KMS key with Decrypt through another service", []string{start, `{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringLike":{"kms:ViaService":"rds.*.amazonaws.com"}}}`}, true, "denied"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.shop(1, func(s *dynamodb.TableSpec) {
					if c.key {
						key, err := f.kms.PutKey(prod, kms.KeySpec{})
						f.ok(err)
						s.KeyARN = key
					}
				})
				if _, err := f.StartAwsBackupJob(ctx, f.role(prod, c.statements...), carts); code(err) != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		})
	}
}

func TestAtMostFiftyRestoresAtATime(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(1, nil)
		role := f.role(prod)
		image, err := f.StartAwsBackupJob(ctx, role, carts)
		f.ok(err)
		for i := range 51 {
			_, err := f.RestoreTableFromAwsBackup(ctx, role, dynamodb.TableRestore{Image: image, Name: "restored-" + strings.Repeat("x", i)})
			if want := map[bool]string{true: "ok", false: "LimitExceededException"}[i < 50]; code(err) != want {
				t.Errorf("restore %d: %v", i+1, err)
			}
		}
	})
}

func TestChecksum(t *testing.T) {
	base := []dynamodb.Item{cart(1), cart(2)}
	with := func(change func(dynamodb.Item)) []dynamodb.Item {
		item := cart(2)
		change(item)
		return []dynamodb.Item{cart(1), item}
	}
	cases := []struct {
		name  string
		items []dynamodb.Item
		same  bool
	}{
		{"other order", []dynamodb.Item{cart(2), cart(1)}, true},
		{"other order in a set", with(func(i dynamodb.Item) { i["tags"] = set("a", "b") }), true},
		{"same number otherwise written", with(func(i dynamodb.Item) { i["line"] = num("1.00") }), true},
		{"one item less", []dynamodb.Item{cart(1)}, false},
		{"changed text", with(func(i dynamodb.Item) { i["sku"] = str("sku-2") }), false},
		{"number as text", with(func(i dynamodb.Item) { i["x"] = str("1") }), false},
		{"null instead of absent", with(func(i dynamodb.Item) { i["x"] = &types.AttributeValueMemberNULL{Value: true} }), false},
		{"set instead of list", with(func(i dynamodb.Item) {
			i["tags"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{str("a"), str("b")}}
		}), false},
		{"attribute renamed", with(func(i dynamodb.Item) { i["sku2"] = i["sku"]; delete(i, "sku") }), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				f.ok(f.PutTable(prod, dynamodb.TableSpec{Name: "one", Hash: attr("customer", "S"), Range: attr("line", "N"), Items: base}))
				f.ok(f.PutTable(prod, dynamodb.TableSpec{Name: "two", Hash: attr("customer", "S"), Range: attr("line", "N"), Items: c.items}))
				_, one, err := f.Checksum(prod, "one")
				f.ok(err)
				_, two, err := f.Checksum(prod, "two")
				f.ok(err)
				if (one == two) != c.same {
					t.Errorf("same: %v, want %v", one == two, c.same)
				}
			})
		})
	}
}
