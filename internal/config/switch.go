package config

// Switch says how the target's applications are moved to refreshed data, and
// back.
type Switch struct {
	Automatic           bool             `json:"automatic,omitempty" doc:"whether a switch starts as soon as a restore has succeeded; otherwise it is started by hand"`
	Generations         int              `json:"generations,omitempty" doc:"how many generations of each item stay, the serving one included, 2 to 20; 0 means 2; older ones are deleted after a successful switch"`
	ProxySecurityGroups []string         `json:"proxySecurityGroups,omitempty" doc:"security groups of the RDS proxies, sg-…; dbferry's functions are let out to them and must be let in by them"`
	Clusters            []ClusterPointer `json:"clusters,omitempty" doc:"how applications reach each cluster; a cluster without an entry has no proxy (lane none)"`
	Parameters          []Parameter      `json:"parameters,omitempty" doc:"SSM parameters that tell applications what to use"`
	Records             []Record         `json:"records,omitempty" doc:"CNAME records in Route 53 that lead applications to a database"`
	Services            []Service        `json:"services,omitempty" doc:"ECS services that are rolled after the pointers have moved"`
	Hooks               []Hook           `json:"hooks,omitempty" doc:"other applications: what is run, in this order, after the services were rolled"`
}

// ClusterPointer is how applications reach one cluster.
type ClusterPointer struct {
	Cluster string   `json:"cluster" doc:"source cluster identifier"`
	Lane    string   `json:"lane" doc:"single: one RDS proxy whose target is replaced (minutes of outage, AWS's); pair: two proxies, of which the idle one gets the new cluster and is proved before anything moves; none: no proxy"`
	Proxies []string `json:"proxies,omitempty" doc:"names of the RDS proxies: one for single, two for pair, none for none"`
	Login   string   `json:"login,omitempty" doc:"user, among the logins of targets[].clusters[], with which the new data is proved; empty: the first login"`
	Smoke   []string `json:"smoke,omitempty" doc:"read-only queries that must return at least one row, run as that user before and after the move"`
}

// The lanes of a cluster.
const (
	LaneSingle = "single"
	LanePair   = "pair"
	LaneNone   = "none"
)

// Parameter is one SSM parameter.
type Parameter struct {
	Name  string `json:"name" doc:"parameter name"`
	Value string `json:"value" doc:"text with placeholders such as ${endpoint:shop-orders} or ${table:shop-carts}"`
}

// Record is one CNAME record.
type Record struct {
	Zone  string `json:"zone" doc:"hosted zone id"`
	Name  string `json:"name" doc:"record name, such as orders-db.staging.example.internal"`
	TTL   int    `json:"ttl,omitempty" doc:"seconds for which resolvers keep it, 1 to 300; 0 means 5"`
	Value string `json:"value" doc:"text with placeholders, such as ${endpoint:shop-orders}"`
}

// Seconds is the record's time to live, with its default.
func (r Record) Seconds() int { return orDefault(r.TTL, 5) }

// Service is an ECS service whose tasks read their settings when they start.
type Service struct {
	Cluster string `json:"cluster" doc:"ECS cluster name"`
	Service string `json:"service" doc:"ECS service name"`
	Minutes int    `json:"minutes,omitempty" doc:"time limit of its deployment, 1 to 120; 0 means 15"`
}

// Limit is the time limit of the deployment in minutes, with its default.
func (s Service) Limit() int { return orDefault(s.Minutes, 15) }

// Hook is something else to run when the pointers have moved, and again when
// they are put back. Exactly one of its kinds is given.
type Hook struct {
	Name              string      `json:"name" doc:"for reports"`
	Function          string      `json:"function,omitempty" doc:"ARN of a Lambda function; it is invoked with {refreshId,phase,values} and must return without error"`
	Automation        string      `json:"automation,omitempty" doc:"name of an SSM Automation document; it is started with the parameters RefreshId and Phase"`
	Command           *RunCommand `json:"command,omitempty" doc:"an SSM document that Run Command sends to instances"`
	MaintenanceWindow string      `json:"maintenanceWindow,omitempty" doc:"id of an SSM maintenance window, mw-…; the switch waits for its next execution, which must succeed"`
	Minutes           int         `json:"minutes,omitempty" doc:"time limit, 1 to 1440; 0 means 15, and 1440 for a maintenance window; a function has 13 at most, which is its default, because it is waited for within one invocation of dbferry's own"`
}

// MostFunctionMinutes is how long a Lambda hook may take: the function that
// waits for it has 15 minutes itself.
const MostFunctionMinutes = 13

// Limit is the hook's time limit in minutes, with its default.
func (h Hook) Limit() int {
	switch {
	case h.Function != "":
		return orDefault(h.Minutes, MostFunctionMinutes)
	case h.MaintenanceWindow != "":
		return orDefault(h.Minutes, 1440)
	}
	return orDefault(h.Minutes, 15)
}

// RunCommand is an SSM document for instances that carry a tag.
type RunCommand struct {
	Document string `json:"document" doc:"name of a command document, such as AWS-RunShellScript"`
	Tag      Tag    `json:"tag" doc:"which instances get it"`
	// Commands are the document's parameter of that name.
	Commands []string `json:"commands,omitempty" doc:"lines for a document that takes the parameter commands"`
}

// Keep is how many generations stay, with its default.
func (s Switch) Keep() int { return orDefault(s.Generations, 2) }

// Pointer is how applications reach a cluster; one without an entry has none of
// its own.
func (s Switch) Pointer(cluster string) ClusterPointer {
	for _, p := range s.Clusters {
		if p.Cluster == cluster {
			return p
		}
	}
	return ClusterPointer{Cluster: cluster, Lane: LaneNone}
}

// ProofLogin is the login with which a cluster is proved: the named one, or the
// first.
func (s ClusterSettings) ProofLogin(user string) (Login, bool) {
	for _, l := range s.Logins {
		if user == "" || l.User == user {
			return l, true
		}
	}
	return Login{}, false
}
