package rehearsal_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// await starts an execution and waits for its end.
func await(t *testing.T, o *rehearsal.Operator, machine string, input any) states.Report {
	t.Helper()
	arn, err := o.Start(machine, input)
	if err != nil {
		t.Error(err)
		return states.Report{}
	}
	r, err := o.Await(arn)
	if err != nil {
		t.Error(err)
	}
	return r
}

// refused checks that an execution was refused for a reason.
func isRefused(t *testing.T, r states.Report, why string) {
	t.Helper()
	if r.Error != refresh.Refused || !strings.Contains(r.Cause, why) {
		t.Errorf("%s ended %s %s: %s\nwant Refused for %q", r.Machine, r.Status, r.Error, r.Cause, why)
	}
}

// jobs counts AWS's backups since a moment, by item.
func jobs(o *rehearsal.Operator, since time.Time, phase string) map[string]int {
	out := map[string]int{}
	for _, w := range o.World().Waits.All() {
		if w.Phase == phase && !w.Began.Before(since) {
			out[w.Item]++
		}
	}
	return out
}

func TestTwoRefreshesAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		first, second []string
		later         time.Duration
		wins          int // how many are let through
	}{
		"the same, one later":           {aTable, aTable, 3 * time.Minute, 1},
		"the same, at the same instant": {aTable, aTable, 0, 1},
		"overlapping, at one instant":   {[]string{"shop-carts", "shop-orders"}, aTable, 0, 1},
		"other items, at one instant":   {aTable, aCluster, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			world(t, assembly, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
				s := begin(t, r, o, nil)
				var arns []string
				for i, only := range [][]string{c.first, c.second} {
					if err := o.Sleep(time.Duration(i) * c.later); err != nil {
						return err
					}
					arn, err := o.Start(o.BackupMachine("staging"), refresh.BackupInput{Only: only})
					if err != nil {
						return err
					}
					arns = append(arns, arn)
				}
				wins := 0
				for _, arn := range arns {
					x, err := o.Await(arn)
					if err != nil {
						return err
					}
					if x.Status == asl.Succeeded {
						wins++
						continue
					}
					isRefused(t, x, "for staging holds it since")
				}
				if wins != c.wins {
					t.Errorf("%d refreshes were let through, want %d", wins, c.wins)
				}
				if err := s.quiet(); err != nil {
					return err
				}
				for item, n := range jobs(o, s.began, "backup") {
					if n != 1 {
						t.Errorf("%d backups of %s", n, item)
					}
				}
				s.closed(false)
				if t.Failed() {
					t.Log(s.tell())
				}
				return nil
			})
		})
	}
}

// plant puts a lock into a side's ledger, as another execution would hold it.
func plant(o *rehearsal.Operator, p names.Place, kind, item, execution string) error {
	raw, err := json.Marshal(ledger.Holder{Execution: execution, AcquiredAt: o.Now()})
	if err != nil {
		return err
	}
	return o.Objects().PutObject(p.Ledger(), ledger.LockKey(kind, item), raw)
}

// holder reads who holds a lock.
func holder(o *rehearsal.Operator, p names.Place, kind, item string) string {
	raw, _ := o.Objects().Object(p.Ledger(), ledger.LockKey(kind, item))
	var h ledger.Holder
	if json.Unmarshal(raw, &h) != nil {
		return ""
	}
	return h.Execution
}

// A migration holds the lock of its cluster: a refresh of that cluster is
// refused, one of other items is not, and a migration that has died has lost it.
func TestRefreshDuringAMigration(t *testing.T) {
	world(t, assembly, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		p := o.Config().ProductionPlace()
		machine, err := o.States().PutMachine(states.MachineSpec{
			Name: names.Machine(names.ProductionMigrate, ""), Account: p.Account, RoleARN: p.RoleARN(names.MachineRole("production-backup", "staging")),
			Definition: []byte(`{"QueryLanguage":"JSONata","StartAt":"Soak","States":{"Soak":{"Type":"Wait","Seconds":18000,"End":true}}}`),
		})
		if err != nil {
			return err
		}
		migration, err := o.Start(machine, map[string]string{})
		if err != nil {
			return err
		}
		if err := plant(o, p, "cluster", "shop-orders", migration); err != nil {
			return err
		}
		isRefused(t, await(t, o, o.BackupMachine("staging"), refresh.BackupInput{}), "an execution of dbferry-production-migrate holds it since")
		if n := len(jobs(o, o.World().Start(), "backup")); n != 0 {
			t.Errorf("%d backups were begun", n)
		}
		if got := holder(o, p, "cluster", "shop-orders"); got != migration {
			t.Errorf("the migration's lock is now %q", got)
		}
		other, err := o.Refresh("staging", refresh.BackupInput{Only: aTable})
		if err != nil || other.Verdict != refresh.Succeeded {
			t.Errorf("a refresh of another item: %s %s %v", other.Verdict, other.Cause, err)
		}
		if err := o.Stop(migration, "enough"); err != nil {
			return err
		}
		after, err := o.Refresh("staging", refresh.BackupInput{})
		if after.Verdict != refresh.Succeeded {
			t.Errorf("after the migration died: %s %s", after.Verdict, after.Cause)
		}
		return err
	})
}

