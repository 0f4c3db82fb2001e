package config

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Migrate says how production's clusters may be migrated, by whom, and what
// keeps a switchover from being tried.
type Migrate struct {
	Network     MigrateNetwork    `json:"network" doc:"where the functions run that log in to production's databases"`
	Clusters    []MigrateCluster  `json:"clusters" doc:"settings of the clusters that may be migrated; the first entry that matches a cluster holds"`
	Approvers   []string          `json:"approvers" doc:"ARNs of the IAM roles and users that may approve, with * and ? as wildcards; nobody else's answer counts"`
	Maintenance []MaintenanceHook `json:"maintenance,omitempty" doc:"what is turned on, in this order, right before the switchover, and off in the opposite order right after it, whatever became of it"`
	Limits      MigrateLimits     `json:"limits,omitzero" doc:"abort criteria and time limits; they are printed in every plan"`
}

// MigrateNetwork is where functions reach production's databases from.
type MigrateNetwork struct {
	VPC                    string   `json:"vpc" doc:"VPC of the clusters, vpc-…"`
	FunctionSubnets        []string `json:"functionSubnets" doc:"private subnets for the functions that log in, subnet-…; they need a way to the AWS APIs (NAT or VPC endpoints)"`
	DatabaseSecurityGroups []string `json:"databaseSecurityGroups" doc:"security groups of the clusters and of their RDS proxies, sg-…; dbferry's functions are let out to them and must be let in by them"`
}

// MigrateCluster is how a cluster is proved before and after it is migrated.
type MigrateCluster struct {
	Match        string   `json:"match" doc:"cluster identifier, or a pattern with * and ?"`
	MasterSecret string   `json:"masterSecret" doc:"Secrets Manager secret with the master user's name and password; it reads what only the master user may read, and writes nothing on green"`
	Login        Account  `json:"login" doc:"an account without administration rights, as the application has; smoke queries and proofs are made with it"`
	Database     string   `json:"database,omitempty" doc:"for Aurora PostgreSQL: the database that smoke queries, checksums and the write proof are of; empty: postgres"`
	Smoke        []string `json:"smoke,omitempty" doc:"read-only queries that must return at least one row, run as the login on green before the switchover and on the new production after it"`
	Checksums    []string `json:"checksums,omitempty" doc:"tables, schema.table, whose rows are compared between blue and green before the switchover, chunk by chunk"`
	Proxies      string   `json:"proxies,omitempty" doc:"how RDS proxies of the cluster follow: empty, AWS leads them over (a few seconds); detach, they are taken off the cluster right before the switchover and put back after it (minutes), for proxies that Blue/Green does not support; detach-first, they are off from before green is created, where AWS refuses to create it otherwise: applications must reach the cluster without the proxy until the switchover"`
	WayBack      *Account `json:"wayBack,omitempty" doc:"a way back after the switchover, for Aurora MySQL: as long as limits.soakMinutes the old cluster follows the new production by replication, with this account of production's databases, which needs REPLICATION SLAVE"`
	AuditLog     bool     `json:"auditLog,omitempty" doc:"for Aurora MySQL: green is verified only when CloudWatch Logs has the audit record of a login on it"`
	WriteProof   string   `json:"writeProof,omitempty" doc:"one statement that changes a row, run as the login on the new production in a transaction that is rolled back; empty: only the read-only flags are read"`
}

// Values of MigrateCluster.Proxies.
const (
	ProxiesFollow      = ""
	ProxiesDetach      = "detach"
	ProxiesDetachFirst = "detach-first"
)

// Account is a database account of production, which stays as it is.
type Account struct {
	User   string `json:"user" doc:"database user name"`
	Secret string `json:"secret" doc:"Secrets Manager secret of the production account with its password, {\"username\",\"password\"}"`
}

// MaintenanceHook keeps users out while the switchover runs. Exactly one of its
// kinds is given.
type MaintenanceHook struct {
	Name       string    `json:"name" doc:"for reports"`
	Function   string    `json:"function,omitempty" doc:"ARN of a Lambda function; it is invoked with {migration,cluster,phase}, phase on or off, and must return without error"`
	Service    *Service  `json:"service,omitempty" doc:"an ECS service whose desired count becomes 0, and afterwards what it was"`
	Automation string    `json:"automation,omitempty" doc:"name of an SSM Automation document; it is started with the parameters Migration and Phase"`
	Listener   *Listener `json:"listener,omitempty" doc:"a listener of an Application Load Balancer that answers every request with a fixed response meanwhile"`
	Minutes    int       `json:"minutes,omitempty" doc:"time limit, 1 to 60; 0 means 10"`
}

