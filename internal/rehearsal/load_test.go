package rehearsal_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// Dumps of both engines stand in for the sample; every table of every database
// is restored and compared.
func TestLoadBothEngines(t *testing.T) {
	assembly := variant(t, func(c *config.Config) {
		c.DataSet.Clusters = append(c.DataSet.Clusters, config.Selector{ID: "ledger-pg"})
		c.Targets[0].Clusters = append(c.Targets[0].Clusters, config.ClusterSettings{Match: "ledger-*", MasterSecret: "staging/ledger/master",
			Logins: []config.Login{{User: "ledger_app", Secret: "staging/ledger/app"}}})
	})
	var told []string
	r := run(t, rehearsal.Scenario{Assembly: assembly,
		Load:     map[string]string{"mysql": "../dump/testdata/mariadb-dump.sql", "postgres": "../dump/testdata/pg_dump17.sql"},
		Progress: func(p rehearsal.Progress) { told = append(told, p.Text) }})
	if r.Verdict != rehearsal.VerdictSucceeded {
		t.Fatalf("%s: %s", r.Verdict, r.Cause)
	}
	everyRow(t, r, map[string]int{"shop-orders": 1, "ledger-pg": 2, "shop-carts": 1})
	for _, want := range []string{"ledger-pg/webshop.sales.order", "ledger-pg/webshop.sales.event_2026", "shop-orders/shop.t"} {
		if !slices.ContainsFunc(r.Items, func(i rehearsal.Item) bool { return i.Source == want }) {
			t.Errorf("%s is not compared: %+v", want, r.Items)
		}
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{"into ledger-pg (webshop)", "owner left out (who loads owns it): ALTER DATABASE webshop OWNER TO shop_owner (5 times, first on line 26)"} {
		if !strings.Contains(all, want) {
			t.Errorf("the rehearsal does not say %q:\n%s", want, all)
		}
	}
}
