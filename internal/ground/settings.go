package ground

// ClusterSettings are what a restore of a cluster loses, as production has it.
type ClusterSettings struct {
	ParameterGroup         string `json:"parameterGroup,omitempty"`         // in the accounts' parameter groups; empty: the default
	InstanceParameterGroup string `json:"instanceParameterGroup,omitempty"` // the same, for instances
	Serverless             *ACU   `json:"serverless,omitempty"`             // instances are then db.serverless
	IAMAuthentication      bool   `json:"iamAuthentication,omitempty"`
	BacktrackHours         int64  `json:"backtrackHours,omitempty"`
	BackupRetentionDays    int32  `json:"backupRetentionDays,omitempty"` // 0: 7
	StorageType            string `json:"storageType,omitempty"`         // empty: aurora
	Roles                  []Role `json:"roles,omitempty"`               // of production; Service is the feature
	HTTPEndpoint           bool   `json:"httpEndpoint,omitempty"`

	MonitoringSeconds int32  `json:"monitoringSeconds,omitempty"`
	MonitoringRole    string `json:"monitoringRole,omitempty"` // ARN in production
	InsightsDays      int32  `json:"insightsDays,omitempty"`   // 0: no Performance Insights
	AdvancedInsights  bool   `json:"advancedInsights,omitempty"`

	Readers int       `json:"readers,omitempty"` // besides the writer
	Scaling []Scaling `json:"scaling,omitempty"`
	Alarms  []Alarm   `json:"alarms,omitempty"`
}

// ACU is a range of Serverless v2 capacity.
type ACU struct {
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
	AutoPause int32   `json:"autoPauseSeconds,omitempty"`
}

// TableSettings are what a restore of a table loses, and the capacity that such
// settings need.
type TableSettings struct {
	Read               int64    `json:"read,omitempty"` // provisioned units; 0: on demand
	Write              int64    `json:"write,omitempty"`
	Indexes            []Index  `json:"indexes,omitempty"`
	Class              string   `json:"class,omitempty"`
	Stream             string   `json:"stream,omitempty"` // view type
	RecoveryDays       int32    `json:"recoveryDays,omitempty"`
	DeletionProtection bool     `json:"deletionProtection,omitempty"`
	ResourcePolicy     string   `json:"resourcePolicy,omitempty"`
	KinesisStream      string   `json:"kinesisStream,omitempty"` // ARN
	Replicas           []string `json:"replicas,omitempty"`      // Regions
	Insights           bool     `json:"contributorInsights,omitempty"`

	Scaling []Scaling `json:"scaling,omitempty"`
	Alarms  []Alarm   `json:"alarms,omitempty"`
}

// Index is a global secondary index on one text attribute.
type Index struct {
	Name  string `json:"name"`
	Hash  string `json:"hash"`
	Read  int64  `json:"read,omitempty"`
	Write int64  `json:"write,omitempty"`
}

// Scaling is a scalable target with one target-tracking policy.
type Scaling struct {
	Index      string  `json:"index,omitempty"`
	Dimension  string  `json:"dimension"` // "dynamodb:table:ReadCapacityUnits"
	Min        int32   `json:"min"`
	Max        int32   `json:"max"`
	Metric     string  `json:"metric"`
	Target     float64 `json:"target"`
	Cooldown   int32   `json:"cooldownSeconds,omitempty"`
	Customized bool    `json:"customized,omitempty"` // on a metric of production's own
}

// Alarm is a CloudWatch alarm on the table, the cluster or one of its
// instances. Its action is a topic of production.
type Alarm struct {
	Name       string            `json:"name"`
	Metric     string            `json:"metric"`
	Dimensions map[string]string `json:"dimensions"`
	Statistic  string            `json:"statistic"`
	Minutes    int               `json:"minutes"`
	Periods    int32             `json:"periods"`
	Datapoints int32             `json:"datapoints,omitempty"`
	Compare    string            `json:"compare"`
	Threshold  float64           `json:"threshold"`
	Missing    string            `json:"missing,omitempty"`
	Math       bool              `json:"math,omitempty"` // on an expression
}
