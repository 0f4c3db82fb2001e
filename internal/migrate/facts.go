package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/refresh"
)

// facts are everything that the preflight looks at: read once, judged by
// checks, which are pure.
type facts struct {
	in     Input
	set    config.MigrateCluster
	limits config.MigrateLimits

	cluster    types.DBCluster
	members    []types.DBInstance
	parameters map[string]string // of the cluster's parameter group
	later      map[string]string // of the group that green gets; empty for a default one
	version    *types.DBEngineVersion
	target     *types.DBEngineVersion // what green shall run; nil when RDS does not offer it
	group      *types.DBClusterParameterGroup
	instGroup  *types.DBParameterGroup
	quotas     map[string]types.AccountQuota
	proxies    []proxy
	taken      []string // identifiers that AWS will want and that exist
	deployment *types.BlueGreenDeployment
	scaling    []refresh.ScalingTarget
	sql        sqlFacts
}

// sqlFacts are what the databases say. A text in trouble is why it is not known.
type sqlFacts struct {
	masterTrouble string
	loginTrouble  string
	smokeTrouble  []string

	retention   *int // hours; nil: NULL
	scheduler   string
	tmpSchema   bool
	following   bool
	prepared    int      // XA transactions
	oldest      int      // seconds that the oldest transaction is open
	withoutKey  []string // tables
	notInnoDB   []string
	backTrouble string   // the account of the way back cannot be used
	loginAdmin  bool     // the login is not bound by read_only
	missing     []string // tables of checksums that are not there
	extensions  []string // PostgreSQL's that stand in the way
	largeObject bool
	databases   int // of PostgreSQL; each needs a replication slot
}

// gather reads all facts. Only what makes further reading senseless is an
// error; the rest is for the checks.
func (s *step) gather(ctx context.Context, in Input, m *Migration) (*facts, error) {
	f := &facts{in: in, limits: s.conf.Limits}
	var err error
	if f.set, err = s.conf.Cluster(in.Cluster); err != nil {
		return nil, &fault.Error{Name: fault.BadRequest, Op: "plan the migration", Resource: in.Cluster, Cause: err, Next: "add the entry and deploy the production stack"}
	}
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, fault.New(fault.BadRequest, "plan the migration", in.Cluster, "`aws rds describe-db-clusters` lists what there is", "there is no cluster of this name")
	}
	f.cluster = *c
	if f.members, err = s.members(ctx, c); err != nil {
		return nil, err
	}
	for _, read := range []func(context.Context, *facts) error{s.readVersions, s.readParameters, s.readGroups, s.readQuotas, s.readProxies, s.readNames, s.readScaling} {
		if err := read(ctx, f); err != nil {
			return nil, err
		}
	}
	if f.deployment, err = s.deploymentOf(ctx, c); err != nil {
		return nil, err
	}
	f.sql = s.readSQL(ctx, f)
	return f, nil
}

// deploymentOf is the deployment that the cluster is blue of; nil for none.
func (s *step) deploymentOf(ctx context.Context, c *types.DBCluster) (*types.BlueGreenDeployment, error) {
	out, err := s.rds.DescribeBlueGreenDeployments(ctx, &rds.DescribeBlueGreenDeploymentsInput{
		Filters: []types.Filter{{Name: aws.String("source"), Values: []string{aws.ToString(c.DBClusterArn)}}}})
	if err != nil {
		return nil, fault.AWS("look for Blue/Green deployments", aws.ToString(c.DBClusterIdentifier), err)
	}
	if len(out.BlueGreenDeployments) == 0 {
		return nil, nil
	}
	return &out.BlueGreenDeployments[0], nil
}

func (s *step) readParameters(ctx context.Context, f *facts) error {
	var err error
	name := aws.ToString(f.cluster.DBClusterParameterGroup)
	if f.parameters, err = s.parametersOf(ctx, name); err != nil {
		return err
	}
	switch to := f.in.ClusterParameterGroup; {
	case to != "" && to != name:
		f.later, err = s.parametersOf(ctx, to)
		if fault.IsNotFound(err) {
			return nil // its own check tells
		}
		return err
	case to == "" && f.in.TargetEngineVersion != "" && f.familyChanges():
		return nil // the default group of another family
	}
	f.later = f.parameters
	return nil
}

