package rehearsal_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/simnet"
)

const (
	rotatedUser    = "shop_app"
	todaysSecret   = "staging/shop/app"
	loginParameter = "/staging/shop-orders/login"
)

// rotate lets the application's login rotate, and a parameter lead to its secret.
func rotate(c *config.Config, sw *config.Switch) {
	for i, set := range c.Targets[0].Clusters {
		for j, l := range set.Logins {
			if l.User == rotatedUser {
				c.Targets[0].Clusters[i].Logins[j].Rotate = new(true)
			}
		}
	}
	sw.Parameters = append(sw.Parameters, config.Parameter{Name: loginParameter, Value: "${secret:shop-orders/" + rotatedUser + "}"})
	c.Targets[0].Switch = sw
}

// rotating is a scenario in which the application's password rotates; what
// serves, and what else there is, has passwords of its own where serving says so.
func rotating(t testing.TB, serving ground.Serving) rehearsal.Scenario {
	t.Helper()
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	c.Targets[0].Switch = nil
	g, err := ground.ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	sw, err := g.ExampleSwitch(c, "staging", serving)
	if err != nil {
		t.Fatal(err)
	}
	sw.Generations = max(2, 1+len(serving.Others))
	rotate(&c, sw)
	kind := fmt.Sprintf("rotating-%s-%d", serving.Lane, sw.Generations)
	serving.Lane = ""
	if g, err = g.WithApplication(c, "staging", serving); err != nil {
		t.Fatal(err)
	}
	switchOnce.Lock()
	defer switchOnce.Unlock()
	if switchAssemblies[kind] == "" {
		made := variant(t, func(v *config.Config) { *v = c })
		kept := filepath.Join(filepath.Dir(assembly), kind)
		if err := os.CopyFS(kept, os.DirFS(made)); err != nil {
			t.Fatal(err)
		}
		switchAssemblies[kind] = kept
	}
	return rehearsal.Scenario{Assembly: switchAssemblies[kind], Ground: &g}
}

// opens says whether a secret's password opens a generation of shop-orders.
func (s *switcher) opens(secret, refreshID string) bool {
	s.t.Helper()
	target, err := s.Config().Target("staging")
	if err != nil {
		s.t.Fatal(err)
	}
	host, _, _ := s.RDS().ClusterEndpoints(target.Account, names.RestoredCluster("shop-orders", refreshID))
	raw, _ := s.SecretValues().Value(target.Account, secret)
	var v struct{ Username, Password string }
	if json.Unmarshal([]byte(raw), &v) != nil || v.Username != rotatedUser {
		s.t.Errorf("%s is no secret of %s", secret, rotatedUser)
	}
	net := simnet.Dialer{RDS: s.RDS(), From: rds.NetworkPlace{Account: target.Account, VPC: target.Network.VPC, Subnets: target.Network.FunctionSubnets, SecurityGroups: target.Network.DatabaseSecurityGroups}}
	if len(target.Switch.ProxySecurityGroups) > 0 {
		net.From.SecurityGroups = target.Switch.ProxySecurityGroups
	}
	db, err := dbconn.Open(s.t.Context(), net, dbconn.Login{Engine: dbconn.AuroraMySQL, Host: host, Port: 3306, User: v.Username, Password: v.Password})
	if err != nil && !dbconn.IsAuth(err) {
		s.t.Errorf("%s cannot be asked: %v", host, err)
	}
	if err == nil {
		db.Close()
	}
	return err == nil
}

// loginOf is the secret of a generation's login: name and ARN.
func (s *switcher) loginOf(refreshID string) (name, arn string) {
	name = names.LoginSecret("staging", "shop-orders", refreshID, rotatedUser)
	arn, _ = s.SecretValues().ARN("222222222222", name)
	return name, arn
}

// led wants the parameter and the serving proxy to lead to one secret.
func (s *switcher) led(lane, secret string) {
	s.t.Helper()
	if got, _ := s.Systems().Value("222222222222", loginParameter); got != secret {
		s.t.Errorf("the parameter says %s, want %s", got, secret)
	}
	if lane == ground.LaneNone {
		return
	}
	host, _ := s.Systems().Value("222222222222", "/staging/shop-orders/host")
	for _, p := range s.proxies() {
		if *p.Endpoint != host {
			continue
		}
		if len(p.Auth) != 1 || !strings.Contains(*p.Auth[0].SecretArn, secret) {
			s.t.Errorf("proxy %s has %d secrets, the first %s; want %s", *p.DBProxyName, len(p.Auth), *p.Auth[0].SecretArn, secret)
		}
	}
}

