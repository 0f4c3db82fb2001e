package config

import (
	"errors"
	"strings"
	"testing"
)

func switching(t *testing.T) Config {
	t.Helper()
	c := shipped(t)
	c.Targets[0].Switch = &Switch{
		Automatic: true, ProxySecurityGroups: []string{"sg-0a1b2c3d4e5f60009"},
		Clusters:   []ClusterPointer{{Cluster: "shop-orders", Lane: LanePair, Proxies: []string{"shop-a", "shop-b"}, Smoke: []string{"SELECT 1"}}},
		Parameters: []Parameter{{Name: "/shop/database", Value: "${endpoint:shop-orders}"}, {Name: "/shop/carts", Value: "${table:shop-carts}"}},
		Records:    []Record{{Zone: "Z0123456789ABC", Name: "db.shop.internal", Value: "${writer:shop-orders}"}},
		Services:   []Service{{Cluster: "shop", Service: "web"}},
		Hooks:      []Hook{{Name: "warm", Function: "arn:aws:lambda:eu-west-1:222222222222:function:warm"}},
	}
	return c
}

func TestSwitchValidates(t *testing.T) {
	if err := switching(t).Validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Switch)
		want   string
	}{
		"one generation":        {func(s *Switch) { s.Generations = 1 }, "switch.generations:"},
		"proxy group":           {func(s *Switch) { s.ProxySecurityGroups = []string{"x"} }, "proxySecurityGroups[0]:"},
		"lane":                  {func(s *Switch) { s.Clusters[0].Lane = "triple" }, "neither single"},
		"proxies of a pair":     {func(s *Switch) { s.Clusters[0].Proxies = []string{"a"} }, "lane pair takes 2"},
		"one proxy twice":       {func(s *Switch) { s.Clusters[0].Proxies = []string{"a", "a"} }, "is used twice"},
		"cluster twice":         {func(s *Switch) { s.Clusters = append(s.Clusters, s.Clusters[0]) }, "is listed twice"},
		"login":                 {func(s *Switch) { s.Clusters[0].Login = "stranger" }, "switch.clusters[0].login:"},
		"smoke query":           {func(s *Switch) { s.Clusters[0].Smoke = []string{"DELETE FROM shop.orders"} }, "smoke[0]:"},
		"two statements":        {func(s *Switch) { s.Clusters[0].Smoke = []string{"SELECT 1; DROP TABLE x"} }, "smoke[0]:"},
		"pair without a lead":   {func(s *Switch) { s.Parameters = s.Parameters[1:] }, "needs a parameter or record"},
		"parameter name":        {func(s *Switch) { s.Parameters[0].Name = "/aws/x" }, "parameters[0].name:"},
		"parameter twice":       {func(s *Switch) { s.Parameters[1].Name = s.Parameters[0].Name }, "is listed twice"},
		"value without meaning": {func(s *Switch) { s.Parameters[0].Value = "fixed" }, "has no placeholder"},
		"unknown placeholder":   {func(s *Switch) { s.Parameters[0].Value = "${host:shop-orders}" }, "is not known"},
		"half a placeholder":    {func(s *Switch) { s.Parameters[0].Value = "${endpoint:shop-orders} ${" }, "brace"},
		"SSM's own braces":      {func(s *Switch) { s.Parameters[0].Value = "{{${endpoint:shop-orders}}}" }, "brace"},
		"zone":                  {func(s *Switch) { s.Records[0].Zone = "example" }, "hosted zone id"},
		"ttl":                   {func(s *Switch) { s.Records[0].TTL = 3600 }, "records[0].ttl:"},
		"service":               {func(s *Switch) { s.Services[0].Service = "a/b" }, "services[0]:"},
		"secret of nobody":      {func(s *Switch) { s.Parameters[0].Value += "${secret:shop-orders/stranger}" }, "has no login of that user"},
		"secret without a user": {func(s *Switch) { s.Parameters[0].Value += "${secret:shop-orders}" }, "is not known"},
		"secret in a record":    {func(s *Switch) { s.Records[0].Value = "${secret:shop-orders/orders_app}" }, "cannot lead to a secret"},
		"hook without a kind":   {func(s *Switch) { s.Hooks[0].Function = "" }, "exactly one of"},
		"hook of two kinds":     {func(s *Switch) { s.Hooks[0].Automation = "Restart" }, "exactly one of"},
		"maintenance window":    {func(s *Switch) { s.Hooks[0] = Hook{Name: "w", MaintenanceWindow: "sunday"} }, "maintenanceWindow:"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := switching(t)
			c.change(cfg.Targets[0].Switch)
			if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
}

func TestFill(t *testing.T) {
	got, err := Fill("mysql://${endpoint:shop-orders}:${port:shop-orders}/${refresh}", func(p Reference) (string, error) {
		return "<" + p.What + " " + p.Item + ">", nil
	})
	if err != nil || got != "mysql://<endpoint shop-orders>:<port shop-orders>/<refresh >" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := Fill("${table:x}", func(Reference) (string, error) { return "", errors.New("gone") }); err == nil {
		t.Error("an error was lost")
	}
}

// TestRotationNeedsALead: a password that changes with each refresh is refused
// where no parameter tells applications of it.
func TestRotationNeedsALead(t *testing.T) {
	c := switching(t)
	set := &c.Targets[0].Clusters[0]
	user := set.Logins[0].User
	set.Logins[0].Rotate = new(true)
	const want = "logins[0].rotate: no parameter"
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error = %v, want %q", err, want)
	}
	c.Targets[0].Switch.Parameters = append(c.Targets[0].Switch.Parameters, Parameter{Name: "/shop/login", Value: "${secret:shop-orders/" + user + "}"})
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Targets[0].Switch = nil
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("without a switch: error = %v, want %q", err, want)
	}
}

func TestListenerValidates(t *testing.T) {
	const arn = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener/app/site/0123456789abcdef/fedcba9876543210"
	for want, l := range map[string]Listener{
		"":              {ARN: arn, Body: "back soon"},
		".arn:":         {ARN: strings.Replace(arn, "listener/app", "listener/net", 1)},
		".priority:":    {ARN: arn, Priority: 50001},
		".status:":      {ARN: arn, Status: 302},
		".contentType:": {ARN: arn, ContentType: "text/xml"},
		".body:":        {ARN: arn, Body: strings.Repeat("x", 1025)},
	} {
		c := shipped(t)
		c.Production.Migrate.Maintenance = []MaintenanceHook{{Name: "site", Listener: &l}}
		if err := c.Validate(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), "listener"+want)) {
			t.Errorf("error = %v, want %q", err, want)
		}
	}
}