func (s *step) parametersOf(ctx context.Context, group string) (map[string]string, error) {
	all := map[string]string{}
	pages := rds.NewDescribeDBClusterParametersPaginator(s.rds, &rds.DescribeDBClusterParametersInput{DBClusterParameterGroupName: &group})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("read the cluster's parameters", group, err)
		}
		for _, p := range out.Parameters {
			all[aws.ToString(p.ParameterName)] = aws.ToString(p.ParameterValue)
		}
	}
	return all, nil
}

// familyChanges says whether green is of another parameter group family.
func (f *facts) familyChanges() bool {
	return f.target != nil && f.version != nil && aws.ToString(f.target.DBParameterGroupFamily) != aws.ToString(f.version.DBParameterGroupFamily)
}

func (s *step) readVersions(ctx context.Context, f *facts) error {
	find := func(version string) (*types.DBEngineVersion, error) {
		out, err := s.rds.DescribeDBEngineVersions(ctx, &rds.DescribeDBEngineVersionsInput{Engine: f.cluster.Engine, EngineVersion: &version})
		if err != nil {
			return nil, fault.AWS("look at engine version "+version, aws.ToString(f.cluster.Engine), err)
		}
		if len(out.DBEngineVersions) == 0 {
			return nil, nil
		}
		return &out.DBEngineVersions[0], nil
	}
	var err error
	if f.version, err = find(aws.ToString(f.cluster.EngineVersion)); err != nil {
		return err
	}
	f.target, err = find(f.wanted())
	return err
}

// groupMissing says whether green's group is named and not there, which a check of
// its own tells.
func (f *facts) groupMissing() bool { return f.in.ClusterParameterGroup != "" && f.group == nil }

// wanted is green's engine version.
func (f *facts) wanted() string {
	if f.in.TargetEngineVersion != "" {
		return f.in.TargetEngineVersion
	}
	return aws.ToString(f.cluster.EngineVersion)
}

func (s *step) readGroups(ctx context.Context, f *facts) error {
	if name := f.in.ClusterParameterGroup; name != "" {
		out, err := s.rds.DescribeDBClusterParameterGroups(ctx, &rds.DescribeDBClusterParameterGroupsInput{DBClusterParameterGroupName: &name})
		switch {
		case err == nil:
			f.group = &out.DBClusterParameterGroups[0]
		case !fault.IsNotFound(err):
			return fault.AWS("look at the cluster parameter group", name, err)
		}
	}
	if name := f.in.InstanceParameterGroup; name != "" {
		out, err := s.rds.DescribeDBParameterGroups(ctx, &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: &name})
		switch {
		case err == nil:
			f.instGroup = &out.DBParameterGroups[0]
		case !fault.IsNotFound(err):
			return fault.AWS("look at the parameter group", name, err)
		}
	}
	return nil
}

func (s *step) readQuotas(ctx context.Context, f *facts) error {
	out, err := s.rds.DescribeAccountAttributes(ctx, &rds.DescribeAccountAttributesInput{})
	if err != nil {
		return fault.AWS("read the quotas of RDS", s.here.Account, err)
	}
	f.quotas = map[string]types.AccountQuota{}
	for _, q := range out.AccountQuotas {
		f.quotas[aws.ToString(q.AccountQuotaName)] = q
	}
	return nil
}

func (s *step) readProxies(ctx context.Context, f *facts) (err error) {
	f.proxies, err = s.proxiesOf(ctx, f.id())
	return err
}

// readNames looks for what has the names that the old members get.
func (s *step) readNames(ctx context.Context, f *facts) error {
	c, err := s.cluster(ctx, aws.ToString(f.cluster.DBClusterIdentifier)+"-old1")
	if err != nil {
		return err
	}
	if c != nil {
		f.taken = append(f.taken, "cluster "+aws.ToString(c.DBClusterIdentifier))
	}
	for _, m := range f.members {
		id := aws.ToString(m.DBInstanceIdentifier) + "-old1"
		_, err := s.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		switch {
		case err == nil:
			f.taken = append(f.taken, "instance "+id)
		case !fault.IsNotFound(err):
			return fault.AWS("look for the instance", id, err)
		}
	}
	return nil
}

func (s *step) readScaling(ctx context.Context, f *facts) (err error) {
	f.scaling, err = refresh.ClusterScaling(ctx, s.Runtime, aws.ToString(f.cluster.DBClusterIdentifier))
	return err
}