// Listener is a load balancer's listener with the page that users see during a
// switchover.
type Listener struct {
	ARN         string `json:"arn" doc:"ARN of the listener, arn:aws:elasticloadbalancing:…:listener/app/…"`
	Priority    int    `json:"priority,omitempty" doc:"of the rule that is made and deleted, 1 to 50000; 0 means 1; it must be free, and before every other rule of the listener"`
	Status      int    `json:"status,omitempty" doc:"HTTP status of the answer, 200 to 599 without 3xx; 0 means 503"`
	ContentType string `json:"contentType,omitempty" doc:"text/plain, text/css, text/html, application/javascript or application/json; empty: text/plain"`
	Body        string `json:"body,omitempty" doc:"text of the answer, at most 1024 characters"`
}

// At is the rule's priority, with its default.
func (l Listener) At() int { return orDefault(l.Priority, 1) }

// Code is the HTTP status, with its default.
func (l Listener) Code() int { return orDefault(l.Status, 503) }

// Type is the content type, with its default.
func (l Listener) Type() string {
	if l.ContentType == "" {
		return "text/plain"
	}
	return l.ContentType
}

func (l Listener) validate(at string, p *Problems) {
	if !listenerARN.MatchString(l.ARN) {
		p.addf("%s.arn: %q is not the ARN of a listener of an Application Load Balancer", at, l.ARN)
	}
	p.between(at+".priority", l.At(), 1, 50000, "")
	if c := l.Code(); c < 200 || c > 599 || c/100 == 3 {
		p.addf("%s.status: %d is not between 200 and 599, or a redirection", at, c)
	}
	if !slices.Contains([]string{"text/plain", "text/css", "text/html", "application/javascript", "application/json"}, l.Type()) {
		p.addf("%s.contentType: %q is none that a fixed response may have", at, l.ContentType)
	}
	if len(l.Body) > 1024 {
		p.addf("%s.body: has %d characters, a fixed response 1024 at most", at, len(l.Body))
	}
}

// Limit is the hook's time limit in minutes, with its default.
func (h MaintenanceHook) Limit() int { return orDefault(h.Minutes, 10) }

// MigrateLimits are the abort criteria of a migration.
type MigrateLimits struct {
	LagSeconds         int `json:"lagSeconds,omitempty" doc:"most seconds that green may be behind when it is verified and when the switchover begins, 1 to 60; 0 means 5"`
	TransactionSeconds int `json:"transactionSeconds,omitempty" doc:"oldest transaction on blue with which a switchover may begin, 1 to 3600; 0 means 60"`
	SwitchoverSeconds  int `json:"switchoverSeconds,omitempty" doc:"AWS's time limit for the switchover, after which it rolls back, 30 to 3600; 0 means 300"`
	Readings           int `json:"readings,omitempty" doc:"how many readings in a row must find every member of blue and green well, 2 to 20; 0 means 3"`
	GreenHours         int `json:"greenHours,omitempty" doc:"how long green may take to be built and to settle, 1 to 72; 0 means 12"`
	ApprovalHours      int `json:"approvalHours,omitempty" doc:"how long an approval is waited for, 1 to 336; 0 means 72"`
	SoakMinutes        int `json:"soakMinutes,omitempty" doc:"how long the new production serves before the old cluster may be retired, 1 to 10080; 0 means 60"`
}

// The limits with their defaults.
func (l MigrateLimits) Lag() int         { return orDefault(l.LagSeconds, 5) }
func (l MigrateLimits) Transaction() int { return orDefault(l.TransactionSeconds, 60) }
func (l MigrateLimits) Switchover() int  { return orDefault(l.SwitchoverSeconds, 300) }
func (l MigrateLimits) Read() int        { return orDefault(l.Readings, 3) }
func (l MigrateLimits) Green() int       { return orDefault(l.GreenHours, 12) }
func (l MigrateLimits) Approval() int    { return orDefault(l.ApprovalHours, 72) }
func (l MigrateLimits) Soak() int        { return orDefault(l.SoakMinutes, 60) }

// Cluster finds the settings of a cluster.
func (m Migrate) Cluster(id string) (MigrateCluster, error) {
	for _, s := range m.Clusters {
		if ok, _ := path.Match(s.Match, id); ok {
			return s, nil
		}
	}
	return MigrateCluster{}, fmt.Errorf("production.migrate.clusters has no entry that matches %s; add one with its masterSecret and login to dbferry.json", id)
}

// Approves says whether an IAM identity may approve.
func (m Migrate) Approves(arn string) bool {
	for _, a := range m.Approvers {
		if wildcard(a).MatchString(arn) {
			return true
		}
	}
	return false
}

func wildcard(pattern string) *regexp.Regexp {
	text := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile("^" + text + "$")
}