// TestRotation: a refresh gives the application a password of its own; today's
// secret is not written and opens what it opened; the switch leads applications
// and proxies to the new one, and the way back to today's. A generation that is
// retired takes its secret along.
func TestRotation(t *testing.T) {
	for _, lane := range []string{ground.LanePair, ground.LaneSingle, ground.LaneNone} {
		t.Run(lane, func(t *testing.T) {
			play(t, rotating(t, ground.Serving{RefreshID: earlier, Recorded: true, Lane: lane}), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
				s := &switcher{o, t, earlier}
				todays, _ := o.SecretValues().Value("222222222222", todaysSecret)
				check := func(when string, what ...bool) {
					t.Helper()
					for i, ok := range what {
						if !ok {
							t.Errorf("%s: %d is not so", when, i)
						}
					}
				}
				var made []string
				refreshes := 1
				if lane == ground.LanePair {
					refreshes = 3 // of which the first is retired
				}
				for range refreshes {
					out, err := o.Refresh("staging", refresh.BackupInput{})
					if err != nil || out.Verdict != rehearsal.VerdictSucceeded {
						t.Errorf("%s %s %v", out.Verdict, out.Cause, err)
						return err
					}
					if err := o.Settle(); err != nil {
						return err
					}
					name, arn := s.loginOf(out.RefreshID)
					check("restored", s.opens(name, out.RefreshID), !s.opens(todaysSecret, out.RefreshID))
					if len(made) == 0 {
						check("restored", s.opens(todaysSecret, earlier), !s.opens(name, earlier))
						s.led(lane, todaysSecret)
					}
					end := o.App("staging").Watch()
					before := o.App("staging").Report().Failed
					s.to(rehearsal.VerdictSucceeded, out.RefreshID)
					s.led(lane, arn)
					if len(made) == 0 {
						if lane == ground.LaneSingle {
							s.without("plan-switch", "LookAtLogins", func() { s.to(rehearsal.VerdictRefused, earlier) })
							s.led(lane, arn)
						}
						s.to(rehearsal.VerdictSucceeded, earlier)
						s.led(lane, todaysSecret)
						check("back", s.opens(todaysSecret, earlier), s.opens(name, out.RefreshID))
						s.to(rehearsal.VerdictSucceeded, out.RefreshID)
						s.led(lane, arn)
					}
					if failed := o.App("staging").Report().Failed - before; lane == ground.LanePair && failed != 0 {
						t.Errorf("%d calls of the application failed: %+v", failed, o.App("staging").Outages())
					}
					end()
					made = append(made, name)
				}
				s.start(rehearsal.VerdictSucceeded, map[string]bool{"retire": true})
				api := secretsmanager.NewFromConfig(o.AWS("222222222222"))
				for i, name := range made {
					out, err := api.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &name})
					if err != nil || (out.DeletedDate != nil) != (i+2 < len(made)) {
						t.Errorf("secret of generation %d of %d: %+v %v", i+1, len(made), out, err)
					}
				}
				if now, _ := o.SecretValues().Value("222222222222", todaysSecret); now != todays {
					t.Error("today's secret was written")
				}
				return o.Settle()
			})
		})
	}
}

// without takes a statement of a step's policy away meanwhile.
func (s *switcher) without(step, sid string, do func()) {
	s.t.Helper()
	for _, role := range s.switching() {
		if !strings.HasSuffix(role.Name, step) {
			continue
		}
		whole := role.Policies[0].Doc.Statements
		role.Policies[0].Doc.Statements = slices.DeleteFunc(slices.Clone(whole), func(st iam.Statement) bool { return st.Sid == sid })
		if len(role.Policies[0].Doc.Statements) == len(whole) {
			s.t.Errorf("%s has no statement %s", role.Name, sid)
		}
		s.ColdStart()
		do()
		role.Policies[0].Doc.Statements = whole
		s.ColdStart()
	}
}

