package rehearsal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// switched is a scenario whose staging serves an earlier generation, with a
// configuration that moves its application.
func switched(t testing.TB, lane string) rehearsal.Scenario {
	t.Helper()
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	c.Targets[0].Switch = nil
	serving := ground.Serving{RefreshID: earlier, Lane: lane}
	g, err := ground.ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	example, err := g.ExampleSwitch(c, "staging", serving)
	if err == nil {
		g, err = g.WithApplication(c, "staging", serving)
	}
	if err != nil {
		t.Fatal(err)
	}
	switchOnce.Lock()
	defer switchOnce.Unlock()
	if made, ok := switchAssemblies[lane]; ok {
		return rehearsal.Scenario{Assembly: made, Ground: &g}
	}
	made := variant(t, func(c *config.Config) { c.Targets[0].Switch = example })
	kept := filepath.Join(filepath.Dir(assembly), "switch-"+lane)
	if err := os.CopyFS(kept, os.DirFS(made)); err != nil {
		t.Fatal(err)
	}
	switchAssemblies[lane] = kept
	return rehearsal.Scenario{Assembly: kept, Ground: &g}
}

// switchAssemblies are synthesised once a lane.
var (
	switchOnce       sync.Mutex
	switchAssemblies = map[string]string{}
)

// switcher drives the switch of staging.
type switcher struct {
	*rehearsal.Operator
	t  *testing.T
	id string // of the refresh that waits as a candidate
}

// onCandidate plays a refresh, and then a script on its candidate.
func onCandidate(t *testing.T, lane string, script func(s *switcher)) {
	t.Helper()
	play(t, switched(t, lane), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		out, err := o.Refresh("staging", refresh.BackupInput{})
		if err != nil || out.Verdict != rehearsal.VerdictSucceeded {
			return fmt.Errorf("%s %s %w", out.Verdict, out.Cause, err)
		}
		if err := o.Settle(); err != nil {
			return err
		}
		defer o.App("staging").Watch()()
		script(&switcher{o, t, out.RefreshID})
		return o.Sleep(5 * time.Minute) // what comes late is noticed, too
	})
}

// start runs the machine with an input and wants a verdict.
func (s *switcher) start(verdict string, input any) states.Report {
	s.t.Helper()
	target, err := s.Config().Target("staging")
	if err != nil {
		s.t.Fatal(err)
	}
	r := await(s.t, s.Operator, s.Config().Place(target).MachineARN("staging-switch", "staging"), input)
	if got := r.Error; verdict == rehearsal.VerdictSucceeded && r.Status != asl.Succeeded || verdict != rehearsal.VerdictSucceeded && got != verdict {
		s.t.Errorf("%s %s: %s\n%v", r.Status, r.Error, r.Cause, r.Path)
	}
	return r
}

// uses says that the application's pointers lead to a generation.
func (s *switcher) uses(refreshID string) {
	s.t.Helper()
	s.table(refreshID)
	s.proxied(refreshID)
}

func (s *switcher) table(refreshID string) {
	s.t.Helper()
	out, err := ssm.NewFromConfig(s.AWS("222222222222")).GetParameters(s.t.Context(), &ssm.GetParametersInput{
		Names: []string{"/staging/shop-carts/table"},
	})
	if err != nil || len(out.Parameters) != 1 || *out.Parameters[0].Value != names.RestoredTable("shop-carts", refreshID) {
		s.t.Errorf("the table's parameter is %+v, want the one of %s: %v", out.Parameters, refreshID, err)
	}
}

func (s *switcher) proxies() []rdstypes.DBProxy {
	s.t.Helper()
	all, err := rds.NewFromConfig(s.AWS("222222222222")).DescribeDBProxies(s.t.Context(), &rds.DescribeDBProxiesInput{})
	if err != nil {
		s.t.Error(err)
		return nil
	}
	return all.DBProxies
}

