// Package ground describes what exists before dbferry: production's clusters
// with their keys, network and users, its tables, the organization's settings,
// and what each target brings (network, parameter groups, secrets). The
// rehearsal puts it into the simulated accounts before it deploys anything.
//
// A ground is derived from a configuration by ForConfig, or read from a file
// by Load, so that a user may rehearse with settings of their own.
package ground

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/dbferry/dbferry/internal/lambdafn"
)

// Ground is the scene of a rehearsal.
type Ground struct {
	Organization Organization `json:"organization"`
	Accounts     []Account    `json:"accounts"`
	// Withdrawn are engine versions ("aurora-mysql 8.0.mysql_aurora.3.08.0") and
	// instance classes ("db.r6g.large") that RDS offers no more.
	Withdrawn []string  `json:"withdrawn,omitempty"`
	Clusters  []Cluster `json:"clusters"` // in production
	Tables    []Table   `json:"tables"`   // in production
}

// Organization is the AWS organization that all accounts belong to.
type Organization struct {
	ID                string `json:"id"`
	ManagementAccount string `json:"managementAccount"`
	// CrossAccountBackup is AWS Backup's switch in the management account.
	CrossAccountBackup bool `json:"crossAccountBackup"`
}

// WithoutApplications takes the applications out of every account.
func (g Ground) WithoutApplications() Ground {
	g.Accounts = slices.Clone(g.Accounts)
	for i := range g.Accounts {
		g.Accounts[i].Application = nil
	}
	return g
}

// Account is one account with what others made in it.
type Account struct {
	ID                 string           `json:"id"`
	Name               string           `json:"name"` // "production" or the target's name
	ServiceLinkedRoles []string         `json:"serviceLinkedRoles"`
	BackupOptIn        map[string]bool  `json:"backupOptIn"`    // resource type → AWS Backup may touch it
	BackupAdvanced     map[string]bool  `json:"backupAdvanced"` // resource type → managed by AWS Backup
	Subnets            []Subnet         `json:"subnets"`
	SubnetGroups       []SubnetGroup    `json:"subnetGroups"`
	SecurityGroups     []SecurityGroup  `json:"securityGroups"`
	ParameterGroups    []ParameterGroup `json:"parameterGroups"`
	// Parameters are those of a group, by its name, that are not its family's defaults.
	Parameters map[string]map[string]string `json:"parameters,omitempty"`
	Secrets    []Secret                     `json:"secrets"`
	Roles      []Role                       `json:"roles,omitempty"`

	// What stands in the way only when a rehearsal wants it.

	Organization           string            `json:"organization,omitempty"`           // another one than the ground's; "none" for none
	Quotas                 map[string]int64  `json:"quotas,omitempty"`                 // of RDS, by AWS's name: "DBClusters", "DBInstances"
	Rules                  []BusRule         `json:"rules,omitempty"`                  // on the default event bus
	ServiceControlPolicies []json.RawMessage `json:"serviceControlPolicies,omitempty"` // that bind the account
	// Clusters that exist already, for their network; they have no data.
	Clusters []ServingCluster `json:"clusters,omitempty"`

	// Application is what serves in a target before; nil for nothing.
	Application *Application `json:"application,omitempty"`
}

// Role is a role that a service may assume; it has no permissions here.
type Role struct {
	ARN     string `json:"arn"`
	Service string `json:"service"`
}

// BusRule is a rule of somebody else on the default event bus; it has no target.
type BusRule struct {
	Name     string          `json:"name"`
	Pattern  json.RawMessage `json:"pattern"`
	Disabled bool            `json:"disabled,omitempty"`
}

// ServingCluster is a cluster that an account's applications use.
type ServingCluster struct {
	ID             string   `json:"id"`
	Engine         string   `json:"engine"`
	SubnetGroup    string   `json:"subnetGroup"`
	SecurityGroups []string `json:"securityGroups"`
	Class          string   `json:"class,omitempty"` // of its one instance; empty: none
}

// Subnet is a subnet of a VPC.
type Subnet struct {
	ID   string `json:"id"`
	VPC  string `json:"vpc"`
	Zone string `json:"zone"`
	CIDR string `json:"cidr"`
}

// SubnetGroup is a DB subnet group.
type SubnetGroup struct {
	Name    string   `json:"name"`
	VPC     string   `json:"vpc"`
	Subnets []string `json:"subnets"`
}

// SecurityGroup is a VPC security group that lets everything out.
type SecurityGroup struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	VPC     string `json:"vpc"`
	Ingress []Rule `json:"ingress"`
}

// Rule admits TCP from a group or a block of addresses.
type Rule struct {
	From  int32  `json:"from"`
	To    int32  `json:"to"`
	Group string `json:"group,omitempty"`
	CIDR  string `json:"cidr,omitempty"`
}

// ParameterGroup is a DB cluster parameter group, or a DB parameter group.
type ParameterGroup struct {
	Name     string `json:"name"`
	Family   string `json:"family"`
	Instance bool   `json:"instance,omitempty"`
}

// Secret is a Secrets Manager secret with {"username","password"}.
type Secret struct {
	Name     string `json:"name"`
	User     string `json:"user"`
	Password string `json:"password"`
	// Deleted says that it is scheduled for deletion.
	Deleted bool `json:"deleted,omitempty"`
}

