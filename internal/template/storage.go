package template

import "encoding/json"

// Vault is an AWS Backup vault.
type Vault struct {
	LogicalID    string
	Name         string
	ARN          string
	KeyARN       string          // empty: AWS Backup's own key
	AccessPolicy json.RawMessage // nil if none
	Lock         *VaultLock
	NotifyTopic  string // SNS topic ARN
	NotifyOn     []string
	Tags         map[string]string
}

// VaultLock is a vault's lock; nil days are not set.
type VaultLock struct {
	MinRetentionDays, MaxRetentionDays, ChangeableForDays *int
}

// Key is a KMS key. Without a policy in the template AWS gives it the default
// one, which lets the account's own IAM policies decide.
type Key struct {
	LogicalID     string
	ID            string // UUID
	ARN           string
	Policy        json.RawMessage // nil for AWS's default
	Aliases       []string
	Description   string
	Enabled       bool
	Rotation      bool
	PendingWindow int // days between scheduling a deletion and deleting
	Tags          map[string]string
}

// Alias is a name of a key.
type Alias struct {
	LogicalID string
	Name      string // alias/…
	Target    string // key id
}

// Bucket is an S3 bucket.
type Bucket struct {
	LogicalID   string
	Name        string
	ARN         string
	Policy      json.RawMessage // nil if none
	Encryption  string          // AES256, aws:kms or aws:kms:dsse; AES256 by default
	KeyARN      string          // or key id or alias, as written; empty for AWS's own
	BucketKey   bool
	Versioned   bool
	EventBridge bool   // sends its events to EventBridge
	Ownership   string // BucketOwnerEnforced by default
	PublicBlock PublicBlock
	Lifecycle   []LifecycleRule
	ObjectLock  bool
	LockRule    json.RawMessage // ObjectLockConfiguration as written, nil if none
	Tags        map[string]string
}

// PublicBlock is S3's protection against public access; all true by default,
// as for every bucket since 2023.
type PublicBlock struct {
	BlockACLs, BlockPolicy, IgnoreACLs, RestrictBuckets bool
}

// LifecycleRule expires objects; 0 days means never.
type LifecycleRule struct {
	ID                 string
	Enabled            bool
	Prefix             string
	ExpireDays         int
	NoncurrentDays     int
	NoncurrentVersions int // newer ones that are kept
	AbortUploadDays    int
	ExpireMarkers      bool
}

func vaultView(f *fields, r *Resource) any {
	v := &Vault{LogicalID: r.LogicalID, Name: r.Ref, ARN: r.Attributes["BackupVaultArn"], KeyARN: f.str("EncryptionKeyArn"),
		AccessPolicy: f.document("AccessPolicy"), Tags: f.tags("BackupVaultTags")}
	f.object("LockConfiguration", func(l *fields) {
		v.Lock = &VaultLock{MinRetentionDays: l.optional("MinRetentionDays"), MaxRetentionDays: l.optional("MaxRetentionDays"),
			ChangeableForDays: l.optional("ChangeableForDays")}
	})
	f.object("Notifications", func(n *fields) {
		v.NotifyTopic, v.NotifyOn = n.need("SNSTopicArn"), n.texts("BackupVaultEvents")
	})
	f.harmless("BackupVaultName")
	return v
}

func keyView(f *fields, r *Resource) any {
	v := &Key{LogicalID: r.LogicalID, ID: r.Ref, ARN: r.Attributes["Arn"], Policy: f.document("KeyPolicy"),
		Description: f.str("Description"), Enabled: f.flag("Enabled", true), Rotation: f.flag("EnableKeyRotation", false),
		PendingWindow: f.number("PendingWindowInDays", 30), Tags: f.tags("Tags")}
	f.only("KeySpec", "SYMMETRIC_DEFAULT")
	f.only("KeyUsage", "ENCRYPT_DECRYPT")
	f.only("MultiRegion", "false")
	f.only("Origin", "AWS_KMS")
	f.harmless("RotationPeriodInDays")
	return v
}

func aliasView(f *fields, r *Resource) any {
	f.harmless("AliasName")
	return &Alias{LogicalID: r.LogicalID, Name: r.Ref, Target: f.need("TargetKeyId")}
}

func bucketView(f *fields, r *Resource) any {
	v := &Bucket{LogicalID: r.LogicalID, Name: r.Ref, ARN: r.Attributes["Arn"], Encryption: "AES256",
		Ownership: "BucketOwnerEnforced", PublicBlock: PublicBlock{true, true, true, true},
		ObjectLock: f.flag("ObjectLockEnabled", false), LockRule: f.raw("ObjectLockConfiguration"), Tags: f.tags("Tags")}
	f.object("BucketEncryption", func(e *fields) {
		e.objects("ServerSideEncryptionConfiguration", v.readEncryption)
	})
	f.object("VersioningConfiguration", func(c *fields) {
		v.Versioned = c.choice("Status", "Suspended", "Enabled") == "Enabled"
	})
	f.object("NotificationConfiguration", func(n *fields) {
		n.object("EventBridgeConfiguration", func(e *fields) { v.EventBridge = e.flag("EventBridgeEnabled", true) })
	})
	f.object("OwnershipControls", func(o *fields) {
		o.objects("Rules", func(rule *fields) { v.Ownership = rule.need("ObjectOwnership") })
	})
	f.object("PublicAccessBlockConfiguration", func(b *fields) {
		v.PublicBlock = PublicBlock{BlockACLs: b.flag("BlockPublicAcls", false), BlockPolicy: b.flag("BlockPublicPolicy", false),
			IgnoreACLs: b.flag("IgnorePublicAcls", false), RestrictBuckets: b.flag("RestrictPublicBuckets", false)}
	})
	f.object("LifecycleConfiguration", func(l *fields) {
		l.objects("Rules", v.readLifecycle)
	})
	f.harmless("BucketName")
	return v
}

func (v *Bucket) readEncryption(e *fields) {
	v.BucketKey = e.flag("BucketKeyEnabled", false)
	e.object("ServerSideEncryptionByDefault", func(d *fields) {
		v.Encryption = d.choice("SSEAlgorithm", "AES256", "aws:kms", "aws:kms:dsse")
		v.KeyARN = d.str("KMSMasterKeyID")
	})
}

func (v *Bucket) readLifecycle(f *fields) {
	rule := LifecycleRule{ID: f.str("Id"), Enabled: f.choice("Status", "Disabled", "Enabled") == "Enabled", Prefix: f.str("Prefix"),
		ExpireDays: f.number("ExpirationInDays", 0), NoncurrentDays: f.number("NoncurrentVersionExpirationInDays", 0),
		ExpireMarkers: f.flag("ExpiredObjectDeleteMarker", false)}
	f.object("NoncurrentVersionExpiration", func(n *fields) {
		rule.NoncurrentDays, rule.NoncurrentVersions = n.number("NoncurrentDays", 0), n.number("NewerNoncurrentVersions", 0)
	})
	f.object("AbortIncompleteMultipartUpload", func(a *fields) { rule.AbortUploadDays = a.number("DaysAfterInitiation", 0) })
	v.Lifecycle = append(v.Lifecycle, rule)
}
