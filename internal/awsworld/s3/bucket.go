// Package s3 simulates the part of Amazon S3 that dbferry uses: buckets with
// policies, versions and owner-enforced ownership, objects with conditional
// writes, listings in pages, and Object Created events.
package s3

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// MaxObject is the largest body that one PutObject accepts, 5 GiB.
const MaxObject = 5 << 30

// Keys is how a bucket's KMS key is used; the kms service is one.
type Keys interface {
	Use(ctx context.Context, caller awsworld.Caller, action, keyARN string, extra map[string][]string) error
}

// Service is S3 in all accounts of one world. Bucket names are global.
type Service struct {
	// Emit sends an event to an account's default bus; nil sends none.
	Emit func(account, source, detailType string, resources []string, detail map[string]any)
	// Keys is asked for buckets with a KMS key; nil leaves KMS out.
	Keys Keys

	w         *awsworld.World
	buckets   map[string]*bucket
	conflicts map[string]int
}

// BucketSpec describes a bucket. Ownership is always "bucket owner enforced":
// the bucket's account owns what others write, and ACLs do not exist.
type BucketSpec struct {
	Name      string
	Policy    []byte // bucket policy as JSON; empty for none
	Versioned bool
	KeyARN    string // KMS key of default encryption; empty for SSE-S3
	BucketKey bool   // S3 Bucket Key: the encryption context is the bucket
	Notify    bool   // EventBridge notification
	Tags      map[string]string
}

type bucket struct {
	BucketSpec
	owner   string
	policy  *iam.Policy
	objects map[string][]*version // newest last
	puts    uint64
}

type version struct {
	id       string // "null" in an unversioned bucket
	key      string
	body     []byte
	etag     string // with its quotes
	modified time.Time
	typ      string
	meta     map[string]string
	marker   bool // delete marker
	writer   string
	kms      string
}

// New registers the operations of S3.
func New(w *awsworld.World) *Service {
	s := &Service{w: w, buckets: map[string]*bucket{}, conflicts: map[string]int{}}
	w.Register(s.objectOps()...)
	w.Register(s.listOp())
	return s
}

// PutBucket creates a bucket or replaces its settings; objects stay. Like
// AWS, it refuses a policy that names a principal that does not exist, and a
// name that another account has taken.
func (s *Service) PutBucket(account string, spec BucketSpec) error {
	p, err := service.Policy("bucket policy of "+spec.Name, account, spec.Policy)
	if err != nil {
		return awsworld.Errorf("MalformedPolicy", "%v", err)
	}
	if who := service.MissingPrincipal(s.w, p); who != "" {
		return awsworld.Errorf("MalformedPolicy", "Invalid principal in policy: %s of bucket %s does not exist; name the account's root and narrow it by conditions", who, spec.Name)
	}
	b := s.buckets[spec.Name]
	if b == nil {
		b = &bucket{owner: account, objects: map[string][]*version{}}
		s.buckets[spec.Name] = b
	}
	if b.owner != account {
		return awsworld.Errorf("BucketAlreadyExists", "bucket %s belongs to account %s", spec.Name, b.owner)
	}
	spec.Tags = maps.Clone(spec.Tags)
	b.BucketSpec, b.policy = spec, p
	return nil
}

// PutObject puts an object as ground, without permission and event.
func (s *Service) PutObject(bucketName, key string, body []byte) error {
	b := s.buckets[bucketName]
	if b == nil {
		return fmt.Errorf("ground: there is no bucket %s for object %s", bucketName, key)
	}
	b.write(s, &version{key: key, body: slices.Clone(body), writer: b.owner})
	return nil
}

// Object returns a copy of the newest body of a key, for tests and reports.
func (s *Service) Object(bucketName, key string) ([]byte, bool) {
	b := s.buckets[bucketName]
	if b == nil {
		return nil, false
	}
	v := b.current(key)
	if v == nil {
		return nil, false
	}
	return slices.Clone(v.body), true
}

// Objects lists the keys of a bucket in S3's order, for tests and reports.
func (s *Service) Objects(bucketName string) []string {
	b := s.buckets[bucketName]
	if b == nil {
		return nil
	}
	return b.keys()
}

// ConflictNext makes the next conditional put of the key answer 409
// ConditionalRequestConflict, as when two writers collide.
func (s *Service) ConflictNext(bucketName, key string) { s.conflicts[bucketName+"/"+key]++ }

func (b *bucket) arn() string { return "arn:aws:s3:::" + b.Name }

// keys lists the keys that have a current version, in UTF-8 order.
func (b *bucket) keys() []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(b.objects)) {
		if b.current(k) != nil {
			out = append(out, k)
		}
	}
	return out
}

// current is the newest version of a key, nil when it is deleted or absent.
func (b *bucket) current(key string) *version {
	vs := b.objects[key]
	if len(vs) == 0 || vs[len(vs)-1].marker {
		return nil
	}
	return vs[len(vs)-1]
}

func (b *bucket) versioned(key, id string) *version {
	for _, v := range b.objects[key] {
		if v.id == id {
			return v
		}
	}
	return nil
}

// write adds a version, replacing the old one when the bucket keeps none.
func (b *bucket) write(s *Service, v *version) {
	b.puts++
	v.modified = s.w.Now()
	v.etag = etag(v.body, b.KeyARN)
	v.kms = b.KeyARN
	v.id = "null"
	if !b.Versioned {
		b.objects[v.key] = []*version{v}
		return
	}
	v.id = s.w.Hex(32)
	b.objects[v.key] = append(b.objects[v.key], v)
}

// Owner is the account of a bucket; empty when there is no such bucket.
func (s *Service) Owner(bucketName string) string {
	if b := s.buckets[bucketName]; b != nil {
		return b.owner
	}
	return ""
}
