package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"

	"github.com/dbferry/dbferry/events"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// addTarget builds dbferry-<name>: it receives copies, manifests and events,
// restores, and opens. Production may copy into its vault, put manifests into
// its inbox and events onto its bus, and read one key; it may start nothing.
func addTarget(s *side, t config.Target) {
	s.addVaultKey(nil)
	s.addVault(copyIntoVault(s.config))
	s.addLedger()
	s.addInbox(s.config)
	s.addTopic(t.Notify)
	s.addUndelivered()
	var proxies []string
	if t.Switch != nil {
		proxies = t.Switch.ProxySecurityGroups
	}
	s.addNetwork(t.Network.VPC, t.Network.FunctionSubnets, proxies)
	s.backupServiceRole("RestoreRole", names.RestoreRole, "AWSBackupServiceRolePolicyForRestores", "AWS Backup restores with it")
	s.addFunctions(targetSteps(s.config, t, s.shared.vaultKey))
	m := s.addMachine(stagingRestore, t.Name)
	s.addMachineAlarms(m)
	s.addCloseRule(m)
	if t.Switch != nil {
		moves := s.addMachine(stagingSwitch, t.Name)
		s.addMachineAlarms(moves)
		s.addCloseRule(moves)
		s.output(pascalOf(moves)+"Arn", `Moves applications to a generation of data with the input {"refreshId":"…"}`, moves.ref)
	}
	s.addBus(t)
	s.addTriggers(m, t)
	s.addReadySchedule()
	s.addUndeliveredPolicy()
	s.addSideAlarms()
	s.addDashboard()
	s.targetOutputs(m)
}

// copyIntoVault is the one action that AWS Backup honors from another account.
func copyIntoVault(c config.Config) statement {
	return statement{
		Sid: "ProductionCopiesIn", Principal: account(c.ProductionPlace().RootARN()),
		Actions: []string{"backup:CopyIntoBackupVault"}, Resources: []string{"*"},
		Condition: condition{"StringEquals": {"aws:PrincipalOrgID": c.OrganizationID}},
		Why:       "in a vault's policy * is the vault and its recovery points (AWS Backup, vault access policies)",
	}
}

// addBus lets production put the success events of its machines on the bus, and
// no others. On the default bus (by choice) rules without "account" see them
// too.
func (s *side) addBus(t config.Target) {
	bus := s.config.BusName(t)
	policy := &awsevents.CfnEventBusPolicyProps{StatementId: text("ProductionForwards"), EventBusName: text(bus)}
	if bus != "default" {
		made := awsevents.NewCfnEventBus(s.Stack, text("Bus"), &awsevents.CfnEventBusProps{
			Name: text(bus), Description: text("Success events of production's dbferry"),
		})
		policy.EventBusName = made.Ref()
		s.shared.busRef = *made.Ref()
	}
	policy.Statement = statement{
		Sid: "ProductionForwards", Principal: account(s.config.ProductionPlace().RootARN()),
		Actions: []string{"events:PutEvents"}, Resources: []string{s.place.BusARN(bus)},
		Condition: condition{"StringEquals": {
			"events:source": "aws.states", "events:detail-type": "Step Functions Execution Status Change",
		}},
	}.json()
	awsevents.NewCfnEventBusPolicy(s.Stack, text("BusPolicy"), policy)
}

// addTriggers are the fast way (production's event) and the sure one (the
// manifest in the inbox). Both start the same machine; the claim in the ledger
// makes the second harmless.
func (s *side) addTriggers(m machine, t config.Target) {
	production := s.config.ProductionPlace()
	start := allow("StartRestore", []string{"states:StartExecution"}, m.arn)
	s.addRule(rule{
		id: "ProductionSucceeded", name: "dbferry-production-succeeded", bus: s.config.BusName(t), busRef: s.shared.busRef,
		description: "Starts the restore on production's success event",
		pattern:     events.ProductionSucceeded,
		values:      map[string]string{"ProductionAccount": production.Account, "MachineArn": production.MachineARN(productionBackup, t.Name)},
		to:          m.ref, via: &start,
	})
	s.addRule(rule{
		id: "ManifestArrived", name: "dbferry-manifest-arrived",
		description: "Starts the restore when a manifest is in the inbox, whether or not the event came",
		pattern:     events.ManifestArrived,
		values:      map[string]string{"TargetAccount": s.place.Account, "InboxBucket": s.place.Inbox(), "ManifestPrefix": names.ManifestPrefix},
		to:          m.ref, via: &start,
	})
}

// addReadySchedule renews ready.json twice before production would call it
// stale, at 24 hours.
func (s *side) addReadySchedule() {
	ready := s.shared.functions["staging-ready"]
	s.addSchedule(schedule{
		id: "StagingReadySchedule", name: "dbferry-staging-ready", description: "Proves again that this account can receive",
		expression: "rate(12 hours)", enabled: true, to: ready.arn,
		via: allow("InvokeStagingReady", []string{"lambda:InvokeFunction"}, ready.arn),
	})
}

func (s *side) targetOutputs(m machine) {
	s.output(pascalOf(m)+"Arn", `Restores what production announces; by hand with the input {"refreshId":"…"}`, m.ref)
	s.output("InboxBucket", "Where production puts manifests", s.place.Inbox())
	s.output("LedgerBucket", "What dbferry knows of its runs", s.shared.ledger)
	s.output("ServiceLinkedRoles", "Run once if staging-ready says that AWS Backup's service-linked role is missing",
		"aws iam create-service-linked-role --aws-service-name backup.amazonaws.com")
}
