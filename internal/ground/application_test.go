package ground

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/config"
)

func TestWithApplication(t *testing.T) {
	c := exampleConfig(t)
	c.Targets[0].Switch = nil
	base, err := ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	const id = "202602010300-a1b2c3"
	for name, x := range map[string]struct {
		serving Serving
		proxies []string
		host    Parameter
	}{
		"single": {Serving{RefreshID: id, Lane: LaneSingle}, []string{"shop-orders"}, Parameter{Value: "${proxy:shop-orders}"}},
		"pair":   {Serving{RefreshID: id, Lane: LanePair, Others: []string{"202601010300-a1b2c3"}}, []string{"shop-orders-a", "shop-orders-b"}, Parameter{Value: "${proxy:shop-orders-a}"}},
		"none":   {Serving{RefreshID: id, Lane: LaneNone}, nil, Parameter{Value: "${cluster:shop-orders-" + id + "}"}},
		"cname":  {Serving{RefreshID: id, Lane: LaneSingle, CNAME: true}, []string{"shop-orders"}, Parameter{"/staging/shop/database-1-host", "shop-orders.staging.internal"}},
	} {
		g, err := base.WithApplication(c, "staging", x.serving)
		if err != nil {
			t.Fatal(err)
		}
		app := g.Account("222222222222").Application
		var proxies []string
		for _, p := range app.Proxies {
			proxies = append(proxies, p.Name)
		}
		if strings.Join(proxies, " ") != strings.Join(x.proxies, " ") || len(app.Generations) != 1+len(x.serving.Others) || len(app.Zones) != map[bool]int{true: 1, false: 0}[x.serving.CNAME] {
			t.Errorf("%s: proxies %v, generations %v, zones %v", name, proxies, app.Generations, app.Zones)
		}
		if x.host.Name == "" {
			x.host.Name = "/staging/shop-orders/host"
		}
		if got := app.Parameters; len(got) != 2 || !slices.Contains(got, x.host) || !slices.Contains(got, Parameter{"/staging/shop-carts/table", "shop-carts-" + id}) {
			t.Errorf("%s: parameters %+v", name, got)
		}
		raw, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(raw); err != nil {
			t.Errorf("%s: cannot be read back: %v", name, err)
		}
	}
	if base.Account("222222222222").Application != nil {
		t.Error("the ground it was derived from was changed")
	}
	if _, err := base.WithApplication(c, "staging", Serving{RefreshID: id, Lane: "triple"}); err == nil {
		t.Error("an unknown lane was accepted")
	}
	if _, err := base.WithApplication(c, "qa", Serving{RefreshID: id, Lane: LanePair}); err == nil {
		t.Error("an unknown target was accepted")
	}
}

// The shipped configuration's own switch gives the application; a value may be
// more than a name, and a switch may name what only a prefix finds.
func TestApplicationOfConfiguration(t *testing.T) {
	c := exampleConfig(t)
	c.DataSet.Clusters = []config.Selector{{Prefix: "shop-"}}
	s := c.Targets[0].Switch
	s.Clusters[0].Lane, s.Clusters[0].Proxies = config.LaneNone, nil
	s.Parameters[0].Value = "mysql://${endpoint:shop-orders}:3306/shop"
	s.Parameters = append(s.Parameters, config.Parameter{Name: "/staging/all", Value: "${port:shop-orders} ${reader:shop-orders} ${tableArn:shop-carts} ${refresh}"})
	g, err := ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	app := g.Account("222222222222").Application
	cluster := "shop-orders-" + FirstGeneration
	want := []Parameter{
		{"/staging/shop-orders/host", "mysql://${cluster:" + cluster + "}:3306/shop"}, {"/staging/shop-carts/table", "shop-carts-" + FirstGeneration},
		{"/staging/all", "3306 ${reader:" + cluster + "} arn:aws:dynamodb:eu-west-1:222222222222:table/shop-carts-" + FirstGeneration + " " + FirstGeneration},
	}
	if !slices.Equal(app.Parameters[:3], want) || len(app.Proxies) != 0 || len(g.Clusters) != 2 || g.Clusters[0].ID != "shop-orders" {
		t.Errorf("parameters %q of %d clusters", app.Parameters, len(g.Clusters))
	}
	if u := app.Services[0].Databases[0]; u.Before != "mysql://" || u.After != ":3306/shop" {
		t.Errorf("the application reads the host as %+v", u)
	}
	s.Parameters[0].Value = "${endpoint:billing}"
	if _, err := ForConfig(c); err == nil || !strings.Contains(err.Error(), "billing") {
		t.Errorf("a cluster that no selector finds: %v", err)
	}
}