// Cluster is an Aurora cluster of production.
type Cluster struct {
	ID             string            `json:"id"`
	Engine         string            `json:"engine"`
	EngineVersion  string            `json:"engineVersion"`
	SubnetGroup    string            `json:"subnetGroup"`
	SecurityGroups []string          `json:"securityGroups"`
	VPC            string            `json:"vpc"`
	AppGroup       string            `json:"appGroup"` // security group of production's own application
	InstanceClass  string            `json:"instanceClass"`
	Key            Key               `json:"key"`
	LogExports     []string          `json:"logExports"`
	Tags           map[string]string `json:"tags"`
	VolumeGB       int64             `json:"volumeGB"`
	Master         User              `json:"master"`
	Users          []User            `json:"users"`
	// Writes says that production's application keeps inserting rows while it
	// is backed up; it logs in as the first of Users.
	Writes bool `json:"writes"`

	Settings ClusterSettings `json:"settings"`
	// Status is what somebody else's work makes it show, for a day; empty:
	// available.
	Status string `json:"status,omitempty"`
	// BackedUp says that a backup plan works on it for a day.
	BackedUp bool `json:"backedUp,omitempty"`

	// SQL is what the master user executes once the data and the users are
	// there: more databases, roles, grants.
	SQL []Script `json:"sql,omitempty"`
}

// Script is some statements for one database.
type Script struct {
	Database   string   `json:"database,omitempty"` // empty: none for MySQL, "postgres" for PostgreSQL
	Statements []string `json:"statements"`
}

// Key is the customer managed key of a cluster.
type Key struct {
	ID string `json:"id"`
	// Policy replaces the default policy: the account's own administration and
	// the statements that the production stack prints (internal/keypolicy).
	Policy json.RawMessage `json:"policy,omitempty"`
	// State is empty, or "Disabled" once the cluster is there.
	State string `json:"state,omitempty"`
	// Owner is empty for the customer, "aws" for the AWS managed key aws/rds,
	// "aws-owned" for a key that AWS owns, "none" for no encryption.
	Owner string `json:"owner,omitempty"`
}

// User is a database user with production's password.
type User struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// Table is a DynamoDB table of production.
type Table struct {
	Name         string            `json:"name"`
	TTLAttribute string            `json:"ttlAttribute"`
	PointInTime  bool              `json:"pointInTime"`
	Tags         map[string]string `json:"tags"`
	Items        int               `json:"items"`
	Writes       bool              `json:"writes"`

	Settings TableSettings `json:"settings,omitzero"`
	// KeyLost puts it under a key of the customer's that DynamoDB has lost.
	KeyLost bool `json:"keyLost,omitempty"`
	// Status is what it shows instead of ACTIVE: "DELETING".
	Status string `json:"status,omitempty"`
	// BackedUp says that a backup plan works on it for a day.
	BackedUp bool `json:"backedUp,omitempty"`
}

//go:embed ground.json
var example []byte

// Example is the ground of the configuration that dbferry ships.
func Example() (Ground, error) { return Parse(example) }

// Load reads a ground from a file.
func Load(file string) (Ground, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Ground{}, fmt.Errorf("ground: %w", err)
	}
	g, err := Parse(raw)
	if err != nil {
		return Ground{}, fmt.Errorf("%s: %w", file, err)
	}
	return g, nil
}

// Parse reads a ground strictly: an unknown field is an error.
func Parse(raw []byte) (Ground, error) {
	var g Ground
	if err := lambdafn.Strict(raw, &g); err != nil {
		return Ground{}, fmt.Errorf("ground: %w", err)
	}
	return g, g.validate()
}

// validate refuses what the simulated services would only trip over.
func (g Ground) validate() error {
	for _, a := range g.Accounts {
		if a.Application != nil && len(a.Application.Services) == 0 {
			return fmt.Errorf("ground: application of account %s: it has no service, and so nothing that uses its data", a.ID)
		}
		for _, s := range a.Secrets {
			if len(s.Password) < 8 {
				return fmt.Errorf("ground: secret %s of account %s: a password of fewer than 8 characters", s.Name, a.ID)
			}
		}
	}
	for _, c := range g.Clusters {
		for _, u := range append([]User{c.Master}, c.Users...) {
			if len(u.Password) < 8 {
				return fmt.Errorf("ground: user %s of cluster %s: a password of fewer than 8 characters", u.Name, c.ID)
			}
		}
		if c.Settings.Readers < 0 || c.Settings.Readers > 15 {
			return fmt.Errorf("ground: cluster %s: %d readers; Aurora has 0 to 15", c.ID, c.Settings.Readers)
		}
		if (c.InstanceClass == serverlessClass) != (c.Settings.Serverless != nil) {
			return fmt.Errorf("ground: cluster %s: settings.serverless and the instance class %s belong together", c.ID, serverlessClass)
		}
		if c.Writes && len(c.Users) == 0 {
			return fmt.Errorf("ground: cluster %s is written to but has no user to do it", c.ID)
		}
	}
	return nil
}

// Account finds an account by id; nil when there is none.
func (g Ground) Account(id string) *Account {
	for i := range g.Accounts {
		if g.Accounts[i].ID == id {
			return &g.Accounts[i]
		}
	}
	return nil
}
