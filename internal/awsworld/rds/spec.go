package rds

// Scaling is the capacity range of Aurora Serverless v2, in ACU. The zero value
// means none.
type Scaling struct {
	Min, Max  float64
	AutoPause int32 // seconds until an idle cluster with Min 0 pauses; 0 for AWS's default
}

// Role is an IAM role that a cluster uses, for example to load from S3.
type Role struct {
	ARN, Feature string
	pending      bool // being associated
}

// ClusterSpec describes an Aurora cluster. PutCluster fills in what is empty
// and has a default.
type ClusterSpec struct {
	// Foreign allows an engine that RDS lists beside Aurora, such as neptune.
	Foreign bool

	ID             string
	Engine         string // AuroraMySQL or AuroraPostgreSQL
	EngineVersion  string // empty for the engine's default
	Port           int32  // 0 for the engine's own
	DatabaseName   string
	MasterUser     string // empty for "admin" or "postgres"
	MasterPassword string // known to Databases only; never in an answer

	// KeyARN is the key of the storage; the AWS managed key aws/rds is one too.
	// Empty with OwnedKey means an AWS owned key (sse-rds), empty without means
	// not encrypted (docs/aws.md §2.3).
	KeyARN   string
	OwnedKey bool

	SubnetGroup    string   // empty for "default"
	SecurityGroups []string // empty for the default group of the VPC
	ParameterGroup string   // empty for the family's default

	Serverless          Scaling
	LogExports          []string
	Roles               []Role
	BacktrackSeconds    int64
	IAMAuthentication   bool
	DeletionProtection  bool
	CopyTagsToSnapshot  bool
	BackupRetentionDays int32  // 0 for 1
	BackupWindow        string // "03:00-03:30", UTC
	MaintenanceWindow   string // "mon:04:00-mon:04:30", UTC
	StorageType         string // "aurora" or "aurora-iopt1"
	HTTPEndpoint        bool
	AdvancedInsights    bool   // Database Insights mode
	ManagedSecretARN    string // of a master password that RDS keeps in Secrets Manager
	AvailabilityZones   []string
	Tags                map[string]string

	// VolumeBytes is the size of the data, which decides how long snapshots,
	// copies and restores take; CloudWatch shows it as VolumeBytesUsed.
	VolumeBytes int64
}

// InstanceSpec describes an instance of an Aurora cluster.
type InstanceSpec struct {
	ID             string
	Cluster        string
	Class          string // "db.r6g.large", or "db.serverless"
	ParameterGroup string // empty for the family's default

	MonitoringInterval  int32 // seconds; 0 for no enhanced monitoring
	MonitoringRoleARN   string
	PerformanceInsights bool
	InsightsDays        int32
	InsightsKeyARN      string

	PromotionTier      int32
	AvailabilityZone   string
	Public             bool
	NoMinorUpgrades    bool
	CopyTagsToSnapshot bool
	CACertificate      string
	MaintenanceWindow  string
	Tags               map[string]string
}

// ParameterGroup is a DB cluster or DB parameter group.
type ParameterGroup struct {
	Name        string
	Family      string // "aurora-mysql8.0"
	Description string
	Tags        map[string]string
	Parameters  map[string]string // what differs from the family's defaults
}

// SubnetGroup is a DB subnet group; its subnets must have been put before.
type SubnetGroup struct {
	Name        string
	VPC         string
	Description string
	Subnets     []string
	Tags        map[string]string
}

// Subnet is a subnet of a VPC.
type Subnet struct{ ID, VPC, AZ, CIDR string }

// Rule admits traffic on a range of TCP ports, from (or to) the members of a
// security group or the addresses of a CIDR block.
type Rule struct {
	FromPort, ToPort int32
	Group            string // sg-…
	CIDR             string // "10.0.0.0/16"
}

// SecurityGroup is a VPC security group. Nil Egress is AWS's default, which
// lets everything out; an empty list lets nothing out.
type SecurityGroup struct {
	ID, Name, VPC string
	Ingress       []Rule
	Egress        []Rule
}
