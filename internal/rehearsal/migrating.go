package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	sdkrds "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/names"
)

// MigrationScenario is which migration is rehearsed, and what goes wrong.
type MigrationScenario struct {
	Input migrate.Input // an empty cluster is the first of the data set
	// Proxy puts an RDS proxy before the cluster, through which the client writes.
	Proxy bool
	// Trouble is planned for the cluster's deployment.
	Trouble rds.Trouble
	// ApproveAfter is how long after each request an approver answers; 0: half an
	// hour.
	ApproveAfter time.Duration
	// Refuse and Silent are gates at which the approver refuses, or does nothing.
	Refuse, Silent migrate.Gate
	// HookFails is how often a maintenance hook fails, by name, and "on" or "off"
	// after a slash for one direction alone.
	HookFails map[string]int
	// LateProxy registers a proxy with the cluster when green is there already.
	LateProxy bool
}

// cluster is the one that is migrated.
func (m MigrationScenario) cluster(c config.Config) string {
	if m.Input.Cluster != "" {
		return m.Input.Cluster
	}
	for _, s := range c.DataSet.Clusters {
		if s.ID != "" {
			return s.ID
		}
	}
	return ""
}

// Migrated is how a migration went.
type Migrated struct {
	Cluster   string
	Verdict   string
	Cause     string
	Plan      []string
	Checks    []migrate.Checked
	Record    migrate.Migration // as the ledger has it at the end
	Evidence  []byte            // the bundle
	Client    AppReport         // what a client that kept writing noticed
	Mails     []string          // subjects, in order
	Execution states.Report
	Next      string
	Trouble   []string // in closing it, which never changes the verdict
}

// RunMigration rehearses one execution of production-migrate: a client writes to
// the cluster throughout, and an approver answers by the function URL.
func RunMigration(ctx context.Context, sc Scenario) (results []*Result, err error) {
	started := sc.wall()
	r, err := OpenMigration(ctx, sc)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var out Outcome
	var m *Migrated
	err = r.Play(ctx, func(o *Operator) error {
		client, err := o.Client()
		if err != nil {
			return err
		}
		client.start(context.Background())
		out = Outcome{Target: names.ProductionSide, Asked: o.Now(), Began: o.Now()}
		if m, err = o.migrateInMode(sc.Migrate.Input); err != nil {
			return err
		}
		out.Verdict, out.Cause, out.Ended = m.Verdict, m.Cause, m.Execution.Stop
		if err := o.Sleep(10 * time.Minute); err != nil {
			return err
		}
		m.Client, err = client.finish(context.Background())
		return err
	})
	if err != nil {
		return nil, err
	}
	result := r.collectMigration(out, m)
	result.Wall = sc.wall().Sub(started)
	results = []*Result{result}
	if hit := r.w.FaultsHit(); hit < len(sc.Faults) {
		return results, fmt.Errorf("%d of %d faults were never reached; --details prints the sites of a run", len(sc.Faults)-hit, len(sc.Faults))
	}
	return results, nil
}

// OpenMigration sets the scene of a migration; Close it.
func OpenMigration(ctx context.Context, sc Scenario) (*Rehearsal, error) {
	if sc.Migrate == nil {
		return nil, errors.New("the scenario has no migration")
	}
	fill := func(s *stage) error { return s.fill(ctx) }
	prepare := func(s *stage) error { return s.prepareMigration(ctx) }
	return open(ctx, sc, (*stage).setScene, (*stage).deploy, fill, prepare)
}

// prepareMigration does what an owner has done before: binary logs are kept, an
// approver exists; and what a rehearsal needs: the client's table, the trouble.
func (s *stage) prepareMigration(ctx context.Context) error {
	sc := s.scenario.Migrate
	account, id := s.config.Production.Account, sc.cluster(s.config)
	server, err := s.databases.server(account + "/" + id)
	if err != nil {
		return err
	}
	c := s.groundCluster(id)
	set, err := s.config.Production.Migrate.Cluster(id)
	if err != nil {
		return err
	}
	if c.Engine == rds.AuroraMySQL {
		db, err := server.Open(c.Master.Name, c.Master.Password, "")
		if err != nil {
			return err
		}
		err = execAll(ctx, db, []string{"CALL mysql.rds_set_configuration('binlog retention hours', 24)"})
		if err = errors.Join(err, db.Close()); err != nil {
			return err
		}
	}
	if err := prepareProbe(ctx, server, set.Login.User); err != nil {
		return err
	}
	if err := s.rds.PutTrouble(account, id, sc.Trouble); err != nil {
		return err
	}
	if err := s.putMaintenance(); err != nil {
		return err
	}
	if err := s.putCaller(s.approver()); err != nil || !sc.Proxy {
		return err
	}
	return s.putProductionProxy(c, set)
}

