package rehearsal

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/template"
)

// Scenario is what is rehearsed.
type Scenario struct {
	// Assembly is a cdk.out folder: what `cdk deploy` would ship. The
	// configuration is the one that lies beside its functions.
	Assembly string
	// Ground is what exists before; nil derives it from the configuration.
	Ground *ground.Ground
	// StacksReversed deploys production before the targets, not after them.
	StacksReversed bool
	Faults         []awsworld.Fault
	// Target is the name of the target to refresh; empty for the first one,
	// AllTargets for all, one after another.
	Target string
	// Only limits the refresh to these clusters and tables.
	Only []string
	// RefreshOnly ends with the refresh, though the target's configuration could
	// switch its application to it; a derived ground then has no application.
	RefreshOnly bool
	// SwitchTo makes it a rehearsal of a switch alone, between two generations that
	// are there from the beginning: ToPrevious or ToLatest.
	SwitchTo string
	// Migrate makes it a rehearsal of a migration of a cluster of production.
	Migrate *MigrationScenario
	// Resume makes the operator continue a refresh once, in a new execution, when
	// a machine did not end well.
	Resume bool
	// Weather is how events of AWS services travel, by source ("aws.s3").
	Weather map[string]events.Weather
	// Load gives dumps that replace the sample database, by engine: "mysql",
	// "postgres".
	Load map[string]string
	// Tables, when positive, is how many DynamoDB tables production has.
	Tables int
	// Latency is how long a call to AWS takes; 0: awsworld.Latency.
	Latency time.Duration
	Seed    uint64

	// Speed is simulated seconds per real second; 0 is as fast as possible. It
	// needs Sleep, which pauses for a real duration.
	Speed float64
	Sleep func(time.Duration)
	// Clock measures Result.Wall; nil leaves that zero.
	Clock func() time.Time
	// Progress is told what happens; nil tells nobody. It may not block.
	Progress func(Progress)
}

// Progress is one thing that has just happened.
type Progress struct {
	At      time.Duration // simulated, since the start
	Account string        // id; empty for the rehearsal itself
	Machine string        // "production-backup"; empty outside a machine
	Item    string        // kind of a Map child's item
	State   string        // the state entered
	Text    string        // what happened, for the rest
}

// AllTargets, as a Scenario's Target, stands for every target.
const AllTargets = "all"

// target is the first target to refresh.
func (s Scenario) target(c config.Config) (config.Target, error) {
	if s.Target == "" || s.Target == AllTargets {
		return c.Targets[0], nil
	}
	return c.Target(s.Target)
}

// input is what the operator gives to production-backup.
func (s Scenario) input() refresh.BackupInput { return refresh.BackupInput{Only: s.Only} }

// begin is when every rehearsal starts; a fixed moment, so that two runs agree.
var begin = time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)

func (s Scenario) wall() time.Time {
	if s.Clock == nil {
		return time.Time{}
	}
	return s.Clock()
}

// pace sleeps for a part of what the simulated clock skips.
func (s Scenario) pace() func(time.Duration) {
	if s.Speed <= 0 || s.Sleep == nil {
		return nil
	}
	return func(skip time.Duration) { s.Sleep(time.Duration(float64(skip) / s.Speed)) }
}

// loadConfig reads the configuration that the assembly ships, and makes sure
// that every function carries the same one.
func loadConfig(deployments []*template.Deployment) (config.Config, error) {
	var found config.Config
	seen := map[string]bool{}
	for _, d := range deployments {
		for _, fn := range d.Functions {
			file := filepath.Join(fn.CodePath, fn.Environment[lambdafn.EnvConfig])
			if seen[file] {
				continue
			}
			raw, err := os.ReadFile(file)
			if err != nil {
				return config.Config{}, fmt.Errorf("configuration of function %s: %w", fn.Name, err)
			}
			c, err := config.Parse(raw)
			if err != nil {
				return config.Config{}, fmt.Errorf("%s: %w", file, err)
			}
			if len(seen) > 0 && c.Hash() != found.Hash() {
				return config.Config{}, fmt.Errorf("%s differs from the configuration of other functions; synthesise again", file)
			}
			found, seen[file] = c, true
		}
	}
	if len(seen) == 0 {
		return config.Config{}, fmt.Errorf("the assembly has no function, and so no configuration")
	}
	return found, nil
}

// resolve loads the assembly and brings its stacks into the order of
// deployment: targets first, or production first.
func (s Scenario) resolve() ([]*template.Deployment, config.Config, error) {
	a, err := template.Load(s.Assembly)
	if err != nil {
		return nil, config.Config{}, err
	}
	var all []*template.Deployment
	for _, stack := range a.Stacks {
		d, err := template.Resolve(stack, template.Given{SSM: map[string]string{template.BootstrapVersion: bootstrapped}})
		if err != nil {
			return nil, config.Config{}, err
		}
		all = append(all, d)
	}
	c, err := loadConfig(all)
	if err != nil {
		return nil, config.Config{}, err
	}
	var production, targets []*template.Deployment
	for _, d := range all {
		if d.Account == c.Production.Account {
			production = append(production, d)
		} else {
			targets = append(targets, d)
		}
	}
	if s.StacksReversed {
		return append(production, targets...), c, nil
	}
	return append(targets, production...), c, nil
}

// bootstrapped is the version of `cdk bootstrap` in every account.
const bootstrapped = "30"
