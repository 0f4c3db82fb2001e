package rehearsal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/command"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/golden"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/preflight"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// terminal is a person at a terminal with profiles of all accounts.
type terminal struct {
	t        *testing.T
	o        *rehearsal.Operator
	policies map[string]json.RawMessage
	files    map[string][]byte
	screen   bytes.Buffer
	complain bytes.Buffer
	person   string
}

// sit gives a person exactly the permissions that the documents ask for, and
// the deployed configuration as dbferry.json.
func sit(t *testing.T, o *rehearsal.Operator) *terminal {
	raw, err := json.MarshalIndent(o.Config(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return &terminal{t: t, o: o, policies: preflight.Policies(), files: map[string][]byte{"dbferry.json": raw}, person: "person"}
}

func (x *terminal) profile(_ context.Context, name, _ string) (aws.Config, error) {
	switch name {
	case "prod":
		return x.o.As(productionAccount, x.person, x.policies["production"])
	case "stag":
		return x.o.As(stagingAccount, x.person, x.policies["target"])
	case "org":
		return x.o.As(x.o.ManagementAccount(), x.person, x.policies["management"])
	}
	return aws.Config{}, fmt.Errorf("profile %s: there is none", name)
}

func (x *terminal) run(args ...string) int {
	x.screen.Reset()
	x.complain.Reset()
	return command.Main(x.o.Context(), args, command.Env{
		Out: &x.screen, Err: &x.complain, Now: x.o.Now, Profile: x.profile,
		Read: func(file string) ([]byte, error) {
			if raw, ok := x.files[file]; ok {
				return raw, nil
			}
			return nil, &fs.PathError{Op: "open", Path: file, Err: fs.ErrNotExist}
		},
		Write: func(file string, content []byte, over bool) error {
			if _, there := x.files[file]; there && !over {
				return &fs.PathError{Op: "open", Path: file, Err: fs.ErrExist}
			}
			x.files[file] = content
			return nil
		},
	})
}

// check runs `dbferry check` with all profiles and returns its findings.
func (x *terminal) check() (int, check.Report) {
	code := x.run("check", "--profile", "prod", "--target-profile", "staging=stag", "--management-profile", "org", "--json", "out.json")
	var r preflight.Result
	if err := json.Unmarshal(x.files["out.json"], &r); err != nil {
		x.t.Errorf("%v: %s", err, x.complain.String())
	}
	return code, r.All()
}

func undeployed(t *testing.T, sc rehearsal.Scenario, script func(*terminal)) {
	t.Helper()
	playIn(t, rehearsal.OpenUndeployed, sc, func(o *rehearsal.Operator) error { script(sit(t, o)); return nil })
}

// TestCheckCommand: on clean accounts `dbferry check` proves every check of
// which all is there, and reads only.
func TestCheckCommand(t *testing.T) {
	for name, open := range map[string]func(context.Context, rehearsal.Scenario) (*rehearsal.Rehearsal, error){
		"undeployed": rehearsal.OpenUndeployed, "deployed": rehearsal.OpenEmpty,
	} {
		t.Run(name, func(t *testing.T) {
			playIn(t, open, withPointers(t), func(o *rehearsal.Operator) error {
				x := sit(t, o)
				code, found := x.check()
				if code != command.Fine {
					t.Errorf("exit status %d: %s", code, x.complain.String())
				}
				golden.Equal(t, "../command/testdata/check-"+name+".golden", x.screen.Bytes())
				for _, f := range found {
					c := checkNamed(f.Check)
					switch {
					case name == "undeployed" && (f.Outcome == check.NotAsked) != (c.Scope == check.Deployed || empty(c)):
						t.Errorf("%+v", f)
					case c.Scope == check.Ground && f.Outcome != check.Proved && !empty(c):
						t.Errorf("not proved: %+v", f)
					}
				}
				for _, account := range []string{productionAccount, stagingAccount, o.ManagementAccount()} {
					readsOnly(t, o.Asked(account, x.person))
				}
				return nil
			})
		})
	}
}

// empty are checks of which the shipped configuration has nothing.
func empty(c check.Check) bool { return c.Name == "selectors-match" || c.Name == "switch-records" }

func checkNamed(name string) check.Check {
	all := check.All()
	return all[slices.IndexFunc(all, func(c check.Check) bool { return c.Name == name })]
}

func readsOnly(t *testing.T, actions []string) {
	if len(actions) == 0 {
		t.Error("nothing was asked")
	}
	for _, a := range actions {
		_, verb, _ := strings.Cut(a, ":")
		if !strings.HasPrefix(verb, "Describe") && !strings.HasPrefix(verb, "List") && !strings.HasPrefix(verb, "Get") {
			t.Errorf("%s does not only read", a)
		}
	}
}

// TestCheckCommandRefuses: every trouble that is there before a deployment is
// seen before it.
func TestCheckCommandRefuses(t *testing.T) {
	for name, tr := range troubles() {
		if tr.ground == nil || checkNamed(name).Scope == check.Deployed || tr.assembly != nil {
			continue // a template or a configuration; TestPreflightRefuses
		}
		t.Run(name, func(t *testing.T) {
			undeployed(t, tr.scenario(t), func(x *terminal) {
				code, found := x.check()
				named := slices.ContainsFunc(found, func(f check.Finding) bool { return f.Check == name && f.Outcome == check.Wrong && f.Fix != "" })
				if code != command.Trouble || !named || !strings.Contains(x.screen.String(), "["+name+"]") {
					t.Errorf("exit status %d; complained: %v\n%s", code, named, x.complain.String())
				}
				if name == "cluster-key-admits-target" {
					golden.Equal(t, "../command/testdata/check-problem.golden", x.screen.Bytes())
				}
			})
		})
	}
}

// TestCheckCommandDenied: without one permission some checks are not proved,
// none is wrong, and none that needs it is a pass.
func TestCheckCommandDenied(t *testing.T) {
	playIn(t, rehearsal.OpenEmpty, withPointers(t), func(o *rehearsal.Operator) error {
		x := sit(t, o)
		_, all := x.check()
		for _, side := range slices.Sorted(maps.Keys(preflight.Policies())) {
			for _, action := range actionsOf(t, preflight.Policies()[side]) {
				x.policies = preflight.Policies()
				x.policies[side] = json.RawMessage(strings.Replace(string(x.policies[side]), `"`+action+`"`, `"none:None"`, 1))
				x.person = "without-" + strings.ToLower(strings.ReplaceAll(action, ":", "-")) + "-" + side
				code, found := x.check()
				if x.unused(side, action) {
					continue
				}
				denied := slices.ContainsFunc(found, func(f check.Finding) bool {
					return f.Outcome == check.NotProved && strings.Contains(f.What, "denied: ") && strings.Contains(f.What, action)
				})
				if code != command.Fine || !denied || found.Count(check.Proved) >= all.Count(check.Proved) {
					t.Errorf("%s in %s: exit status %d, said to be denied: %v, %d proved of %d\n%s", action, side, code, denied, found.Count(check.Proved), all.Count(check.Proved), x.complain.String())
				}
			}
		}
		return nil
	})
}

// unused are permissions that this configuration makes no use of: init's, and
// what a prefix, an instance parameter group and the default bus need.
func (x *terminal) unused(side, action string) bool {
	return slices.Contains([]string{"production dynamodb:ListTables",
		"target secretsmanager:ListSecrets", "target rds:DescribeDBClusters", "target rds:DescribeDBParameterGroups", "target events:ListRules", "target route53:ListResourceRecordSets"}, side+" "+action)
}

func actionsOf(t *testing.T, policy json.RawMessage) []string {
	t.Helper()
	var doc struct{ Statement []struct{ Action []string } }
	if err := json.Unmarshal(policy, &doc); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range doc.Statement {
		out = append(out, s.Action...)
	}
	return out
}

func TestCommandMisused(t *testing.T) {
	undeployed(t, rehearsal.Scenario{Assembly: assembly}, func(x *terminal) {
		both := []string{"--profile", "prod", "--target-profile", "staging=stag"}
		for want, args := range map[string][]string{
			"usage: dbferry COMMAND":      {},
			"usage: dbferry  COMMAND":     {"migrate"},
			"unexpected argument":         append([]string{"check", "now"}, both...),
			"at least one --target":       {"check", "--profile", "prod"},
			"want NAME=PROFILE":           {"check", "--target-profile", "stag"},
			"given twice":                 {"check", "--target-profile", "staging=a", "--target-profile", "staging=b"},
			"no target \"qa\"":            {"check", "--profile", "prod", "--target-profile", "qa=stag"},
			"there is none":               {"check", "--profile", "other", "--target-profile", "staging=stag"},
			"file does not exist":         append([]string{"check", "--config", "other.json"}, both...),
			"are of account 222222222222": {"check", "--profile", "stag", "--target-profile", "staging=stag"},
			"are of account 111111111111": {"check", "--profile", "prod", "--target-profile", "staging=prod"},
			"one --target-profile are":    {"init", "--profile", "prod"},
			"dbferry.json exists":         append([]string{"init"}, both...),
		} {
			if code := x.run(args...); code != command.Misused || !strings.Contains(x.complain.String(), strings.ReplaceAll(want, "  ", " ")) {
				t.Errorf("%v: exit status %d, want %q: %s", args, code, want, x.complain.String())
			}
		}
		if code := x.run("init", "--profile", "prod", "--target-profile", "staging=prod", "--out", "new.json"); code != command.Trouble || !strings.Contains(x.complain.String(), "never in production's account") {
			t.Errorf("init into production's own account: %d, %s", code, x.complain.String())
		}
		if code := x.run("init", "--profile", "prod", "--target-profile", "staging=stag", "--prefix", "nothing-", "--out", "new.json"); code != command.Trouble || x.files["new.json"] != nil {
			t.Errorf("init of nothing: %d, %s", code, x.complain.String())
		}
		if code := x.run("permissions"); code != command.Fine {
			t.Errorf("permissions: %d", code)
		}
		golden.Equal(t, "../command/testdata/permissions.golden", x.screen.Bytes())
	})
}

// TestInitCommand: what init writes validates, and `dbferry check` refuses it
// exactly for what init said it left.
func TestInitCommand(t *testing.T) {
	for name, edit := range map[string]func(*ground.Ground){
		"rich": func(g *ground.Ground) {
			g.Account(stagingAccount).Clusters = []ground.ServingCluster{serving}
		},
		"bare": func(g *ground.Ground) {
			a := g.Account(stagingAccount)
			a.SubnetGroups, a.ParameterGroups, a.Secrets = nil, nil, nil
			g.Account(productionAccount).Organization = "none"
		},
		"choice": func(g *ground.Ground) {
			a := g.Account(stagingAccount)
			a.ParameterGroups = append(a.ParameterGroups, ground.ParameterGroup{Name: "second-mysql8", Family: "aurora-mysql8.0"})
			a.Secrets = append(a.Secrets, ground.Secret{Name: "other/shop/admin", User: "admin", Password: "Rehearse-something-long"})
			second := g.Tables[0]
			second.Name, second.Items, second.Writes = "shop-sessions", 3, false
			g.Tables = append(g.Tables, second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := shipped(t)
			edit(&g)
			undeployed(t, rehearsal.Scenario{Ground: &g, Assembly: assembly}, func(x *terminal) {
				args := []string{"init", "--profile", "prod", "--target-profile", "staging=stag", "--out", "new.json"}
				if name == "choice" {
					args = append(args, "--prefix", "shop-")
				}
				if code := x.run(args...); code != command.Fine {
					t.Fatalf("exit status %d: %s", code, x.complain.String())
				}
				golden.Equal(t, "../command/testdata/init-"+name+".golden", x.screen.Bytes())
				golden.Equal(t, "../command/testdata/init-"+name+".json", x.files["new.json"])
				c, err := config.Parse(x.files["new.json"])
				if err != nil {
					t.Fatal(err)
				}
				x.files["dbferry.json"] = x.files["new.json"]
				code, found := x.check()
				for _, p := range c.Placeholders() {
					if !slices.ContainsFunc(found.Problems(), func(f check.Problem) bool {
						return f.Check == "configuration-filled-in" && strings.Contains(f.Resource, p.Field)
					}) {
						t.Errorf("check does not refuse %+v", p)
					}
				}
				if want := map[string]int{"rich": command.Fine, "bare": command.Trouble, "choice": command.Trouble}[name]; code != want {
					t.Errorf("check of it: exit status %d, want %d\n%s%s", code, want, x.screen.String(), x.complain.String())
				}
				for _, account := range []string{productionAccount, stagingAccount} {
					readsOnly(t, x.o.Asked(account, x.person))
				}
				if code := x.run(append(args, "--force")...); code != command.Fine {
					t.Errorf("--force: %d, %s", code, x.complain.String())
				}
			})
		})
	}
}

// withPointers is the shipped configuration with what its switch moves.
func withPointers(t *testing.T) rehearsal.Scenario {
	t.Helper()
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	g, err := ground.ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	return rehearsal.Scenario{Assembly: assembly, Ground: &g}
}
