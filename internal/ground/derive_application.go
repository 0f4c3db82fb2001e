package ground

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// Lanes of a switch, as the configuration has them.
const (
	LaneSingle = config.LaneSingle
	LanePair   = config.LanePair
	LaneNone   = config.LaneNone
)

// Placeholders of an application's values.
const (
	AskProxy   = "proxy"
	AskCluster = "cluster"
	AskReader  = "reader"
	AskStream  = "stream"
	AskSecret  = "secretArn"
)

// FirstGeneration is the refresh id of what serves in a derived ground.
const FirstGeneration = "202602010300-a1b2c3"

// Serving says which generations a derived application has.
type Serving struct {
	RefreshID string   // of the generation that serves
	Others    []string // refresh ids of further generations, which lie idle; a pair's idle proxy has the first of them
	Recorded  bool     // the target's ledger knows them
	Rotated   bool     // logins that rotate have a password of each generation

	// Lane, when given, takes the place of the configuration's targets[].switch:
	// each cluster is reached in this lane. CNAME then makes hosts records of a
	// zone of the target's.
	Lane  string
	CNAME bool
}

// WithApplication adds an application to a target: the one that the target's
// switch in the configuration moves, serving an earlier generation of the whole
// data set.
func (g Ground) WithApplication(c config.Config, target string, s Serving) (Ground, error) {
	t, err := c.Target(target)
	if err != nil {
		return g, err
	}
	if s.Lane != "" {
		if t.Switch, err = g.ExampleSwitch(c, target, s); err != nil {
			return g, err
		}
	}
	if t.Switch == nil {
		return g, fmt.Errorf("ground: target %s has no switch in dbferry.json, and so no application", target)
	}
	g.Accounts = slices.Clone(g.Accounts)
	a := g.Account(t.Account)
	d := &deriver{g: g, t: t, region: c.Region, serving: s, app: &Application{
		Subnets: t.Network.FunctionSubnets, Group: "sg-" + hash("app of " + target)[:17],
	}}
	a.SecurityGroups = append(slices.Clone(a.SecurityGroups), d.groups()...)
	d.generations(c)
	d.proxies()
	for _, step := range []func() error{d.parameters, d.records} {
		if err := step(); err != nil {
			return g, fmt.Errorf("ground: application of %s: %w", target, err)
		}
	}
	d.services()
	for _, h := range d.t.Switch.Hooks {
		d.app.Hooks = append(d.app.Hooks, Hook{Hook: h, Seconds: 20})
	}
	a.Application = d.app
	return g, g.validate()
}

// ExampleSwitch is the switch of an application that reaches every cluster of
// the data set in one lane, and reads hosts and tables from parameters.
func (g Ground) ExampleSwitch(c config.Config, target string, s Serving) (*config.Switch, error) {
	if !slices.Contains([]string{config.LaneSingle, config.LanePair, config.LaneNone}, s.Lane) {
		return nil, fmt.Errorf("ground: lane %q is none of %s, %s, %s", s.Lane, config.LaneSingle, config.LanePair, config.LaneNone)
	}
	out := &config.Switch{Services: []config.Service{{Cluster: target, Service: "shop"}}}
	zone := "Z" + strings.ToUpper(hash("zone of " + target)[:20])
	for _, cl := range g.Clusters {
		if !selected(c.DataSet.Clusters, cl.ID, cl.Tags) {
			continue
		}
		short := cl.ID[:min(len(cl.ID), names.MaxRestoredCluster-2)]
		p := config.ClusterPointer{Cluster: cl.ID, Lane: s.Lane, Proxies: map[string][]string{
			config.LaneSingle: {short}, config.LanePair: {short + "-a", short + "-b"},
		}[s.Lane]}
		out.Clusters = append(out.Clusters, p)
		if s.Lane != config.LaneNone {
			out.ProxySecurityGroups = []string{"sg-" + hash("proxies of " + target)[:17]}
		}
		host := "${" + config.AskEndpoint + ":" + cl.ID + "}"
		if s.CNAME {
			out.Records = append(out.Records, config.Record{Zone: zone, Name: cl.ID + "." + target + ".internal", Value: host})
		} else {
			out.Parameters = append(out.Parameters, config.Parameter{Name: "/" + target + "/" + cl.ID + "/host", Value: host})
		}
	}
	for _, table := range g.Tables {
		if selected(c.DataSet.Tables, table.Name, table.Tags) {
			out.Parameters = append(out.Parameters, config.Parameter{Name: "/" + target + "/" + table.Name + "/table", Value: "${" + config.AskTable + ":" + table.Name + "}"})
		}
	}
	return out, nil
}

// selected says whether something is in the data set.
func selected(by []config.Selector, name string, tags map[string]string) bool {
	return slices.ContainsFunc(by, func(s config.Selector) bool { return s.Matches(name, tags) })
}

// deriver makes an application out of a target's configuration.
type deriver struct {
	g       Ground
	t       config.Target
	region  string
	serving Serving
	all     Generation // the data set
	app     *Application
}