func (s *stage) groundCluster(id string) ground.Cluster {
	for _, c := range s.ground.Clusters {
		if c.ID == id {
			return c
		}
	}
	return ground.Cluster{}
}

// putCaller makes a role with the statements that the stack prints for approvers.
func (s *stage) putCaller(arn string) error {
	account := s.config.Production.Account
	fn := s.config.ProductionPlace().FunctionARN("answer-approval")
	p, err := policy(account, `"Action":["lambda:InvokeFunctionUrl","lambda:InvokeFunction"],"Resource":"`+fn+`"`)
	if err != nil {
		return err
	}
	trust, err := policy(account, `"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"`)
	if err != nil {
		return err
	}
	s.w.Account(account).PutRole(&awsworld.Role{ARN: arn, Name: arn[strings.LastIndex(arn, "/")+1:], Account: account, Trust: trust, Policies: []iam.Policy{p}})
	return nil
}

func (s *stage) approver() string { return s.config.Production.Migrate.Approvers[0] }

const productionProxy = "production-orders"

func (s *stage) putProductionProxy(c ground.Cluster, set config.MigrateCluster) error {
	account, m := s.config.Production.Account, s.config.Production.Migrate
	secret, ok := s.secrets.ARN(account, set.Login.Secret)
	if !ok {
		return fmt.Errorf("there is no secret %s", set.Login.Secret)
	}
	trust, err := policy(account, `"Principal":{"Service":"rds.amazonaws.com"},"Action":"sts:AssumeRole"`)
	if err != nil {
		return err
	}
	read, err := policy(account, `"Action":"secretsmanager:GetSecretValue","Resource":"`+secret+`"`)
	if err != nil {
		return err
	}
	arn := s.config.ProductionPlace().RoleARN("production-proxy")
	s.w.Account(account).PutRole(&awsworld.Role{ARN: arn, Name: "production-proxy", Account: account, Trust: trust, Policies: []iam.Policy{read}})
	spec := rds.ProxySpec{Name: productionProxy, Family: rds.FamilyMySQL, Secrets: []string{secret}, RoleARN: arn,
		Subnets: m.Network.FunctionSubnets, SecurityGroups: m.Network.DatabaseSecurityGroups, Cluster: c.ID}
	if c.Engine == rds.AuroraPostgreSQL {
		spec.Family = rds.FamilyPostgreSQL
	}
	return s.rds.PutProxy(account, spec)
}

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
	if o.s.scenario.Migrate.LateProxy {
		o.OnEnter(func(step states.Step) bool { return step.Root == arn && step.Event.Name == "Settle green" }, func() {
			if err := o.s.registerLate(in.Cluster); err != nil && o.s.broken == nil {
				o.s.broken = err
			}
		})
	}
	for _, g := range []migrate.Gate{migrate.GateSwitch, migrate.GateRetire} {
		o.answerAt(arn, in.Cluster, g)
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

// migrateInMode is what an operator does for a mode: what continues an earlier
// execution has that one first.
func (o *Operator) migrateInMode(in migrate.Input) (*Migrated, error) {
	if in.TargetEngineVersion == "" && in.ClusterParameterGroup == "" && in.InstanceParameterGroup == "" {
		version, err := o.latestMinor(MigrationScenario{Input: in}.cluster(o.s.config))
		if err != nil {
			return nil, err
		}
		in.TargetEngineVersion = version
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

// answerAt lets the approver answer when the machine asks at a gate.
func (o *Operator) answerAt(arn, cluster string, g migrate.Gate) {
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
	m.Record = record
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

// collectMigration makes the result.
func (r *Rehearsal) collectMigration(o Outcome, m *Migrated) *Result {
	out := &Result{Target: o.Target, Verdict: m.Verdict, Cause: m.Cause, Migration: m, Duration: o.Ended.Sub(o.Began)}
	for _, x := range r.states.Executions(r.config.Production.Account) {
		if !x.Start.Before(o.Began) && x.MachineARN == m.Execution.MachineARN {
			out.Executions = append(out.Executions, execution(x))
		}
	}
	r.account(out, o)
	return out
}

// awaitFor waits for the end of an execution for at most a time.
func (o *Operator) awaitFor(arn string, limit time.Duration) (states.Report, error) {
	for until := o.Now().Add(limit); o.Now().Before(until); {
		if r, ok := o.s.states.Execution(arn); ok && r.Status != asl.Running {
			return r, nil
		}
		if err := o.Sleep(lookEvery); err != nil {
			return states.Report{}, err
		}
	}
	r, _ := o.s.states.Execution(arn)
	r.Error, r.Cause, r.Stop = VerdictFailed, fmt.Sprintf("it had not ended after %s", limit), o.Now()
	return r, nil
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
