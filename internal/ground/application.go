package ground

import "github.com/dbferry/dbferry/internal/config"

// Application is what uses a target's data before dbferry switches anything:
// earlier generations of the data set, and the pointers to one of them.
//
// Values of parameters and records may hold host names that only the simulated
// AWS knows: ${proxy:NAME}, ${cluster:ID} and ${reader:ID}; ${stream:TABLE} is
// the ARN of a table's stream, ${secretArn:NAME} that of a secret.
type Application struct {
	Generations []Generation `json:"generations,omitempty"`
	Proxies     []Proxy      `json:"proxies,omitempty"`
	Zones       []Zone       `json:"zones,omitempty"`
	Parameters  []Parameter  `json:"parameters,omitempty"`
	Services    []Service    `json:"services"` // the first is a client that really calls; the others only run
	Hooks       []Hook       `json:"hooks,omitempty"`
	Subnets     []string     `json:"subnets"` // where its tasks run
	Group       string       `json:"group"`   // their security group
}

// Generation is what an earlier refresh restored and the switch left.
type Generation struct {
	RefreshID string   `json:"refreshId"`
	Clusters  []string `json:"clusters,omitempty"` // source clusters, which the ground has
	Tables    []string `json:"tables,omitempty"`   // source tables
	// Recorded says that the target's ledger knows it, as it does after a refresh
	// by dbferry; only such a generation can be switched to.
	Recorded bool `json:"recorded,omitempty"`
	// Rotated says that logins which rotate have a secret of this generation.
	Rotated bool `json:"rotated,omitempty"`
}

// Proxy is an RDS Proxy. Its role may read its secrets.
type Proxy struct {
	Name    string   `json:"name"`
	Engine  string   `json:"engine"`
	Secrets []string `json:"secrets"` // names
	Subnets []string `json:"subnets"`
	Groups  []string `json:"groups"`
	Cluster string   `json:"cluster,omitempty"` // its target; empty for an idle proxy
}

// Zone is a private hosted zone with CNAME records.
type Zone struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	VPC     string   `json:"vpc"`
	Records []Record `json:"records,omitempty"`
}

// Record is a CNAME record; TTL is in seconds.
type Record struct {
	Name  string `json:"name"`
	TTL   int64  `json:"ttl"`
	Value string `json:"value"`
}

// Parameter is an SSM parameter.
type Parameter struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Service is the application as an ECS service, with what it uses.
type Service struct {
	Cluster    string            `json:"cluster"`
	Name       string            `json:"name"`
	Desired    int               `json:"desired"`
	Parameters map[string]string `json:"parameters,omitempty"` // variable → parameter
	Secrets    map[string]string `json:"secrets,omitempty"`    // variable → secret's name
	Databases  []Use             `json:"databases,omitempty"`
	Tables     []Use             `json:"tables,omitempty"`
}

// Use is a database or table that the application uses; variables name what
// its tasks find in their environment.
type Use struct {
	Name   string `json:"name"` // source cluster or table
	Engine string `json:"engine,omitempty"`
	At     string `json:"at"`               // variable with the host, or the table's name
	Before string `json:"before,omitempty"` // what stands before and
	After  string `json:"after,omitempty"`  // after it in that variable, as in a URL
	Secret string `json:"secret,omitempty"` // variable with {"username","password"}
	// SecretAt, in place of Secret, is the variable that says which secret to read.
	SecretAt string `json:"secretAt,omitempty"`
}

// Hook is what a switch runs of the user's: a function, a document, or a
// maintenance window that opens every quarter of an hour.
type Hook struct {
	config.Hook
	Seconds int `json:"seconds"`           // that each run takes
	Failing int `json:"failing,omitempty"` // how many of its next runs fail
}