// groups are the security groups of the application and of its proxies.
func (d *deriver) groups() []SecurityGroup {
	out := []SecurityGroup{{d.app.Group, d.t.Name + "-application", d.t.Network.VPC, nil}}
	for i, id := range d.t.Switch.ProxySecurityGroups {
		out = append(out, SecurityGroup{id, fmt.Sprintf("%s-proxies-%d", d.t.Name, i+1), d.t.Network.VPC, []Rule{
			{3306, 3306, d.app.Group, ""}, {5432, 5432, d.app.Group, ""},
			// dbferry's functions prove a proxy from within; their group is not known before it is deployed.
			{3306, 3306, "", "10.0.0.0/8"}, {5432, 5432, "", "10.0.0.0/8"},
		}})
	}
	return out
}

func (d *deriver) generations(c config.Config) {
	for _, cl := range d.g.Clusters {
		if selected(c.DataSet.Clusters, cl.ID, cl.Tags) {
			d.all.Clusters = append(d.all.Clusters, cl.ID)
		}
	}
	for _, table := range d.g.Tables {
		if selected(c.DataSet.Tables, table.Name, table.Tags) {
			d.all.Tables = append(d.all.Tables, table.Name)
		}
	}
	d.all.Recorded, d.all.Rotated = d.serving.Recorded, d.serving.Rotated
	for _, id := range append([]string{d.serving.RefreshID}, d.serving.Others...) {
		d.all.RefreshID = id
		d.app.Generations = append(d.app.Generations, d.all)
	}
}

// clusters are those of the data set, in the ground's order.
func (d *deriver) clusters() []Cluster {
	var out []Cluster
	for _, cl := range d.g.Clusters {
		if slices.Contains(d.all.Clusters, cl.ID) {
			out = append(out, cl)
		}
	}
	return out
}

// proxies makes those of every cluster: the first serves.
func (d *deriver) proxies() {
	generations := append([]string{d.serving.RefreshID}, d.serving.Others...)
	for _, cl := range d.clusters() {
		for i, name := range d.t.Switch.Pointer(cl.ID).Proxies {
			p := Proxy{Name: name, Engine: cl.Engine, Secrets: d.secrets(cl.ID, d.serving.RefreshID), Subnets: d.app.Subnets, Groups: d.t.Switch.ProxySecurityGroups}
			if i < len(generations) {
				p.Cluster, p.Secrets = names.RestoredCluster(cl.ID, generations[i]), d.secrets(cl.ID, generations[i])
			}
			d.app.Proxies = append(d.app.Proxies, p)
		}
	}
}

// secrets are the logins that a proxy of a cluster's generation knows, the
// application's first.
func (d *deriver) secrets(cluster, refreshID string) []string {
	set, err := d.t.ClusterSettings(cluster)
	if err != nil {
		return nil
	}
	app, ok := set.ProofLogin(d.t.Switch.Pointer(cluster).Login)
	if !ok {
		return []string{set.MasterSecret}
	}
	out := []string{d.secret(cluster, refreshID, app)}
	for _, l := range set.Logins {
		if l.Secret != app.Secret {
			out = append(out, d.secret(cluster, refreshID, l))
		}
	}
	return out
}

// secret is the name of the secret with which a login opens a generation.
func (d *deriver) secret(cluster, refreshID string, l config.Login) string {
	if d.serving.Rotated && l.Rotates() {
		return names.LoginSecret(d.t.Name, cluster, refreshID, l.User)
	}
	return l.Secret
}

// value fills a template of the configuration for the generation that serves.
func (d *deriver) value(template string) (string, error) {
	return config.Fill(template, func(r config.Reference) (string, error) {
		id := d.serving.RefreshID
		known := d.all.Clusters
		if r.OfTable() {
			known = d.all.Tables
		}
		if r.What != config.AskRefresh && !slices.Contains(known, r.Item) {
			return "", fmt.Errorf("%q is about %s, which no selector of dataSet finds", template, r.Item)
		}
		cluster, table := names.RestoredCluster(r.Item, id), names.RestoredTable(r.Item, id)
		ask := func(what, item string) string { return "${" + what + ":" + item + "}" }
		return map[string]string{
			config.AskRefresh: id, config.AskEndpoint: d.endpoint(r.Item), config.AskWriter: ask(AskCluster, cluster), config.AskReader: ask(AskReader, cluster),
			config.AskPort: fmt.Sprint(d.port(r.Item)), config.AskCluster: cluster,
			config.AskSecret: d.secretOf(r.Item, r.User), config.AskTable: table, config.AskTableARN: "arn:aws:dynamodb:" + d.region + ":" + d.t.Account + ":table/" + table, config.AskStream: ask(AskStream, table),
		}[r.What], nil
	})
}

// endpoint is where the application reaches a cluster.
func (d *deriver) endpoint(cluster string) string {
	if p := d.t.Switch.Pointer(cluster).Proxies; len(p) > 0 {
		return "${" + AskProxy + ":" + p[0] + "}"
	}
	return "${" + AskCluster + ":" + names.RestoredCluster(cluster, d.serving.RefreshID) + "}"
}

