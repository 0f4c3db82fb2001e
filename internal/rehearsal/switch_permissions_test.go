package rehearsal_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/switchover"
)

// switching are the roles of a switch's functions and of its machine.
func (s *switcher) switching() (all []*awsworld.Role) {
	s.t.Helper()
	target, err := s.Config().Target("staging")
	s.must(nil, err)
	p := s.Config().Place(target)
	account := s.World().Account(p.Account)
	for step := range switchover.Steps {
		all = append(all, account.Role(p.RoleARN(p.FunctionRole(step))))
	}
	all = append(all, account.Role(p.RoleARN(names.MachineRole("staging-switch", "staging"))))
	slices.SortFunc(all, func(a, b *awsworld.Role) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// TestEveryStatementOfASwitch: without any one statement of a policy the verdict
// is true, every pointer stands where it says, and once the statement is back the
// switch is made. Each is taken on a switch, and those of roll-back on one whose
// proof fails. A statement whose loss nobody notices is named. A sample, and all
// of it with DBFERRY_SWEEP.
func TestEveryStatementOfASwitch(t *testing.T) {
	every := 18
	if os.Getenv("DBFERRY_SWEEP") != "" {
		every = 1
	}
	// For what AWS's own side uses, or what this world does not come to: a dead lock
	// holder, an instance that settles, old generations (TestRetire…), an object that
	// is not there, an idle proxy that is not there yet (switch_proxies_test.go), a
	// new parameter in whose place another was written meanwhile.
	spare := map[string][]string{
		"*":                {"OwnLog", "LambdaNetworkInterfaces", "DeliverLogs", "LockHolders", "LookAtInstances", "LedgerList"},
		"probe-candidate":  {"LookAtProxies", "PointProxies"},
		"point-proxy":      {"LookAtProxies"},
		"write-parameters": {"RemoveOwnParameters"},
		"roll-back":        {"PointProxies", "RemoveOwnParameters"},
		"retire-items": {"LedgerUnlock", "LookAtTables", "LookAtClusters", "DeleteOwnDatabases", "DeleteOwnTables", "DeleteScaledReaders", "ListScaling", "ReadScalingTags", "EndOwnScaling",
			"EndScalingAlarms", "ListAlarms", "DeleteOwnAlarms"},
	}
	play(t, both(t), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		d := &disturber{switcher: &switcher{o, t, latest}, at: served, full: true}
		d.disturbed("nothing")
		d.disturbed("nothing, on the way back")
		t.Logf("%d statements", d.everyStatement(every, spare))
		return o.Settle()
	})
}

// everyStatement takes away every n-th statement of the switch's policies, one
// after the other, and wants somebody to notice, but for those that are spare in
// a step. Only some statements are looked at where only names them.
func (d *disturber) everyStatement(every int, spare map[string][]string, only ...string) (n int) {
	d.t.Helper()
	proof := switchFault("Verify what serves", "SSM.GetParameter")
	for _, role := range d.switching() {
		step := ""
		for name := range switchover.Steps {
			if strings.Contains(role.Name, name) {
				step = name
			}
		}
		whole := role.Policies[0].Doc.Statements
		for i, st := range whole {
			if len(only) > 0 && !slices.Contains(only, st.Sid) {
				continue
			}
			if n++; n%every != 0 {
				continue
			}
			what := fmt.Sprintf("%s without %s", role.Name, st.Sid)
			role.Policies[0].Doc.Statements = slices.Delete(append([]iam.Statement{}, whole...), i, i+1)
			d.ColdStart()
			if step == "roll-back" {
				d.World().Inject(proof)
			}
			mails := len(d.Mails())
			r := d.run(map[string]string{"refreshId": d.other()})
			role.Policies[0].Doc.Statements = whole
			d.Heal()
			d.ColdStart()
			d.must(nil, d.Settle())
			told := r.Status != asl.Succeeded && !(step == "roll-back" && r.Error == refresh.RolledBack) || len(d.Mails()) == mails
			for _, m := range d.Mails()[mails:] {
				told = told || strings.Contains(m.Body, "Old generations were not all deleted")
			}
			if !told && !slices.Contains(spare["*"], st.Sid) && !slices.Contains(spare[step], st.Sid) {
				d.t.Errorf("%s: nobody notices (%s)", what, r.Error)
			}
			d.judge(what, r)
		}
	}
	return n
}
