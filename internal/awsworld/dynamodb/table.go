package dynamodb

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
)

// table is one table. Items are never changed in place, so an image may share
// them.
type table struct {
	TableSpec // settings in effect; Items is empty
	account   *account
	arn, id   string
	status    types.TableStatus
	created   time.Time
	epoch     int
	grant     string

	items map[string]Item // by encoded key
	bytes int64           // size of all items
	order []string        // sorted keys; nil when not known

	counted       time.Time // when the counts below were taken
	shownItems    int64
	shownBytes    int64
	streamLabel   string
	ttl           types.TimeToLiveStatus
	ttlChanged    time.Time
	backupsFrom   time.Time // when continuous backups can be switched
	pointInTimeAt time.Time
	restore       *types.RestoreSummary
	settled       []string // waits that are over and that nobody has seen
	ttlSettled    []string
}

// PutTable adds an ACTIVE table to an account; the scene before dbferry. A KMS
// key must exist.
func (s *Service) PutTable(accountID string, spec TableSpec) error {
	if err := spec.check(); err != nil {
		return err
	}
	a := s.account(accountID)
	if a.tables[spec.Name] != nil {
		return fmt.Errorf("table %s in account %s exists already", spec.Name, accountID)
	}
	t := s.newTable(a, spec)
	if err := s.encrypt(context.Background(), s.w.GroundCaller(accountID), t, spec.KeyARN); err != nil {
		return fmt.Errorf("table %s in account %s: %w", spec.Name, accountID, err)
	}
	for _, item := range spec.Items {
		if err := t.put(item); err != nil {
			return fmt.Errorf("table %s in account %s: %w", spec.Name, accountID, err)
		}
	}
	a.tables[t.Name] = t
	t.count(s.w.Now())
	return nil
}

// newTable makes an ACTIVE table that is not in the account yet.
func (s *Service) newTable(a *account, spec TableSpec) *table {
	now := s.w.Now()
	t := &table{
		TableSpec: spec, account: a, arn: s.tableARN(a.id, spec.Name), id: s.w.UUID(), status: types.TableStatusActive,
		created: now, items: map[string]Item{}, ttl: types.TimeToLiveStatusDisabled, backupsFrom: now, pointInTimeAt: now,
	}
	t.Items = nil
	t.Tags = maps.Clone(spec.Tags)
	t.Indexes = slices.Clone(spec.Indexes)
	t.RecoveryDays = cmp.Or(spec.RecoveryDays, 35)
	t.Class = cmp.Or(spec.Class, types.TableClassStandard)
	if spec.TTLAttribute != "" {
		t.ttl = types.TimeToLiveStatusEnabled
		t.ttlChanged = now.Add(-24 * time.Hour)
	}
	if spec.Stream != "" {
		t.streamLabel = now.Format("2006-01-02T15:04:05.000")
	}
	return t
}

// encrypt puts a table under a key with the caller's permissions; no key means
// an AWS owned one (DynamoDB developer guide, "Encryption at rest").
func (s *Service) encrypt(ctx context.Context, caller awsworld.Caller, t *table, key string) error {
	t.KeyARN = ""
	if key == "" {
		return nil
	}
	through := caller.Through("dynamodb")
	for _, action := range []string{"DescribeKey", "Encrypt", "Decrypt", "GenerateDataKey"} {
		if err := s.kms.Use(ctx, through, action, key, nil); err != nil {
			return err
		}
	}
	grant, err := s.kms.Grant(ctx, through, key, kms.GrantSpec{
		Grantee:    "dynamodb.amazonaws.com",
		Operations: []string{"Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "DescribeKey", "RetireGrant"},
		Context:    map[string]string{"aws:dynamodb:tableName": t.Name, "aws:dynamodb:subscriberId": t.account.id},
	})
	if err != nil {
		return err
	}
	t.KeyARN, _ = s.kms.KeyARN(t.account.id, key)
	t.grant = grant
	return nil
}

// put stores an item as a whole.
func (t *table) put(item Item) error {
	stored, err := normalizeMap(item, 1)
	if err != nil {
		return err
	}
	key, err := t.key(stored)
	if err != nil {
		return err
	}
	size := sizeOf(stored)
	if size > maxItem {
		return invalid("Item size has exceeded the maximum allowed size")
	}
	if old, ok := t.items[key]; ok {
		t.bytes -= sizeOf(old)
	} else {
		t.order = nil
	}
	t.items[key] = stored
	t.bytes += size
	return nil
}

func (t *table) remove(key string) {
	if old, ok := t.items[key]; ok {
		t.bytes -= sizeOf(old)
		delete(t.items, key)
		t.order = nil
	}
}

// key is the encoded primary key of a normalized item.
func (t *table) key(item Item) (string, error) {
	var out []byte
	for _, k := range t.keyAttributes() {
		v, ok := item[k.Name]
		if !ok {
			return "", invalid("One or more parameter values were invalid: Missing the key %s in the item", k.Name)
		}
		if typeOf(v) != k.Type {
			return "", invalid("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s", k.Name, k.Type, typeOf(v))
		}
		if valueSize(v) == 0 {
			return "", invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", k.Name)
		}
		out = encode(out, v)
	}
	return string(out), nil
}

func (t *table) keyAttributes() []Attribute {
	if t.Range.Name == "" {
		return []Attribute{t.Hash}
	}
	return []Attribute{t.Hash, t.Range}
}

func typeOf(v types.AttributeValue) types.ScalarAttributeType {
	switch v.(type) {
	case *types.AttributeValueMemberS:
		return types.ScalarAttributeTypeS
	case *types.AttributeValueMemberN:
		return types.ScalarAttributeTypeN
	case *types.AttributeValueMemberB:
		return types.ScalarAttributeTypeB
	}
	return "another"
}

// sortedKeys lists the encoded keys in order; Scan walks them.
func (t *table) sortedKeys() []string {
	if t.order == nil {
		t.order = slices.Sorted(maps.Keys(t.items))
	}
	return t.order
}

// size is how much data there is to move.
func (t *table) size() int64 { return max(t.SizeBytes, t.bytes) }

// count takes the numbers that DescribeTable shows until the next count.
func (t *table) count(now time.Time) {
	t.counted, t.shownItems, t.shownBytes = now, int64(len(t.items)), t.size()
}

// usable tells whether items can be read and written.
func (t *table) usable() bool {
	return t.status == types.TableStatusActive || t.status == types.TableStatusUpdating
}

// settle ends a wait and keeps it until somebody looks.
func (s *Service) settle(list *[]string, wait string) {
	s.w.Waits.Finish(wait)
	*list = append(*list, wait)
}

func (s *Service) notice(c *awsworld.Call, list *[]string) {
	if c.Caller.Ground {
		return
	}
	for _, wait := range *list {
		s.w.Waits.Notice(c.Caller, wait)
	}
	*list = nil
}

func (s *Service) beginWait(t *table, what string) string {
	item := t.Name
	if t.restore != nil {
		item = lastPart(aws.ToString(t.restore.SourceTableArn))
	}
	key := fmt.Sprintf("%s/%s/%s", t.arn, what, s.w.Hex(8))
	s.w.Waits.Begin(key, awsworld.Wait{What: what + " of " + t.Name, Item: item, Phase: "settings"})
	return key
}
