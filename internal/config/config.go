// Package config is dbferry.json: one typed file that says which data leaves
// production, where it goes, and under which limits. It is validated as a
// whole, with every problem reported at once, before anything is synthesised;
// the functions carry the same file, so that both accounts compute the same
// names and the same hash from it.
package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/dbferry/dbferry/internal/names"
)

// Config is the whole file.
type Config struct {
	Schema string `json:"$schema,omitempty" doc:"JSON Schema for editors"`

	Region         string     `json:"region" doc:"AWS Region of both accounts, such as eu-west-1"`
	OrganizationID string     `json:"organizationId" doc:"AWS Organization of both accounts, o-…; AWS Backup copies only inside one"`
	Production     Production `json:"production" doc:"the account that the data comes from"`
	Targets        []Target   `json:"targets" doc:"the accounts that the data goes to, one entry each"`
	DataSet        DataSet    `json:"dataSet" doc:"what is refreshed"`
	Limits         Limits     `json:"limits" doc:"limits that end a refresh rather than deliver bad data"`
}

// Production is the account that the data comes from.
type Production struct {
	Account string   `json:"account" doc:"12-digit account id"`
	Notify  []string `json:"notify,omitempty" doc:"e-mail addresses that are told how each run ended"`
	Migrate *Migrate `json:"migrate,omitempty" doc:"how clusters of this account may be migrated; absent: the migration is not deployed"`
}

// Target is one account that receives data.
type Target struct {
	Name     string            `json:"name" doc:"short name, such as staging: a-z, 0-9 and -, at most 20 characters"`
	Account  string            `json:"account" doc:"12-digit account id, different for every target"`
	Bus      string            `json:"bus,omitempty" doc:"event bus that receives production's success event: empty for one of its own, or default"`
	Notify   []string          `json:"notify,omitempty" doc:"e-mail addresses that are told how each run ended"`
	Schedule string            `json:"schedule,omitempty" doc:"when production starts a refresh by itself, an EventBridge Scheduler expression such as cron(0 3 * * ? *) in UTC; empty: never"`
	Network  Network           `json:"network" doc:"where restored clusters live"`
	Clusters []ClusterSettings `json:"clusters,omitempty" doc:"settings of restored clusters; the first entry that matches a cluster holds"`
	Tables   []TableSettings   `json:"tables,omitempty" doc:"settings of restored tables; the first entry that matches a table holds"`
	Switch   *Switch           `json:"switch,omitempty" doc:"how applications are moved to refreshed data; absent: a refresh ends with a candidate"`
}

// Network is where in a target account restored clusters live.
type Network struct {
	VPC                    string   `json:"vpc" doc:"VPC of the restored clusters, vpc-…"`
	DBSubnetGroup          string   `json:"dbSubnetGroup" doc:"existing DB subnet group of that VPC"`
	FunctionSubnets        []string `json:"functionSubnets" doc:"private subnets for the functions that log in to databases, subnet-…; they need a way to the AWS APIs (NAT or VPC endpoints)"`
	DatabaseSecurityGroups []string `json:"databaseSecurityGroups" doc:"existing security groups that a restored cluster wears once it is safe, sg-…; they decide which applications reach it"`
}

