package stack

import (
	"github.com/dbferry/dbferry/events"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/keypolicy"
	"github.com/dbferry/dbferry/internal/names"
)

// addProduction builds dbferry-production: it backs up, copies into the
// targets' vaults, writes manifests into their inboxes and events onto their
// buses. Nothing in it lets another account in, but for the targets' AWS Backup
// on the vault's key.
func addProduction(s *side) {
	var keyUsers []any
	for _, st := range keypolicy.VaultKeyStatements(s.config) {
		keyUsers = append(keyUsers, plain(st))
	}
	s.addVaultKey(keyUsers)
	s.addVault()
	s.addLedger()
	s.addTopic(s.config.Production.Notify)
	s.addUndelivered()
	s.backupServiceRole("BackupRole", names.BackupRole, "AWSBackupServiceRolePolicyForBackup", "AWS Backup makes and copies recovery points with it")
	if m := s.config.Production.Migrate; m != nil {
		s.addNetwork(m.Network.VPC, m.Network.FunctionSubnets, m.Network.DatabaseSecurityGroups)
	}
	s.addFunctions(productionSteps(s.config))
	if s.config.Production.Migrate != nil {
		s.addMigration()
	}
	for _, t := range s.config.Targets {
		s.addBackupMachine(t)
	}
	s.addUndeliveredPolicy()
	s.addSideAlarms()
	s.addStuckCopies()
	s.addDashboard()
	s.productionOutputs()
}

// addBackupMachine makes the machine of one target with what starts it and what
// follows it. Each target has its own, so that the machine's ARN tells a
// target's events from another's.
func (s *side) addBackupMachine(t config.Target) {
	m := s.addMachine(productionBackup, t.Name)
	s.addMachineAlarms(m)
	s.addCloseRule(m)
	s.addForwardRule(m, t)
	s.addBackupSchedule(m, t)
	s.output(pascalOf(m)+"Arn", "Start a refresh of "+t.Name+" here, with the input {}", m.ref)
}

// addForwardRule carries successes to the target's bus. A role is mandatory on
// targets that are buses of another account (EventBridge User Guide, "Sending
// and receiving events between AWS accounts").
func (s *side) addForwardRule(m machine, t config.Target) {
	bus := s.config.Place(t).BusARN(s.config.BusName(t))
	send := allow("PutOnTargetsBus", []string{"events:PutEvents"}, bus)
	s.addRule(rule{
		id: "ForwardTo" + keypolicy.Pascal(t.Name), name: names.ForwardRule(t.Name),
		description: "Tells " + t.Name + " that a refresh is ready",
		pattern:     events.ProductionSucceeded,
		values:      map[string]string{"ProductionAccount": s.place.Account, "MachineArn": m.arn},
		to:          bus, via: &send,
	})
}

// addBackupSchedule is there even when no schedule is configured, disabled, so
// that one may be switched on in the console in a hurry.
func (s *side) addBackupSchedule(m machine, t config.Target) {
	expression := t.Schedule
	if expression == "" {
		expression = "rate(1 day)"
	}
	s.addSchedule(schedule{
		id: pascalOf(m) + "Schedule", name: m.name, description: "Starts a refresh of " + t.Name,
		expression: expression, enabled: t.Schedule != "", to: m.ref,
		via: allow("StartMachine", []string{"states:StartExecution"}, m.arn),
	})
}

// productionOutputs print what the user must add to what is his.
func (s *side) productionOutputs() {
	s.output("ClusterKeyStatementsProduction", "Add to the key policy of every cluster that is refreshed, as elements of Statement",
		keypolicy.JSON(keypolicy.BackupRoleStatements(s.config)))
	for _, t := range s.config.Targets {
		s.output("ClusterKeyStatements"+keypolicy.Pascal(t.Name), "Add these too, for "+t.Name,
			keypolicy.JSON(keypolicy.TargetStatements(s.config, t)))
	}
	s.output("LedgerBucket", "What dbferry knows of its runs", s.shared.ledger)
}
