package rehearsal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

func resume(id string) map[string]string  { return map[string]string{"resume": id} }
func restore(id string) map[string]string { return map[string]string{"refreshId": id} }

// What runs is left alone, whoever asks.
func TestResumeOfWhatStillRuns(t *testing.T) {
	world(t, assembly, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		prod, there := o.Config().ProductionPlace(), o.Config().Place(o.Config().Targets[0])
		var looked int
		o.OnEnter(entering("production-backup", "Wait: backup"), func() {
			looked++
			running := o.States().Executions(prod.Account)[0]
			isRefused(t, await(t, o, running.MachineARN, resume(o.RefreshOf(prod, running.ARN))), "holds it since")
		})
		o.OnEnter(entering("staging-restore", "Wait: restore (table)"), func() {
			looked++
			running := o.States().Executions(there.Account)[0]
			id := o.RefreshOf(there, running.ARN)
			isRefused(t, await(t, o, running.MachineARN, resume(id)), "works on it")
			if again := await(t, o, running.MachineARN, restore(id)); again.Status != asl.Succeeded || !hasEntered(again, "Already handled") {
				t.Errorf("started while it runs: %s %s %s", again.Status, again.Error, again.Cause)
			}
		})
		s := begin(t, r, o, aTable)
		if err := s.play(); err != nil {
			return err
		}
		if _, id := s.end(); id == "" || looked != 2 {
			t.Errorf("candidate %q, looked %d times: %s", id, looked, s.tell())
		}
		s.closed(false)
		return nil
	})
}

// A refresh that is done stays as it is: in production everything is confirmed
// and announced again, in the target nothing happens, and nobody is told, even
// when its recovery points are gone.
func TestResumeOfAFinishedRefresh(t *testing.T) {
	world(t, assembly, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		s := begin(t, r, o, aTable)
		if err := s.play(); err != nil {
			return err
		}
		want, id := s.end()
		for _, wait := range []time.Duration{0, 9 * 24 * time.Hour} {
			if err := o.Sleep(wait); err != nil {
				return err
			}
			if again := await(t, o, o.BackupMachine("staging"), resume(id)); again.Status != asl.Succeeded {
				t.Errorf("production, after %s: %s %s", wait, again.Error, again.Cause)
			}
			for _, input := range []map[string]string{resume(id), restore(id)} {
				if again := await(t, o, o.RestoreMachine("staging"), input); again.Status != asl.Succeeded || !hasEntered(again, "Already handled") {
					t.Errorf("target, %v after %s: %s %s %v", input, wait, again.Error, again.Cause, again.Path)
				}
			}
			if err := s.quiet(); err != nil {
				return err
			}
			if got, _ := s.end(); !cmp.Equal(want, got) {
				t.Errorf("after %s something is different: %s", wait, cmp.Diff(want, got))
			}
			s.closed(false)
		}
		return nil
	})
}

// stopAt plays a refresh of a table that is stopped at a state, and returns its id.
func stopAt(t *testing.T, o *rehearsal.Operator, machine, state string) (id string, stopped states.Report) {
	t.Helper()
	var root string
	o.AtEntry(entering(machine, state), func(s states.Step) {
		root = s.Root
		if err := o.States().Abort(s.Root, "", "stopped by a test"); err != nil {
			t.Error(err)
		}
	})
	p := o.Config().ProductionPlace()
	first := await(t, o, o.BackupMachine("staging"), refresh.BackupInput{Only: aTable})
	id = o.RefreshOf(p, first.ARN)
	if err := o.Sleep(time.Hour); err != nil {
		t.Error(err)
	}
	stopped, _ = o.States().Execution(root)
	if stopped.Status != asl.Aborted {
		t.Errorf("%s was not stopped at %s", machine, state)
	}
	return id, stopped
}

// What cannot be resumed is refused, with the reason and what to do instead.
func TestResumeOfTheWrongRefresh(t *testing.T) {
	world(t, variant(t, threeTargets), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		const unknown = "202601010000-abcdef"
		id, _ := stopAt(t, o, "production-backup", "Copy every item")
		for _, target := range []string{"staging", "qa"} {
			isRefused(t, await(t, o, o.BackupMachine(target), resume(unknown)), "this account's ledger has no such refresh")
			isRefused(t, await(t, o, o.RestoreMachine(target), resume(unknown)), "there is no such manifest in the inbox")
		}
		isRefused(t, await(t, o, o.BackupMachine("staging"), resume("the last one")), "resume takes one refresh id")
		isRefused(t, await(t, o, o.BackupMachine("qa"), resume(id)), "that refresh is for staging")
		isRefused(t, await(t, o, o.RestoreMachine("qa"), resume(id)), "there is no such manifest in the inbox")
		isRefused(t, await(t, o, o.RestoreMachine("staging"), resume(id)), "there is no such manifest in the inbox")
		if again := await(t, o, o.BackupMachine("staging"), resume(id)); again.Status != asl.Succeeded {
			t.Errorf("the right one: %s %s", again.Error, again.Cause)
		}
		return nil
	})
}