// TestEveryCallOfARotatingSwitchFails: where passwords rotate, each call that
// looks at or changes a proxy or a secret is refused for good, or loses every
// reply, forward and on the way back, and each statement for it is taken away. A
// sample, and all of it with DBFERRY_SWEEP.
func TestEveryCallOfARotatingSwitchFails(t *testing.T) {
	const middle = "202602050300-c3d4e5"
	every := 5
	if os.Getenv("DBFERRY_SWEEP") != "" {
		every = 1
	}
	for lane, gens := range map[string][]string{ground.LanePair: {served, middle, latest}, ground.LaneSingle: {served, latest}} {
		t.Run(lane, func(t *testing.T) {
			serving := ground.Serving{RefreshID: served, Others: gens[1:], Recorded: true, Rotated: true, Lane: lane}
			play(t, rotating(t, serving), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
				d := &disturber{switcher: &switcher{o, t, latest}, at: served, gens: gens}
				d.must(nil, o.Settle())
				for range gens {
					d.disturbed("nothing")
				}
				about := func(x awsworld.Site) bool {
					return strings.HasPrefix(x.Operation, "Secrets Manager.") || strings.Contains(x.Operation, "Prox")
				}
				n := 0
				proof := switchFault("Verify what serves", "SSM.GetParameter")
				d.disturbed("the proof", proof)
				for _, kind := range []awsworld.FaultKind{awsworld.FaultDeny, awsworld.FaultLost} {
					for _, x := range d.switchSites("") {
						if !about(x) {
							continue
						}
						faults := []awsworld.Fault{{Site: x, Kind: kind}}
						if x.State == "Put everything back" {
							faults = append(faults, proof)
						}
						if n++; n%every == 0 {
							d.disturbed(fmt.Sprintf("%s=%s", x, kind), faults...)
							_, arn := d.loginOf(d.at)
							d.led(lane, arn)
						}
					}
				}
				n += d.everyStatement(every, map[string][]string{"*": {"LookAtProxies", "PointProxies"}}, "GiveProxiesSecrets", "ReadLogins", "PointProxies", "LookAtProxies")
				t.Logf("%d disturbances", n)
				return o.Settle()
			})
		})
	}
}

// TestASecretIsMadeOnce: the call that makes a generation's secret fails, loses
// its reply, or the function dies there; the refresh ends well, at once or when
// it is resumed, with one secret, which opens the new cluster.
func TestASecretIsMadeOnce(t *testing.T) {
	for _, kind := range []awsworld.FaultKind{awsworld.FaultError, awsworld.FaultDeny, awsworld.FaultLost, awsworld.FaultCrash} {
		t.Run(string(kind), func(t *testing.T) {
			play(t, rotating(t, ground.Serving{RefreshID: earlier, Recorded: true, Lane: ground.LaneNone}), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
				site := awsworld.Site{Machine: "staging-restore", Item: "*", State: "*", Operation: "Secrets Manager.CreateSecret"}
				o.World().Inject(awsworld.Fault{Site: site, Kind: kind, Nth: 1})
				out, err := o.Refresh("staging", refresh.BackupInput{})
				if err == nil && kind == awsworld.FaultDeny {
					if out.Verdict != rehearsal.VerdictFailed || !strings.Contains(out.Cause, "make the secret") {
						t.Errorf("refused: %s %s", out.Verdict, out.Cause)
					}
					o.Heal()
					if r := await(t, o, o.RestoreMachine("staging"), resume(out.RefreshID)); r.Status != asl.Succeeded {
						t.Errorf("resumed: %s: %s", r.Error, r.Cause)
					}
					out.Verdict = rehearsal.VerdictSucceeded
				}
				if err != nil || out.Verdict != rehearsal.VerdictSucceeded || o.World().FaultsHit() != 1 {
					t.Errorf("%s %s %v, %d faults", out.Verdict, out.Cause, err, o.World().FaultsHit())
					return err
				}
				s := &switcher{o, t, out.RefreshID}
				if name, _ := s.loginOf(out.RefreshID); !s.opens(name, out.RefreshID) {
					t.Error("the secret does not open the new generation")
				}
				return o.Settle()
			})
		})
	}
}