// login opens a session on a host, as the master user or as the login.
func (s *step) login(ctx context.Context, set config.MigrateCluster, secret, engine, host string, port int) (*sql.DB, error) {
	cred, err := refresh.ReadSecret(ctx, s.secrets, secret)
	if err != nil {
		return nil, err
	}
	l := dbconn.Login{Engine: engine, Host: host, Port: port, User: cred.User, Password: cred.Password()}
	if engine == dbconn.AuroraPostgres {
		l.Database = set.Database
	}
	db, err := dbconn.Open(ctx, s.Dialer, l)
	if err != nil {
		return nil, fault.New(fault.LoginFailed, "log in with secret "+secret, host,
			"the database's security groups must admit dbferry's functions, and the secret must hold the current password", "%v", err)
	}
	return db, nil
}

// readSQL asks the blue writer.
func (s *step) readSQL(ctx context.Context, f *facts) (out sqlFacts) {
	engine, host, port := aws.ToString(f.cluster.Engine), aws.ToString(f.cluster.Endpoint), int(aws.ToInt32(f.cluster.Port))
	master, err := s.login(ctx, f.set, f.set.MasterSecret, engine, host, port)
	if err != nil {
		out.masterTrouble = err.Error()
	} else {
		defer master.Close()
		if err := readMaster(ctx, master, engine, f.set.Checksums, &out); err != nil {
			out.masterTrouble = err.Error()
		} else if err := s.eachDatabase(ctx, f, master, host, port, &out); err != nil {
			out.masterTrouble = err.Error()
		}
	}
	app, err := s.login(ctx, f.set, f.set.Login.Secret, engine, host, port)
	if err != nil {
		out.loginTrouble = err.Error()
		return out
	}
	defer app.Close()
	if out.loginAdmin, err = admin(ctx, app, engine); err != nil {
		out.loginTrouble = err.Error()
	}
	out.smokeTrouble = smoke(ctx, app, f.set.Smoke)
	if f.set.WayBack != nil && engine == dbconn.AuroraMySQL {
		out.backTrouble = s.replicates(ctx, f.set.WayBack.Secret, engine, host, port)
	}
	return out
}

// replicates says what keeps an account from being one that a replica logs in with.
func (s *step) replicates(ctx context.Context, secret, engine, host string, port int) string {
	db, err := s.login(ctx, config.MigrateCluster{}, secret, engine, host, port)
	if err != nil {
		return err.Error()
	}
	defer db.Close()
	grants, err := texts(ctx, db, "SHOW GRANTS")
	if err != nil {
		return err.Error()
	}
	for _, g := range grants {
		if strings.Contains(g, "REPLICATION SLAVE") || strings.Contains(g, "ALL PRIVILEGES ON *.*") {
			return ""
		}
	}
	return "the account of secret " + secret + " has not REPLICATION SLAVE"
}

// smoke runs queries that must return a row, and tells which did not.
func smoke(ctx context.Context, db *sql.DB, queries []string) (trouble []string) {
	for _, q := range queries {
		rows, err := db.QueryContext(ctx, q)
		if err != nil {
			trouble = append(trouble, fmt.Sprintf("%q failed: %v", q, err))
			continue
		}
		some := rows.Next()
		rows.Close()
		if !some {
			trouble = append(trouble, fmt.Sprintf("%q returned no row", q))
		}
	}
	return trouble
}

// admin says whether read_only does not bind an account.
func admin(ctx context.Context, db *sql.DB, engine string) (bool, error) {
	if engine == dbconn.AuroraPostgres {
		var super bool
		err := db.QueryRowContext(ctx, "SELECT pg_has_role(current_user, 'rds_superuser', 'member') FROM pg_roles WHERE rolname = 'rds_superuser'").Scan(&super)
		if err == sql.ErrNoRows {
			return false, nil
		}
		return super, err
	}
	grants, err := texts(ctx, db, "SHOW GRANTS")
	if err != nil {
		return false, err
	}
	for _, g := range grants {
		for _, strong := range []string{"CONNECTION_ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN", "SUPER", "ALL PRIVILEGES ON *.*", "rds_superuser_role"} {
			if strings.Contains(g, strong) {
				return true, nil
			}
		}
	}
	return false, nil
}

// texts are the first column of a query.
func texts(ctx context.Context, db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out []string
	for rows.Next() {
		row := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, row[0].String)
	}
	return out, rows.Err()
}
