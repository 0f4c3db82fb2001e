package ground

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWithApplication(t *testing.T) {
	c := exampleConfig(t)
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
		"single": {Serving{RefreshID: id, Lane: LaneSingle}, []string{"shop-orders"}, Parameter{Endpoint: Endpoint{Proxy: "shop-orders"}}},
		"pair":   {Serving{RefreshID: id, Lane: LanePair, Others: []string{"202601010300-a1b2c3"}}, []string{"shop-orders-a", "shop-orders-b"}, Parameter{Endpoint: Endpoint{Proxy: "shop-orders-a"}}},
		"none":   {Serving{RefreshID: id, Lane: LaneNone}, nil, Parameter{Endpoint: Endpoint{Cluster: "shop-orders-" + id}}},
		"cname":  {Serving{RefreshID: id, Lane: LaneSingle, CNAME: true}, []string{"shop-orders"}, Parameter{Value: "shop-orders.staging.internal"}},
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
		if strings.Join(proxies, " ") != strings.Join(x.proxies, " ") || len(app.Generations) != 1+len(x.serving.Others) || len(app.Zone.ID) != map[bool]int{true: 21, false: 0}[x.serving.CNAME] {
			t.Errorf("%s: proxies %v, generations %v, zone %v", name, proxies, app.Generations, app.Zone)
		}
		x.host.Name = "/staging/shop-orders/host"
		if got := app.Parameters; len(got) != 2 || got[0] != x.host || got[1].Value != "shop-carts-"+id {
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
