package rehearsal_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

const earlier = "202602010300-a1b2c3"

// withApplication is a scenario in which staging serves an earlier generation.
func withApplication(t *testing.T, lane string) rehearsal.Scenario {
	t.Helper()
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	c.Targets[0].Switch = nil
	g, err := ground.ForConfig(c)
	if err == nil {
		g, err = g.WithApplication(c, "staging", ground.Serving{RefreshID: earlier, Lane: lane, CNAME: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	return rehearsal.Scenario{Ground: &g}
}

func TestTheApplicationServesWhileARefreshGoesOn(t *testing.T) {
	r := run(t, withApplication(t, ground.LanePair))
	if r.Verdict != rehearsal.VerdictSucceeded || len(r.SecretsLeaked) > 0 {
		t.Errorf("%s: %s; leaked %v", r.Verdict, r.Cause, r.SecretsLeaked)
	}
	if a := r.App; a == nil || a.Failed > 0 || a.LongestOutage > 0 || a.Probes < 200 {
		t.Errorf("the application noticed %+v", a)
	}
}

func TestTheApplicationNoticesItsProxy(t *testing.T) {
	sc := withApplication(t, ground.LaneSingle)
	sc.Assembly = assembly
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := rehearsal.Open(ctx, sc)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = r.Play(ctx, func(o *rehearsal.Operator) error {
		if err := o.Settle(); err != nil {
			return err
		}
		end := o.App("staging").Watch()
		defer end()
		proxies := rds.NewFromConfig(o.AWS("222222222222"))
		name, clusters := "shop-orders", []string{"shop-orders-" + earlier}
		if _, err := proxies.DeregisterDBProxyTargets(ctx, &rds.DeregisterDBProxyTargetsInput{DBProxyName: &name, DBClusterIdentifiers: clusters}); err != nil {
			return err
		}
		if _, err := proxies.RegisterDBProxyTargets(ctx, &rds.RegisterDBProxyTargetsInput{DBProxyName: &name, DBClusterIdentifiers: clusters}); err != nil {
			return err
		}
		if err := o.Sleep(10 * time.Minute); err != nil {
			return err
		}
		if a := o.App("staging").Report(); a.Failed == 0 || a.AWSModelled < 60 || a.Ours > 2 {
			t.Errorf("the application noticed %+v of %+v", a, o.App("staging").Outages())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
