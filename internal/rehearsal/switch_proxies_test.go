package rehearsal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	simulatedrds "github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

const idleProxy = "shop-orders-b"

func (s *switcher) databases() *rds.Client { return rds.NewFromConfig(s.AWS("222222222222")) }

// must ends a test whose operator could not do something.
func (s *switcher) must(_ any, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// idle takes the target from the proxy that does not serve.
func (s *switcher) idle() {
	s.t.Helper()
	s.must(s.databases().DeregisterDBProxyTargets(s.t.Context(), &rds.DeregisterDBProxyTargetsInput{
		DBProxyName: aws.String(idleProxy), DBClusterIdentifiers: []string{names.RestoredCluster("shop-orders", latest)},
	}))
}

// login makes the idle proxy use a secret.
func (s *switcher) login(secret string) {
	s.t.Helper()
	s.must(s.databases().ModifyDBProxy(s.t.Context(), &rds.ModifyDBProxyInput{DBProxyName: aws.String(idleProxy), Auth: []types.UserAuthConfig{{AuthScheme: types.AuthSchemeSecrets, SecretArn: &secret}}}))
	s.must(nil, s.Sleep(5*time.Minute))
}

// groups gives the candidate other security groups, and returns those that it had.
func (s *switcher) groups(ids []string) (before []string) {
	s.t.Helper()
	id := aws.String(names.RestoredCluster("shop-orders", latest))
	out, err := s.databases().DescribeDBClusters(s.t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: id})
	s.must(out, err)
	for _, g := range out.DBClusters[0].VpcSecurityGroups {
		before = append(before, *g.VpcSecurityGroupId)
	}
	if ids == nil {
		ids = before[len(before)-1:] // by which only dbferry's functions get in
	}
	s.must(s.databases().ModifyDBCluster(s.t.Context(), &rds.ModifyDBClusterInput{DBClusterIdentifier: id, VpcSecurityGroupIds: ids, ApplyImmediately: aws.Bool(true)}))
	s.must(nil, s.Sleep(15*time.Minute))
	return before
}

// TestATargetThatIsNotReady: what RDS Proxy says of it is told with what to do
// about it, before anything that serves was touched; with the cause gone the
// same input works.
func TestATargetThatIsNotReady(t *testing.T) {
	onBoth(t, func(s *switcher) {
		s.idle()
		p, err := s.databases().DescribeDBProxies(t.Context(), &rds.DescribeDBProxiesInput{DBProxyName: aws.String(idleProxy)})
		s.must(p, err)
		right := *p.DBProxies[0].Auth[0].SecretArn
		wrong, err := s.SecretValues().PutSecret("222222222222", secretsmanager.SecretSpec{Name: "staging/shop/old", Value: `{"username":"shop_old","password":"no-longer-valid-7d1f"}`})
		s.must(wrong, err)
		var groups []string
		capacity := s.RDS().Timing.Proxy.Capacity
		for _, x := range []struct {
			reason    string
			says      string
			spoil     func()
			mend      func()
			mostTakes time.Duration
		}{
			{"AUTH_FAILURE", "the proxy must use one of those", func() { s.login(wrong) }, func() { s.login(right) }, 10 * time.Minute},
			{"UNREACHABLE", "must let in those of proxy " + idleProxy, func() { groups = s.groups(nil) }, func() { s.groups(groups) }, 30 * time.Minute},
			{"PENDING_PROXY_CAPACITY", "RDS was still giving proxy " + idleProxy + " capacity", func() {
				s.RDS().Timing.Proxy.Capacity = simulatedrds.Range{Low: time.Hour, High: time.Hour}
			}, func() { s.RDS().Timing.Proxy.Capacity = capacity }, 30 * time.Minute},
		} {
			x.spoil()
			r := s.to(rehearsal.VerdictFailed, latest)
			s.told(r, x.reason, x.says)
			if took := r.Stop.Sub(r.Start); took > x.mostTakes {
				t.Errorf("%s was told after %s", x.reason, took)
			}
			s.table(served)
			if proxy, _, _ := s.doors(latest); proxy != "" {
				t.Errorf("after %s the idle proxy still leads to the candidate", x.reason)
			}
			if a := s.App("staging").Report(); a.Failed > 0 {
				t.Errorf("the application noticed %s: %+v", x.reason, a)
			}
			x.mend()
		}
		s.to(rehearsal.VerdictSucceeded, latest)
		s.leads(latest, 5)
	})
}

// TestAWriterThatSettles is refused as a target, and asked for again.
func TestAWriterThatSettles(t *testing.T) {
	onBoth(t, func(s *switcher) {
		s.idle()
		writer := names.RestoredInstance(names.RestoredCluster("shop-orders", latest), 1)
		s.must(s.databases().RebootDBInstance(t.Context(), &rds.RebootDBInstanceInput{DBInstanceIdentifier: &writer}))
		s.to(rehearsal.VerdictSucceeded, latest)
		s.leads(latest, 5)
		refused := 0
		for _, c := range s.World().Journal.Calls {
			if c.Operation == "RegisterDBProxyTargets" && strings.Contains(c.Outcome, "InvalidDBInstanceState") {
				refused++
			}
		}
		if refused == 0 {
			t.Error("RDS took a writer that was rebooting")
		}
	})
}

// TestFailedProbeOfABrokenApplication: what serves cannot be logged in to either,
// as when its secret is wrong. Nothing that serves was touched, so the end is
// Failed, not a call for an operator.
func TestFailedProbeOfABrokenApplication(t *testing.T) {
	play(t, recorded(t, ground.LanePair), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		s := &switcher{o, t, latest}
		held, _ := o.SecretValues().Value("222222222222", "staging/shop/app")
		put := func(value string) {
			_, err := o.SecretValues().PutSecret("222222222222", secretsmanager.SecretSpec{Name: "staging/shop/app", Value: value})
			s.must(nil, err)
		}
		put(`{"username":"shop_app","password":"Not-the-password-1"}`)
		s.to(rehearsal.VerdictFailed, latest)
		s.uses(served)
		put(held)
		s.to(rehearsal.VerdictSucceeded, latest)
		s.uses(latest)
		return o.Settle()
	})
}
