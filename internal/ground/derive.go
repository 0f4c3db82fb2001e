package ground

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/keypolicy"
	"github.com/dbferry/dbferry/internal/names"
)

// The network and the parameter group families that a derived ground uses.
const (
	productionVPC   = "vpc-0dbf0000000000001"
	productionGroup = "production-databases"
	databaseGroup   = "sg-0dbf0000000000001"
	appGroup        = "sg-0dbf0000000000002"
	mysqlFamily     = "aurora-mysql8.0"
	mysqlVersion    = "8.0.mysql_aurora.3.08.0"
	postgresFamily  = "aurora-postgresql16"
	postgresVersion = "16.8"
)

// serverlessClass is the instance class of Aurora Serverless v2.
const serverlessClass = "db.serverless"

// ForConfig derives a ground in which everything is as a configuration asks:
// each id of its data set becomes a cluster or table, each prefix or tag two
// examples. Cluster ids with "postgres" or "pg" in them are Aurora PostgreSQL,
// all others Aurora MySQL; those with "serverless" are Serverless v2, with a
// reader.
func ForConfig(c config.Config) (Ground, error) {
	g := Ground{Organization: Organization{ID: c.OrganizationID, ManagementAccount: managementAccount(c), CrossAccountBackup: true}}
	clusters, tables := mentioned(c)
	for _, s := range c.DataSet.Clusters {
		for _, e := range examples(s, "cluster", clusters) {
			g.Clusters = append(g.Clusters, cluster(c, e))
		}
	}
	for _, s := range c.DataSet.Tables {
		for _, e := range examples(s, "table", tables) {
			t := table(e, 200)
			t.Settings = tableSettings(e.name)
			g.Tables = append(g.Tables, t)
		}
	}
	if err := g.addUsers(c); err != nil {
		return Ground{}, err
	}
	g.Accounts = append(g.Accounts, production(c))
	for i, t := range c.Targets {
		g.Accounts = append(g.Accounts, target(c, t, i, g.Clusters))
	}
	for _, t := range c.Targets {
		if t.Switch == nil {
			continue
		}
		var err error
		if g, err = g.WithApplication(c, t.Name, Serving{RefreshID: FirstGeneration}); err != nil {
			return Ground{}, err
		}
	}
	return g, g.validate()
}

// mentioned are the clusters and tables that a switch names; a selector by
// prefix must find the very same.
func mentioned(c config.Config) (clusters, tables []string) {
	add := func(to *[]string, name string) {
		if !slices.Contains(*to, name) {
			*to = append(*to, name)
		}
	}
	for _, t := range c.Targets {
		if t.Switch == nil {
			continue
		}
		for _, p := range t.Switch.Clusters {
			add(&clusters, p.Cluster)
		}
		for _, r := range t.Switch.References() {
			if r.OfTable() {
				add(&tables, r.Item)
			} else if r.Item != "" {
				add(&clusters, r.Item)
			}
		}
	}
	return clusters, tables
}

// WithTables adds small tables until there are n; they need a selector by
// prefix or tag that finds them.
func (g Ground) WithTables(c config.Config, n int) (Ground, error) {
	g.Tables = slices.Clone(g.Tables)
	for _, s := range c.DataSet.Tables {
		for i := 1; s.ID == "" && len(g.Tables) < n; i++ {
			e := numbered(s, "load", i)
			if !slices.ContainsFunc(g.Tables, func(t Table) bool { return t.Name == e.name }) {
				g.Tables = append(g.Tables, table(e, 3))
			}
		}
	}
	if len(g.Tables) < n {
		return g, fmt.Errorf("%d tables were asked for, but dataSet.tables names each by id; give it a selector by prefix or tag", n)
	}
	return g, nil
}

type named struct {
	name string
	tags map[string]string
}

