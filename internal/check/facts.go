package check

import (
	"time"

	"github.com/dbferry/dbferry/internal/config"
)

// Facts are what was found before the checks ask. A step fills the part of its
// own side.
type Facts struct {
	Config config.Config
	Target config.Target
	Now    time.Time

	// Production's side.
	Clusters   []ClusterFacts
	Tables     []TableFacts
	OptIn      map[string]bool // AWS Backup's resource types, opted in for
	Management map[string]bool // AWS Backup's advanced features, by resource type
	Vault      *VaultFacts     // nil when there is none
	Ready      *Ready          // nil when production cannot read it
	ReadyError string          // why not
	LeftOut    []Item          // of the data set, by a partial refresh

	// The target's side.
	Roles           map[string]bool // service-linked roles by service name
	Subnets         *SubnetGroupFacts
	ParameterGroups map[string]bool // the configured names → there
	ClusterLimit    int             // quota of DB clusters; 0: not known
	ClusterCount    int
	Secrets         map[string]string // configured secret name → problem, "" when fine
	Endpoints       map[string]string // what must be reachable → problem, "" when fine
}

// Item names an item of the data set; Kind is "cluster" or "table".
type Item struct{ Kind, ID string }

// ClusterFacts are what production says of one cluster of the data set.
type ClusterFacts struct {
	ID, ARN, Status, Engine, KeyARN string
	Encrypted                       bool
	KeyManager                      string // "CUSTOMER" or "AWS"; empty when it cannot be read
	KeyEnabled                      bool
	Missing                         bool
}

// TableFacts are what production says of one table of the data set.
type TableFacts struct {
	Name, ARN, Status string
	Missing           bool
}

// VaultFacts are a vault's settings.
type VaultFacts struct {
	Name, ARN, KeyARN string
	KeyManager        string
	KeyEnabled        bool
	Policy            string // JSON; empty when it has none
}

// SubnetGroupFacts are a DB subnet group's settings.
type SubnetGroupFacts struct {
	Name, VPC string
	Zones     int
}

// ReadySchema is the version of Ready.
const ReadySchema = 1

// Ready is what staging-ready leaves in the inbox for production to read.
type Ready struct {
	Schema     int       `json:"schema"`
	Target     string    `json:"target"`
	ConfigHash string    `json:"configHash"`
	CheckedAt  time.Time `json:"checkedAt"`
	Problems   Problems  `json:"problems"`
}

// ReadyAge is how old a Ready may be.
const ReadyAge = 24 * time.Hour
