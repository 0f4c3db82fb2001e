package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// historyDays is how long runs and manifests are kept: a year and a bit, so
// that last year's can be compared with this year's.
const historyDays = 400

// addLedger makes the side's private bucket.
func (s *side) addLedger() {
	b := s.addBucket("Ledger", s.place.Ledger(), "runs/")
	s.bucketPolicy("LedgerPolicy", b, denyPlainHTTP(s.place.Ledger()))
	s.shared.ledger = *b.BucketName()
}

// addInbox makes the bucket into which production puts manifests. Its events
// go to this account's default bus, which is durable (S3 User Guide, event
// notifications with EventBridge).
func (s *side) addInbox(c config.Config) {
	b := s.addBucket("Inbox", s.place.Inbox(), names.ManifestPrefix)
	b.Node().DefaultChild().(awss3.CfnBucket).SetNotificationConfiguration(&awss3.CfnBucket_NotificationConfigurationProperty{
		EventBridgeConfiguration: &awss3.CfnBucket_EventBridgeConfigurationProperty{EventBridgeEnabled: true},
	})
	s.bucketPolicy("InboxPolicy", b, inboxStatements(c, s.place)...)
}

func (s *side) addBucket(id, name, expiring string) awss3.Bucket {
	return awss3.NewBucket(s.Stack, text(id), &awss3.BucketProps{
		BucketName:        text(name),
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		Versioned:         jsii.Bool(true),
		RemovalPolicy:     keep,
		LifecycleRules: &[]*awss3.LifecycleRule{
			{Id: text("history"), Prefix: text(expiring), Expiration: days(historyDays)},
			{Id: text("old-versions"), NoncurrentVersionExpiration: days(30), ExpiredObjectDeleteMarker: jsii.Bool(true),
				AbortIncompleteMultipartUploadAfter: days(7)},
		},
	})
}

func days(n float64) awscdk.Duration { return awscdk.Duration_Days(jsii.Number(n)) }

func (s *side) bucketPolicy(id string, b awss3.Bucket, statements ...statement) {
	awss3.NewCfnBucketPolicy(s.Stack, text(id), &awss3.CfnBucketPolicyProps{
		Bucket: *b.BucketName(), PolicyDocument: document(statements...),
	})
}

func bucketARN(name string) string { return "arn:aws:s3:::" + name }

func objects(bucket, keys string) string { return bucketARN(bucket) + "/" + keys }

func denyPlainHTTP(bucket string) statement {
	return statement{
		Sid: "DenyPlainHttp", Deny: true, Principal: everyone(), Actions: []string{"s3:*"},
		Resources: []string{bucketARN(bucket), objects(bucket, "*")},
		Condition: condition{"Bool": {"aws:SecureTransport": "false"}},
	}
}

// inboxStatements make manifests write-once for everyone, and let three steps
// of production in: to put a manifest, to read it back after a lost reply, to
// read ready.json. Denying what lacks If-None-Match is S3's own recipe ("Enforce
// conditional writes"); parts of multipart uploads cannot carry the header.
func inboxStatements(c config.Config, target names.Place) []statement {
	production := c.ProductionPlace()
	inbox := target.Inbox()
	manifests := objects(inbox, names.ManifestPrefix+"*")
	member := condition{"StringEquals": {"aws:PrincipalOrgID": c.OrganizationID}}
	from := func(sid, step, action, object string, more condition) statement {
		caller := principalIs(production.RoleARN(production.FunctionRole(step)))
		return statement{Sid: sid, Principal: account(production.RootARN()), Actions: []string{action},
			Resources: []string{object}, Condition: caller.also(member).also(more)}
	}
	return []statement{
		denyPlainHTTP(inbox),
		{
			Sid: "DenyOverwriting", Deny: true, Principal: everyone(), Actions: []string{"s3:PutObject"}, Resources: []string{manifests},
			Condition: condition{"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
		},
		from("ProductionPutsManifests", "publish-manifest", "s3:PutObject", manifests, condition{"Null": {"s3:if-none-match": "false"}}),
		from("ProductionReadsManifestsBack", "publish-manifest", "s3:GetObject", manifests, nil),
		from("ProductionReadsReady", "check-ground", "s3:GetObject", objects(inbox, names.ReadyKey), nil),
	}
}
