package migrate_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

const siteListener = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener/app/site/0123456789abcdef/fedcba9876543210"

// maintained is a configuration with a hook of every kind.
func maintained(c *config.Config) {
	c.Production.Migrate.Maintenance = []config.MaintenanceHook{
		{Name: "site", Listener: &config.Listener{ARN: siteListener, Body: "back in a moment"}},
		{Name: "page", Function: "arn:aws:lambda:eu-west-1:111111111111:function:maintenance-page"},
		{Name: "shop", Service: &config.Service{Cluster: "production", Service: "shop"}},
		{Name: "jobs", Automation: "PauseJobs"},
	}
}

var hookedOnce struct {
	sync.Mutex
	assembly string
}

// withHooks is the assembly of that configuration, made once.
func withHooks(t *testing.T) string {
	t.Helper()
	hookedOnce.Lock()
	defer hookedOnce.Unlock()
	if hookedOnce.assembly == "" {
		kept := filepath.Join(filepath.Dir(assembly), "with-hooks")
		if err := os.CopyFS(kept, os.DirFS(variant(t, maintained))); err != nil {
			t.Fatal(err)
		}
		hookedOnce.assembly = kept
	}
	return hookedOnce.assembly
}

func desired(t *testing.T, o *rehearsal.Operator) int32 {
	t.Helper()
	name := "production"
	out, err := ecs.NewFromConfig(o.AWS(o.Config().Production.Account)).DescribeServices(context.Background(), &ecs.DescribeServicesInput{Cluster: &name, Services: []string{"shop"}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Services[0].DesiredCount
}

// ran are the hooks since the n-th run, as "page on, jobs on".
func ran(o *rehearsal.Operator, n int) string {
	var out []string
	for _, r := range o.HookRuns()[n:] {
		text := r.Hook + " " + r.Input
		if r.Failed {
			text += " failed"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// TestMaintenance: hooks are turned on before the switchover and off after it,
// whatever becomes of it and of themselves.
func TestMaintenance(t *testing.T) {
	hooked := withHooks(t)
	for name, x := range map[string]struct {
		fails   map[string]int
		trouble string
		verdict string
		says    string
		ran     string
		desired int32
	}{
		"all is well":         {nil, "", rehearsal.VerdictSucceeded, "", "site on, page on, jobs on, jobs off, page off, site off", 3},
		"on fails":            {map[string]int{"jobs/on": 9}, "", refresh.RolledBack, "turn maintenance on (PauseJobs)", "site on, page on, jobs on failed, jobs off, page off, site off", 3},
		"off fails":           {map[string]int{"page/off": 9}, "", refresh.NeedsOperator, "maintenance could not be turned off", "site on, page on, jobs on, jobs off, page off failed, site off", 3},
		"the first off fails": {map[string]int{"jobs/off": 9}, "", refresh.NeedsOperator, "maintenance could not be turned off", "site on, page on, jobs on, jobs off failed, page off, site off", 3},
		"AWS rolls back":      {nil, "switchover-timeout", refresh.RolledBack, "did not finish within its timeout", "site on, page on, jobs on, jobs off, page off, site off", 3},
		"nobody approves":     {nil, "expired", refresh.RolledBack, "nobody has answered", "", 3},
		"on and off fail":     {map[string]int{"page": 99}, "", refresh.NeedsOperator, "maintenance could not be turned off", "site on, page on failed, page off failed, site off", 3},
	} {
		t.Run(name, func(t *testing.T) {
			sc := rehearsal.MigrationScenario{Proxy: true, HookFails: x.fails}
			if x.trouble != "" {
				if err := sc.Plan(x.trouble); err != nil {
					t.Fatal(err)
				}
			}
			worldOf(t, hooked, sc, func(o *rehearsal.Operator) error {
				m, err := o.Migrate(upgrade)
				if err != nil {
					return err
				}
				if m.Verdict != x.verdict || !strings.Contains(m.Cause, x.says) {
					t.Errorf("%s: %s\npath %v", m.Verdict, m.Cause, m.Execution.Path)
				}
				if got := ran(o, 0); got != x.ran {
					t.Errorf("ran %s; want %s", got, x.ran)
				}
				if got := o.LoadBalancing().Answers(siteListener, "/cart"); got != "forward" {
					t.Errorf("the site answers %s", got)
				}
				if got := desired(t, o); got != x.desired {
					t.Errorf("the service has %d tasks", got)
				}
				return nil
			})
		})
	}
}

// TestMaintenanceIsMended: a hook that could not be turned off keeps no other from
// it, and when it is mended the same input turns it off, days later as well.
func TestMaintenanceIsMended(t *testing.T) {
	worldOf(t, withHooks(t), rehearsal.MigrationScenario{Proxy: true, HookFails: map[string]int{"jobs/off": 1}}, func(o *rehearsal.Operator) error {
		m, err := o.Migrate(upgrade)
		if err != nil {
			return err
		}
		if m.Verdict != refresh.NeedsOperator || ran(o, 0) != "site on, page on, jobs on, jobs off failed, page off, site off" || desired(t, o) != 3 {
			t.Errorf("%s: %s; ran %s", m.Verdict, m.Cause, ran(o, 0))
		}
		if err := o.Sleep(48 * time.Hour); err != nil {
			return err
		}
		n := len(o.HookRuns())
		if m, err = o.Migrate(upgrade); err != nil {
			return err
		}
		ends(t, m, rehearsal.VerdictSucceeded, migrate.Retired)
		if got := ran(o, n); got != "jobs off" {
			t.Errorf("ran %s", got)
		}
		return nil
	})
}

// TestStoppedInMaintenance: users may be kept out, so a person is told; the next
// execution lets them in before anything else.
func TestStoppedInMaintenance(t *testing.T) {
	worldOf(t, withHooks(t), rehearsal.MigrationScenario{Proxy: true}, func(o *rehearsal.Operator) error {
		arn := ""
		o.OnEnter(func(s states.Step) bool {
			arn = s.Root
			return s.Machine == names.ProductionMigrate && s.Event.Name == "Switch over"
		}, func() {
			if err := o.Stop(arn, "an operator has stopped it"); err != nil {
				t.Error(err)
			}
		})
		m, err := o.Migrate(upgrade)
		if err != nil {
			return err
		}
		if verdict, err := o.EndOf(m.Execution.ARN); err != nil || verdict != refresh.NeedsOperator {
			t.Errorf("%s %v", verdict, err)
		}
		n := len(o.HookRuns())
		if m, err = o.Migrate(upgrade); err != nil {
			return err
		}
		ends(t, m, rehearsal.VerdictSucceeded, migrate.Retired)
		if got := ran(o, n); !strings.HasPrefix(got, "jobs off, page off, site off") {
			t.Errorf("ran %s", got)
		}
		if got := desired(t, o); got != 3 {
			t.Errorf("the service has %d tasks", got)
		}
		return nil
	})
}

// TestASiteBehindAListener: during the switchover every request gets the
// maintenance page, before and after it the application. A priority that somebody
// else has is left alone; a rule that cannot be deleted is told, and deleted by the
// next execution.
func TestASiteBehindAListener(t *testing.T) {
	during := func(o *rehearsal.Operator, answers *string) {
		o.OnEnter(func(s states.Step) bool {
			return s.Machine == names.ProductionMigrate && s.Event.Name == "Switch over"
		}, func() { *answers = o.LoadBalancing().Answers(siteListener, "/cart") })
	}
	t.Run("shown", func(t *testing.T) {
		worldOf(t, withHooks(t), rehearsal.MigrationScenario{Proxy: true}, func(o *rehearsal.Operator) error {
			answers := ""
			during(o, &answers)
			if got := o.LoadBalancing().Answers(siteListener, "/cart"); got != "forward" {
				t.Errorf("before: %s", got)
			}
			m, err := o.Migrate(upgrade)
			if err != nil {
				return err
			}
			ends(t, m, rehearsal.VerdictSucceeded, migrate.Retired)
			if got := o.LoadBalancing().Answers(siteListener, "/cart"); answers != "503" || got != "forward" {
				t.Errorf("during: %s, after: %s", answers, got)
			}
			return nil
		})
	})
	t.Run("somebody's priority", func(t *testing.T) {
		worldOf(t, withHooks(t), rehearsal.MigrationScenario{Proxy: true}, func(o *rehearsal.Operator) error {
			o.LoadBalancing().PutRule(siteListener, 1)
			m, err := o.Migrate(upgrade)
			if err != nil {
				return err
			}
			if m.Verdict != refresh.RolledBack || !strings.Contains(m.Cause, "another priority") || ran(o, 0) != "" || o.LoadBalancing().Answers(siteListener, "/cart") != "forward" {
				t.Errorf("%s: %s; ran %s", m.Verdict, m.Cause, ran(o, 0))
			}
			return nil
		})
	})
	for _, kind := range []awsworld.FaultKind{awsworld.FaultDeny, awsworld.FaultLost} {
		for _, operation := range []string{"CreateRule", "DeleteRule"} {
			t.Run(operation+" "+string(kind), func(t *testing.T) {
				worldOf(t, withHooks(t), rehearsal.MigrationScenario{Proxy: true}, func(o *rehearsal.Operator) error {
					o.World().Inject(awsworld.Fault{Site: awsworld.Site{Machine: "*", Item: "*", State: "*", Operation: "Elastic Load Balancing v2." + operation}, Kind: kind})
					m, err := o.Migrate(upgrade)
					if err != nil {
						return err
					}
					if o.World().FaultsHit() != 1 {
						t.Error("the fault was not reached")
					}
					want := refresh.RolledBack
					if operation == "DeleteRule" {
						want = refresh.NeedsOperator
					}
					if kind == awsworld.FaultLost { // what was done without an answer is found by the next look
						want = rehearsal.VerdictSucceeded
					}
					if m.Verdict != want {
						t.Errorf("%s: %s", m.Verdict, m.Cause)
					}
					o.Heal()
					if want != rehearsal.VerdictSucceeded {
						if m, err = o.Migrate(upgrade); err != nil {
							return err
						}
						ends(t, m, rehearsal.VerdictSucceeded, migrate.Retired)
					}
					if got := o.LoadBalancing().Answers(siteListener, "/cart"); got != "forward" {
						t.Errorf("after: %s", got)
					}
					return nil
				})
			})
		}
	}
}
