package rehearsal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/statemachines"
)

// road is a way for a refresh to go, with or without trouble of its own. The
// roads together must enter every state of both machines.
type road struct {
	name      string
	only      []string
	fault     string
	impatient bool // in a world whose machines give up at the first wait
}

var (
	aTable   = []string{"shop-carts"}
	aCluster = []string{"shop-orders"}
)

// roads, the cheap ones first: a state is disturbed on the first that enters it.
var roads = []road{
	{name: "a table", only: aTable},
	{name: "production refuses", only: aTable, fault: "production-backup/-/Check the ground/S3.GetObject=deny"},
	{name: "a backup fails", only: aTable, fault: "production-backup/table/Record settings/S3.GetObject=deny"},
	{name: "a copy fails", only: aTable, fault: "production-backup/table/Copy the recovery point (table)/S3.GetObject=deny"},
	{name: "the target refuses", only: aTable, fault: "staging-restore/-/Verify the manifest/S3.GetObject=deny"},
	{name: "a trigger waits for the other", only: aTable, fault: "staging-restore/-/Verify the manifest/S3.PutObject=crash#3"},
	{name: "a restore fails", only: aTable, fault: "staging-restore/table/Restore the table (table)/S3.GetObject=deny"},
	{name: "impatient", only: aTable, impatient: true},
	{name: "a cluster", only: aCluster},
	{name: "a cluster's copy fails", only: aCluster, fault: "production-backup/cluster/Copy the recovery point (cluster)/S3.GetObject=deny"},
	{name: "a cluster's restore fails", only: aCluster, fault: "staging-restore/cluster/Restore the cluster (cluster)/S3.GetObject=deny"},
	{name: "impatient with a cluster", only: aCluster, impatient: true},
}

// The ways in which an execution is disturbed at a state.
const (
	stopped  = "stopped"           // StopExecution as the state is entered
	orphaned = "stopped, children" // the same, and children of Distributed Maps run on
	running  = "stopped, running"  // the same, while the function of the state runs, which goes on
	timedOut = "timed out"         // the execution's time is up as the state is entered
	crashing = "crashing"          // the function of the state dies at every call
)

// place is one state of one machine.
type place struct {
	machine, state string
	kind           string // Task, Wait, …
}

// places reads every state of both machines of a refresh from what is deployed.
func places(t *testing.T) []place {
	t.Helper()
	var out []place
	for _, machine := range statemachines.Names() {
		if machine == "staging-switch" || machine == names.ProductionMigrate {
			continue // a refresh ends before it; switch_test.go
		}
		m, err := asl.Parse([]byte(statemachines.Definition(machine)))
		if err != nil {
			t.Fatal(err)
		}
		m.Walk(func(_ *asl.Machine, s *asl.State) { out = append(out, place{machine, s.Name, s.Type}) })
	}
	return out
}

func (p place) entered(s states.Step) bool { return s.Machine == p.machine && s.Event.Name == p.state }

// disturbance is one case: a refresh on a road, disturbed once at a state.
type disturbance struct {
	place
	way  string
	road road
}

// prepare sets the trouble up; it happens when the story comes to it.
func (d disturbance) prepare(o *rehearsal.Operator) error {
	if d.road.fault != "" {
		f, err := awsworld.ParseFault(d.road.fault)
		if err != nil {
			return err
		}
		o.World().Inject(f)
	}
	o.States().LetChildrenRunOn(d.way == orphaned)
	switch d.way {
	case stopped, orphaned:
		o.AtEntry(d.entered, func(s states.Step) { _ = o.States().Abort(s.Root, "", "stopped by a test") })
	case running:
		o.AtEntry(d.entered, func(s states.Step) {
			o.World().Kernel.After(20*time.Millisecond, func() { // Lambda takes 40 to start
				_ = o.States().Abort(s.Root, "", "stopped by a test")
			})
		})
	case timedOut:
		o.AtEntry(d.entered, func(s states.Step) { _ = o.States().TimeOut(s.Root) })
	case crashing:
		o.World().Inject(awsworld.Fault{Site: awsworld.Site{Machine: d.machine, Item: "*", State: d.state, Operation: "*"}, Kind: awsworld.FaultCrash})
	}
	return nil
}

// closing says that the state records or tells a success.
func (d disturbance) closing() bool { return strings.Contains(d.state, "the successful end") }

// play acts one case out and checks its end.
func (d disturbance) play(t *testing.T, r *rehearsal.Rehearsal, o *rehearsal.Operator, want end, prove bool) error {
	s := begin(t, r, o, d.road.only)
	met := false
	o.AtEntry(d.entered, func(states.Step) { met = true })
	err := d.prepare(o)
	if err == nil {
		err = s.play()
	}
	if err == nil && !met {
		err = errors.New("the state was not entered") // and what waits for it would disturb the next story
	}
	crashed := d.way == crashing && d.closing()
	id := s.same(want, crashed)
	s.closed(crashed)
	if prove {
		s.proved(id)
	}
	s.sweepAway(id)
	if t.Failed() || err != nil {
		t.Log("\n  " + s.tell())
	}
	return err
}

