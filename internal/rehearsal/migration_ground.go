package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/logs"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

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
		prepare := []string{"CALL mysql.rds_set_configuration('binlog retention hours', 24)"}
		if b := set.WayBack; b != nil {
			name := sqlserver.QuoteName(server.Engine(), b.User) + "@'%'"
			prepare = append(prepare, fmt.Sprintf("CREATE USER %s IDENTIFIED BY '%s'", name, ground.ReplicationPassword), "GRANT REPLICATION SLAVE ON *.* TO "+name)
		}
		err = execAll(ctx, db, prepare)
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
	s.rds.ProxiesBlock = sc.ProxiesBlock
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

// registerLate registers a proxy with the cluster when green is there already,
// which AWS's guardrails answer with a refusal.
func (s *stage) registerLate(cluster string) error {
	set, err := s.config.Production.Migrate.Cluster(cluster)
	if err != nil {
		return err
	}
	return s.putProductionProxy(s.groundCluster(cluster), set)
}

// auditGroup is the log group of a cluster's audit log, which has its name.
func (s *stage) auditGroup(account, name string) ([]logs.Event, bool) {
	id, ok := strings.CutPrefix(name, "/aws/rds/cluster/")
	if !ok {
		return nil, false
	}
	if id, ok = strings.CutSuffix(id, "/audit"); !ok {
		return nil, false
	}
	records, found := s.rds.AuditRecords(account, id)
	var out []logs.Event
	for _, r := range records {
		out = append(out, logs.Event{Stream: r.Instance, Text: r.Text, At: r.At})
	}
	return out, found
}
