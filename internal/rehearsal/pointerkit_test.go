package rehearsal_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/switchover"
)

// Pointers of both's switch. What is new is not there before.
const (
	pairRecord    = "shop-orders.staging.internal"
	readerRecord  = "orders-reader.staging.internal"
	newRecord     = "orders-new.staging.internal"
	urlParameter  = "/staging/shop/url"
	jsonParameter = "/staging/shop/all"
	newParameter  = "/staging/shop/new"
	oldTTL        = 60
)

// The two generations of a world in which nothing has to be restored first.
const (
	served = "202602010300-a1b2c3"
	latest = "202602080300-b2c3d4"
)

// both is a scenario in which staging serves the earlier of two generations that
// its ledger knows, with every kind of pointer, service and hook: a pair of
// proxies that a record leads to, parameters, an ECS service and oneOfEach.
func both(t testing.TB) rehearsal.Scenario {
	t.Helper()
	serving := ground.Serving{RefreshID: served, Others: []string{latest}, Recorded: true, Lane: ground.LanePair, CNAME: true}
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	g, err := ground.ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	g = g.WithoutApplications()
	sw, err := g.ExampleSwitch(c, "staging", serving)
	if err != nil {
		t.Fatal(err)
	}
	sw.Services[0].Minutes, sw.Hooks = 10, oneOfEach()
	zone := sw.Records[0].Zone
	sw.Records = append(sw.Records, config.Record{Zone: zone, Name: readerRecord, Value: "${reader:shop-orders}"}, config.Record{Zone: zone, Name: newRecord, Value: "${reader:shop-orders}"})
	sw.Parameters = append(sw.Parameters,
		config.Parameter{Name: urlParameter, Value: "mysql://${endpoint:shop-orders}:${port:shop-orders}/shop?generation=${refresh}"},
		config.Parameter{Name: jsonParameter, Value: `{"cluster":"${cluster:shop-orders}","writer":"${writer:shop-orders}","arn":"${tableArn:shop-carts}"}`},
		config.Parameter{Name: newParameter, Value: "${table:shop-carts}"})
	c.Targets[0].Switch, serving.Lane = sw, ""
	if g, err = g.WithApplication(c, "staging", serving); err != nil {
		t.Fatal(err)
	}
	app := g.Account("222222222222").Application
	app.Parameters = slices.DeleteFunc(app.Parameters, func(p ground.Parameter) bool { return p.Name == newParameter })
	records := slices.DeleteFunc(app.Zones[0].Records, func(r ground.Record) bool { return r.Name == newRecord })
	records[0].TTL = oldTTL
	app.Zones[0].Records = records
	switchOnce.Lock()
	defer switchOnce.Unlock()
	const kind = "every pointer"
	if switchAssemblies[kind] == "" {
		made := variant(t, func(v *config.Config) { v.Targets[0].Switch = sw })
		kept := filepath.Join(filepath.Dir(assembly), "switch-every-pointer")
		if err := os.CopyFS(kept, os.DirFS(made)); err != nil {
			t.Fatal(err)
		}
		switchAssemblies[kind] = kept
	}
	return rehearsal.Scenario{Assembly: switchAssemblies[kind], Ground: &g}
}

// onBoth plays a script under an application that calls throughout.
func onBoth(t *testing.T, script func(s *switcher)) {
	t.Helper()
	play(t, both(t), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		script(&switcher{o, t, latest})
		return o.Settle()
	})
}

func (s *switcher) ledger() string {
	s.t.Helper()
	target, err := s.Config().Target("staging")
	if err != nil {
		s.t.Fatal(err)
	}
	return s.Config().Place(target).Ledger()
}

// record is what the ledger keeps of the latest switch.
func (s *switcher) record() switchover.Plan {
	s.t.Helper()
	var p switchover.Plan
	raw, found := s.Objects().Object(s.ledger(), switchover.PlanKey)
	if !found || json.Unmarshal(raw, &p) != nil {
		s.t.Fatalf("the ledger's record of the switch is %q", raw)
	}
	return p
}

// outcome is how a service or hook went, as the record has it.
func (s *switcher) outcome(move string, d switchover.Direction) string {
	s.t.Helper()
	for _, o := range s.record().Outcomes {
		if o.Move == move && o.Direction == d {
			return o.Result
		}
	}
	return ""
}

func (s *switcher) to(verdict, refreshID string) states.Report {
	s.t.Helper()
	return s.start(verdict, map[string]string{"refreshId": refreshID})
}

// told wants all of it in the cause and in the last mail of a verdict.
func (s *switcher) told(r states.Report, all ...string) {
	s.t.Helper()
	if err := s.Settle(); err != nil {
		s.t.Fatal(err)
	}
	mail := ""
	for _, m := range s.Mails() {
		if strings.Contains(m.Subject, r.Error) {
			mail = m.Body
		}
	}
	for _, text := range all {
		if !strings.Contains(r.Cause, text) || !strings.Contains(mail, text) {
			s.t.Errorf("%q is not told by the cause %q and the mail %q", text, r.Cause, mail)
		}
	}
}
