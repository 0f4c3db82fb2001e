package stagingapp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkroute53 "github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/route53"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
	"github.com/dbferry/dbferry/internal/simnet"
	"github.com/dbferry/dbferry/internal/stagingapp"
)

func TestAQuietDayIsCheapAndWithoutOutage(t *testing.T) {
	onMySQL(t, func(w *world) {
		w.sleep(2 * time.Hour)
		r := w.app.Report()
		if r.Failed != 0 || r.LongestOutage != 0 || r.Probes < 400 || r.Probes > 600 {
			t.Errorf("%+v %+v", r, w.app.Outages())
		}
		end := w.app.Watch()
		w.sleep(time.Minute)
		end()
		if n := w.app.Report().Probes - r.Probes; n < 400 || n > 600 {
			t.Errorf("%d calls in a watched minute", n)
		}
	})
}

// A pair of proxies: the new one is ready before anything moves, then the tasks
// are rolled.
func TestThePairLaneHasNoOutage(t *testing.T) {
	onMySQL(t, func(w *world) {
		w.register("new", "new")
		w.settle()
		defer w.app.Watch()()
		w.point(w.endpoint("new"), "carts-new")
		w.roll()
		w.settle()
		if r := w.app.Report(); r.Failed != 0 || r.LongestOutage > 1 {
			t.Errorf("%+v %+v", r, w.app.Outages())
		}
		for _, task := range w.ecs.Serving(account, "staging", "shop") {
			if task.Env["TABLE"] != "carts-new" || !strings.HasPrefix(task.Env["HOST"], "new.proxy-") {
				t.Errorf("a task still uses %v", task.Env)
			}
		}
	})
}

// One proxy: its target is taken away and another registered, which takes AWS
// minutes; the seconds between the two calls are ours.
func TestTheSingleLaneTellsOursFromAWS(t *testing.T) {
	inWorld(t, func(w *world) {
		end := w.app.Watch()
		w.sleep(10 * time.Second)
		w.deregister("old", "old")
		w.sleep(3 * time.Second)
		w.register("old", "new")
		w.settle()
		end()
		r := w.app.Report()
		if r.Failed == 0 || r.LongestOutage < 100 || r.LongestOutage > 400 {
			t.Errorf("%+v %+v", r, w.app.Outages())
		}
		if r.Ours < 2 || r.Ours > 6 || r.AWSModelled+r.Ours != r.LongestOutage {
			t.Errorf("ours is not the time between the calls: %+v", r)
		}
	})
}

// While no target is there, a call waits in simulated time, and one that is
// served in the end has waited.
func TestACallThatWaitsIsAnOutage(t *testing.T) {
	onMySQL(t, func(w *world) {
		c := w.config()
		c.Timeout = 10 * time.Minute
		patient := stagingapp.New(c)
		end := patient.Watch()
		defer end()
		defer patient.Stop()
		w.rds.Timing.Proxy.Registering = rds.Range{Low: 20 * time.Second, High: 20 * time.Second}
		w.rds.Timing.Proxy.Capacity = rds.Range{Low: 40 * time.Second, High: 40 * time.Second}
		patient.Start()
		w.sleep(5 * time.Second)
		w.deregister("old", "old")
		w.register("old", "new")
		w.settle()
		if r := patient.Report(); r.LongestOutage < 55 || r.LongestOutage > 70 || r.Failed > 2 {
			t.Errorf("%+v %+v", r, patient.Outages())
		}
	})
}

func TestTheHealthCheckStopsABadDeployment(t *testing.T) {
	onMySQL(t, func(w *world) {
		w.point(w.endpoint("old"), "carts-gone")
		id := w.roll()
		for range 100 {
			if w.primary() != id {
				break
			}
			w.sleep(5 * time.Second)
		}
		w.point(w.endpoint("old"), "carts-old")
		w.settle()
		if r := w.app.Report(); r.Failed != 0 || w.primary() == id || len(w.ecs.Serving(account, "staging", "shop")) != 2 {
			t.Errorf("%+v %+v", r, w.app.Outages())
		}
	})
}

func TestATableThatIsGoneFailsUntilItIsBack(t *testing.T) {
	onMySQL(t, func(w *world) {
		c := w.config()
		c.Tasks = stagingapp.Task(map[string]string{"HOST": w.endpoint("old"), "TABLE": "carts-none", "SECRET": `{"username":"admin","password":"` + password + `"}`})
		app := stagingapp.New(c)
		app.Start()
		w.sleep(time.Minute)
		app.Stop()
		if r := app.Report(); r.Failed < 100 || r.LongestOutage < 55 {
			t.Errorf("an outage that has not ended: %+v", r)
		}
		if o := app.Outages(); len(o) != 1 || o[0].Dependency != "carts" || !strings.Contains(o[0].Why, "ResourceNotFoundException") {
			t.Errorf("%+v", o)
		}
	})
}

// A CNAME in front of two proxies: clients that keep a connection stay, new
// connections follow the record after its time to live.
func TestACNAMEMovesNewConnections(t *testing.T) {
	inWorld(t, func(w *world) {
		w.ok(w.dns.PutZone(account, route53.Zone{ID: "Z1", Name: "staging.internal", VPCs: []string{vpc}}, route53.Record{Name: "db.staging.internal", Type: "CNAME", TTL: 5, Values: []string{w.endpoint("old")}}))
		c := w.config()
		c.Dialer = simnet.Dialer{RDS: w.rds, From: rds.NetworkPlace{Account: account, VPC: vpc, SecurityGroups: []string{"sg-app"}}, DNS: w.dns.Resolver(vpc)}
		c.Tasks = stagingapp.Task(map[string]string{"HOST": "db.staging.internal", "TABLE": "carts-old", "SECRET": `{"username":"admin","password":"` + password + `"}`})
		app := stagingapp.New(c)
		app.Start()
		defer app.Stop()
		w.register("new", "new")
		w.settle()
		api := sdkroute53.NewFromConfig(w.As(account, "dns", worldtest.Allow("route53:*", "*")))
		_, err := api.ChangeResourceRecordSets(ctx, &sdkroute53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("Z1"), ChangeBatch: &r53types.ChangeBatch{Changes: []r53types.Change{{
			Action: r53types.ChangeActionUpsert, ResourceRecordSet: &r53types.ResourceRecordSet{Name: aws.String("db.staging.internal"), Type: r53types.RRTypeCname, TTL: aws.Int64(5),
				ResourceRecords: []r53types.ResourceRecord{{Value: aws.String(w.endpoint("new"))}}},
		}}}})
		w.ok(err)
		w.settle()
		if r := app.Report(); r.Failed != 0 {
			t.Errorf("moving the record broke a kept connection: %+v %+v", r, app.Outages())
		}
		w.deregister("old", "old") // ends the kept connection; the next one goes to the new proxy
		w.sleep(2 * time.Minute)
		if r := app.Report(); r.Failed == 0 || r.LongestOutage > 1 {
			t.Errorf("%+v %+v", r, app.Outages())
		}
	})
}

func TestTheSameRunGivesTheSameReport(t *testing.T) {
	reports := map[string][]stagingapp.Report{}
	for range 2 {
		inWorld(t, func(w *world) {
			w.deregister("old", "old")
			w.register("old", "new")
			w.settle()
			reports[w.engine] = append(reports[w.engine], w.app.Report())
		})
	}
	for engine, r := range reports {
		if r[0] != r[1] {
			t.Errorf("%s: %+v, then %+v", engine, r[0], r[1])
		}
	}
}
