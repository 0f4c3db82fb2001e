package rehearsal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	dnstypes "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// zone is where the application's records are.
func (s *switcher) zone() string {
	s.t.Helper()
	target, err := s.Config().Target("staging")
	if err != nil {
		s.t.Fatal(err)
	}
	return target.Switch.Records[0].Zone
}

// cname is a record's value and time to live; empty when there is none.
func (s *switcher) cname(name string) (value string, ttl int64) {
	s.t.Helper()
	out, err := route53.NewFromConfig(s.AWS("222222222222")).ListResourceRecordSets(s.t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(s.zone())})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range out.ResourceRecordSets {
		if strings.TrimSuffix(*r.Name, ".") == name {
			return *r.ResourceRecords[0].Value, *r.TTL
		}
	}
	return "", 0
}

// point is somebody at the Route 53 console.
func (s *switcher) point(name, value string) {
	s.t.Helper()
	_, err := route53.NewFromConfig(s.AWS("222222222222")).ChangeResourceRecordSets(s.t.Context(), &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String(s.zone()), ChangeBatch: &dnstypes.ChangeBatch{Changes: []dnstypes.Change{{Action: dnstypes.ChangeActionUpsert, ResourceRecordSet: &dnstypes.ResourceRecordSet{
			Name: &name, Type: dnstypes.RRTypeCname, TTL: aws.Int64(30), ResourceRecords: []dnstypes.ResourceRecord{{Value: &value}},
		}}}},
	})
	if err != nil {
		s.t.Error(err)
	}
}

// doors are the hosts by which a generation can be reached.
func (s *switcher) doors(refreshID string) (proxy, writer, reader string) {
	s.t.Helper()
	c, id := rds.NewFromConfig(s.AWS("222222222222")), names.RestoredCluster("shop-orders", refreshID)
	for _, name := range []string{"shop-orders-a", "shop-orders-b"} {
		targets, err := c.DescribeDBProxyTargets(s.t.Context(), &rds.DescribeDBProxyTargetsInput{DBProxyName: &name})
		if err != nil {
			s.t.Fatal(err)
		}
		if len(targets.Targets) > 0 && (aws.ToString(targets.Targets[0].RdsResourceId) == id || aws.ToString(targets.Targets[0].TrackedClusterId) == id) {
			p, err := c.DescribeDBProxies(s.t.Context(), &rds.DescribeDBProxiesInput{DBProxyName: &name})
			if err != nil {
				s.t.Fatal(err)
			}
			proxy = *p.DBProxies[0].Endpoint
		}
	}
	out, err := c.DescribeDBClusters(s.t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	if err != nil {
		s.t.Fatal(err)
	}
	return proxy, *out.DBClusters[0].Endpoint, *out.DBClusters[0].ReaderEndpoint
}

// leads wants all records to lead to a generation, with the first one's time to live.
func (s *switcher) leads(refreshID string, ttl int64) {
	s.t.Helper()
	proxy, _, reader := s.doors(refreshID)
	if value, now := s.cname(pairRecord); value != proxy || now != ttl {
		s.t.Errorf("%s is %s for %d s, want %s for %d s", pairRecord, value, now, proxy, ttl)
	}
	if value, _ := s.cname(readerRecord); value != reader {
		s.t.Errorf("%s is %s, want %s", readerRecord, value, reader)
	}
}

// TestRecords: a pair's application is moved by its record and moved back, and
// what follows waits until every name server answers with it.
func TestRecords(t *testing.T) {
	onBoth(t, func(s *switcher) {
		defer s.App("staging").Watch()()
		s.leads(served, oldTTL)
		syncing := true
		s.AtEntry(entering("staging-switch", "Roll the services"), func(states.Step) { syncing = s.Zones().Syncing("222222222222") })
		s.to(rehearsal.VerdictSucceeded, latest)
		s.leads(latest, 5)
		if syncing {
			t.Error("services were rolled before the records were in sync")
		}
		_, _, reader := s.doors(latest)
		if value, _ := s.cname(newRecord); value != reader {
			t.Errorf("the new record is %q, want %s", value, reader)
		}
		s.to(rehearsal.VerdictSucceeded, served)
		s.leads(served, 5)
		if a := s.App("staging").Report(); a.LongestOutage > mostOutagePair {
			t.Errorf("the application noticed %+v of %+v", a, s.App("staging").Outages())
		}
	})
}

// TestRecordsArePutBack with the value and the time to live that they had; one
// that the switch made is removed.
func TestRecordsArePutBack(t *testing.T) {
	onBoth(t, func(s *switcher) {
		s.World().Inject(fault(t, "staging-switch/-/Roll the services/ECS.UpdateService=deny")[0])
		s.to(refresh.RolledBack, latest)
		s.leads(served, oldTTL)
		if value, _ := s.cname(newRecord); value != "" {
			t.Errorf("the record that the switch had made is still there: %s", value)
		}
		if s.Zones().Syncing("222222222222") {
			t.Error("it ended before the records were in sync")
		}
		s.uses(served)
		s.values(served)
	})
}

// TestARecordOfSomebodyElse is not overwritten, whenever it was changed; all
// others go back, and the operator is told which one is left.
func TestARecordOfSomebodyElse(t *testing.T) {
	const theirs = "somewhere.else.internal"
	onBoth(t, func(s *switcher) {
		for _, state := range []string{"Write the parameters", "Roll the services"} {
			s.AtEntry(entering("staging-switch", state), func(states.Step) { s.World().Kernel.Go(func() { s.point(readerRecord, theirs) }) })
			r := s.to(refresh.NeedsOperator, latest)
			s.told(r, readerRecord, theirs, "somebody else moved it")
			if value, ttl := s.cname(readerRecord); value != theirs || ttl != 30 {
				t.Errorf("their record was overwritten: %s for %d s", value, ttl)
			}
			proxy, _, reader := s.doors(served)
			if value, ttl := s.cname(pairRecord); value != proxy || ttl != oldTTL {
				t.Errorf("the other record was not put back: %s for %d s", value, ttl)
			}
			if value, _ := s.cname(newRecord); value != "" {
				t.Errorf("the record that the switch had made is still there: %s", value)
			}
			s.uses(served)
			s.values(served)
			s.start(refresh.NeedsOperator, map[string]bool{"undo": true}) // still theirs
			s.point(readerRecord, reader)
			s.start(rehearsal.VerdictSucceeded, map[string]bool{"undo": true})
			if err := s.Sleep(time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		s.recordInTheSameMoment()
	})
}

// recordInTheSameMoment: Route 53 refuses the switch's change, which expects the
// record that was read.
func (s *switcher) recordInTheSameMoment() {
	s.World().Inject(fault(s.t, "staging-switch/-/Write the parameters/Route 53.ChangeResourceRecordSets=slow#2")[0])
	s.OnEnter(entering("staging-switch", "Write the parameters"), func() {
		s.must(nil, s.Sleep(10*time.Second))
		s.point(readerRecord, "in.the.same.moment.internal")
	})
	r := s.to(refresh.NeedsOperator, latest)
	s.told(r, readerRecord, "somebody else moved it")
	if value, _ := s.cname(readerRecord); value != "in.the.same.moment.internal" {
		s.t.Errorf("their record was overwritten: %s", value)
	}
}
