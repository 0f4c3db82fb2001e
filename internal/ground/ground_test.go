package ground

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/config"
)

var update = flag.Bool("update", false, "rewrite ground.json")

func exampleConfig(t *testing.T) config.Config {
	t.Helper()
	c, err := config.Load("../../dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExampleIsDerived(t *testing.T) {
	want, err := ForConfig(exampleConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		raw, err := json.MarshalIndent(want, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("ground.json", append(raw, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := Example()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("ground.json is not what the example configuration gives; run with -update (-want +got):\n" + diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"unknown field":           {`{"cluster": []}`, "unknown field"},
		"short password":          {`{"accounts":[{"id":"1","secrets":[{"name":"s","user":"u","password":"short"}]}]}`, "fewer than 8"},
		"serverless, no scaling":  {`{"clusters":[{"id":"c","instanceClass":"db.serverless","master":{"name":"admin","password":"long-enough"}}]}`, "belong together"},
		"scaling, not serverless": {`{"clusters":[{"id":"c","instanceClass":"db.r6g.large","settings":{"serverless":{"min":1,"max":2}},"master":{"name":"admin","password":"long-enough"}}]}`, "belong together"},
		"writer, no user":         {`{"clusters":[{"id":"c","master":{"name":"admin","password":"long-enough"},"writes":true}]}`, "no user"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(c.raw)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestSelectors(t *testing.T) {
	c := exampleConfig(t)
	c.DataSet.Tables = []config.Selector{{Prefix: "shop-"}, {Tag: &config.Tag{Key: "refresh", Value: "yes"}}}
	g, err := ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Tables) != 4 {
		t.Fatalf("%d tables, want two for each selector", len(g.Tables))
	}
	for i, tb := range g.Tables {
		if !c.DataSet.Tables[i/2].Matches(tb.Name, tb.Tags) {
			t.Errorf("table %s is not what its selector finds", tb.Name)
		}
	}
	if g, err = g.WithTables(c, 50); err != nil || len(g.Tables) != 50 {
		t.Errorf("WithTables: %d tables, %v", len(g.Tables), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Fuzz(func(t *testing.T, raw []byte) { _, _ = Parse(raw) })
}

// The id of a cluster says what it is on a derived ground.
func TestKindsOfClusters(t *testing.T) {
	c := exampleConfig(t)
	c.DataSet.Clusters = []config.Selector{{ID: "shop-orders"}, {ID: "shop-serverless"}, {ID: "shop-pg-serverless"}}
	g, err := ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	type kind struct {
		engine, class string
		readers       int
		scales        bool
	}
	var got []kind
	for _, cl := range g.Clusters {
		got = append(got, kind{cl.Engine, cl.InstanceClass, cl.Settings.Readers, cl.Settings.Serverless != nil})
	}
	want := []kind{{"aurora-mysql", "db.r6g.large", 0, false}, {"aurora-mysql", serverlessClass, 1, true}, {"aurora-postgresql", serverlessClass, 1, true}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
