package s3

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) listOp() awsworld.Op {
	op := awsworld.On(serviceID, "ListObjectsV2", "s3:ListBucket", s.list)
	op.Resources = func(c *awsworld.Call) []awsworld.Resource {
		b := s.buckets[*awsworld.Input[sdk.ListObjectsV2Input](c).Bucket]
		if b == nil {
			return []awsworld.Resource{}
		}
		return []awsworld.Resource{{ARN: b.arn(), Owner: b.owner, Policy: b.policy,
			Context: map[string][]string{"s3:ResourceAccount": {b.owner}, "aws:ResourceAccount": {b.owner}}}}
	}
	op.ConditionKeys = listKeys
	op.Source = "S3 API Reference, ListObjectsV2"
	op.Differs = "no owner, no encoding type"
	return op
}

func listKeys(c *awsworld.Call) map[string][]string {
	in := awsworld.Input[sdk.ListObjectsV2Input](c)
	keys := map[string][]string{}
	if in.Prefix != nil {
		keys["s3:prefix"] = []string{*in.Prefix}
	}
	if in.Delimiter != nil {
		keys["s3:delimiter"] = []string{*in.Delimiter}
	}
	if in.MaxKeys != nil {
		keys["s3:max-keys"] = []string{strconv.Itoa(int(*in.MaxKeys))}
	}
	return keys
}

func (s *Service) list(c *awsworld.Call, in *sdk.ListObjectsV2Input) (*sdk.ListObjectsV2Output, error) {
	if err := service.OnlyFields(c, "Bucket", "Prefix", "Delimiter", "MaxKeys", "ContinuationToken", "StartAfter"); err != nil {
		return nil, err
	}
	b := s.buckets[*in.Bucket]
	if b == nil {
		return nil, noBucket(*in.Bucket)
	}
	after, err := startOf(in)
	if err != nil {
		return nil, err
	}
	page := 1000
	if in.MaxKeys != nil {
		page = min(max(int(*in.MaxKeys), 0), 1000)
	}
	out := &sdk.ListObjectsV2Output{Name: new(b.Name), Prefix: in.Prefix, Delimiter: in.Delimiter, MaxKeys: new(int32(page)), IsTruncated: new(false)}
	last := ""
	for _, key := range b.keys() {
		item, prefix := rolled(key, value(in.Prefix), value(in.Delimiter))
		if item == "" || item <= after || item == last {
			continue
		}
		if len(out.Contents)+len(out.CommonPrefixes) == page {
			out.IsTruncated = new(true)
			out.NextContinuationToken = new(base64.StdEncoding.EncodeToString([]byte(last)))
			break
		}
		last = item
		add(out, b, item, prefix)
	}
	out.KeyCount = new(int32(len(out.Contents) + len(out.CommonPrefixes)))
	return out, nil
}

// startOf is the last item of the page before.
func startOf(in *sdk.ListObjectsV2Input) (string, error) {
	if in.ContinuationToken == nil {
		return value(in.StartAfter), nil
	}
	raw, err := base64.StdEncoding.DecodeString(*in.ContinuationToken)
	if err != nil {
		return "", awsworld.Errorf("InvalidArgument", "The continuation token provided is incorrect")
	}
	return string(raw), nil
}

// rolled is the key, or the common prefix that it is rolled up into; empty
// when the key does not begin with the prefix.
func rolled(key, prefix, delimiter string) (item string, isPrefix bool) {
	if !strings.HasPrefix(key, prefix) {
		return "", false
	}
	if delimiter == "" {
		return key, false
	}
	if i := strings.Index(key[len(prefix):], delimiter); i >= 0 {
		return key[:len(prefix)+i+len(delimiter)], true
	}
	return key, false
}

func add(out *sdk.ListObjectsV2Output, b *bucket, item string, isPrefix bool) {
	if isPrefix {
		out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: new(item)})
		return
	}
	v := b.current(item)
	out.Contents = append(out.Contents, types.Object{
		Key: new(item), ETag: new(v.etag), Size: new(int64(len(v.body))),
		LastModified: new(v.modified.Truncate(time.Second)), StorageClass: types.ObjectStorageClassStandard,
	})
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
