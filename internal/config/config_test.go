package config

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func shipped(t testing.TB) Config {
	t.Helper()
	c, err := Load("../../dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestShippedExample(t *testing.T) {
	c := shipped(t)
	if c.Limits.Spread() != 120 || c.Limits.Retention() != 7 || c.BusName(c.Targets[0]) != "dbferry-staging" {
		t.Errorf("%+v", c)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"not JSON":      {`{`, "not valid"},
		"unknown field": {`{"limits":{"spreadMinuts":5}}`, "spreadMinuts"},
		"trailing text": {`{} {}`, "text after"},
		"empty object":  {`{}`, "problem(s)"},
		"wrong type":    {`{"region":5}`, "not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
}

// TestValidate changes one thing at a time in the shipped example.
func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"region":               {func(c *Config) { c.Region = "Ireland" }, "region:"},
		"organization":         {func(c *Config) { c.OrganizationID = "example" }, "organizationId:"},
		"production account":   {func(c *Config) { c.Production.Account = "11" }, "production.account:"},
		"production's address": {func(c *Config) { c.Production.Notify = []string{"me"} }, "production.notify[0]:"},
		"no targets":           {func(c *Config) { c.Targets = nil }, "targets: at least one"},
		"target name":          {func(c *Config) { c.Targets[0].Name = "Staging" }, "targets[0].name:"},
		"target production":    {func(c *Config) { c.Targets[0].Name = "production" }, `"production" is taken`},
		"same account":         {func(c *Config) { c.Targets[0].Account = c.Production.Account }, "is already the account of production"},
		"bus":                  {func(c *Config) { c.Targets[0].Bus = "mine" }, "targets[0].bus:"},
		"schedule":             {func(c *Config) { c.Targets[0].Schedule = "daily" }, "targets[0].schedule:"},
		"vpc":                  {func(c *Config) { c.Targets[0].Network.VPC = "main" }, "targets[0].network.vpc:"},
		"subnet group":         {func(c *Config) { c.Targets[0].Network.DBSubnetGroup = "" }, "targets[0].network.dbSubnetGroup:"},
		"no subnets":           {func(c *Config) { c.Targets[0].Network.FunctionSubnets = nil }, "targets[0].network.functionSubnets: at least one"},
		"security group":       {func(c *Config) { c.Targets[0].Network.DatabaseSecurityGroups[0] = "app" }, "databaseSecurityGroups[0]:"},
		"cluster pattern":      {func(c *Config) { c.Targets[0].Clusters[0].Match = "[" }, "targets[0].clusters[0].match:"},
		"instances":            {func(c *Config) { c.Targets[0].Clusters[0].Instances = 17 }, "clusters[0].instances:"},
		"instance class":       {func(c *Config) { c.Targets[0].Clusters[0].InstanceClass = "r6g.large" }, "clusters[0].instanceClass:"},
		"master secret":        {func(c *Config) { c.Targets[0].Clusters[0].MasterSecret = "" }, "clusters[0].masterSecret:"},
		"login twice": {func(c *Config) {
			c.Targets[0].Clusters[0].Logins = append(c.Targets[0].Clusters[0].Logins, c.Targets[0].Clusters[0].Logins[0])
		}, "is listed twice"},
		"backup retention": {func(c *Config) { c.Targets[0].Clusters[0].BackupRetentionDays = 36 }, "clusters[0].backupRetentionDays: 36 is not between"},
		"backtrack":        {func(c *Config) { c.Targets[0].Clusters[0].BacktrackHours = new(73) }, "clusters[0].backtrackHours:"},
		"storage type":     {func(c *Config) { c.Targets[0].Clusters[0].StorageType = "gp3" }, `clusters[0].storageType: "gp3" is none of aurora, aurora-iopt1`},
		"capacity units":   {func(c *Config) { c.Targets[0].Clusters[0].MaxACU = 300 }, "clusters[0].maxACU:"},
		"replicas":         {func(c *Config) { c.Targets[0].Clusters[0].MaxReplicas = 16 }, "clusters[0].maxReplicas:"},
		"insights":         {func(c *Config) { c.Targets[0].Clusters[0].DatabaseInsights = "advanced" }, "clusters[0].databaseInsights:"},
		"cluster alarms":   {func(c *Config) { c.Targets[0].Clusters[0].Alarms = "loud" }, "clusters[0].alarms:"},
		"monitoring role":  {func(c *Config) { c.Targets[0].Clusters[0].MonitoringRole = "monitoring" }, "clusters[0].monitoringRole:"},
		"role of elsewhere": {func(c *Config) {
			c.Targets[0].Clusters[0].Roles = []FeatureRole{{Feature: "s3Import", Role: "arn:aws:iam::111111111111:role/import"}}
		}, "is not a role of account 222222222222"},
		"role twice": {func(c *Config) {
			r := FeatureRole{Role: "arn:aws:iam::222222222222:role/import"}
			c.Targets[0].Clusters[0].Roles = []FeatureRole{r, r}
		}, "clusters[0].roles[1]: the same role"},
		"table class":  {func(c *Config) { c.Targets[0].Tables[0].TableClass = "COLD" }, "tables[0].tableClass:"},
		"billing mode": {func(c *Config) { c.Targets[0].Tables[0].BillingMode = "PROVISIONED" }, "tables[0].billingMode:"},
		"capacity":     {func(c *Config) { c.Targets[0].Tables[0].MaxCapacity = -1 }, "tables[0].maxCapacity:"},
		"on demand scaled": {func(c *Config) {
			c.Targets[0].Tables[0].BillingMode, c.Targets[0].Tables[0].MaxCapacity = "PAY_PER_REQUEST", 5
		}, "has no capacity to scale"},
		"table alarms":   {func(c *Config) { c.Targets[0].Tables[0].Alarms = "loud" }, "tables[0].alarms:"},
		"empty data set": {func(c *Config) { c.DataSet = DataSet{} }, "dataSet: is empty"},
		"two selectors":  {func(c *Config) { c.DataSet.Clusters[0].Prefix = "shop" }, "dataSet.clusters[0]: exactly one"},
		"cluster id":     {func(c *Config) { c.DataSet.Clusters[0].ID = "shop--orders" }, "dataSet.clusters[0].id:"},
		"tag key":        {func(c *Config) { c.DataSet.Tables = []Selector{{Tag: &Tag{Value: "x"}}} }, "dataSet.tables[0].tag.key:"},
		"spread":         {func(c *Config) { c.Limits.SpreadMinutes = 1441 }, "limits.spreadMinutes:"},
		"retention":      {func(c *Config) { c.Limits.RetentionDays = 3 }, "limits.retentionDays:"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := shipped(t)
			c.change(&cfg)
			if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	c := shipped(t)
	c.Region, c.OrganizationID, c.Limits.RetentionDays = "", "", 1
	problems, ok := c.Validate().(Problems)
	if !ok || len(problems) != 3 {
		t.Errorf("problems = %v, want 3", problems)
	}
}

func TestHash(t *testing.T) {
	c := shipped(t)
	want := c.Hash()
	if c.Schema = "elsewhere.json"; c.Hash() != want {
		t.Error("the schema reference counts")
	}
	if c.Limits.RetentionDays++; c.Hash() == want {
		t.Error("a limit does not count")
	}
}

func TestFirstMatchingSettingsHold(t *testing.T) {
	c := Target{Name: "staging",
		Clusters: []ClusterSettings{{Match: "shop-*", MasterSecret: "a", Instances: 2}, {Match: "*", MasterSecret: "b"}},
		Tables:   []TableSettings{{Match: "shop-*", DeletionProtection: true}}}
	for source, want := range map[string]ClusterSettings{
		"shop-orders": {Match: "shop-*", MasterSecret: "a", Instances: 2},
		"other":       {Match: "*", MasterSecret: "b", Instances: 1},
	} {
		got, err := c.ClusterSettings(source)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", source, err, d)
		}
	}
	if !c.TableSettings("shop-carts").DeletionProtection || c.TableSettings("other").DeletionProtection {
		t.Error("table settings do not follow the pattern")
	}
	c.Clusters = c.Clusters[:1]
	if _, err := c.ClusterSettings("other"); err == nil || !strings.Contains(err.Error(), "masterSecret") {
		t.Errorf("a cluster without settings: %v", err)
	}
}

func TestTargetByName(t *testing.T) {
	c := shipped(t)
	if got, err := c.Target("staging"); err != nil || got.Account != "222222222222" {
		t.Errorf("%v %v", got.Account, err)
	}
	if _, err := c.Target("qa"); err == nil || !strings.Contains(err.Error(), "it has staging") {
		t.Errorf("an unknown target: %v", err)
	}
}

// FuzzParse: whatever the file holds, Parse answers, and what it accepts it
// accepts again with the same hash.
func FuzzParse(f *testing.F) {
	raw, err := os.ReadFile("../../dbferry.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"targets":[{"clusters":[{"match":"[a-"}]}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := Parse(again); err != nil || d.Hash() != c.Hash() {
			t.Errorf("accepted once, then %v", err)
		}
	})
}
