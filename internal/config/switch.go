package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

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

// placeholder is a reference in a parameter's or record's value.
var placeholder = regexp.MustCompile(`\$\{([a-zA-Z]+)(?::([^}]*))?\}`)

// Reference is what a value refers to: what of which item, and of a secret whose.
type Reference struct{ What, Item, User string }

// reference reads the two parts of a placeholder.
func reference(what, item string) Reference {
	r := Reference{What: what, Item: item}
	if what == AskSecret {
		r.Item, r.User, _ = strings.Cut(item, "/")
	}
	return r
}

// String is the placeholder.
func (p Reference) String() string {
	text := "${" + p.What
	if p.Item != "" {
		text += ":" + p.Item
	}
	if p.User != "" {
		text += "/" + p.User
	}
	return text + "}"
}

// What a placeholder may ask for. refresh has no item; tables have table,
// tableArn and stream; the rest is of clusters.
const (
	AskEndpoint = "endpoint" // where applications reach the cluster: its proxy's endpoint, or its own
	AskWriter   = "writer"   // the cluster's own endpoint
	AskReader   = "reader"   // the cluster's own reader endpoint
	AskPort     = "port"
	AskCluster  = "cluster" // identifier
	AskSecret   = "secret"  // of a login: ARN of the generation's own secret, or what logins[].secret says
	AskTable    = "table"   // name
	AskTableARN = "tableArn"
	AskStream   = "stream" // ARN of the latest stream
	AskRefresh  = "refresh"
)

var (
	askOfCluster = []string{AskEndpoint, AskWriter, AskReader, AskPort, AskCluster}
	askOfTable   = []string{AskTable, AskTableARN, AskStream}
)

// OfTable says whether the placeholder is about a table.
func (p Reference) OfTable() bool { return slices.Contains(askOfTable, p.What) }

// References lists what a value refers to, in order.
func References(value string) []Reference {
	var out []Reference
	for _, m := range placeholder.FindAllStringSubmatch(value, -1) {
		out = append(out, reference(m[1], m[2]))
	}
	return out
}

// Fill replaces the placeholders of a value.
func Fill(value string, with func(Reference) (string, error)) (string, error) {
	var failed error
	out := placeholder.ReplaceAllStringFunc(value, func(text string) string {
		m := placeholder.FindStringSubmatch(text)
		v, err := with(reference(m[1], m[2]))
		if err != nil && failed == nil {
			failed = err
		}
		return v
	})
	return out, failed
}

