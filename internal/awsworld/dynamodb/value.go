package dynamodb

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxDepth and maxItem are DynamoDB's limits on an item (developer guide,
// "Quotas").
const (
	maxDepth = 32
	maxItem  = 400 << 10
)

// normalize returns a deep copy of a value as DynamoDB stores it, or says what
// is wrong with it.
func normalize(v types.AttributeValue, depth int) (types.AttributeValue, error) {
	if depth > maxDepth {
		return nil, invalid("Nesting Levels have exceeded supported limits: more than %d", maxDepth)
	}
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: v.Value}, nil
	case *types.AttributeValueMemberN:
		n, err := normalizeNumber(v.Value)
		return &types.AttributeValueMemberN{Value: n}, err
	case *types.AttributeValueMemberB:
		return &types.AttributeValueMemberB{Value: bytes.Clone(v.Value)}, nil
	case *types.AttributeValueMemberBOOL:
		return &types.AttributeValueMemberBOOL{Value: v.Value}, nil
	case *types.AttributeValueMemberNULL:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case *types.AttributeValueMemberL:
		out := make([]types.AttributeValue, len(v.Value))
		for i, e := range v.Value {
			var err error
			if out[i], err = normalize(e, depth+1); err != nil {
				return nil, err
			}
		}
		return &types.AttributeValueMemberL{Value: out}, nil
	case *types.AttributeValueMemberM:
		out, err := normalizeMap(v.Value, depth+1)
		return &types.AttributeValueMemberM{Value: out}, err
	}
	return normalizeSet(v)
}

func normalizeMap(m Item, depth int) (Item, error) {
	out := make(Item, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v, err := normalize(m[k], depth)
		if err != nil {
			return nil, err
		}
		out[k] = v
	}
	return out, nil
}

// normalizeSet: sets are not empty and hold nothing twice; their order means
// nothing, so they are kept sorted.
func normalizeSet(v types.AttributeValue) (types.AttributeValue, error) {
	switch v := v.(type) {
	case *types.AttributeValueMemberSS:
		set, err := distinct(v.Value, strings.Compare)
		return &types.AttributeValueMemberSS{Value: set}, err
	case *types.AttributeValueMemberNS:
		numbers := make([]string, len(v.Value))
		for i, n := range v.Value {
			var err error
			if numbers[i], err = normalizeNumber(n); err != nil {
				return nil, err
			}
		}
		set, err := distinct(numbers, strings.Compare)
		return &types.AttributeValueMemberNS{Value: set}, err
	case *types.AttributeValueMemberBS:
		blobs := make([][]byte, len(v.Value))
		for i, b := range v.Value {
			blobs[i] = bytes.Clone(b)
		}
		set, err := distinct(blobs, bytes.Compare)
		return &types.AttributeValueMemberBS{Value: set}, err
	}
	return nil, invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
}

func distinct[T any](set []T, compare func(a, b T) int) ([]T, error) {
	if len(set) == 0 {
		return nil, invalid("One or more parameter values were invalid: An set may not be empty")
	}
	out := slices.Clone(set)
	slices.SortFunc(out, compare)
	for i := 1; i < len(out); i++ {
		if compare(out[i-1], out[i]) == 0 {
			return nil, invalid("One or more parameter values were invalid: Input collection contains duplicates.")
		}
	}
	return out, nil
}

// encode appends an unambiguous form of a normalized value: its type, then its
// content with lengths. Equal values, and only they, have equal forms.
func encode(to []byte, v types.AttributeValue) []byte {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return text(append(to, 'S'), v.Value)
	case *types.AttributeValueMemberN:
		return text(append(to, 'N'), v.Value)
	case *types.AttributeValueMemberB:
		return text(append(to, 'B'), string(v.Value))
	case *types.AttributeValueMemberBOOL:
		if v.Value {
			return append(to, "T"...)
		}
		return append(to, "F"...)
	case *types.AttributeValueMemberNULL:
		return append(to, '0')
	case *types.AttributeValueMemberL:
		to = count(append(to, 'L'), len(v.Value))
		for _, e := range v.Value {
			to = encode(to, e)
		}
	case *types.AttributeValueMemberM:
		return encodeMap(append(to, 'M'), v.Value)
	case *types.AttributeValueMemberSS:
		to = count(append(to, 's'), len(v.Value))
		for _, e := range v.Value {
			to = text(to, e)
		}
	case *types.AttributeValueMemberNS:
		to = count(append(to, 'n'), len(v.Value))
		for _, e := range v.Value {
			to = text(to, e)
		}
	case *types.AttributeValueMemberBS:
		to = count(append(to, 'b'), len(v.Value))
		for _, e := range v.Value {
			to = text(to, string(e))
		}
	}
	return to
}

func encodeMap(to []byte, m Item) []byte {
	to = count(to, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		to = encode(text(to, k), m[k])
	}
	return to
}

func count(to []byte, n int) []byte { return binary.AppendUvarint(to, uint64(n)) }

func text(to []byte, s string) []byte { return append(count(to, len(s)), s...) }

// sizeOf is an item's size as DynamoDB counts it (developer guide, "Item sizes
// and formats").
func sizeOf(item Item) int64 {
	n := int64(0)
	for k, v := range item {
		n += int64(len(k)) + valueSize(v)
	}
	return n
}

func valueSize(v types.AttributeValue) int64 {
	n := int64(0)
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return int64(len(v.Value))
	case *types.AttributeValueMemberN:
		return int64(len(v.Value)/2 + 1)
	case *types.AttributeValueMemberB:
		return int64(len(v.Value))
	case *types.AttributeValueMemberL:
		for _, e := range v.Value {
			n += 1 + valueSize(e)
		}
		return n + 3
	case *types.AttributeValueMemberM:
		return sizeOf(v.Value) + int64(len(v.Value)) + 3
	case *types.AttributeValueMemberSS:
		for _, e := range v.Value {
			n += int64(len(e))
		}
		return n
	case *types.AttributeValueMemberNS:
		for _, e := range v.Value {
			n += int64(len(e)/2 + 1)
		}
		return n
	case *types.AttributeValueMemberBS:
		for _, e := range v.Value {
			n += int64(len(e))
		}
		return n
	}
	return 1
}
