package ground

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// Application is what uses a target's data before dbferry switches anything:
// earlier generations of the data set, and the pointers to one of them.
type Application struct {
	Generations []Generation `json:"generations,omitempty"`
	Proxies     []Proxy      `json:"proxies,omitempty"`
	Records     []Alias      `json:"records,omitempty"`
	Parameters  []Parameter  `json:"parameters,omitempty"`
	Service     Service      `json:"service"`
	Subnets     []string     `json:"subnets"` // where its tasks run
	Group       string       `json:"group"`   // their security group
	Zone        Zone         `json:"zone"`
}

// Generation is what an earlier refresh restored and the switch left.
type Generation struct {
	RefreshID string   `json:"refreshId"`
	Clusters  []string `json:"clusters,omitempty"` // source clusters, which the ground has
	Tables    []string `json:"tables,omitempty"`   // source tables
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

// Endpoint is a host name that only the simulated AWS knows: a proxy's, or a
// cluster's.
type Endpoint struct {
	Proxy   string `json:"proxy,omitempty"`
	Cluster string `json:"cluster,omitempty"`
}

// Zone is a private hosted zone; an empty id is none.
type Zone struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	VPC  string `json:"vpc,omitempty"`
}

// Alias is a CNAME record of the zone.
type Alias struct {
	Name string   `json:"name"`
	TTL  int64    `json:"ttl"`
	To   Endpoint `json:"to"`
}

// Parameter is an SSM parameter: a value, or an endpoint.
type Parameter struct {
	Name     string   `json:"name"`
	Value    string   `json:"value,omitempty"`
	Endpoint Endpoint `json:"endpoint"`
}

// Service is the application as an ECS service, with what it uses.
type Service struct {
	Cluster    string            `json:"cluster"`
	Name       string            `json:"name"`
	Desired    int               `json:"desired"`
	Parameters map[string]string `json:"parameters"` // variable → parameter
	Secrets    map[string]string `json:"secrets"`    // variable → secret's name
	Databases  []Use             `json:"databases"`
	Tables     []Use             `json:"tables"`
}

// Use is a database or table that the application uses; variables name what
// its tasks find in their environment.
type Use struct {
	Name   string `json:"name"` // source cluster or table
	Engine string `json:"engine,omitempty"`
	At     string `json:"at"`               // variable with the host, or the table's name
	Secret string `json:"secret,omitempty"` // variable with {"username","password"}
}

// Lanes of a switch.
const (
	LaneSingle = "single" // one proxy for each cluster
	LanePair   = "pair"   // two, one of them idle
	LaneNone   = "none"   // the application knows the cluster's endpoint
)

// Serving says what a derived application looks like.
type Serving struct {
	RefreshID string   // of the generation that serves
	Others    []string // refresh ids of older generations, which lie idle
	Lane      string   // LaneSingle, LanePair or LaneNone
	CNAME     bool     // hosts are records of a zone of the target's
}

// WithApplication adds an application to a target, which serves an earlier
// generation of the whole data set.
func (g Ground) WithApplication(c config.Config, target string, s Serving) (Ground, error) {
	t, err := c.Target(target)
	if err != nil {
		return g, err
	}
	if !slices.Contains([]string{LaneSingle, LanePair, LaneNone}, s.Lane) {
		return g, fmt.Errorf("ground: lane %q is none of %s, %s, %s", s.Lane, LaneSingle, LanePair, LaneNone)
	}
	g.Accounts = slices.Clone(g.Accounts)
	a := g.Account(t.Account)
	d := deriver{t: t, serving: s, app: &Application{
		Subnets: t.Network.FunctionSubnets, Group: "sg-" + hash("app of " + target)[:17],
		Service: Service{Cluster: target, Name: "shop", Desired: 2, Parameters: map[string]string{}, Secrets: map[string]string{}},
	}}
	a.SecurityGroups = append(slices.Clone(a.SecurityGroups),
		SecurityGroup{d.app.Group, target + "-application", t.Network.VPC, nil},
		SecurityGroup{d.proxyGroup(), target + "-proxies", t.Network.VPC, []Rule{
			{3306, 3306, d.app.Group, ""}, {5432, 5432, d.app.Group, ""},
			// dbferry's functions prove a proxy from within; their group is not known before it is deployed.
			{3306, 3306, "", "10.0.0.0/8"}, {5432, 5432, "", "10.0.0.0/8"},
		}})
	if s.CNAME {
		d.app.Zone = Zone{"Z" + strings.ToUpper(hash("zone of " + target)[:20]), target + ".internal", t.Network.VPC}
	}
	var all Generation
	for _, cl := range g.Clusters {
		if !selected(c.DataSet.Clusters, cl.ID, cl.Tags) {
			continue
		}
		if err := d.cluster(cl); err != nil {
			return g, err
		}
		all.Clusters = append(all.Clusters, cl.ID)
	}
	for _, table := range g.Tables {
		if selected(c.DataSet.Tables, table.Name, table.Tags) {
			d.table(table.Name)
			all.Tables = append(all.Tables, table.Name)
		}
	}
	for _, id := range append([]string{s.RefreshID}, s.Others...) {
		all.RefreshID = id
		d.app.Generations = append(d.app.Generations, all)
	}
	a.Application = d.app
	return g, g.validate()
}