// Recovery points live for limits.retentionDays. What still needs one that has
// gone ends, and says so; a restore that has it behind it goes on.
func TestResumeAfterRecoveryPointsHaveExpired(t *testing.T) {
	const gone = 9 * 24 * time.Hour
	for name, c := range map[string]struct {
		machine, state string
		verdict, why   string // empty for a success
	}{
		"before the copy":    {"production-backup", "Copy every item", refresh.Failed, "start a new refresh"},
		"before the restore": {"staging-restore", "Restore every item", refresh.Refused, "it may have expired: start a new refresh"},
		"after the restore":  {"staging-restore", "Record the candidate", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			world(t, assembly, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
				id, stopped := stopAt(t, o, c.machine, c.state)
				if err := o.Sleep(gone); err != nil {
					return err
				}
				again := await(t, o, stopped.MachineARN, resume(id))
				if again.Error != c.verdict || !strings.Contains(again.Cause, c.why) {
					t.Errorf("%s %s: %s", again.Status, again.Error, again.Cause)
				}
				return nil
			})
		})
	}
}

// A refresh keeps the configuration with which it began.
func TestResumeWithAChangedConfiguration(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cdk.out")
	if err := os.CopyFS(dir, os.DirFS(assembly)); err != nil {
		t.Fatal(err)
	}
	world(t, dir, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		backup, _ := stopAt(t, o, "production-backup", "Copy every item")
		other, _ := stopAt(t, o, "staging-restore", "Restore every item")
		const before, after = `"spreadMinutes": 120`, `"spreadMinutes": 121`
		redeploy(t, dir, before, after)
		o.ColdStart()
		isRefused(t, await(t, o, o.BackupMachine("staging"), resume(backup)), "the configuration has changed since it began")
		isRefused(t, await(t, o, o.RestoreMachine("staging"), resume(other)), "the configuration has changed since it began")
		redeploy(t, dir, after, before)
		o.ColdStart()
		for _, again := range []states.Report{
			await(t, o, o.RestoreMachine("staging"), resume(other)), await(t, o, o.BackupMachine("staging"), resume(backup)),
		} {
			if again.Status != asl.Succeeded {
				t.Errorf("with the old configuration again: %s %s", again.Error, again.Cause)
			}
		}
		return nil
	})
}

// redeploy replaces the configuration that every function carries.
func redeploy(t *testing.T, dir, before, after string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "dbferry.json" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n += strings.Count(string(raw), before)
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(raw), before, after)), 0o644)
	})
	if err != nil || n == 0 {
		t.Errorf("%d files were changed: %v", n, err)
	}
}

// When both ways over the border failed, resume begins the restore, and
// refreshId does the same; both go on with what was begun and has died.
func TestResumeInTheTargetOfWhatNeverBeganThere(t *testing.T) {
	lost := events.Weather{Loss: 1}
	play(t, rehearsal.Scenario{Weather: map[string]events.Weather{"aws.s3": lost, "aws.states": lost}}, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		if _, err := o.Ready("staging"); err != nil {
			return err
		}
		p := o.Config().ProductionPlace()
		for _, input := range []func(string) map[string]string{resume, restore} {
			first := await(t, o, o.BackupMachine("staging"), refresh.BackupInput{Only: aTable})
			if r := await(t, o, o.RestoreMachine("staging"), input(o.RefreshOf(p, first.ARN))); r.Status != asl.Succeeded || !hasEntered(r, "Record the candidate") {
				t.Errorf("%s %s %s", r.Status, r.Error, r.Cause)
			}
		}
		first := await(t, o, o.BackupMachine("staging"), refresh.BackupInput{Only: aTable})
		id := o.RefreshOf(p, first.ARN)
		arn, err := o.Start(o.RestoreMachine("staging"), restore(id))
		if err != nil {
			return err
		}
		if err := o.Sleep(time.Minute); err != nil {
			return err
		}
		if err := o.Stop(arn, "stopped by a test"); err != nil {
			return err
		}
		if r := await(t, o, o.RestoreMachine("staging"), restore(id)); r.Status != asl.Succeeded || !hasEntered(r, "Record the candidate") {
			t.Errorf("started again: %s %s %s", r.Status, r.Error, r.Cause)
		}
		return nil
	})
}

// Whatever happens while people are told, they are told once.
func TestToldOnce(t *testing.T) {
	world(t, assembly, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		for _, kind := range []string{"crash", "error", "throttle", "slow"} {
			o.World().Inject(fault(t, "staging-restore/-/Tell about the successful end/SNS.Publish="+kind)[0])
			s := begin(t, r, o, aTable)
			if err := s.play(); err != nil {
				return err
			}
			e, _ := s.end()
			if want := []string{"dbferry Succeeded: ID (production)", "dbferry Succeeded: ID (staging)"}; !cmp.Equal(want, e.Mails) {
				t.Errorf("%s: %v", kind, e.Mails)
			}
			s.closed(false)
		}
		return nil
	})
}