// impatient edits an assembly so that every loop gives up at its first wait.
func impatient(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cdk.out")
	if err := os.CopyFS(dir, os.DirFS(assembly)); err != nil {
		t.Fatal(err)
	}
	for _, stack := range []string{"production", "staging"} {
		file := filepath.Join(dir, "dbferry-"+stack+".template.json")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		edited := strings.ReplaceAll(string(raw), "> $deadline + 3600000", "> 0")
		if edited == string(raw) {
			t.Fatalf("%s: no loop has a deadline", file)
		}
		if err := os.WriteFile(file, []byte(edited), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// world opens a rehearsal in which stories are played one after another.
func world(t *testing.T, assembly string, script func(*rehearsal.Rehearsal, *rehearsal.Operator) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	r, err := rehearsal.Open(ctx, rehearsal.Scenario{Assembly: assembly, RefreshOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = r.Play(ctx, func(o *rehearsal.Operator) error {
		if _, err := o.Ready("staging"); err != nil {
			return err
		}
		if err := scaled(o); err != nil {
			return err
		}
		return script(r, o)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// scaled gives production's cluster a capacity range, so that a copy has to be
// prepared.
func scaled(o *rehearsal.Operator) error {
	_, err := rds.NewFromConfig(o.AWS("111111111111")).ModifyDBCluster(context.Background(), &rds.ModifyDBClusterInput{
		DBClusterIdentifier: &aCluster[0], ApplyImmediately: aws.Bool(true),
		ServerlessV2ScalingConfiguration: &rdstypes.ServerlessV2ScalingConfiguration{MinCapacity: aws.Float64(1), MaxCapacity: aws.Float64(8)},
	})
	if err != nil {
		return err
	}
	return o.Sleep(time.Hour)
}

// scout goes every road once, undisturbed but for its own fault, and notes
// which states it enters. Every road leads to the end of the plain one.
func scout(t *testing.T, hasty string) (on map[place]road, ends map[string]end) {
	t.Helper()
	on, ends = map[place]road{}, map[string]end{}
	all := places(t)
	for _, assembly := range []string{assembly, hasty} {
		world(t, assembly, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
			var way road
			o.AtEntry(func(s states.Step) bool {
				i := slices.IndexFunc(all, func(p place) bool { return p.entered(s) })
				if i < 0 {
					return false
				}
				if _, known := on[all[i]]; !known {
					on[all[i]] = way
				}
				return false
			}, nil)
			for _, way = range roads {
				if way.impatient != (assembly == hasty) {
					continue
				}
				s := begin(t, r, o, way.only)
				if err := (disturbance{road: way}).prepare(o); err != nil {
					return err
				}
				if err := s.play(); err != nil {
					return fmt.Errorf("%s: %w\n%s", way.name, err, s.tell())
				}
				e, id := s.end()
				if first, ok := ends[way.only[0]]; ok {
					s.same(first, false)
				} else {
					ends[way.only[0]] = e
				}
				s.closed(false)
				s.proved(id)
				s.sweepAway(id)
				if t.Failed() {
					return fmt.Errorf("road %q:\n  %s", way.name, s.tell())
				}
			}
			return nil
		})
	}
	for _, p := range all {
		if _, ok := on[p]; !ok {
			t.Errorf("no road enters %s/%s: add one", p.machine, p.state)
		}
	}
	return on, ends
}

// TestEveryState disturbs a refresh at every state of both machines, those
// inside Maps and of the closing branches included, lets an operator do what the
// mails say, and wants the end of an undisturbed refresh: the same items with
// the same settings, one backup, copy, restore, cluster and instance of each,
// one manifest, one candidate, every end recorded as it was, no lock left, and
// nobody told twice.
//
// Without DBFERRY_SWEEP: StopExecution at every state; a function that dies at
// every call, for every Task; a time-out, and a function that outlives its
// execution, for every Task of the top level; rows compared in every fifth case. With DBFERRY_SWEEP=1 (`make sweep`): every way at
// every state, also with children that outlive their parent, rows always
// compared.
func TestEveryState(t *testing.T) {
	hasty := impatient(t)
	on, ends := scout(t, hasty)
	if t.Failed() {
		return
	}
	sweep := os.Getenv("DBFERRY_SWEEP") != ""
	var cases []disturbance
	for _, p := range places(t) {
		for _, way := range []string{stopped, running, crashing, timedOut, orphaned} {
			if (way == crashing || way == running) && p.kind != "Task" || !sweep && !sampled(p, way) {
				continue
			}
			cases = append(cases, disturbance{place: p, way: way, road: on[p]})
		}
	}
	const worlds = 4
	t.Run("in", func(t *testing.T) {
		for n := range worlds {
			t.Run(fmt.Sprint("world ", n), func(t *testing.T) {
				t.Parallel()
				for _, rushed := range []bool{false, true} {
					var mine []disturbance
					for i, d := range cases {
						if i%worlds == n && d.road.impatient == rushed {
							mine = append(mine, d)
						}
					}
					one := assembly
					if rushed {
						one = hasty
					}
					world(t, one, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
						for i, d := range mine {
							var failed error
							t.Run(d.machine+"/"+d.state+" "+d.way, func(t *testing.T) {
								failed = d.play(t, r, o, ends[d.road.only[0]], sweep || i%5 == 0)
							})
							if failed != nil {
								return failed
							}
						}
						return nil
					})
				}
			})
		}
	})
	t.Logf("%d cases at %d states", len(cases), len(on))
}

// sampled are the cases that every run of the tests has.
func sampled(p place, way string) bool {
	top := !strings.Contains(p.state, "(cluster)") && !strings.Contains(p.state, "(table)")
	switch way {
	case stopped, crashing:
		return true
	case timedOut, running:
		return top && p.kind == "Task"
	}
	return p.kind == "Wait" && !strings.Contains(p.state, "(cluster)")
}