// deriver makes an application out of a target's configuration.
type deriver struct {
	t       config.Target
	serving Serving
	app     *Application
}

func (d deriver) proxyGroup() string { return "sg-" + hash("proxies of " + d.t.Name)[:17] }

// selected says whether something is in the data set.
func selected(by []config.Selector, name string, tags map[string]string) bool {
	return slices.ContainsFunc(by, func(s config.Selector) bool { return s.Matches(name, tags) })
}

// cluster makes the pointers to one cluster, used by its first login.
func (d deriver) cluster(cl Cluster) error {
	set, err := d.t.ClusterSettings(cl.ID)
	if err != nil {
		return err
	}
	secrets := []string{set.MasterSecret}
	if len(set.Logins) > 0 {
		secrets = nil
		for _, l := range set.Logins {
			secrets = append(secrets, l.Secret)
		}
	}
	restored := names.RestoredCluster(cl.ID, d.serving.RefreshID)
	host := Endpoint{Cluster: restored}
	short := cl.ID[:min(len(cl.ID), names.MaxRestoredCluster-2)]
	proxy := func(name, cluster string) {
		d.app.Proxies = append(d.app.Proxies, Proxy{name, cl.Engine, secrets, d.app.Subnets, []string{d.proxyGroup()}, cluster})
	}
	switch d.serving.Lane {
	case LaneSingle:
		proxy(short, restored)
		host = Endpoint{Proxy: short}
	case LanePair:
		proxy(short+"-a", restored)
		proxy(short+"-b", "")
		host = Endpoint{Proxy: short + "-a"}
	}
	d.pointTo(cl, host, secrets[0])
	return nil
}

func (d deriver) pointTo(cl Cluster, host Endpoint, secret string) {
	n := len(d.app.Service.Databases) + 1
	p := Parameter{Name: "/" + d.t.Name + "/" + cl.ID + "/host", Endpoint: host}
	if d.serving.CNAME {
		name := cl.ID + "." + d.app.Zone.Name
		d.app.Records = append(d.app.Records, Alias{name, 5, host})
		p.Value, p.Endpoint = name, Endpoint{}
	}
	d.app.Parameters = append(d.app.Parameters, p)
	use := Use{cl.ID, cl.Engine, fmt.Sprintf("DATABASE_%d_HOST", n), fmt.Sprintf("DATABASE_%d_LOGIN", n)}
	d.app.Service.Databases = append(d.app.Service.Databases, use)
	d.app.Service.Parameters[use.At], d.app.Service.Secrets[use.Secret] = p.Name, secret
}

func (d deriver) table(source string) {
	p := Parameter{Name: "/" + d.t.Name + "/" + source + "/table", Value: names.RestoredTable(source, d.serving.RefreshID)}
	d.app.Parameters = append(d.app.Parameters, p)
	use := Use{Name: source, At: fmt.Sprintf("TABLE_%d", len(d.app.Service.Tables)+1)}
	d.app.Service.Tables = append(d.app.Service.Tables, use)
	d.app.Service.Parameters[use.At] = p.Name
}
