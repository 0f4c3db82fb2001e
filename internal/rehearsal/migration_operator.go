package rehearsal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	sdkrds "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/names"
)

// Client is a client of the cluster that is migrated; it does not write yet.
func (o *Operator) Client() (*client, error) {
	s := o.s
	account, id := s.config.Production.Account, s.scenario.Migrate.cluster(s.config)
	c := s.groundCluster(id)
	m := s.config.Production.Migrate
	set, err := m.Cluster(id)
	if err != nil {
		return nil, err
	}
	login, err := s.loginOf(account, set.Login.Secret)
	if err != nil {
		return nil, err
	}
	// The application's own security group is whatever the databases' groups admit.
	from := rds.NetworkPlace{Account: account, VPC: m.Network.VPC, Subnets: m.Network.FunctionSubnets, SecurityGroups: []string{c.AppGroup}}
	out := &client{w: s.w, rds: s.rds, databases: s.databases, account: account, cluster: id, proxied: s.scenario.Migrate.Proxy, dial: dialer{s.rds, from},
		login: dbconn.Login{Engine: c.Engine, User: login.Username, Password: login.Password, Port: map[string]int{rds.AuroraMySQL: 3306, rds.AuroraPostgreSQL: 5432}[c.Engine]}}
	ok := false
	if out.proxied {
		out.login.Host, _, ok = s.rds.ProxyEndpoint(account, productionProxy)
	} else {
		out.login.Host, _, ok = s.rds.ClusterEndpoints(account, id)
	}
	if !ok {
		return nil, fmt.Errorf("cluster %s has no endpoint", id)
	}
	return out, nil
}

// MigrateMachine is the machine that migrates.
func (o *Operator) MigrateMachine() string {
	return o.s.config.ProductionPlace().MachineARN(names.ProductionMigrate, "")
}

// Migrate starts a migration, answers its approvals, and waits for its end.
func (o *Operator) Migrate(in migrate.Input) (*Migrated, error) {
	in.Cluster = MigrationScenario{Input: in}.cluster(o.s.config)
	arn, err := o.Start(o.MigrateMachine(), in)
	if err != nil {
		return nil, err
	}
	_, _, registered := o.s.rds.ProxyEndpoint(o.s.config.Production.Account, productionProxy)
	if late := o.s.scenario.Migrate.LateProxy; late != "" && !registered {
		o.OnEnter(func(step states.Step) bool { return step.Root == arn && step.Event.Name == late }, func() {
			if err := o.s.registerLate(in.Cluster); err != nil && o.s.broken == nil {
				o.s.broken = err
			}
		})
	}
	for _, g := range []migrate.Gate{migrate.GateSwitch, migrate.GateRetire} {
		o.ApproveAt(arn, in.Cluster, g)
	}
	r, err := o.awaitFor(arn, 60*24*time.Hour)
	if err == nil {
		err = o.Settle()
	}
	if err != nil {
		return nil, err
	}
	return o.migrated(in.Cluster, r)
}

// continues is how long an operator leaves a verified green alone before going on.
const continues = 48 * time.Hour

// MigrateInMode is what an operator does for a mode: what continues an earlier
// execution has that one first.
func (o *Operator) MigrateInMode(in migrate.Input) (*Migrated, error) {
	if in.TargetEngineVersion == "" && in.ClusterParameterGroup == "" && in.InstanceParameterGroup == "" {
		version, err := o.latestMinor(MigrationScenario{Input: in}.cluster(o.s.config))
		if err != nil {
			return nil, err
		}
		in.TargetEngineVersion = version
	}
	if in.Mode == migrate.ModeBack {
		if _, err := o.SwitchedFor(in, soaked); err != nil {
			return nil, err
		}
	}
	if in.Mode == migrate.ModeSwitch || in.Mode == migrate.ModeAbandon {
		first := in
		first.Mode = migrate.ModeCreate
		if m, err := o.Migrate(first); err != nil || m.Verdict != VerdictSucceeded {
			return m, err
		}
		if err := o.Sleep(continues); err != nil {
			return nil, err
		}
	}
	return o.Migrate(in)
}

// soaked is how long an operator watches the new production before returning.
const soaked = 20 * time.Minute

// SwitchedFor migrates, and comes back when the new production has served for a
// while; the execution goes on.
func (o *Operator) SwitchedFor(in migrate.Input, d time.Duration) (arn string, err error) {
	in.Mode = migrate.ModeAll
	in.Cluster = MigrationScenario{Input: in}.cluster(o.s.config)
	arn, err = o.Start(o.MigrateMachine(), in)
	if err != nil {
		return "", err
	}
	o.ApproveAt(arn, in.Cluster, migrate.GateSwitch)
	proved := false
	o.OnEnter(func(step states.Step) bool { return step.Root == arn && step.Event.Name == "Keep the way back" }, func() { proved = true })
	for until := o.Now().Add(14 * 24 * time.Hour); !proved; {
		if o.Now().After(until) {
			return arn, errors.New("the new production was not proved")
		}
		if err := o.Sleep(time.Minute); err != nil {
			return arn, err
		}
	}
	return arn, o.Sleep(d)
}

