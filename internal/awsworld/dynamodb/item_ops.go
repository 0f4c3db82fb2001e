package dynamodb

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// maxPage is how much one Scan reads.
const maxPage = 1 << 20

// forData finds a table whose items can be used. One that is still being made
// does not exist yet for readers and writers (docs/aws.md §4.3).
func (s *Service) forData(account, name string) (*table, error) {
	t, err := s.find(account, name)
	if err != nil {
		return nil, err
	}
	if !t.usable() {
		return nil, &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf("Requested resource not found: Table %s is %s", t.Name, t.status))}
	}
	return t, nil
}

// clone copies an item that is stored, which is always valid.
func clone(item Item) Item {
	out, err := normalizeMap(item, 0)
	if err != nil {
		panic(err) // it passed the same check when it was stored
	}
	return out
}

func (s *Service) putItem(c *awsworld.Call, in *dynamodb.PutItemInput) (*dynamodb.PutItemOutput, error) {
	if err := service.OnlyFields(c, "TableName", "Item"); err != nil {
		return nil, err
	}
	t, err := s.forData(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, err
	}
	return &dynamodb.PutItemOutput{}, t.put(in.Item)
}

func (s *Service) getItem(c *awsworld.Call, in *dynamodb.GetItemInput) (*dynamodb.GetItemOutput, error) {
	if err := service.OnlyFields(c, "TableName", "Key", "ConsistentRead"); err != nil {
		return nil, err
	}
	t, err := s.forData(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, err
	}
	key, err := t.exactKey(in.Key)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.GetItemOutput{}
	if item, ok := t.items[key]; ok {
		out.Item = clone(item)
	}
	return out, nil
}

// exactKey encodes a key that consists of the key attributes and nothing else.
func (t *table) exactKey(key Item) (string, error) {
	if len(key) != len(t.keyAttributes()) {
		return "", invalid("The provided key element does not match the schema")
	}
	stored, err := normalizeMap(key, 1)
	if err != nil {
		return "", err
	}
	return t.key(stored)
}

func (s *Service) scan(c *awsworld.Call, in *dynamodb.ScanInput) (*dynamodb.ScanOutput, error) {
	if err := service.OnlyFields(c, "TableName", "Limit", "ExclusiveStartKey", "ConsistentRead", "Segment", "TotalSegments", "Select"); err != nil {
		return nil, err
	}
	t, err := s.forData(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, err
	}
	if in.Limit != nil && *in.Limit < 1 {
		return nil, invalid("Limit must be greater than or equal to 1")
	}
	if (in.Segment == nil) != (in.TotalSegments == nil) || in.Segment != nil && (*in.Segment < 0 || *in.Segment >= *in.TotalSegments) {
		return nil, invalid("Segment must be present with TotalSegments, and less than it")
	}
	keys := t.sortedKeys()
	if in.ExclusiveStartKey != nil {
		after, err := t.exactKey(in.ExclusiveStartKey)
		if err != nil {
			return nil, err
		}
		keys = keys[sort.Search(len(keys), func(i int) bool { return keys[i] > after }):]
	}
	return t.page(keys, in), nil
}

// page reads items until the limit or 1 MB.
func (t *table) page(keys []string, in *dynamodb.ScanInput) *dynamodb.ScanOutput {
	out := &dynamodb.ScanOutput{}
	size := int64(0)
	for i, key := range keys {
		if in.Segment != nil && segment(key, *in.TotalSegments) != *in.Segment {
			continue
		}
		item := t.items[key]
		out.Count++
		if in.Select != types.SelectCount {
			out.Items = append(out.Items, clone(item))
		}
		size += sizeOf(item)
		if i+1 < len(keys) && (in.Limit != nil && out.Count == *in.Limit || size >= maxPage) {
			out.LastEvaluatedKey = t.keyOf(item)
			break
		}
	}
	out.ScannedCount = out.Count
	return out
}

func segment(key string, total int32) int32 {
	sum := sha256.Sum256([]byte(key))
	return int32(binary.BigEndian.Uint32(sum[:4]) % uint32(total))
}

func (t *table) keyOf(item Item) Item {
	out := Item{}
	for _, k := range t.keyAttributes() {
		out[k.Name] = item[k.Name]
	}
	return clone(out)
}

func (s *Service) batchWrite(c *awsworld.Call, in *dynamodb.BatchWriteItemInput) (*dynamodb.BatchWriteItemOutput, error) {
	if err := service.OnlyFields(c, "RequestItems"); err != nil {
		return nil, err
	}
	n := 0
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		if n += len(in.RequestItems[name]); n > 25 {
			return nil, invalid("Too many items requested for the BatchWriteItem call: at most 25")
		}
		t, err := s.forData(c.Account.ID, name)
		if err != nil {
			return nil, err
		}
		for _, r := range in.RequestItems[name] {
			if err := t.write(r); err != nil {
				return nil, err
			}
		}
	}
	return &dynamodb.BatchWriteItemOutput{}, nil
}

func (t *table) write(r types.WriteRequest) error {
	switch {
	case r.PutRequest != nil:
		return t.put(r.PutRequest.Item)
	case r.DeleteRequest != nil:
		key, err := t.exactKey(r.DeleteRequest.Key)
		if err == nil {
			t.remove(key)
		}
		return err
	}
	return invalid("Supplied WriteRequest is empty")
}

// PutItems writes items into a table as the ground's own application would.
func (s *Service) PutItems(account, name string, items ...Item) error {
	t, err := s.forData(account, name)
	for i := 0; err == nil && i < len(items); i++ {
		err = t.put(items[i])
	}
	return err
}