// examples are the resources that a selector shall find: of a prefix or
// tag two at least, and all that the configuration mentions elsewhere.
func examples(s config.Selector, kind string, mentioned []string) []named {
	if s.ID != "" {
		return []named{{s.ID, map[string]string{"team": "shop"}}}
	}
	var out []named
	for _, name := range mentioned {
		if s.Prefix != "" && strings.HasPrefix(name, s.Prefix) {
			out = append(out, named{name, map[string]string{"team": "shop"}})
		}
	}
	for n := 1; len(out) < 2; n++ {
		out = append(out, numbered(s, kind, n))
	}
	return out
}

func numbered(s config.Selector, kind string, n int) named {
	tags := map[string]string{"team": "shop"}
	name := fmt.Sprintf("%s%s-%d", s.Prefix, kind, n)
	if s.Tag != nil {
		tags[s.Tag.Key] = s.Tag.Value
		name = fmt.Sprintf("tagged-%s-%d", kind, n)
	}
	return named{strings.ReplaceAll(name, "--", "-"), tags}
}

func cluster(c config.Config, e named) Cluster {
	out := Cluster{
		ID: e.name, Engine: "aurora-mysql", EngineVersion: mysqlVersion, SubnetGroup: productionGroup, VPC: productionVPC,
		SecurityGroups: []string{databaseGroup}, AppGroup: appGroup, InstanceClass: "db.r6g.large",
		Key: Key{ID: uuid("key of " + e.name)}, LogExports: []string{"error", "slowquery"}, Tags: e.tags, VolumeGB: 40,
		Master: User{Name: "admin", Password: secret("production master of " + e.name)}, Writes: true,
	}
	out.Settings = clusterSettings(c, e.name)
	if strings.Contains(e.name, "postgres") || strings.Contains(e.name, "pg") {
		out.Engine, out.EngineVersion, out.LogExports, out.Master.Name = "aurora-postgresql", postgresVersion, []string{"postgresql"}, "postgres"
		out.Settings.BacktrackHours = 0
	}
	if strings.Contains(e.name, "serverless") {
		out.InstanceClass, out.Settings.Serverless, out.Settings.Readers = serverlessClass, &ACU{Min: 0.5, Max: 16}, 1
	}
	return out
}

func table(e named, items int) Table {
	return Table{Name: e.name, TTLAttribute: "expires", PointInTime: true, Tags: e.tags, Items: items, Writes: items > 100}
}

// addUsers gives each cluster the users that the targets list, and one that
// nobody lists and that a refresh must therefore lock.
func (g *Ground) addUsers(c config.Config) error {
	for i := range g.Clusters {
		cl := &g.Clusters[i]
		for _, t := range c.Targets {
			set, err := t.ClusterSettings(cl.ID)
			if err != nil {
				return err
			}
			for _, l := range set.Logins {
				cl.addUser(l.User)
			}
		}
		if len(cl.Users) == 0 {
			cl.addUser("shop_app")
		}
		cl.addUser("report")
	}
	return nil
}

func (c *Cluster) addUser(name string) {
	for _, u := range c.Users {
		if u.Name == name {
			return
		}
	}
	c.Users = append(c.Users, User{Name: name, Password: secret("production " + name + " of " + c.ID)})
}

func account(id, name string) Account {
	return Account{
		ID: id, Name: name, ServiceLinkedRoles: []string{"backup.amazonaws.com", "rds.amazonaws.com"},
		BackupOptIn: map[string]bool{"Aurora": true, "DynamoDB": true}, BackupAdvanced: map[string]bool{"DynamoDB": true},
	}
}

func production(c config.Config) Account {
	a := account(c.Production.Account, names.ProductionSide)
	a.Roles = []Role{{c.ProductionPlace().RoleARN(productionMonitoring), "monitoring.rds.amazonaws.com"}}
	a.Subnets = subnets(productionVPC, []string{"subnet-0dbf0000000000001", "subnet-0dbf0000000000002"}, c.Region, 1)
	a.SubnetGroups = []SubnetGroup{{productionGroup, productionVPC, ids(a.Subnets)}}
	a.SecurityGroups = []SecurityGroup{
		{appGroup, "production-application", productionVPC, nil},
		{databaseGroup, "production-databases", productionVPC, []Rule{{3306, 3306, appGroup, ""}, {5432, 5432, appGroup, ""}}},
	}
	return a
}

