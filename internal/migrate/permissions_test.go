package migrate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// migrating are the roles of the migration's functions and of its machine.
func migrating(o *rehearsal.Operator) (all []*awsworld.Role) {
	p := o.Config().ProductionPlace()
	account := o.World().Account(p.Account)
	for step := range migrate.Steps {
		all = append(all, account.Role(p.RoleARN(p.FunctionRole(step))))
	}
	all = append(all, account.Role(p.RoleARN(names.MachineRole(names.ProductionMigrate, ""))))
	slices.SortFunc(all, func(a, b *awsworld.Role) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// TestEveryStatementIsTaken: without any one statement of a policy the verdict is
// true, and once it is back the migration is finished. A statement whose loss
// nobody notices is named: either it is for what this world lacks, or it is too
// much.
func TestEveryStatementIsTaken(t *testing.T) {
	// For what this world lacks (replica auto scaling and roles of the cluster: TestPutBack; a group
	// for instances, a reboot, a dead lock holder; a way back: TestWayBackCannotBegin), what AWS's own side uses
	// (network interfaces, log deliveries), or what is shown and stops nothing.
	spare := []string{"OwnLog", "LambdaNetworkInterfaces", "DeliverLogs", "AddRoles", "PassRoles", "RegisterScaling", "ScalingAlarms", "ScaleReaders", "LookAtScaling", "LockHolders",
		"RebootGreen", "LedgerList", "ReadEvents", "ReadInstanceParameters", "Notify", "TakeOver"}
	world(t, rehearsal.MigrationScenario{Input: migrate.Input{Cluster: cluster}, Proxy: true}, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		y.finish("undisturbed")
		n := 0
		for _, role := range migrating(o) {
			if slices.ContainsFunc([]string{"abandon-green", "set-proxies", "go-back"}, func(step string) bool { return role.Name == o.Config().ProductionPlace().FunctionRole(step) }) {
				continue // TestAbandon, TestDetachDisturbed, TestReturningDisturbed
			}
			for i, st := range role.Policies[0].Doc.Statements {
				n++
				if !sweeping() && n%18 != 0 {
					continue
				}
				what := fmt.Sprintf("%s without %s", role.Name, st.Sid)
				giveBack := take(o, role, i)
				before := y.serves()
				m := y.run(migrate.Input{Cluster: cluster})
				giveBack()
				y.truthful(what, before, m)
				t.Logf("%s: %s, %s", what, m.Verdict, m.Record.Phase)
				told := strings.Contains(string(m.Execution.Output), "There is no way back") || m.Verdict != rehearsal.VerdictSucceeded || m.Record.Phase != migrate.Retired || len(m.Trouble) > 0
				if !told && !slices.Contains(spare, st.Sid) {
					t.Errorf("%s: nobody notices", what)
				}
				y.finish(what)
			}
		}
		return nil
	})
}

// take takes one statement of a role's policy away, until it is given back.
func take(o *rehearsal.Operator, role *awsworld.Role, i int) (giveBack func()) {
	whole := role.Policies[0].Doc.Statements
	role.Policies[0].Doc.Statements = slices.Delete(append([]iam.Statement{}, whole...), i, i+1)
	o.ColdStart()
	return func() { role.Policies[0].Doc.Statements = whole }
}

// roleOf is the role of one function of the migration.
func roleOf(o *rehearsal.Operator, step string) *awsworld.Role {
	p := o.Config().ProductionPlace()
	return o.World().Account(p.Account).Role(p.RoleARN(p.FunctionRole(step)))
}
