package rehearsal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// switched is a scenario whose staging serves an earlier generation, with a
// configuration that moves its application.
func switched(t *testing.T, lane string) rehearsal.Scenario {
	t.Helper()
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	g, err := ground.ForConfig(c)
	if err == nil {
		g, err = g.WithApplication(c, "staging", ground.Serving{RefreshID: earlier, Lane: lane})
	}
	if err != nil {
		t.Fatal(err)
	}
	app := g.Account("222222222222").Application
	made := variant(t, func(c *config.Config) {
		s := &config.Switch{ProxySecurityGroups: app.Proxies[0].Groups}
		p := config.ClusterPointer{Cluster: "shop-orders", Lane: lane}
		for _, x := range app.Proxies {
			p.Proxies = append(p.Proxies, x.Name)
		}
		s.Clusters = append(s.Clusters, p)
		s.Parameters = []config.Parameter{
			{Name: "/staging/shop-orders/host", Value: "${endpoint:shop-orders}"},
			{Name: "/staging/shop-carts/table", Value: "${table:shop-carts}"},
		}
		s.Services = []config.Service{{Cluster: app.Service.Cluster, Service: app.Service.Name}}
		c.Targets[0].Switch = s
	})
	return rehearsal.Scenario{Assembly: made, Ground: &g}
}

func TestSwitch(t *testing.T) {
	for _, lane := range []string{ground.LanePair} {
		t.Run(lane, func(t *testing.T) {
			play(t, switched(t, lane), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
				out, err := o.Refresh("staging", refresh.BackupInput{})
				if err != nil || out.Verdict != rehearsal.VerdictSucceeded {
					return fmt.Errorf("%s %s %w", out.Verdict, out.Cause, err)
				}
				if err := o.Settle(); err != nil {
					return err
				}
				end := o.App("staging").Watch()
				defer end()
				place, _ := o.Config().Target("staging")
				arn := o.Config().Place(place).MachineARN("staging-switch", "staging")
				r := await(t, o, arn, map[string]string{"refreshId": out.RefreshID})
				if r.Status != asl.Succeeded {
					t.Errorf("%s %s %s\n%v", r.Status, r.Error, r.Cause, r.Path)
				}
				if err := o.Sleep(5 * time.Minute); err != nil {
					return err
				}
				t.Logf("%+v %+v", o.App("staging").Report(), o.App("staging").Outages())
				return nil
			})
		})
	}
}
