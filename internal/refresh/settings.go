package refresh

// SettingsSchema is the version of Settings; staging refuses one it does not know.
const SettingsSchema = 1

// Settings are what AWS Backup loses (docs/aws.md §4, §8), recorded in
// production from an allow-list: never network, keys or ARNs, which mean
// nothing in another account.
type Settings struct {
	Schema  int              `json:"schema"`
	Cluster *ClusterSettings `json:"cluster,omitempty"`
	Table   *TableSettings   `json:"table,omitempty"`
}

// ClusterSettings are the settings of an Aurora cluster.
type ClusterSettings struct {
	Engine             string            `json:"engine"` // "aurora-mysql" or "aurora-postgresql"
	EngineVersion      string            `json:"engineVersion"`
	Port               int32             `json:"port"`
	Database           string            `json:"database,omitempty"`
	MasterUser         string            `json:"masterUser"`
	InstanceClass      string            `json:"instanceClass"` // of the writer
	ServerlessV2       *Scaling          `json:"serverlessV2,omitempty"`
	LogExports         []string          `json:"logExports,omitempty"`
	IAMAuthentication  bool              `json:"iamAuthentication"`
	CopyTagsToSnapshot bool              `json:"copyTagsToSnapshot"`
	Tags               map[string]string `json:"tags,omitempty"`
}

// Scaling is the capacity range of Aurora Serverless v2, in ACUs.
type Scaling struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// TableSettings are the settings of a DynamoDB table.
type TableSettings struct {
	TTLAttribute string            `json:"ttlAttribute,omitempty"` // empty: time to live is off
	StreamView   string            `json:"streamView,omitempty"`   // empty: no stream
	PointInTime  bool              `json:"pointInTimeRecovery"`
	Tags         map[string]string `json:"tags,omitempty"`
}