var (
	parameterName = regexp.MustCompile(`^/?[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$`)
	zoneID        = regexp.MustCompile(`^Z[A-Z0-9]{1,31}$`)
	recordName    = regexp.MustCompile(`^([a-z0-9_]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+\.?$`)
	ecsName       = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,255}$`)
	proxyName     = regexp.MustCompile(`^[a-zA-Z](-?[a-zA-Z0-9])*$`)
	functionARN   = regexp.MustCompile(`^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+(:[a-zA-Z0-9_-]+)?$`)
	documentName  = regexp.MustCompile(`^[a-zA-Z0-9_.:/-]{3,128}$`)
	windowID      = regexp.MustCompile(`^mw-[0-9a-f]{17}$`)
)

func (s Switch) validate(at string, t Target, p *Problems) {
	if k := s.Keep(); k < 2 || k > 20 {
		p.addf("%s.generations: %d is not between 2 and 20; the way back needs the generation before the serving one", at, k)
	}
	for i, g := range s.ProxySecurityGroups {
		if !groupID.MatchString(g) {
			p.addf("%s.proxySecurityGroups[%d]: %q is not a security group id", at, i, g)
		}
	}
	s.validateClusters(at, t, p)
	s.validateValues(at, t, p)
	seen := map[string]bool{}
	for i, v := range s.Services {
		where := fmt.Sprintf("%s.services[%d]", at, i)
		if !ecsName.MatchString(v.Cluster) || !ecsName.MatchString(v.Service) {
			p.addf("%s: %q and %q must be names of an ECS cluster and service", where, v.Cluster, v.Service)
		}
		if seen[v.Cluster+"/"+v.Service] {
			p.addf("%s: is listed twice", where)
		}
		seen[v.Cluster+"/"+v.Service] = true
		if l := v.Limit(); l < 1 || l > 120 {
			p.addf("%s.minutes: %d is not between 1 and 120", where, l)
		}
	}
	named := map[string]bool{}
	for i, h := range s.Hooks {
		if named[h.Name] {
			p.addf("%s.hooks[%d].name: %q is given twice", at, i, h.Name)
		}
		named[h.Name] = true
		h.validate(fmt.Sprintf("%s.hooks[%d]", at, i), p)
	}
}

func (s Switch) validateClusters(at string, t Target, p *Problems) {
	seen, taken := map[string]bool{}, map[string]bool{}
	for i, c := range s.Clusters {
		where := fmt.Sprintf("%s.clusters[%d]", at, i)
		if !clusterID.MatchString(c.Cluster) {
			p.addf("%s.cluster: %q is not a cluster identifier", where, c.Cluster)
		}
		if seen[c.Cluster] {
			p.addf("%s.cluster: %q is listed twice", where, c.Cluster)
		}
		seen[c.Cluster] = true
		want, ok := map[string]int{LaneSingle: 1, LanePair: 2, LaneNone: 0}[c.Lane]
		if !ok {
			p.addf("%s.lane: %q is neither single, pair nor none", where, c.Lane)
		} else if len(c.Proxies) != want {
			p.addf("%s.proxies: lane %s takes %d, not %d", where, c.Lane, want, len(c.Proxies))
		}
		for j, name := range c.Proxies {
			if !proxyName.MatchString(name) || len(name) > 63 {
				p.addf("%s.proxies[%d]: %q is not the name of an RDS proxy", where, j, name)
			}
			if taken[name] {
				p.addf("%s.proxies[%d]: %q is used twice; a proxy has one cluster", where, j, name)
			}
			taken[name] = true
		}
		c.validateLogin(where, t, p)
		if c.Lane == LanePair && !s.leadsTo(c.Cluster) {
			p.addf("%s: lane pair needs a parameter or record with ${endpoint:%s}; it is what moves applications from one proxy to the other", where, c.Cluster)
		}
	}
}

// References lists what the values of parameters and records refer to.
func (s Switch) References() []Reference {
	var out []Reference
	for _, v := range s.Parameters {
		out = append(out, References(v.Value)...)
	}
	for _, v := range s.Records {
		out = append(out, References(v.Value)...)
	}
	return out
}

// LeadsToSecret says whether a parameter tells applications which secret a login
// of a cluster has.
func (s *Switch) LeadsToSecret(cluster, user string) bool {
	return s != nil && slices.Contains(s.References(), Reference{AskSecret, cluster, user})
}

// leadsTo says whether a parameter or record names the cluster's endpoint.
func (s Switch) leadsTo(cluster string) bool {
	return slices.Contains(s.References(), Reference{What: AskEndpoint, Item: cluster})
}

func (c ClusterPointer) validateLogin(at string, t Target, p *Problems) {
	set, err := t.ClusterSettings(c.Cluster)
	if err != nil {
		return // the preflight names a cluster without settings
	}
	if _, ok := set.ProofLogin(c.Login); !ok {
		p.addf("%s.login: %q is not among the logins of the cluster's settings; applications' own login proves the new data", at, c.Login)
	}
	for i, q := range c.Smoke {
		if !readOnly(q) {
			p.addf("%s.smoke[%d]: %q must be one SELECT, without a semicolon", at, i, q)
		}
	}
}

// readOnly is a guard against mistakes, not against malice: the login's own
// rights are what limits it.
func readOnly(query string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(strings.ToLower(query)), " ")
	return first == "select" && !strings.Contains(query, ";")
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

func (s Switch) validateValues(at string, t Target, p *Problems) {
	seen := map[string]bool{}
	for i, v := range s.Parameters {
		where := fmt.Sprintf("%s.parameters[%d]", at, i)
		if !parameterName.MatchString(v.Name) || strings.HasPrefix(strings.TrimPrefix(v.Name, "/"), "aws") || strings.HasPrefix(strings.TrimPrefix(v.Name, "/"), "ssm") {
			p.addf("%s.name: %q is not a parameter name that SSM takes", where, v.Name)
		}
		if seen[v.Name] {
			p.addf("%s.name: %q is listed twice", where, v.Name)
		}
		seen[v.Name] = true
		checkValue(where+".value", v.Value, p)
		checkSecrets(where+".value", v.Value, t, p)
	}
	for i, v := range s.Records {
		where := fmt.Sprintf("%s.records[%d]", at, i)
		if !zoneID.MatchString(v.Zone) || !recordName.MatchString(v.Name) {
			p.addf("%s: %q and %q must be a hosted zone id (Z…) and a record name in lower case", where, v.Zone, v.Name)
		}
		if seen[v.Zone+v.Name] {
			p.addf("%s.name: %q is listed twice", where, v.Name)
		}
		seen[v.Zone+v.Name] = true
		if ttl := v.Seconds(); ttl < 1 || ttl > 300 {
			p.addf("%s.ttl: %d is not between 1 and 300", where, ttl)
		}
		checkValue(where+".value", v.Value, p)
		if slices.ContainsFunc(References(v.Value), func(r Reference) bool { return r.What == AskSecret }) {
			p.addf("%s.value: %q: a record cannot lead to a secret; a parameter can", where, v.Value)
		}
	}
}

// checkSecrets wants the secrets of a value to be of logins that the target has.
func checkSecrets(at, value string, t Target, p *Problems) {
	for _, r := range References(value) {
		if r.What != AskSecret {
			continue
		}
		set, err := t.ClusterSettings(r.Item)
		if err != nil {
			continue // the preflight names a cluster without settings
		}
		if !slices.ContainsFunc(set.Logins, func(l Login) bool { return l.User == r.User }) {
			p.addf("%s: %s: entry %q of the target's clusters has no login of that user", at, r, set.Match)
		}
	}
}

func checkValue(at, value string, p *Problems) {
	found := References(value)
	if len(found) == 0 {
		p.addf("%s: %q has no placeholder such as ${endpoint:shop-orders} or ${table:shop-carts}", at, value)
	}
	if strings.Contains(placeholder.ReplaceAllString(value, ""), "${") || strings.Contains(value, "{{") {
		p.addf("%s: %q has a brace that is not a placeholder", at, value)
	}
	for _, f := range found {
		switch {
		case f.What == AskRefresh && f.Item == "":
		case slices.Contains(askOfCluster, f.What) && clusterID.MatchString(f.Item):
		case f.What == AskSecret && clusterID.MatchString(f.Item) && f.User != "":
		case f.OfTable() && tableName.MatchString(f.Item):
		default:
			p.addf("%s: %s is not known; of clusters there are %s, of tables %s, and ${secret:<cluster>/<user>} and ${refresh}", at, f,
				strings.Join(askOfCluster, ", "), strings.Join(askOfTable, ", "))
		}
	}
}

func (h Hook) validate(at string, p *Problems) {
	if h.Name == "" {
		p.addf("%s.name: is missing", at)
	}
	kinds := 0
	for _, k := range []struct {
		field string
		set   bool
		fits  bool
	}{
		{"function", h.Function != "", functionARN.MatchString(h.Function)},
		{"automation", h.Automation != "", documentName.MatchString(h.Automation)},
		{"command", h.Command != nil, h.Command != nil && documentName.MatchString(h.Command.Document) && h.Command.Tag.Key != ""},
		{"maintenanceWindow", h.MaintenanceWindow != "", windowID.MatchString(h.MaintenanceWindow)},
	} {
		if k.set {
			kinds++
			if !k.fits {
				p.addf("%s.%s: is not in the form that AWS takes", at, k.field)
			}
		}
	}
	if kinds != 1 {
		p.addf("%s: exactly one of function, automation, command and maintenanceWindow is needed", at)
	}
	if l := h.Limit(); l < 1 || l > 1440 {
		p.addf("%s.minutes: %d is not between 1 and 1440", at, l)
	} else if h.Function != "" && l > MostFunctionMinutes {
		p.addf("%s.minutes: %d is more than %d, the most for a function; let it start what takes longer, or use an automation", at, l, MostFunctionMinutes)
	}
}