// ClusterSettings are a target's own settings for restored clusters.
type ClusterSettings struct {
	Match                  string  `json:"match" doc:"source cluster identifier, or a pattern with * and ?"`
	InstanceClass          string  `json:"instanceClass,omitempty" doc:"class of the restored instances; empty: as in production"`
	Instances              int     `json:"instances,omitempty" doc:"how many instances to create, 1 to 16; 0 means 1"`
	ParameterGroup         string  `json:"parameterGroup,omitempty" doc:"existing DB cluster parameter group of the target; empty: the engine's default"`
	InstanceParameterGroup string  `json:"instanceParameterGroup,omitempty" doc:"existing DB parameter group of the target; empty: the engine's default"`
	MasterSecret           string  `json:"masterSecret" doc:"Secrets Manager secret of the target with the master user's name and password, {\"username\",\"password\"}"`
	Logins                 []Login `json:"logins,omitempty" doc:"database accounts that stay usable, each with the target's own secret; every other account that can log in is locked"`
	DeletionProtection     bool    `json:"deletionProtection,omitempty" doc:"whether restored clusters are protected against deletion"`

	BackupRetentionDays int           `json:"backupRetentionDays,omitempty" doc:"how long Aurora keeps its own backups of restored clusters, 1 to 35; 0 means 1"`
	BacktrackHours      *int          `json:"backtrackHours,omitempty" doc:"backtrack window of restored Aurora MySQL clusters in hours, 0 (off) to 72; absent: as in production"`
	StorageType         string        `json:"storageType,omitempty" doc:"aurora, or aurora-iopt1 (I/O-Optimized); empty: aurora"`
	MaxACU              int           `json:"maxACU,omitempty" doc:"most Serverless v2 capacity units of a restored instance, 1 to 256; 0: as in production"`
	MaxReplicas         int           `json:"maxReplicas,omitempty" doc:"most readers that replica auto scaling may add, 1 to 15; 0: replica auto scaling stays off"`
	MonitoringRole      string        `json:"monitoringRole,omitempty" doc:"ARN of the target's role for enhanced monitoring, which is then as in production; empty: enhanced monitoring stays off"`
	DatabaseInsights    string        `json:"databaseInsights,omitempty" doc:"production: mode and retention as in production; empty: Performance Insights as in production, but the standard mode and 7 days, which cost nothing"`
	Roles               []FeatureRole `json:"roles,omitempty" doc:"the target's roles in place of those that production's clusters use, by feature"`
	Alarms              string        `json:"alarms,omitempty" doc:"CloudWatch alarms as in production: quiet (without actions), notify (they tell the target's topic) or none; empty: quiet"`
}

// FeatureRole is the role that a restored cluster uses for a feature.
type FeatureRole struct {
	Feature string `json:"feature,omitempty" doc:"feature name, such as s3Import; empty for roles without one, as Aurora MySQL has"`
	Role    string `json:"role" doc:"ARN of a role of the target's account"`
}

// Login is one database account that stays usable in the target.
type Login struct {
	User   string `json:"user" doc:"database user name"`
	Secret string `json:"secret" doc:"Secrets Manager secret of the target with its password, {\"username\",\"password\"}"`
	Rotate *bool  `json:"rotate,omitempty" doc:"true: each refresh gives the account a password of its own, in a secret that dbferry makes (dbferry/<target>/<cluster>/<refresh id>/<user>) and to which a switch leads by ${secret:<cluster>/<user>}; the secret above stays as it is; false: no longer, but a switch can still lead away from, and back to, generations with passwords of their own; absent: it never was"`
}

// Rotates says whether each refresh gives the account a password of its own.
func (l Login) Rotates() bool { return l.Rotate != nil && *l.Rotate }

// Rotation says whether generations may have passwords of their own.
func (t Target) Rotation() bool {
	for _, s := range t.Clusters {
		for _, l := range s.Logins {
			if l.Rotate != nil {
				return true
			}
		}
	}
	return false
}

// TableSettings are a target's own settings for restored tables.
type TableSettings struct {
	Match              string `json:"match" doc:"source table name, or a pattern with * and ?"`
	PointInTime        *bool  `json:"pointInTimeRecovery,omitempty" doc:"point-in-time recovery of the restored table; absent: as in production"`
	DeletionProtection bool   `json:"deletionProtection,omitempty" doc:"whether restored tables are protected against deletion"`
	TimeToLive         *bool  `json:"timeToLive,omitempty" doc:"false: items do not expire in restored tables; absent: as in production"`
	TableClass         string `json:"tableClass,omitempty" doc:"STANDARD or STANDARD_INFREQUENT_ACCESS; empty: as in production"`
	BillingMode        string `json:"billingMode,omitempty" doc:"PAY_PER_REQUEST: restored tables are on demand; empty: as in production"`
	AutoScaling        *bool  `json:"autoScaling,omitempty" doc:"false: the capacity of restored tables stays what it was at the backup; absent: it scales as in production"`
	MaxCapacity        int    `json:"maxCapacity,omitempty" doc:"most read and most write units that auto scaling may reach in a table or an index; 0: as in production"`
	Alarms             string `json:"alarms,omitempty" doc:"CloudWatch alarms as in production: quiet (without actions), notify (they tell the target's topic) or none; empty: quiet"`
}

// What becomes of production's alarms in a target.
const (
	AlarmsQuiet  = "quiet"  // there, without actions
	AlarmsNotify = "notify" // they tell the target's own topic
	AlarmsNone   = "none"
)

