package refresh

// SettingsSchema is the version of Settings; staging refuses one it does not know.
const SettingsSchema = 2

// Settings are what AWS Backup loses (docs/aws.md §4, §8), recorded in
// production from an allow-list: never network, keys or ARNs, which mean
// nothing in another account. What is there but cannot travel is recorded as
// present, so that a target can say that it lacks it.
type Settings struct {
	Schema  int              `json:"schema"`
	Cluster *ClusterSettings `json:"cluster,omitempty"`
	Table   *TableSettings   `json:"table,omitempty"`
}

// ClusterSettings are the settings of an Aurora cluster. A target reads a
// restored cluster into the same form to compare.
type ClusterSettings struct {
	Engine        string   `json:"engine"` // "aurora-mysql" or "aurora-postgresql"
	EngineVersion string   `json:"engineVersion"`
	Port          int32    `json:"port"`
	Database      string   `json:"database,omitempty"`
	MasterUser    string   `json:"masterUser"`
	InstanceClass string   `json:"instanceClass"` // of the writer
	Instances     int      `json:"instances"`
	ServerlessV2  *Scaling `json:"serverlessV2,omitempty"`

	ParameterGroup         string   `json:"parameterGroup"`
	InstanceParameterGroup string   `json:"instanceParameterGroup,omitempty"` // of the writer
	LogExports             []string `json:"logExports,omitempty"`
	IAMAuthentication      bool     `json:"iamAuthentication"`
	CopyTagsToSnapshot     bool     `json:"copyTagsToSnapshot"`
	DeletionProtection     bool     `json:"deletionProtection"`
	BackupRetentionDays    int32    `json:"backupRetentionDays"`
	BacktrackSeconds       int64    `json:"backtrackSeconds,omitempty"`
	StorageType            string   `json:"storageType"`        // "aurora" or "aurora-iopt1"
	Features               []string `json:"features,omitempty"` // of the associated roles, one a role; "" for a role without one

	Monitoring Monitoring        `json:"monitoring"`
	Tags       map[string]string `json:"tags,omitempty"`
	Replicas   []ScalingTarget   `json:"replicaScaling,omitempty"`
	Alarms     []Alarm           `json:"alarms,omitempty"`
	Others     []Other           `json:"others,omitempty"`
}

// Scaling is the capacity range of Aurora Serverless v2, in ACUs.
type Scaling struct {
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
	AutoPause int32   `json:"autoPauseSeconds,omitempty"` // only where Min is 0
}

// Monitoring is how the writer is watched.
type Monitoring struct {
	Interval     int32  `json:"enhancedSeconds,omitempty"` // 0: no enhanced monitoring
	Insights     bool   `json:"performanceInsights,omitempty"`
	InsightsDays int32  `json:"performanceInsightsDays,omitempty"`
	Mode         string `json:"databaseInsights,omitempty"` // "standard" or "advanced"
}

// TableSettings are the settings of a DynamoDB table.
type TableSettings struct {
	OnDemand           bool              `json:"onDemand,omitempty"`
	Class              string            `json:"class"` // "STANDARD" or "STANDARD_INFREQUENT_ACCESS"
	DeletionProtection bool              `json:"deletionProtection,omitempty"`
	TTLAttribute       string            `json:"ttlAttribute,omitempty"` // empty: time to live is off
	StreamView         string            `json:"streamView,omitempty"`   // empty: no stream
	PointInTime        bool              `json:"pointInTimeRecovery"`
	RecoveryDays       int32             `json:"recoveryPeriodDays,omitempty"`
	Tags               map[string]string `json:"tags,omitempty"`
	Scaling            []ScalingTarget   `json:"scaling,omitempty"`
	Alarms             []Alarm           `json:"alarms,omitempty"`
	Others             []Other           `json:"others,omitempty"`
}

// ScalingTarget is a scalable target of Application Auto Scaling with its
// target-tracking policies.
type ScalingTarget struct {
	Index     string          `json:"index,omitempty"` // global secondary index; empty: the table, or a cluster
	Dimension string          `json:"dimension"`       // "ReadCapacityUnits", "WriteCapacityUnits", "ReadReplicaCount"
	Min       int32           `json:"min"`
	Max       int32           `json:"max"`
	Suspended bool            `json:"suspended,omitempty"` // scaling in or out is suspended
	Policies  []ScalingPolicy `json:"policies,omitempty"`
}

// ScalingPolicy is a target-tracking policy on one of AWS's own metrics.
type ScalingPolicy struct {
	Name       string  `json:"name"`
	Metric     string  `json:"metric"` // "DynamoDBReadCapacityUtilization", …
	Target     float64 `json:"target"`
	InSeconds  int32   `json:"scaleInSeconds,omitempty"`
	OutSeconds int32   `json:"scaleOutSeconds,omitempty"`
	NoScaleIn  bool    `json:"noScaleIn,omitempty"`
}

// Alarm is a CloudWatch alarm on one metric of an item: everything but its
// actions and its description, which may name anything.
type Alarm struct {
	Name       string            `json:"name"`
	Namespace  string            `json:"namespace"` // "AWS/DynamoDB" or "AWS/RDS"
	Metric     string            `json:"metric"`
	Dimensions map[string]string `json:"dimensions"`
	Instance   int               `json:"instance,omitempty"` // which instance of its cluster it watches; 1 is the writer
	Statistic  string            `json:"statistic"`          // "Maximum", "p99", …
	Unit       string            `json:"unit,omitempty"`
	Period     int32             `json:"periodSeconds"`
	Periods    int32             `json:"periods"`
	Datapoints int32             `json:"datapoints,omitempty"` // 0: all of Periods
	Compare    string            `json:"compare"`              // "GreaterThanThreshold", …
	Threshold  float64           `json:"threshold"`
	Missing    string            `json:"missing,omitempty"`
	LowSamples string            `json:"lowSamples,omitempty"` // what a percentile of few samples means
}

// Other is something that production has and that cannot travel.
type Other struct {
	What string `json:"what"` // "resource policy"
	Is   string `json:"is"`   // "present", or names without ARNs
	Why  string `json:"why"`
}
