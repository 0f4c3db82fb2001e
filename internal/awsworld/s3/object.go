package s3

import (
	"bytes"
	"crypto/md5" // S3's ETag of a single-part object without KMS is its MD5
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

const serviceID = "S3"

func (s *Service) objectOps() []awsworld.Op {
	get := awsworld.On(serviceID, "GetObject", "s3:GetObject", s.get)
	get.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.GetObjectInput](c)
		return s.object(in.Bucket, in.Key, versionAction(in.VersionId))
	}
	get.Source = "S3 API Reference, GetObject; docs/aws.md §13"
	get.Differs = "no ranges, no part numbers, no response overrides"

	head := awsworld.On(serviceID, "HeadObject", "s3:GetObject", s.head)
	head.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.HeadObjectInput](c)
		return s.object(in.Bucket, in.Key, versionAction(in.VersionId))
	}
	head.Source = "S3 API Reference, HeadObject; docs/aws.md §13"
	head.Differs = "no ranges, no part numbers"

	put := awsworld.On(serviceID, "PutObject", "s3:PutObject", s.put)
	put.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.PutObjectInput](c)
		return s.object(in.Bucket, in.Key, "")
	}
	put.ConditionKeys = putKeys
	put.Source = "S3 API Reference, PutObject; conditional writes: docs/aws.md §13"
	put.Differs = "no ACLs, storage classes, object lock or tags; a conflict (409) only when the ground asks for one; If-None-Match with another value than * is answered as S3 answers it, NotImplemented"

	del := awsworld.On(serviceID, "DeleteObject", "s3:DeleteObject", s.delete)
	del.Resources = func(c *awsworld.Call) []awsworld.Resource {
		in := awsworld.Input[sdk.DeleteObjectInput](c)
		return s.object(in.Bucket, in.Key, "")
	}
	del.Source = "S3 API Reference, DeleteObject; docs/aws.md §13"
	del.Differs = "the current object only: deleting a version by id is not simulated"
	return []awsworld.Op{get, head, put, del}
}

func versionAction(id *string) string {
	if id != nil {
		return "s3:GetObjectVersion"
	}
	return ""
}

// object is the resource of an object call. A bucket that does not exist has
// no owner who could refuse: the operation answers NoSuchBucket.
func (s *Service) object(name, key *string, action string) []awsworld.Resource {
	b := s.buckets[*name]
	if b == nil {
		return []awsworld.Resource{}
	}
	return []awsworld.Resource{{
		ARN: b.arn() + "/" + *key, Owner: b.owner, Policy: b.policy, Action: action,
		Context: map[string][]string{"s3:ResourceAccount": {b.owner}, "aws:ResourceAccount": {b.owner}},
	}}
}

func putKeys(c *awsworld.Call) map[string][]string {
	in := awsworld.Input[sdk.PutObjectInput](c)
	keys := map[string][]string{"s3:ObjectCreationOperation": {"true"}}
	set := func(key string, v *string) {
		if v != nil {
			keys[key] = []string{*v}
		}
	}
	set("s3:if-none-match", in.IfNoneMatch)
	set("s3:if-match", in.IfMatch)
	set("s3:x-amz-server-side-encryption-aws-kms-key-id", in.SSEKMSKeyId)
	if in.ServerSideEncryption != "" {
		keys["s3:x-amz-server-side-encryption"] = []string{string(in.ServerSideEncryption)}
	}
	return keys
}

func (s *Service) put(c *awsworld.Call, in *sdk.PutObjectInput) (*sdk.PutObjectOutput, error) {
	if err := service.OnlyFields(c, "Bucket", "Key", "Body", "ContentLength", "ContentType", "ContentMD5", "Metadata",
		"IfMatch", "IfNoneMatch", "ChecksumAlgorithm", "ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled"); err != nil {
		return nil, err
	}
	b := s.buckets[*in.Bucket]
	if b == nil {
		return nil, noBucket(*in.Bucket)
	}
	body, err := readBody(in.Body)
	if err != nil {
		return nil, err
	}
	if err := s.mayPut(c, b, in); err != nil {
		return nil, err
	}
	if err := s.useKey(c, b, *in.Key, "kms:GenerateDataKey"); err != nil {
		return nil, err
	}
	v := &version{key: *in.Key, body: body, meta: maps.Clone(in.Metadata), writer: c.Caller.Principal.Account}
	if in.ContentType != nil {
		v.typ = *in.ContentType
	}
	b.write(s, v)
	s.notify(c, b, v, "Object Created", map[string]any{"reason": "PutObject"})
	out := &sdk.PutObjectOutput{ETag: new(v.etag), VersionId: v.publicID()}
	out.ServerSideEncryption, out.SSEKMSKeyId = v.encryption()
	return out, nil
}