// InsightsAsProduction carries Database Insights over with what it costs.
const InsightsAsProduction = "production"

// DataSet says what is refreshed.
type DataSet struct {
	Clusters []Selector `json:"clusters,omitempty" doc:"Aurora clusters"`
	Tables   []Selector `json:"tables,omitempty" doc:"DynamoDB tables"`
}

// Selector picks resources by exactly one of its fields.
type Selector struct {
	ID     string `json:"id,omitempty" doc:"cluster identifier or table name"`
	Prefix string `json:"prefix,omitempty" doc:"every one whose name begins so"`
	Tag    *Tag   `json:"tag,omitempty" doc:"every one that carries this tag"`
}

// Tag is a tag key and value.
type Tag struct {
	Key   string `json:"key" doc:"tag key"`
	Value string `json:"value" doc:"tag value"`
}

// Limits end a refresh rather than deliver bad data.
type Limits struct {
	SpreadMinutes int `json:"spreadMinutes,omitempty" doc:"longest time between the first and the last cut-off of one refresh; 0 means 120"`
	RetentionDays int `json:"retentionDays,omitempty" doc:"days after which AWS Backup deletes the recovery points of a refresh, in both accounts, 7 to 365; 0 means 7"`
}

// Spread is the limit on cut-offs in minutes, with its default.
func (l Limits) Spread() int { return orDefault(l.SpreadMinutes, 120) }

// Retention is the life of a recovery point in days, with its default.
func (l Limits) Retention() int { return orDefault(l.RetentionDays, 7) }

func orDefault(v, d int) int {
	if v == 0 {
		return d
	}
	return v
}

// Load reads, parses and validates a file.
func Load(file string) (Config, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	c, err := Parse(raw)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// Parse reads a configuration strictly: an unknown field is an error, because
// a misspelt limit must not silently mean "no limit".
func Parse(raw []byte) (Config, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var c Config
	if err := d.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("configuration is not valid: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Config{}, fmt.Errorf("configuration is not valid: text after the closing brace")
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Hash identifies the configuration: both accounts must have been deployed
// from the same one. The schema reference does not count.
func (c Config) Hash() string {
	c.Schema = ""
	raw, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings, ints and bools only
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// ProductionPlace is where the data comes from.
func (c Config) ProductionPlace() names.Place {
	return names.Place{Side: names.ProductionSide, Account: c.Production.Account, Region: c.Region}
}

// Place is where a target lives.
func (c Config) Place(t Target) names.Place {
	return names.Place{Side: t.Name, Account: t.Account, Region: c.Region}
}

// Target finds a target by name.
func (c Config) Target(name string) (Target, error) {
	for _, t := range c.Targets {
		if t.Name == name {
			return t, nil
		}
	}
	return Target{}, fmt.Errorf("configuration has no target %q; it has %s", name, strings.Join(c.targetNames(), ", "))
}

func (c Config) targetNames() []string {
	var out []string
	for _, t := range c.Targets {
		out = append(out, t.Name)
	}
	return out
}

// BusName is the bus that receives production's events.
func (c Config) BusName(t Target) string {
	if t.Bus != "" {
		return t.Bus
	}
	return c.Place(t).Bus()
}

// ClusterSettings are the target's settings for a source cluster.
func (t Target) ClusterSettings(source string) (ClusterSettings, error) {
	for _, s := range t.Clusters {
		if ok, _ := path.Match(s.Match, source); ok {
			s.Instances = orDefault(s.Instances, 1)
			return s, nil
		}
	}
	return ClusterSettings{}, fmt.Errorf("target %s has no clusters entry that matches %s; add one with its masterSecret to dbferry.json", t.Name, source)
}

// TableSettings are the target's settings for a source table; none is fine.
func (t Target) TableSettings(source string) TableSettings {
	for _, s := range t.Tables {
		if ok, _ := path.Match(s.Match, source); ok {
			return s
		}
	}
	return TableSettings{}
}

// Matches says whether the selector picks a resource by its name and tags.
func (s Selector) Matches(name string, tags map[string]string) bool {
	switch {
	case s.ID != "":
		return s.ID == name
	case s.Tag != nil:
		v, ok := tags[s.Tag.Key]
		return ok && v == s.Tag.Value
	}
	return strings.HasPrefix(name, s.Prefix)
}