// target is an account as its part of the configuration says it is.
func target(c config.Config, t config.Target, n int, clusters []Cluster) Account {
	a := account(t.Account, t.Name)
	a.Subnets = subnets(t.Network.VPC, t.Network.FunctionSubnets, c.Region, 10+2*n)
	databases := []string{"subnet-" + hash("db a " + t.Name)[:17], "subnet-" + hash("db b " + t.Name)[:17]}
	own := subnets(t.Network.VPC, databases, c.Region, 11+2*n)
	a.Subnets = append(a.Subnets, own...)
	a.SubnetGroups = []SubnetGroup{{t.Network.DBSubnetGroup, t.Network.VPC, databases}}
	for i, id := range t.Network.DatabaseSecurityGroups {
		a.SecurityGroups = append(a.SecurityGroups, SecurityGroup{id, fmt.Sprintf("%s-databases-%d", t.Name, i+1), t.Network.VPC,
			[]Rule{{3306, 3306, "", "10.0.0.0/8"}, {5432, 5432, "", "10.0.0.0/8"}}})
	}
	for _, cl := range clusters {
		if set, err := t.ClusterSettings(cl.ID); err == nil {
			a.addSettings(t, set, cl)
		}
	}
	return a
}

func (a *Account) addSettings(t config.Target, set config.ClusterSettings, cl Cluster) {
	family := mysqlFamily
	if cl.Engine != "aurora-mysql" {
		family = postgresFamily
	}
	a.addGroup(ParameterGroup{set.ParameterGroup, family, false})
	a.addGroup(ParameterGroup{set.InstanceParameterGroup, family, true})
	a.addRoles(set)
	a.addSecret(t.Name, set.MasterSecret, cl.Master.Name)
	for _, l := range set.Logins {
		a.addSecret(t.Name, l.Secret, l.User)
	}
}

func (a *Account) addGroup(g ParameterGroup) {
	if g.Name != "" && !slices.Contains(a.ParameterGroups, g) {
		a.ParameterGroups = append(a.ParameterGroups, g)
	}
}

func (a *Account) addSecret(target, name, user string) {
	if !slices.ContainsFunc(a.Secrets, func(s Secret) bool { return s.Name == name }) {
		a.Secrets = append(a.Secrets, Secret{Name: name, User: user, Password: secret(target + " " + name)})
	}
}

func subnets(vpc string, ids []string, region string, block int) []Subnet {
	var out []Subnet
	for i, id := range ids {
		out = append(out, Subnet{id, vpc, region + string(rune('a'+i%3)), fmt.Sprintf("10.%d.%d.0/24", block, i+1)})
	}
	return out
}

func ids(list []Subnet) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.ID)
	}
	return out
}

// managementAccount is one that is neither production nor a target.
func managementAccount(c config.Config) string {
	taken := []string{c.Production.Account}
	for _, t := range c.Targets {
		taken = append(taken, t.Account)
	}
	for _, id := range []string{"999999999999", "999999999998", "999999999997"} {
		if !slices.Contains(taken, id) {
			return id
		}
	}
	return "900000000000"
}

// KeyPolicy is the policy of a cluster's key: the one that is written, or the
// account's own administration with the statements that dbferry asks for.
func (k Key) KeyPolicy(c config.Config) ([]byte, error) {
	if len(k.Policy) > 0 {
		return k.Policy, nil
	}
	own := map[string]any{"Sid": "OwnAccount", "Effect": "Allow", "Principal": map[string]string{"AWS": c.ProductionPlace().RootARN()}, "Action": "kms:*", "Resource": "*"}
	list := []any{own}
	for _, s := range keypolicy.ClusterKeyStatements(c) {
		list = append(list, s)
	}
	return json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": list})
}

func hash(seed string) string {
	sum := sha256.Sum256([]byte("dbferry ground: " + seed))
	return hex.EncodeToString(sum[:])
}

// secret makes a password that looks random and is the same in every run.
func secret(seed string) string { return "Rehearse-" + hash(seed)[:20] }

func uuid(seed string) string {
	h := hash(seed)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}