// latestMinor is the latest version that a cluster can go to without a new
// major one; its own when there is none.
func (o *Operator) latestMinor(cluster string) (string, error) {
	c := o.s.groundCluster(cluster)
	out, err := sdkrds.NewFromConfig(o.AWS(o.s.config.Production.Account)).DescribeDBEngineVersions(o.ctx, &sdkrds.DescribeDBEngineVersionsInput{Engine: &c.Engine, EngineVersion: &c.EngineVersion})
	if err != nil {
		return "", err
	}
	version := c.EngineVersion
	for _, v := range out.DBEngineVersions {
		for _, t := range v.ValidUpgradeTarget {
			if t.IsMajorVersionUpgrade == nil || !*t.IsMajorVersionUpgrade {
				version = *t.EngineVersion
			}
		}
	}
	return version, nil
}

// approverTries is how often an approver whose answer is not taken tries again.
const approverTries = 3

// ApproveAt lets the approver answer when the machine asks at a gate.
func (o *Operator) ApproveAt(arn, cluster string, g migrate.Gate) {
	sc := o.s.scenario.Migrate
	if sc.Silent == g {
		return
	}
	o.OnEnter(func(step states.Step) bool {
		return step.Root == arn && step.Event.Name == "Ask for the approval to "+string(g)
	}, func() {
		wait := sc.ApproveAfter
		if wait == 0 {
			wait = 30 * time.Minute
		}
		for range approverTries {
			if o.Sleep(wait) != nil {
				return
			}
			status, _, err := o.Answer(cluster, g, sc.Refuse != g)
			if err == nil && status == http.StatusOK {
				return
			}
		}
	})
}

// Answer is what an approver does: read the request, and answer through the URL.
func (o *Operator) Answer(cluster string, g migrate.Gate, approve bool) (status int, body string, err error) {
	m, err := o.s.migration(cluster)
	if err != nil {
		return 0, "", err
	}
	return o.AnswerWith(o.s.approver(), migrate.AnswerInput{Cluster: cluster, Migration: m.ID, Gate: g, PlanHash: m.PlanHash, Approve: approve, Comment: "rehearsed"})
}

// AnswerWith sends an answer with the credentials of a role; an empty one is the
// approver's.
func (o *Operator) AnswerWith(role string, in migrate.AnswerInput) (status int, body string, err error) {
	if role == "" {
		role = o.s.approver()
	}
	caller, err := o.s.w.AssumeAsService("ec2.amazonaws.com", role, "approver", "")
	if err != nil {
		return 0, "", err
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return 0, "", err
	}
	out, err := o.s.lambda.Request(o.ctx, caller, lambda.URLRequest{Function: o.s.config.ProductionPlace().FunctionARN("answer-approval"), Method: http.MethodPost, Body: string(raw)})
	return out.Status, out.Body, err
}

func (o *Operator) migrated(cluster string, r states.Report) (*Migrated, error) {
	m := &Migrated{Cluster: cluster, Verdict: verdictOf(r), Cause: r.Cause, Execution: r}
	var closed migrate.Closed
	if len(r.Output) > 0 && json.Unmarshal(r.Output, &closed) == nil {
		m.Plan, m.Next, m.Trouble = closed.Plan, closed.Next, closed.Trouble
	}
	for _, mail := range o.Mails() {
		m.Mails = append(m.Mails, mail.Subject)
	}
	record, err := o.s.migration(cluster)
	if errors.Is(err, errNoMigration) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	m.Record, m.Costs = record, record.Costs()
	if m.Plan == nil {
		m.Plan = record.Plan.Lines()
	}
	m.Evidence, _ = o.s.s3.Object(o.s.config.ProductionPlace().Ledger(), migrate.BundleKey(cluster, record.ID))
	return m, nil
}

var errNoMigration = errors.New("the ledger has no migration of the cluster")

// migration is what the ledger says of a cluster's migration.
func (s *stage) migration(cluster string) (m migrate.Migration, err error) {
	raw, ok := s.s3.Object(s.config.ProductionPlace().Ledger(), migrate.RecordKey(cluster))
	if !ok {
		return m, errNoMigration
	}
	return m, json.Unmarshal(raw, &m)
}

// MigrationOf is what the ledger says of a cluster's migration.
func (o *Operator) MigrationOf(cluster string) (migrate.Migration, error) {
	return o.s.migration(cluster)
}

// PutCaller makes a role of production that may call the approval URL, and
// returns its ARN.
func (o *Operator) PutCaller(name string) (arn string, err error) {
	arn = o.s.config.ProductionPlace().RoleARN(name)
	return arn, o.s.putCaller(arn)
}

// EndOf is the verdict that the ledger has of an execution of a migration.
func (o *Operator) EndOf(execution string) (verdict string, err error) {
	raw, ok := o.s.s3.Object(o.s.config.ProductionPlace().Ledger(), migrate.EndKey(execution))
	if !ok {
		return "", fmt.Errorf("the ledger has no end of %s", execution)
	}
	var end struct{ Verdict string }
	err = json.Unmarshal(raw, &end)
	return end.Verdict, err
}
