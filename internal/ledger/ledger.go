// Package ledger keeps what dbferry knows in each account's own private bucket:
// plans, results per item, intents, locks. Every record is one JSON object;
// what must happen once is a conditional write (docs/aws.md §13).
package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dbferry/dbferry/internal/fault"
)

// Ledger is one bucket.
type Ledger struct {
	client *s3.Client
	bucket string
}

// New opens the ledger in a bucket. Nothing is read yet.
func New(cfg aws.Config, bucket string) *Ledger {
	return &Ledger{client: s3.NewFromConfig(cfg), bucket: bucket}
}

// Bucket is the name of the bucket.
func (l *Ledger) Bucket() string { return l.bucket }

// Version identifies what was read, for Replace.
type Version string

// Bytes reads one object; found is false when there is none.
func (l *Ledger) Bytes(ctx context.Context, key string) (raw []byte, v Version, found bool, err error) {
	out, err := l.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &l.bucket, Key: &key})
	if fault.IsNotFound(err) {
		return nil, "", false, nil
	}
	if err != nil {
		return nil, "", false, fault.AWS("read the ledger", l.where(key), err)
	}
	defer out.Body.Close()
	if raw, err = io.ReadAll(out.Body); err != nil {
		return nil, "", false, fault.AWS("read the ledger", l.where(key), err)
	}
	return raw, Version(aws.ToString(out.ETag)), true, nil
}

// Get reads one record into v; found is false when there is none.
func (l *Ledger) Get(ctx context.Context, key string, v any) (ver Version, found bool, err error) {
	raw, ver, found, err := l.Bytes(ctx, key)
	if err != nil || !found {
		return ver, found, err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return ver, true, fault.New(fault.VerifyFailed, "read the ledger", l.where(key),
			"look at the object; dbferry wrote it and nothing else should", "not the record that was expected: %v", err)
	}
	return ver, true, nil
}

// Put writes a record, replacing what was there.
func (l *Ledger) Put(ctx context.Context, key string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = l.put(ctx, key, raw, &s3.PutObjectInput{})
	return err
}

// Create writes a record only if there is none. When one is there already it
// reports created=false, except when that record is byte for byte the same:
// then an earlier call of ours did it and only the reply was lost.
func (l *Ledger) Create(ctx context.Context, key string, v any) (created bool, err error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return false, err
	}
	ok, err := l.put(ctx, key, raw, &s3.PutObjectInput{IfNoneMatch: aws.String("*")})
	if err != nil || ok {
		return ok, err
	}
	there, _, found, err := l.Bytes(ctx, key)
	return found && bytes.Equal(there, raw), err
}

// Replace writes a record only over the version that was read; false means
// that somebody else was faster.
func (l *Ledger) Replace(ctx context.Context, key string, read Version, v any) (bool, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return false, err
	}
	ok, err := l.put(ctx, key, raw, &s3.PutObjectInput{IfMatch: aws.String(string(read))})
	if err != nil || ok {
		return ok, err
	}
	there, _, found, err := l.Bytes(ctx, key)
	return found && bytes.Equal(there, raw), err
}

func (l *Ledger) put(ctx context.Context, key string, raw []byte, in *s3.PutObjectInput) (bool, error) {
	in.Bucket, in.Key, in.Body = &l.bucket, &key, bytes.NewReader(raw)
	in.ContentType = aws.String("application/json")
	_, err := l.client.PutObject(ctx, in)
	switch {
	case err == nil:
		return true, nil
	case fault.IsPrecondition(err):
		return false, nil
	case fault.IsConflict(err):
		return false, &fault.Error{Name: fault.Unavailable, Op: "write the ledger", Resource: l.where(key), Cause: err}
	}
	return false, fault.AWS("write the ledger", l.where(key), err)
}

// Delete removes a record; one that is not there is fine.
func (l *Ledger) Delete(ctx context.Context, key string) error {
	_, err := l.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &l.bucket, Key: &key})
	return fault.AWS("delete from the ledger", l.where(key), err)
}

// List names the records below a prefix, in order.
func (l *Ledger) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	pages := s3.NewListObjectsV2Paginator(l.client, &s3.ListObjectsV2Input{Bucket: &l.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("list the ledger", l.where(prefix), err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys, nil
}

func (l *Ledger) where(key string) string { return fmt.Sprintf("s3://%s/%s", l.bucket, key) }

// Segment makes a name safe for use as one part of a key: names of clusters
// and tables hold nothing that needs it, and what does is refused.
func Segment(name string) string {
	if strings.ContainsAny(name, "/\\ ") || name == "" || name == "." || name == ".." {
		panic("ledger: not a key segment: " + name)
	}
	return name
}