// mayPut checks the conditions of a write and the key that it asks for.
func (s *Service) mayPut(c *awsworld.Call, b *bucket, in *sdk.PutObjectInput) error {
	if in.SSEKMSKeyId != nil && *in.SSEKMSKeyId != b.KeyARN {
		return &awsworld.Unsimulated{Service: serviceID, Operation: "PutObject with a key other than the bucket's"}
	}
	if in.IfMatch == nil && in.IfNoneMatch == nil {
		return nil
	}
	if at := b.Name + "/" + *in.Key; s.conflicts[at] > 0 {
		s.conflicts[at]--
		return awsworld.Errorf("ConditionalRequestConflict", "A conflicting conditional operation is currently in progress against %s. Please try again.", at)
	}
	cur := b.current(*in.Key)
	switch {
	case in.IfNoneMatch != nil && *in.IfNoneMatch != "*":
		// Not an open end of this package: S3 itself refuses any value but * with this
		// code and these words (501).
		return awsworld.Errorf("NotImplemented", "A header you provided implies functionality that is not implemented: If-None-Match takes only *")
	case in.IfNoneMatch != nil && cur != nil:
		return precondition()
	case in.IfMatch != nil && cur == nil:
		return noKey(*in.Key)
	case in.IfMatch != nil && unquote(*in.IfMatch) != unquote(cur.etag):
		return precondition()
	}
	return nil
}

func (s *Service) get(c *awsworld.Call, in *sdk.GetObjectInput) (*sdk.GetObjectOutput, error) {
	if err := service.OnlyFields(c, "Bucket", "Key", "VersionId", "IfMatch", "ChecksumMode"); err != nil {
		return nil, err
	}
	b, v, err := s.find(c, *in.Bucket, *in.Key, in.VersionId)
	if err != nil {
		return nil, err
	}
	if in.IfMatch != nil && unquote(*in.IfMatch) != unquote(v.etag) {
		return nil, precondition()
	}
	if err := s.useKey(c, b, v.key, "kms:Decrypt"); err != nil {
		return nil, err
	}
	out := &sdk.GetObjectOutput{
		Body: io.NopCloser(bytes.NewReader(slices.Clone(v.body))), ContentLength: new(int64(len(v.body))),
		ETag: new(v.etag), LastModified: new(v.modified.Truncate(time.Second)), VersionId: v.publicID(), Metadata: maps.Clone(v.meta),
	}
	if v.typ != "" {
		out.ContentType = new(v.typ)
	}
	out.ServerSideEncryption, out.SSEKMSKeyId = v.encryption()
	return out, nil
}

func (s *Service) head(c *awsworld.Call, in *sdk.HeadObjectInput) (*sdk.HeadObjectOutput, error) {
	if err := service.OnlyFields(c, "Bucket", "Key", "VersionId", "ChecksumMode"); err != nil {
		return nil, err
	}
	b, v, err := s.find(c, *in.Bucket, *in.Key, in.VersionId)
	if service.Code(err) == "NoSuchKey" || service.Code(err) == "NoSuchBucket" {
		return nil, &types.NotFound{Message: new("Not Found")}
	}
	if err != nil {
		return nil, err
	}
	if err := s.useKey(c, b, v.key, "kms:Decrypt"); err != nil {
		return nil, err
	}
	out := &sdk.HeadObjectOutput{
		ContentLength: new(int64(len(v.body))), ETag: new(v.etag), LastModified: new(v.modified.Truncate(time.Second)),
		VersionId: v.publicID(), Metadata: maps.Clone(v.meta),
	}
	out.ServerSideEncryption, out.SSEKMSKeyId = v.encryption()
	return out, nil
}

// find looks an object up. Whoever may not list the bucket is not told that a
// key does not exist: the answer is then AccessDenied (GetObject, "Permissions").
func (s *Service) find(c *awsworld.Call, bucketName, key string, id *string) (*bucket, *version, error) {
	b := s.buckets[bucketName]
	if b == nil {
		return nil, nil, noBucket(bucketName)
	}
	v := b.current(key)
	if id != nil {
		v = b.versioned(key, *id)
	}
	if v != nil && !v.marker {
		return b, v, nil
	}
	r := awsworld.Resource{ARN: b.arn(), Owner: b.owner, Policy: b.policy, Action: "s3:ListBucket",
		Context: map[string][]string{"s3:ResourceAccount": {b.owner}}}
	if err := c.Require(r, nil); err != nil {
		return nil, nil, err
	}
	return nil, nil, noKey(key)
}

