package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/s3"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

const inbox = "dbferry-inbox-staging"

var ctx = context.Background()

// inboxPolicy lets production write new manifests and read ready.json.
func inboxPolicy() []byte {
	return worldtest.Policy(
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::`+inbox+`/manifests/*"}`,
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::`+inbox+`/ready.json"}`,
		`{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::`+inbox+`/manifests/*","Condition":{"Null":{"s3:if-none-match":"true"}}}`)
}

func setUp(t *testing.T) (*worldtest.Fixture, *s3.Service) {
	t.Helper()
	f := worldtest.New(t)
	s := s3.New(f.W)
	if err := s.PutBucket(worldtest.Staging, s3.BucketSpec{Name: inbox, Policy: inboxPolicy(), Versioned: true, Notify: true}); err != nil {
		t.Fatal(err)
	}
	return f, s
}

func put(cfg aws.Config, key, body string, opts ...func(*sdk.PutObjectInput)) (*sdk.PutObjectOutput, error) {
	in := &sdk.PutObjectInput{Bucket: new(inbox), Key: &key, Body: strings.NewReader(body)}
	for _, o := range opts {
		o(in)
	}
	return sdk.NewFromConfig(cfg).PutObject(ctx, in)
}

func ifNone(in *sdk.PutObjectInput) { in.IfNoneMatch = new("*") }

func status(err error) int {
	var re *awshttp.ResponseError
	if errors.As(err, &re) {
		return re.HTTPStatusCode()
	}
	return 0
}

func TestPutAcrossAccounts(t *testing.T) {
	all := worldtest.Allow("s3:*", "*")
	for _, c := range []struct {
		name       string
		account    string
		statements []string
		key        string
		opts       []func(*sdk.PutObjectInput)
		code       string
	}{
		{"production writes a new manifest", worldtest.Production, []string{all}, "manifests/a.json", []func(*sdk.PutObjectInput){ifNone}, ""},
		{"an unconditional write is denied by the bucket", worldtest.Production, []string{all}, "manifests/a.json", nil, "AccessDenied"},
		{"another prefix is nobody's", worldtest.Production, []string{all}, "other/a.json", []func(*sdk.PutObjectInput){ifNone}, "AccessDenied"},
		{"the writer needs its own policy too", worldtest.Production, []string{worldtest.Allow("s3:GetObject", "*")}, "manifests/a.json", []func(*sdk.PutObjectInput){ifNone}, "AccessDenied"},
		{"the owner may by identity alone", worldtest.Staging, []string{all}, "ready.json", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, s := setUp(t)
			cfg := f.As(c.account, "writer", c.statements...)
			f.Run(func() {
				_, err := put(cfg, c.key, "{}", c.opts...)
				if got := service.Code(err); got != c.code {
					t.Errorf("code %q, want %q (%v)", got, c.code, err)
				}
			})
			if _, there := s.Object(inbox, c.key); there != (c.code == "") {
				t.Errorf("object there: %v", there)
			}
		})
	}
}

func TestConditionalWrites(t *testing.T) {
	f, s := setUp(t)
	cfg := f.As(worldtest.Staging, "ledger", worldtest.Allow("s3:*", "*"))
	f.Run(func() {
		first, err := put(cfg, "lock", "1", ifNone)
		if err != nil {
			t.Fatal(err)
		}
		_, err = put(cfg, "lock", "2", ifNone)
		if service.Code(err) != "PreconditionFailed" || status(err) != 412 {
			t.Errorf("second creation: %v", err)
		}
		match := func(tag *string) func(*sdk.PutObjectInput) {
			return func(in *sdk.PutObjectInput) { in.IfMatch = tag }
		}
		if _, err = put(cfg, "lock", "2", match(new(`"0"`))); status(err) != 412 {
			t.Errorf("wrong etag: %v", err)
		}
		if _, err = put(cfg, "lock", "2", match(first.ETag)); err != nil {
			t.Errorf("right etag: %v", err)
		}
		if _, err = put(cfg, "absent", "2", match(first.ETag)); service.Code(err) != "NoSuchKey" {
			t.Errorf("match of nothing: %v", err)
		}
		s.ConflictNext(inbox, "lock")
		if _, err = put(cfg, "lock", "3", match(first.ETag)); service.Code(err) != "ConditionalRequestConflict" || status(err) != 409 {
			t.Errorf("collision: %v", err)
		}
	})
	if got, _ := s.Object(inbox, "lock"); string(got) != "2" {
		t.Errorf("lock holds %q", got)
	}
}

func TestAMissingKeyIsHiddenFromWhoMayNotList(t *testing.T) {
	for _, c := range []struct {
		name       string
		statements []string
		code       string
	}{
		{"may list", []string{worldtest.Allow("s3:GetObject", "*"), worldtest.Allow("s3:ListBucket", "*")}, "NoSuchKey"},
		{"may only read", []string{worldtest.Allow("s3:GetObject", "*")}, "AccessDenied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _ := setUp(t)
			cfg := f.As(worldtest.Staging, "reader", c.statements...)
			f.Run(func() {
				_, err := sdk.NewFromConfig(cfg).GetObject(ctx, &sdk.GetObjectInput{Bucket: new(inbox), Key: new("none")})
				if got := service.Code(err); got != c.code {
					t.Errorf("code %q, want %q (%v)", got, c.code, err)
				}
			})
		})
	}
}

func TestGetReturnsAFreshBodyAndOldVersions(t *testing.T) {
	f, s := setUp(t)
	cfg := f.As(worldtest.Staging, "reader", worldtest.Allow("s3:*", "*"))
	if err := s.PutObject(inbox, "ready.json", []byte("one")); err != nil {
		t.Fatal(err)
	}
	f.Run(func() {
		client := sdk.NewFromConfig(cfg)
		one, err := client.GetObject(ctx, &sdk.GetObjectInput{Bucket: new(inbox), Key: new("ready.json")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := put(cfg, "ready.json", "two"); err != nil {
			t.Fatal(err)
		}
		old, err := client.GetObject(ctx, &sdk.GetObjectInput{Bucket: new(inbox), Key: new("ready.json"), VersionId: one.VersionId})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []*sdk.GetObjectOutput{one, old} {
			if body, _ := io.ReadAll(o.Body); string(body) != "one" {
				t.Errorf("body %q", body)
			}
		}
		if _, err := client.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new(inbox), Key: new("ready.json")}); err != nil {
			t.Fatal(err)
		}
		_, err = client.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: new(inbox), Key: new("ready.json")})
		var gone *types.NotFound
		if !errors.As(err, &gone) || status(err) != 404 {
			t.Errorf("head of a deleted object: %v", err)
		}
		_, err = client.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("nowhere"), Key: new("x")})
		if service.Code(err) != "NoSuchBucket" {
			t.Errorf("missing bucket: %v", err)
		}
	})
}

func TestListInPages(t *testing.T) {
	f, s := setUp(t)
	cfg := f.As(worldtest.Staging, "reader", worldtest.Allow("s3:ListBucket", "*"))
	for _, k := range []string{"b/2", "a", "b/1", "c/x", "d"} {
		if err := s.PutObject(inbox, k, []byte(k)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	f.Run(func() {
		p := sdk.NewListObjectsV2Paginator(sdk.NewFromConfig(cfg), &sdk.ListObjectsV2Input{Bucket: new(inbox), MaxKeys: new(int32(2)), Delimiter: new("/")})
		for p.HasMorePages() {
			page, err := p.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			line := ""
			for _, o := range page.Contents {
				line += *o.Key + " "
			}
			for _, o := range page.CommonPrefixes {
				line += *o.Prefix + " "
			}
			got = append(got, line)
		}
	})
	if diff := cmp.Diff([]string{"a b/ ", "d c/ "}, got); diff != "" {
		t.Error(diff)
	}
}

func TestObjectCreatedGoesToTheOwnersBus(t *testing.T) {
	f, s := setUp(t)
	var got []string
	s.Emit = func(account, source, detailType string, resources []string, detail map[string]any) {
		object := detail["object"].(map[string]any)
		got = append(got, fmt.Sprint(account, " ", source, " ", detailType, " ", resources, " ", object["key"], " ", detail["requester"], " ", detail["reason"]))
	}
	cfg := f.As(worldtest.Production, "writer", worldtest.Allow("s3:PutObject", "*"))
	f.Run(func() {
		if _, err := put(cfg, "manifests/a.json", "{}", ifNone); err != nil {
			t.Fatal(err)
		}
	})
	want := []string{"222222222222 aws.s3 Object Created [arn:aws:s3:::dbferry-inbox-staging] manifests/a.json 111111111111 PutObject"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAPolicyMayNotNameWhoDoesNotExist(t *testing.T) {
	f := worldtest.New(t)
	s := s3.New(f.W)
	policy := worldtest.Policy(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/later"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`)
	err := s.PutBucket(worldtest.Staging, s3.BucketSpec{Name: "b", Policy: policy})
	if service.Code(err) != "MalformedPolicy" {
		t.Fatalf("got %v", err)
	}
	f.Role(worldtest.Production, "later", "lambda.amazonaws.com", worldtest.Allow("s3:*", "*"))
	if err := s.PutBucket(worldtest.Staging, s3.BucketSpec{Name: "b", Policy: policy}); err != nil {
		t.Fatal(err)
	}
}

type refusingKeys struct{ asked []string }

func (k *refusingKeys) Use(_ context.Context, c awsworld.Caller, action, key string, extra map[string][]string) error {
	k.asked = append(k.asked, c.Via+" "+action+" "+key+" "+extra["kms:EncryptionContext:aws:s3:arn"][0])
	return awsworld.Errorf("AccessDenied", "the key says no")
}

func TestAnEncryptedBucketAsksItsKey(t *testing.T) {
	f := worldtest.New(t)
	s := s3.New(f.W)
	keys := &refusingKeys{}
	s.Keys = keys
	if err := s.PutBucket(worldtest.Staging, s3.BucketSpec{Name: inbox, KeyARN: "arn:key"}); err != nil {
		t.Fatal(err)
	}
	cfg := f.As(worldtest.Staging, "writer", worldtest.Allow("s3:PutObject", "*"))
	f.Run(func() {
		if _, err := put(cfg, "a", "x"); service.Code(err) != "AccessDenied" {
			t.Errorf("got %v", err)
		}
	})
	want := []string{"s3 kms:GenerateDataKey arn:key arn:aws:s3:::" + inbox + "/a"}
	if diff := cmp.Diff(want, keys.asked); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownFieldsAreRefusedByName(t *testing.T) {
	f, _ := setUp(t)
	cfg := f.As(worldtest.Staging, "writer", worldtest.Allow("s3:*", "*"))
	f.Run(func() {
		_, err := put(cfg, "a", "x", func(in *sdk.PutObjectInput) { in.ObjectLockRetainUntilDate = new(time.Unix(0, 0)) })
		var un *awsworld.Unsimulated
		if !errors.As(err, &un) || un.Operation != "PutObject with ObjectLockRetainUntilDate" {
			t.Errorf("got %v", err)
		}
	})
}