// A lock whose holder is dead is taken over, on both sides; one whose holder
// cannot be asked about is not.
func TestLocksOfTheDeadAndOfTheUnknown(t *testing.T) {
	world(t, assembly, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		prod, there := o.Config().ProductionPlace(), o.Config().Place(o.Config().Targets[0])
		ended := await(t, o, o.BackupMachine("staging"), map[string]string{"resume": "not an id"})
		execution := func(p names.Place, machine, name string) string {
			return "arn:aws:states:" + p.Region + ":" + p.Account + ":execution:" + machine + ":" + name
		}
		backup, restore := names.Machine("production-backup", "staging"), names.Machine("staging-restore", "staging")
		for name, locks := range map[string]map[names.Place]string{
			"ended":                      {prod: ended.ARN},
			"never was":                  {prod: execution(prod, backup, "never")},
			"of a machine that is gone":  {prod: execution(prod, names.Machine(names.ProductionMigrate, ""), "long-ago")},
			"in the target, never was":   {there: execution(there, restore, "never")},
			"on both sides, never there": {prod: execution(prod, backup, "never"), there: execution(there, restore, "never")},
		} {
			for p, by := range locks {
				if err := plant(o, p, "table", "shop-carts", by); err != nil {
					return err
				}
			}
			s := begin(t, r, o, aTable)
			if err := s.play(); err != nil {
				return err
			}
			if len(s.acted) > 0 {
				t.Errorf("%s: the operator had to act: %s", name, s.tell())
			}
			s.closed(false)
		}
		return unreadable(t, o, prod, there)
	})
}

func unreadable(t *testing.T, o *rehearsal.Operator, prod, there names.Place) error {
	for _, c := range []struct {
		kind awsworld.FaultKind
		who  string // machine of the holder
		why  string
	}{
		{awsworld.FaultDeny, names.Machine("production-backup", "staging"), "look at the execution that holds the lock"},
		{awsworld.FaultThrottle, names.Machine("production-backup", "staging"), "look at the execution that holds the lock"},
		{"", "somebody-elses", "states:DescribeExecution"},
	} {
		by := "arn:aws:states:eu-west-1:" + prod.Account + ":execution:" + c.who + ":some"
		if err := plant(o, prod, "table", "shop-carts", by); err != nil {
			return err
		}
		if c.kind != "" {
			o.World().Inject(awsworld.Fault{Kind: c.kind, Site: awsworld.Site{Machine: "production-backup", State: "Check the ground", Operation: "SFN.DescribeExecution"}})
		}
		isRefused(t, await(t, o, o.BackupMachine("staging"), refresh.BackupInput{Only: aTable}), c.why)
		if got := holder(o, prod, "table", "shop-carts"); got != by {
			t.Errorf("%s: the lock was taken over by %s", c.kind, got)
		}
		o.Heal()
	}
	if err := plant(o, prod, "table", "shop-carts", "arn:aws:states:eu-west-1:"+prod.Account+":execution:"+names.Machine(names.ProductionMigrate, "")+":gone"); err != nil {
		return err
	}
	return unreadableThere(t, o, there)
}

// unreadableThere is the same in the target. What was refused there is started
// again as the mail says, once the holder can be asked about.
func unreadableThere(t *testing.T, o *rehearsal.Operator, there names.Place) error {
	by := "arn:aws:states:eu-west-1:" + there.Account + ":execution:" + names.Machine("staging-restore", "staging") + ":some"
	if err := plant(o, there, "table", "shop-carts", by); err != nil {
		return err
	}
	o.World().Inject(awsworld.Fault{Kind: awsworld.FaultDeny, Site: awsworld.Site{Machine: "staging-restore", State: "Verify the manifest", Operation: "SFN.DescribeExecution"}})
	out, err := o.Refresh("staging", refresh.BackupInput{Only: aTable})
	if err != nil {
		return err
	}
	if out.Verdict != refresh.Refused || holder(o, there, "table", "shop-carts") != by {
		t.Errorf("in the target: %s %s, the lock is held by %s", out.Verdict, out.Cause, holder(o, there, "table", "shop-carts"))
	}
	o.Heal()
	if again := await(t, o, o.RestoreMachine("staging"), map[string]string{"refreshId": out.RefreshID}); again.Status != asl.Succeeded || !hasEntered(again, "Record the candidate") {
		t.Errorf("started again: %s %s %s", again.Status, again.Error, again.Cause)
	}
	return nil
}