func (s *Service) delete(c *awsworld.Call, in *sdk.DeleteObjectInput) (*sdk.DeleteObjectOutput, error) {
	if err := service.OnlyFields(c, "Bucket", "Key", "IfMatch"); err != nil {
		return nil, err
	}
	b := s.buckets[*in.Bucket]
	if b == nil {
		return nil, noBucket(*in.Bucket)
	}
	cur := b.current(*in.Key)
	if in.IfMatch != nil && (cur == nil || unquote(*in.IfMatch) != unquote(cur.etag)) {
		return nil, precondition()
	}
	if cur == nil && !b.Versioned {
		return &sdk.DeleteObjectOutput{}, nil
	}
	gone := &version{key: *in.Key, marker: true, writer: c.Caller.Principal.Account}
	b.write(s, gone)
	kind := "Delete Marker Created"
	if !b.Versioned {
		delete(b.objects, *in.Key)
		kind = "Permanently Deleted"
	}
	s.notify(c, b, gone, "Object Deleted", map[string]any{"reason": "DeleteObject", "deletion-type": kind})
	out := &sdk.DeleteObjectOutput{VersionId: gone.publicID()}
	if b.Versioned {
		out.DeleteMarker = new(true)
	}
	return out, nil
}

// useKey asks KMS with the caller's permissions, as S3 does for SSE-KMS.
func (s *Service) useKey(c *awsworld.Call, b *bucket, key, action string) error {
	if b.KeyARN == "" || s.Keys == nil || c.Caller.Ground {
		return nil
	}
	about := b.arn() + "/" + key
	if b.BucketKey {
		about = b.arn()
	}
	extra := map[string][]string{"kms:EncryptionContext:aws:s3:arn": {about}}
	return s.Keys.Use(c.Ctx, c.Caller.Through("s3"), action, b.KeyARN, extra)
}

// notify sends the event to the default bus of the bucket's owner
// (docs/aws.md §13).
func (s *Service) notify(c *awsworld.Call, b *bucket, v *version, detailType string, more map[string]any) {
	if !b.Notify || s.Emit == nil {
		return
	}
	object := map[string]any{"key": v.key, "sequencer": fmt.Sprintf("%016X", b.puts)}
	if !v.marker {
		object["size"], object["etag"] = len(v.body), unquote(v.etag)
	}
	if v.id != "null" {
		object["version-id"] = v.id
	}
	detail := map[string]any{
		"version": "0", "bucket": map[string]any{"name": b.Name}, "object": object,
		"request-id": s.w.Hex(16), "requester": c.Caller.Principal.Account, "source-ip-address": "192.0.2.1",
	}
	maps.Copy(detail, more)
	s.Emit(b.owner, "aws.s3", detailType, []string{b.arn()}, detail)
}

func (v *version) publicID() *string {
	if v.id == "null" {
		return nil
	}
	return new(v.id)
}

func (v *version) encryption() (types.ServerSideEncryption, *string) {
	if v.kms == "" {
		return types.ServerSideEncryptionAes256, nil
	}
	return types.ServerSideEncryptionAwsKms, new(v.kms)
}

// etag is the MD5 of the body, or under KMS something that is not.
func etag(body []byte, key string) string {
	sum := md5.Sum(append(slices.Clone(body), key...))
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func unquote(s string) string { return string(bytes.Trim([]byte(s), `"`)) }

// readBody reads the body from its start: the SDK has already read it to sign
// it, and may send it again.
func readBody(r io.Reader) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	seeker, ok := r.(io.Seeker)
	if ok {
		if _, err := seeker.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("read the body: %w", err)
		}
	}
	body, err := io.ReadAll(io.LimitReader(r, MaxObject+1))
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	if len(body) > MaxObject {
		return nil, awsworld.Errorf("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	}
	if ok {
		_, err = seeker.Seek(0, io.SeekStart)
	}
	return body, err
}

func noBucket(name string) error {
	return &types.NoSuchBucket{Message: new("The specified bucket does not exist: " + name)}
}

func noKey(key string) error {
	return &types.NoSuchKey{Message: new("The specified key does not exist: " + key)}
}

func precondition() error {
	return awsworld.Errorf("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
}
