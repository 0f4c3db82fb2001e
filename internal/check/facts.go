package check

import (
	"time"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// Facts are what was found before the checks ask. A survey fills the part of
// its own side.
type Facts struct {
	Config config.Config
	Target config.Target
	Now    time.Time

	// Deployed says that the side's stack is there.
	Deployed bool
	// Unread holds, for each source that could not be read, why.
	Unread map[Source]string

	// Production's side.
	Selectors  []SelectorFacts
	Clusters   []ClusterFacts
	Tables     []TableFacts
	Jobs       []JobFacts // of AWS Backup, in production, that have not ended
	BackupRole *RoleFacts // nil when there is none
	Ready      *Ready     // nil when production cannot read it
	ReadyError string     // why not
	LeftOut    []Item     // of the data set, by a partial refresh
	Receives   *Receives  // what the target says of itself; nil when it has not

	// Both sides, each about itself.
	OptIn          map[string]bool // AWS Backup's resource types, opted in for
	Management     map[string]bool // AWS Backup's advanced features, by resource type
	Vault          *VaultFacts     // nil when there is none
	Keys           map[string]KeyFacts
	OrganizationID string

	// The target's side.
	Roles       map[string]bool // service-linked roles by service name
	RestoreRole *RoleFacts      // nil when there is none
	Subnets     *SubnetGroupFacts
	Groups      map[string]GroupFacts // the configured parameter groups
	Secrets     map[string]SecretFacts
	Rules       []RuleFacts       // of the default bus, when the target uses it
	Endpoints   map[string]string // what must be reachable → problem, "" when fine

	// What a switch of the target's moves, by name.
	Proxies    map[string]ProxyFacts
	Parameters map[string]ParameterFacts
	Records    map[string]RecordFacts // by zone/name
	Services   map[string]ServiceFacts

	// The organization's management account.
	CrossAccount string // AWS Backup's switch, "true" or not
}

// Source is one thing that a survey reads; when it may not, the checks that
// need it prove nothing.
type Source string

// The sources.
const (
	FromClusters      Source = "clusters"
	FromTables        Source = "tables"
	FromJobs          Source = "AWS Backup's jobs"
	FromOptIns        Source = "AWS Backup's settings of the Region"
	FromVault         Source = "backup vault"
	FromVaultPolicy   Source = "policy of the backup vault"
	FromBackupRole    Source = "role " + names.BackupRole
	FromRestoreRole   Source = "role " + names.RestoreRole
	FromLinkedRoles   Source = "service-linked roles"
	FromSubnetGroup   Source = "DB subnet group"
	FromGroups        Source = "parameter groups"
	FromOffers        Source = "what RDS offers"
	FromQuotas        Source = "quotas of RDS"
	FromSecrets       Source = "secrets"
	FromRules         Source = "rules of the default event bus"
	FromEndpoints     Source = "function subnets"
	FromProxies       Source = "RDS proxies"
	FromDoors         Source = "ports of the proxies"
	FromParameters    Source = "SSM parameters"
	FromRecords       Source = "records in Route 53"
	FromServices      Source = "ECS services"
	FromReady         Source = "ready.json"
	FromReceives      Source = "what the target says of itself"
	FromOrganization  Source = "organization"
	FromGlobalSetting Source = "AWS Backup's settings of the organization"
)

// stack is the stack of a side, for people.
func (f Facts) stack(s Side) string {
	if s == Target {
		return f.Config.Place(f.Target).Stack()
	}
	return f.Config.ProductionPlace().Stack()
}

// key is what is known of a key, also when nothing is.
func (f Facts) key(arn string) KeyFacts {
	if k, ok := f.Keys[arn]; ok {
		return k
	}
	return KeyFacts{ARN: arn, Missing: true}
}

// SelectorFacts say what one selector of the data set finds.
type SelectorFacts struct {
	Where string // "dataSet.tables[0]"
	Text  string // "prefix shop-"
	Found int
}

// Item names an item of the data set; Kind is "cluster" or "table".
type Item struct{ Kind, ID string }

// ClusterFacts are what production says of one cluster of the data set.
type ClusterFacts struct {
	ID, ARN, Status       string
	Engine, EngineVersion string
	Storage               string // StorageEncryptionType: "sse-kms", "sse-rds", "none"; may be empty
	KeyARN                string
	Encrypted             bool
	Tags                  int   // of the user's own
	Bytes                 int64 // VolumeBytesUsed
	Missing               bool
}

// TableFacts are what production says of one table of the data set.
type TableFacts struct {
	Name, ARN, Status string
	KeyARN            string    // empty: a key that AWS owns
	KeyLostAt         time.Time // when DynamoDB lost the use of the key
	Tags              int       // of the user's own; -1: not read
	Bytes             int64     // TableSizeBytes
	Missing           bool
}

// KeyFacts are what is known of a KMS key.
type KeyFacts struct {
	ARN         string
	Manager     string // "CUSTOMER" or "AWS"
	State       string // "Enabled", "Disabled", "PendingDeletion", …
	Missing     bool
	Unread      string // why it cannot be described
	Policy      string // JSON
	PolicyError string // why the policy cannot be read
}

// JobFacts are a job of AWS Backup that has not ended.
type JobFacts struct {
	Kind, ID, ResourceARN, State string // Kind: "backup" or "copy"
	Plan                         string // the backup plan that began it; empty: nobody's
	Own                          bool   // of a refresh of dbferry, which the locks keep apart
}

// RoleFacts are a role and who may assume it.
type RoleFacts struct {
	ARN   string
	Trust string // JSON
}

// VaultFacts are a vault's settings.
type VaultFacts struct {
	Name, ARN, KeyARN string
	MinDays, MaxDays  int64  // of a vault lock; 0: no limit
	Policy            string // JSON; empty when it has none
}

// SubnetGroupFacts are a DB subnet group's settings.
type SubnetGroupFacts struct {
	Name, VPC string
	Zones     []string
}

// GroupFacts are a configured parameter group.
type GroupFacts struct {
	Family  string
	Missing bool
}

// SecretFacts are a configured secret; its value is never read.
type SecretFacts struct {
	Missing   bool
	DeletesAt time.Time // zero: it stays
}

// RuleFacts are a rule of an event bus.
type RuleFacts struct {
	Name, Pattern string
	Disabled      bool
}

// Quota is how much of a quota is used; a limit of 0 is not known.
type Quota struct {
	Used  int `json:"used"`
	Limit int `json:"limit"`
}

// Receives is what a target says of itself that production's facts are compared
// with. It crosses in ready.json.
type Receives struct {
	Families  map[string]string   `json:"families"` // configured parameter group → family
	Versions  map[string]string   `json:"versions"` // "engine version" offered → parameter group family
	Classes   map[string][]string `json:"classes"`  // "engine class", as configured → versions that offer it
	Clusters  Quota               `json:"clusters"`
	Instances Quota               `json:"instances"`
}

// ReadySchema is the version of Ready.
const ReadySchema = 2

// Ready is what staging-ready leaves in the inbox for production to read.
type Ready struct {
	Schema     int       `json:"schema"`
	Target     string    `json:"target"`
	ConfigHash string    `json:"configHash"`
	CheckedAt  time.Time `json:"checkedAt"`
	Problems   Problems  `json:"problems"`
	Findings   Report    `json:"findings"` // all but the problems: proofs, and what could not be proved
	Receives   Receives  `json:"receives"`
}

// ReadyAge is how old a Ready may be.
const ReadyAge = 24 * time.Hour