func (s *switcher) proxied(refreshID string) {
	s.t.Helper()
	var served []string
	proxies := rds.NewFromConfig(s.AWS("222222222222"))
	for _, p := range s.proxies() {
		targets, err := proxies.DescribeDBProxyTargets(s.t.Context(), &rds.DescribeDBProxyTargetsInput{DBProxyName: p.DBProxyName})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, x := range targets.Targets {
			if x.TrackedClusterId != nil {
				served = append(served, *x.TrackedClusterId)
			} else if x.RdsResourceId != nil {
				served = append(served, *x.RdsResourceId)
			}
		}
	}
	if want := names.RestoredCluster("shop-orders", refreshID); len(s.proxies()) > 0 && !slices.Contains(served, want) {
		s.t.Errorf("proxies lead to %v, want %s", served, want)
	}
}

// TestSwitch moves a working application to a candidate; a second switch finds
// nothing to do. Only the single lane has an outage, and all of it is AWS's.
func TestSwitch(t *testing.T) {
	for _, lane := range []string{ground.LanePair, ground.LaneSingle, ground.LaneNone} {
		t.Run(lane, func(t *testing.T) {
			onCandidate(t, lane, func(s *switcher) {
				s.start(rehearsal.VerdictSucceeded, map[string]string{"refreshId": s.id})
				s.uses(s.id)
				s.start(rehearsal.VerdictSucceeded, map[string]string{"refreshId": s.id})
				s.uses(s.id)
				a := s.App("staging").Report()
				if a.Probes < 100 || a.Ours > 2 || lane != ground.LaneSingle && a.Failed > 0 {
					s.t.Errorf("the application noticed %+v of %+v", a, s.App("staging").Outages())
				}
			})
		})
	}
}

// TestSwitchIsPutBack: what fails half-way is put back, proved; with what was in
// the way gone, the same input works.
func TestSwitchIsPutBack(t *testing.T) {
	for name, site := range map[string]string{
		"the parameters": "staging-switch/-/Write the parameters/SSM.PutParameter=deny",
		"the services":   "staging-switch/-/Roll the services/ECS.UpdateService=deny",
	} {
		t.Run(name, func(t *testing.T) {
			onCandidate(t, ground.LanePair, func(s *switcher) {
				f, err := awsworld.ParseFault(site)
				if err != nil {
					t.Fatal(err)
				}
				s.World().Inject(f)
				r := s.start(refresh.RolledBack, map[string]string{"refreshId": s.id})
				s.uses(earlier)
				if a := s.App("staging").Report(); a.Failed > 0 {
					t.Errorf("the application noticed %+v of %s", a, r.Cause)
				}
				s.start(rehearsal.VerdictSucceeded, map[string]string{"refreshId": s.id})
				s.uses(s.id)
			})
		})
	}
}

// TestSwitchRefuses what it cannot begin, and leaves everything as it was.
func TestSwitchRefuses(t *testing.T) {
	onCandidate(t, ground.LanePair, func(s *switcher) {
		for _, input := range []any{
			map[string]string{}, map[string]string{"refreshId": "202001010000-abcdef"}, map[string]bool{"undo": true}, map[string]string{"refresh": s.id},
		} {
			s.start(refresh.Refused, input)
			s.uses(earlier)
		}
	})
}

// clusters are those of the target.
func (s *switcher) clusters() []string {
	s.t.Helper()
	all, err := rds.NewFromConfig(s.AWS("222222222222")).DescribeDBClusters(s.t.Context(), &rds.DescribeDBClustersInput{})
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, c := range all.DBClusters {
		out = append(out, *c.DBClusterIdentifier)
	}
	return out
}