var (
	approverARN    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[a-zA-Z0-9+=,.@_/*?-]+$`)
	listenerARN    = regexp.MustCompile(`^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:listener/app/[a-zA-Z0-9-]+/[0-9a-f]+/[0-9a-f]+$`)
	qualifiedTable = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_$]*\.[a-zA-Z_][a-zA-Z0-9_$]*$`)
)

func (m Migrate) validate(at string, p *Problems) {
	if !vpcID.MatchString(m.Network.VPC) {
		p.addf("%s.network.vpc: %q is not a VPC id", at, m.Network.VPC)
	}
	if len(m.Network.FunctionSubnets) == 0 {
		p.addf("%s.network.functionSubnets: at least one is needed", at)
	}
	for i, id := range m.Network.FunctionSubnets {
		if !subnetID.MatchString(id) {
			p.addf("%s.network.functionSubnets[%d]: %q is not a subnet id", at, i, id)
		}
	}
	if len(m.Network.DatabaseSecurityGroups) == 0 {
		p.addf("%s.network.databaseSecurityGroups: at least one is needed", at)
	}
	for i, id := range m.Network.DatabaseSecurityGroups {
		if !groupID.MatchString(id) {
			p.addf("%s.network.databaseSecurityGroups[%d]: %q is not a security group id", at, i, id)
		}
	}
	if len(m.Approvers) == 0 {
		p.addf("%s.approvers: at least one is needed; without an approver no switchover can be approved", at)
	}
	for i, a := range m.Approvers {
		if !approverARN.MatchString(a) {
			p.addf("%s.approvers[%d]: %q is not the ARN of an IAM role or user", at, i, a)
		}
	}
	m.validateClusters(at, p)
	for i, h := range m.Maintenance {
		h.validate(fmt.Sprintf("%s.maintenance[%d]", at, i), p)
	}
	m.Limits.validate(at+".limits", p)
}

func (m Migrate) validateClusters(at string, p *Problems) {
	if len(m.Clusters) == 0 {
		p.addf("%s.clusters: at least one is needed", at)
	}
	for i, c := range m.Clusters {
		where := fmt.Sprintf("%s.clusters[%d]", at, i)
		if _, err := path.Match(c.Match, "x"); c.Match == "" || err != nil {
			p.addf("%s.match: %q is not a pattern", where, c.Match)
		}
		if c.MasterSecret == "" {
			p.addf("%s.masterSecret: is missing", where)
		}
		if c.Login.User == "" || c.Login.Secret == "" {
			p.addf("%s.login: user and secret are needed", where)
		}
		if b := c.WayBack; b != nil && (b.User == "" || b.Secret == "") {
			p.addf("%s.wayBack: user and secret are needed", where)
		}
		for j, q := range c.Smoke {
			if !readOnly(q) {
				p.addf("%s.smoke[%d]: %q must be one SELECT, without a semicolon", where, j, q)
			}
		}
		for j, t := range c.Checksums {
			if !qualifiedTable.MatchString(t) {
				p.addf("%s.checksums[%d]: %q is not schema.table", where, j, t)
			}
		}
		if !slices.Contains([]string{ProxiesFollow, ProxiesDetach, ProxiesDetachFirst}, c.Proxies) {
			p.addf("%s.proxies: %q is neither detach nor detach-first", where, c.Proxies)
		}
		if strings.Contains(c.WriteProof, ";") {
			p.addf("%s.writeProof: must be one statement, without a semicolon", where)
		}
	}
}

func (h MaintenanceHook) validate(at string, p *Problems) {
	n := 0
	for _, set := range []bool{h.Function != "", h.Service != nil, h.Automation != "", h.Listener != nil} {
		if set {
			n++
		}
	}
	switch {
	case h.Name == "":
		p.addf("%s.name: is missing", at)
	case n != 1:
		p.addf("%s: exactly one of function, service, automation and listener is needed", at)
	case h.Function != "" && !functionARN.MatchString(h.Function):
		p.addf("%s.function: %q is not the ARN of a Lambda function", at, h.Function)
	case h.Service != nil && (!ecsName.MatchString(h.Service.Cluster) || !ecsName.MatchString(h.Service.Service)):
		p.addf("%s.service: %q and %q must be names of an ECS cluster and service", at, h.Service.Cluster, h.Service.Service)
	case h.Automation != "" && !documentName.MatchString(h.Automation):
		p.addf("%s.automation: %q is not the name of an SSM document", at, h.Automation)
	}
	if h.Listener != nil {
		h.Listener.validate(at+".listener", p)
	}
	if l := h.Limit(); l < 1 || l > 60 {
		p.addf("%s.minutes: %d is not between 1 and 60", at, l)
	}
}

func (l MigrateLimits) validate(at string, p *Problems) {
	for _, v := range []struct {
		name           string
		is, low, upper int
	}{
		{"lagSeconds", l.Lag(), 1, 60}, {"transactionSeconds", l.Transaction(), 1, 3600}, {"switchoverSeconds", l.Switchover(), 30, 3600},
		{"readings", l.Read(), 2, 20}, {"greenHours", l.Green(), 1, 72}, {"approvalHours", l.Approval(), 1, 336},
		{"soakMinutes", l.Soak(), 1, 10080},
	} {
		if v.is < v.low || v.is > v.upper {
			p.addf("%s.%s: %d is not between %d and %d", at, v.name, v.is, v.low, v.upper)
		}
	}
}
