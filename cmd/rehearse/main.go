// Command rehearse runs dbferry in simulated AWS accounts: the templates that
// `npx cdk deploy` would ship, the real state machines and the real handlers.
// Flags only; the work is in internal/rehearsal and internal/report.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/report"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

const usage = `usage: rehearse refresh [options]
       rehearse switch [options]
       rehearse migrate [options]

refresh runs one refresh from production to staging in simulated accounts and,
where the configuration has a switch, moves the staging application to the new
data. switch moves the application alone, between two generations that are there
from the beginning. migrate runs a Blue/Green migration of a production cluster
under a client that never stops writing. Exit status 0 only when it ended Succeeded, 1 when it did
not, 2 for bad options.

options:
`

// Exit codes.
const (
	succeeded = 0
	ended     = 1
	misused   = 2
)

func main() {
	sqlserver.RunWatcherIfAsked()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// jobs are what can be rehearsed, in words.
var jobs = map[string]string{
	"refresh": "rehearsing a refresh in two simulated accounts",
	"switch":  "rehearsing a switch of the staging application in a simulated account",
	"migrate": "rehearsing a migration of a production cluster in a simulated account",
}

type options struct {
	rehearsal.Scenario
	load, faults, ground, json, only string
	details                          bool
}

func run(ctx context.Context, args []string) int {
	if len(args) == 0 || jobs[args[0]] == "" {
		fmt.Fprint(os.Stderr, usage)
		return misused
	}
	o, err := parse(args[0], args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "rehearse:", err)
		return misused
	}
	fmt.Printf("dbferry: %s (templates from %s)\n", jobs[args[0]], o.Assembly)
	o.Progress = progress(o.Speed > 0)
	if o.Tables > 100 {
		debug.SetGCPercent(400) // much garbage, little that stays: half a GiB with a thousand tables
	}
	rehearse := rehearsal.Run
	if o.Migrate != nil {
		rehearse = rehearsal.RunMigration
	}
	all, err := rehearse(ctx, o.Scenario)
	for _, r := range all {
		report.Screen(os.Stdout, r, o.details)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rehearse:", err)
		return ended
	}
	if err := writeJSON(o.json, all); err != nil {
		fmt.Fprintln(os.Stderr, "rehearse:", err)
		return ended
	}
	for _, r := range all {
		if r.Verdict != rehearsal.VerdictSucceeded {
			return ended
		}
	}
	return succeeded
}

// progress prints what the rehearsal itself has to say and, when it is paced for
// a person to watch, every state that a machine enters.
func progress(live bool) func(rehearsal.Progress) {
	return func(p rehearsal.Progress) {
		switch {
		case p.Machine == "":
			fmt.Printf("  %s\n", p.Text)
		case live && p.State != "" && strings.HasSuffix(p.Text, "StateEntered"):
			fmt.Printf("%9s  %-18s %-8s %s\n", p.At.Truncate(time.Second), p.Machine, p.Item, p.State)
		}
	}
}

func parse(job string, args []string) (options, error) {
	o := options{Scenario: rehearsal.Scenario{Seed: 1, Sleep: time.Sleep, Clock: time.Now}}
	f := flag.NewFlagSet(job, flag.ContinueOnError)
	f.Usage = func() { fmt.Fprint(f.Output(), usage); f.PrintDefaults() }
	f.StringVar(&o.Assembly, "assembly", ".cache/assembly", "folder with the synthesised templates (a cdk.out, edited or not)")
	f.StringVar(&o.ground, "ground", "", "ground.json: what exists in the accounts before dbferry; empty: derived from the configuration")
	f.BoolVar(&o.StacksReversed, "production-first", false, "deploy production before staging instead of after it")
	f.Float64Var(&o.Speed, "speed", 0, "simulated seconds a real second; 0: as fast as possible")
	f.StringVar(&o.faults, "fault", "", "SITE=KIND,… with SITE machine/item/state/Service.Operation and KIND error, throttle, deny, lost, slow or crash")
	f.StringVar(&o.load, "load", "", "mysql=FILE, postgres=FILE or both with a comma: dumps that replace the sample databases of that engine's clusters")
	f.StringVar(&o.json, "json", "", "write the result to this file as JSON")
	f.BoolVar(&o.details, "details", false, "show counters and the path of every execution")
	switch job {
	case "refresh":
		f.StringVar(&o.Target, "target", "", "name of the target to refresh; all: each, one after another; empty: the first")
		f.StringVar(&o.only, "only", "", "clusters and tables to refresh, separated by commas; empty: the whole data set")
		f.IntVar(&o.Tables, "tables", 0, "how many DynamoDB tables production has; needs a prefix or tag selector in the configuration")
		f.BoolVar(&o.RefreshOnly, "refresh-only", false, "leave the application where it is, though the configuration has a switch")
		f.BoolVar(&o.Resume, "resume", false, "continue once, as an operator would, when a machine does not end well: the refresh with {\"resume\":id}, the switch with its input")
	case "switch":
		f.StringVar(&o.Target, "target", "", "name of the target whose application to switch; empty: the first")
		f.StringVar(&o.SwitchTo, "to", rehearsal.ToPrevious, "previous: the way back, from the latest generation to the one before; latest: the other way round")
	case "migrate":
		o.migrateFlags(f)
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if o.SwitchTo != "" && o.SwitchTo != rehearsal.ToPrevious && o.SwitchTo != rehearsal.ToLatest {
		return o, fmt.Errorf("--to %s: want %s or %s", o.SwitchTo, rehearsal.ToPrevious, rehearsal.ToLatest)
	}
	return o, o.read()
}

// read turns the texts of flags into a scenario.
func (o *options) read() error {
	for _, text := range strings.FieldsFunc(o.faults, func(r rune) bool { return r == ',' }) {
		fault, err := awsworld.ParseFault(text)
		if err != nil {
			return err
		}
		o.Faults = append(o.Faults, fault)
	}
	o.Only = strings.FieldsFunc(o.only, func(r rune) bool { return r == ',' })
	if err := o.readLoad(); err != nil {
		return err
	}
	return o.readGround()
}

// readLoad finds the dumps that replace the sample databases.
func (o *options) readLoad() error {
	for _, text := range strings.FieldsFunc(o.load, func(r rune) bool { return r == ',' }) {
		engine, file, ok := strings.Cut(text, "=")
		if !ok || engine != string(sqlserver.MySQL) && engine != string(sqlserver.Postgres) || o.Load[engine] != "" {
			return fmt.Errorf("--load %q: want mysql=FILE, postgres=FILE or both, separated by a comma", o.load)
		}
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("--load: %w", err)
		}
		if o.Load == nil {
			o.Load = map[string]string{}
		}
		o.Load[engine] = file
	}
	return nil
}

// readGround loads a ground.json when one is given; without it the ground is
// derived from the configuration that the assembly carries.
func (o *options) readGround() error {
	if o.ground == "" {
		return nil
	}
	g, err := ground.Load(o.ground)
	if err != nil {
		return err
	}
	o.Ground = &g
	return nil
}

func writeJSON(file string, all []*rehearsal.Result) error {
	if file == "" {
		return nil
	}
	raw, err := report.JSON(all)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o644)
}