// TestSwitchRetires: two generations stay, older ones go, and what dbferry has
// no record of stays, whatever its name. The way back is a switch like any other.
func TestSwitchRetires(t *testing.T) {
	onCandidate(t, ground.LanePair, func(s *switcher) {
		ids := []string{s.id}
		for range 2 {
			s.start(rehearsal.VerdictSucceeded, map[string]string{"refreshId": s.id})
			out, err := s.Refresh("staging", refresh.BackupInput{})
			if err != nil || out.Verdict != rehearsal.VerdictSucceeded {
				t.Fatal(out.Verdict, out.Cause, err)
			}
			s.id = out.RefreshID
			ids = append(ids, s.id)
		}
		s.start(rehearsal.VerdictSucceeded, map[string]string{"refreshId": s.id})
		s.uses(s.id)
		if err := s.Sleep(time.Hour); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, id := range append([]string{earlier}, ids[1:]...) {
			want = append(want, names.RestoredCluster("shop-orders", id))
		}
		got := s.clusters()
		slices.Sort(want)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("clusters %v, want %v", got, want)
		}
		s.start(rehearsal.VerdictSucceeded, map[string]string{"refreshId": ids[1]})
		s.uses(ids[1])
		s.start(refresh.Refused, map[string]string{"refreshId": ids[0]})
		s.uses(ids[1])
		if a := s.App("staging").Report(); a.Failed > 0 {
			t.Errorf("the application noticed %+v of %+v", a, s.App("staging").Outages())
		}
	})
}

// TestSwitchToAPartOfTheDataSet moves what the refresh brought, and leaves the
// rest where it is.
func TestSwitchToAPartOfTheDataSet(t *testing.T) {
	onCandidate(t, ground.LanePair, func(s *switcher) {
		s.start(rehearsal.VerdictSucceeded, map[string]string{"refreshId": s.id})
		out, err := s.Refresh("staging", refresh.BackupInput{Only: aTable})
		if err != nil || out.Verdict != rehearsal.VerdictSucceeded {
			t.Fatal(out.Verdict, out.Cause, err)
		}
		s.start(rehearsal.VerdictSucceeded, map[string]string{"refreshId": out.RefreshID})
		s.table(out.RefreshID)
		s.proxied(s.id)
		if a := s.App("staging").Report(); a.Failed > 0 {
			t.Errorf("the application noticed %+v of %+v", a, s.App("staging").Outages())
		}
	})
}

// TestSwitchStoppedHalfWay: an execution that is stopped while pointers are
// half-way needs an operator, who is told so; either way out finishes the job.
func TestSwitchStoppedHalfWay(t *testing.T) {
	for name, next := range map[string]func(*switcher) (input any, serves string){
		"put back": func(*switcher) (any, string) { return map[string]bool{"undo": true}, earlier },
		"finished": func(s *switcher) (any, string) { return map[string]string{"refreshId": s.id}, s.id },
	} {
		t.Run(name, func(t *testing.T) {
			onCandidate(t, ground.LanePair, func(s *switcher) {
				stop := func(x states.Step) { _ = s.States().Abort(x.Root, "", "stopped by a test") }
				s.AtEntry(func(x states.Step) bool { return x.Machine == "staging-switch" && x.Event.Name == "Roll the services" }, stop)
				target, err := s.Config().Target("staging")
				if err != nil {
					t.Fatal(err)
				}
				r := await(t, s.Operator, s.Config().Place(target).MachineARN("staging-switch", "staging"), map[string]string{"refreshId": s.id})
				if r.Status != asl.Aborted {
					t.Errorf("%s %s", r.Status, r.Cause)
				}
				if err := s.Settle(); err != nil {
					t.Fatal(err)
				}
				mails := s.Mails()
				if m := mails[len(mails)-1]; !strings.Contains(m.Subject, refresh.NeedsOperator) || !strings.Contains(m.Body, `{"undo":true}`) {
					t.Errorf("the mail says %s: %s", m.Subject, m.Body)
				}
				input, serves := next(s)
				s.start(rehearsal.VerdictSucceeded, input)
				s.uses(serves)
			})
		})
	}
}