func (d *deriver) port(cluster string) int {
	for _, cl := range d.g.Clusters {
		if cl.ID == cluster && cl.Engine == "aurora-postgresql" {
			return 5432
		}
	}
	return 3306
}

func (d *deriver) parameters() error {
	for _, p := range d.t.Switch.Parameters {
		v, err := d.value(p.Value)
		if err != nil {
			return err
		}
		d.app.Parameters = append(d.app.Parameters, Parameter{p.Name, v})
	}
	return nil
}

func (d *deriver) records() error {
	for _, r := range d.t.Switch.Records {
		v, err := d.value(r.Value)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(d.app.Zones, func(z Zone) bool { return z.ID == r.Zone })
		if i < 0 {
			_, parent, _ := strings.Cut(strings.TrimSuffix(r.Name, "."), ".")
			i = len(d.app.Zones)
			d.app.Zones = append(d.app.Zones, Zone{ID: r.Zone, Name: parent, VPC: d.t.Network.VPC})
		}
		d.app.Zones[i].Records = append(d.app.Zones[i].Records, Record{r.Name, int64(r.Seconds()), v})
	}
	return nil
}

// services makes the client, and what else is rolled.
func (d *deriver) services() {
	client := Service{Cluster: d.t.Name, Name: "application", Desired: 2, Parameters: map[string]string{}, Secrets: map[string]string{}}
	for i, v := range d.t.Switch.Services {
		if i == 0 {
			client.Cluster, client.Name = v.Cluster, v.Service
			continue
		}
		d.app.Services = append(d.app.Services, Service{Cluster: v.Cluster, Name: v.Service, Desired: 1})
	}
	for i, cl := range d.clusters() {
		u := d.use(&client, fmt.Sprintf("DATABASE_%d_HOST", i+1), cl.ID, config.AskEndpoint, config.AskWriter)
		u.Engine = cl.Engine
		if p := d.tellsSecret(cl.ID); p != "" {
			u.SecretAt = fmt.Sprintf("DATABASE_%d_SECRET", i+1)
			client.Parameters[u.SecretAt] = p
		} else {
			u.Secret = fmt.Sprintf("DATABASE_%d_LOGIN", i+1)
			client.Secrets[u.Secret] = d.secrets(cl.ID, d.serving.RefreshID)[0]
		}
		client.Databases = append(client.Databases, u)
	}
	for i, table := range d.all.Tables {
		client.Tables = append(client.Tables, d.use(&client, fmt.Sprintf("TABLE_%d", i+1), table, config.AskTable))
	}
	d.app.Services = append([]Service{client}, d.app.Services...)
}

// tellsSecret is the parameter that holds nothing but which secret the login has
// with which a cluster is proved; empty when there is none.
func (d *deriver) tellsSecret(cluster string) string {
	set, err := d.t.ClusterSettings(cluster)
	l, ok := set.ProofLogin(d.t.Switch.Pointer(cluster).Login)
	if err != nil || !ok {
		return ""
	}
	for _, p := range d.t.Switch.Parameters {
		if p.Value == (config.Reference{What: config.AskSecret, Item: cluster, User: l.User}).String() {
			return p.Name
		}
	}
	return ""
}

// secretOf is what applications are told of a login's secret.
func (d *deriver) secretOf(cluster, user string) string {
	set, _ := d.t.ClusterSettings(cluster)
	for _, l := range set.Logins {
		if l.User != user {
			continue
		}
		if name := d.secret(cluster, d.serving.RefreshID, l); name != l.Secret {
			return "${" + AskSecret + ":" + name + "}"
		}
		return l.Secret
	}
	return ""
}

// use finds how the application learns of an item: from a parameter with one
// reference to it, else from a parameter of its own, which leads to a record or,
// for good, to where the item is now.
func (d *deriver) use(client *Service, variable, item string, asks ...string) Use {
	u := Use{Name: item, At: variable}
	about := func(value string) (config.Reference, bool) {
		refs := config.References(value)
		return slices.Concat(refs, []config.Reference{{}})[0], len(refs) == 1 && refs[0].Item == item && slices.Contains(asks, refs[0].What)
	}
	for _, p := range d.t.Switch.Parameters {
		if r, ok := about(p.Value); ok {
			u.Before, u.After, _ = strings.Cut(p.Value, "${"+r.What+":"+r.Item+"}")
			client.Parameters[variable] = p.Name
			return u
		}
	}
	own := Parameter{Name: "/" + d.t.Name + "/" + client.Name + "/" + strings.ToLower(strings.ReplaceAll(variable, "_", "-")), Value: names.RestoredTable(item, d.serving.RefreshID)}
	if !slices.Contains(asks, config.AskTable) {
		own.Value = d.endpoint(item)
		for _, r := range d.t.Switch.Records {
			if _, ok := about(r.Value); ok {
				own.Value = strings.TrimSuffix(r.Name, ".")
			}
		}
	}
	d.app.Parameters = append(d.app.Parameters, own)
	client.Parameters[variable] = own.Name
	return u
}
