package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

// provePatience covers DNS, which leads to the new writer some 35 s after the
// switchover (docs/migration.md §1.12).
const provePatience = 5 * time.Minute

type proveSwitchover struct{ *step }

// NewProveSwitchover builds prove-switchover: the cluster of production's name
// is green by its resource id and has its version; through the cluster's
// endpoint and every proxy the login is answered by a server that can be
// written; and what Blue/Green loses is put back.
func NewProveSwitchover(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &proveSwitchover{base}
	return s.watching(s.do), nil
}

func (s *proveSwitchover) do(ctx context.Context, h *held) (time.Duration, error) {
	if h.Phase != Switched {
		return 0, nil
	}
	c, err := s.mustCluster(ctx, h.Plan.Cluster)
	if err != nil {
		return 0, err
	}
	if err := s.isGreen(h, c); err != nil {
		return 0, err
	}
	proofs, wait, err := s.everyDoor(ctx, h, c, h.SwitchedAt)
	if err != nil || wait > 0 {
		return wait, err
	}
	if done, err := s.putBack(ctx, h, c); err != nil || !done {
		return lookEvery, err
	}
	h.Phase = Proved
	if err := s.testify(ctx, &h.Migration, "proved", map[string]any{"resourceId": h.Green.ResourceID, "version": aws.ToString(c.EngineVersion), "doors": proofs,
		"roles": h.Plan.Carry.Roles, "scaling": h.Plan.Carry.Scaling}); err != nil {
		return 0, err
	}
	return 0, s.save(ctx, h)
}

// isGreen compares what AWS says.
func (s *proveSwitchover) isGreen(h *held, c *types.DBCluster) error {
	no := func(what, is, wanted string) error {
		return fault.New(fault.VerifyFailed, "prove the switchover", h.Plan.Cluster, "look at both clusters in the RDS console; docs/migrate.md has the steps", "the %s is %q, not %q", what, is, wanted)
	}
	switch {
	case aws.ToString(c.DbClusterResourceId) != h.Green.ResourceID:
		return no("resource id", aws.ToString(c.DbClusterResourceId), h.Green.ResourceID)
	case aws.ToString(c.EngineVersion) != h.Plan.To.Engine:
		return no("engine version", aws.ToString(c.EngineVersion), h.Plan.To.Engine)
	case aws.ToString(c.ReplicationSourceIdentifier) != "":
		return no("replication source", aws.ToString(c.ReplicationSourceIdentifier), "")
	}
	return nil
}

// door is where applications come in.
type door struct {
	name, host string
	port       int
}

func (s *step) doors(ctx context.Context, h *held, c *types.DBCluster) ([]door, error) {
	out := []door{{"cluster endpoint", aws.ToString(c.Endpoint), int(aws.ToInt32(c.Port))}}
	for _, name := range h.Plan.Proxies {
		p, err := s.rds.DescribeDBProxies(ctx, &rds.DescribeDBProxiesInput{DBProxyName: &name})
		if err != nil {
			return nil, fault.AWS("look at the proxy", name, err)
		}
		port := 3306
		if h.Plan.Engine == dbconn.AuroraPostgres {
			port = 5432
		}
		out = append(out, door{"proxy " + name, aws.ToString(p.DBProxies[0].Endpoint), port})
	}
	return out, nil
}

// everyDoor proves each; one that does not lead to the right server yet is waited
// for, as long as DNS may take since the names have changed.
func (s *step) everyDoor(ctx context.Context, h *held, c *types.DBCluster, since time.Time) (proofs map[string]string, wait time.Duration, err error) {
	doors, err := s.doors(ctx, h, c)
	if err != nil {
		return nil, 0, err
	}
	proofs = map[string]string{}
	for _, d := range doors {
		proof, err := s.through(ctx, h, d)
		switch {
		case err != nil && s.Now().Sub(since) < provePatience:
			return nil, lookEvery, nil
		case err != nil:
			return nil, 0, err
		}
		proofs[d.name] = proof
	}
	return proofs, 0, nil
}

// through logs in by a door as the application does. The cluster that does not
// serve is read-only, or in quarantine, so that a door that leads to a writable
// server leads to the one that does.
func (s *step) through(ctx context.Context, h *held, d door) (string, error) {
	set, err := s.conf.Cluster(h.Plan.Cluster)
	if err != nil {
		return "", &fault.Error{Name: fault.BadRequest, Op: "prove the switchover", Cause: err}
	}
	db, err := s.login(ctx, set, set.Login.Secret, h.Plan.Engine, d.host, d.port)
	if err != nil {
		return "", err
	}
	defer db.Close()
	no := func(format string, args ...any) error {
		return fault.New(fault.VerifyFailed, "prove the "+d.name, d.host, "look at where it leads; applications that use it may not be able to write", format, args...)
	}
	flags, err := readOnlyFlags(ctx, db, h.Plan.Engine)
	if err != nil {
		return "", no("%v", err)
	}
	if flags != "" {
		return "", no("it leads to a server that cannot be written: %s", flags)
	}
	if trouble := smoke(ctx, db, set.Smoke); len(trouble) > 0 {
		return "", no("%s", strings.Join(trouble, "; "))
	}
	proof := fmt.Sprintf("writable, %d smoke queries", len(set.Smoke))
	if set.WriteProof == "" {
		return proof, nil
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return "", no("%v", err)
	}
	_, err = tx.ExecContext(ctx, set.WriteProof)
	if e := tx.Rollback(); err == nil {
		err = e
	}
	if err != nil {
		return "", no("the write that would have been rolled back failed: %v", err)
	}
	return proof + ", a write rolled back", nil
}

// readOnlyFlags are those that are set; empty when the server can be written.
func readOnlyFlags(ctx context.Context, db *sql.DB, engine string) (string, error) {
	if engine == dbconn.AuroraPostgres {
		var recovery, readOnly string
		if err := db.QueryRowContext(ctx, "SELECT pg_is_in_recovery()::text, current_setting('transaction_read_only')").Scan(&recovery, &readOnly); err != nil {
			return "", err
		}
		if recovery == "true" || readOnly == "on" {
			return "in recovery " + recovery + ", read-only " + readOnly, nil
		}
		return "", nil
	}
	var innodb, readOnly string
	if err := db.QueryRowContext(ctx, "SELECT @@global.innodb_read_only, @@global.read_only").Scan(&innodb, &readOnly); err != nil {
		return "", err
	}
	if innodb != "0" || readOnly != "0" {
		return "innodb_read_only " + innodb + ", read_only " + readOnly, nil
	}
	return "", nil
}

// putBack adds the roles and the replica auto scaling that AWS does not take
// along (docs/migration.md §1.11).
func (s *proveSwitchover) putBack(ctx context.Context, h *held, c *types.DBCluster) (bool, error) {
	for _, want := range h.Plan.Carry.Roles {
		there := false
		for _, r := range c.AssociatedRoles {
			there = there || aws.ToString(r.RoleArn) == want.ARN && aws.ToString(r.FeatureName) == want.Feature
		}
		if there {
			continue
		}
		in := &rds.AddRoleToDBClusterInput{DBClusterIdentifier: &h.Plan.Cluster, RoleArn: &want.ARN}
		if want.Feature != "" {
			in.FeatureName = &want.Feature
		}
		if _, err := s.rds.AddRoleToDBCluster(ctx, in); err != nil && !fault.HasCode(err, "DBClusterRoleAlreadyExists") {
			if fault.HasCode(err, "InvalidDBClusterStateFault") && s.Now().Sub(h.SwitchedAt) < provePatience {
				return false, nil
			}
			return false, fault.AWS("add the role "+want.ARN+" again", h.Plan.Cluster, err)
		}
	}
	if len(h.Plan.Carry.Scaling) == 0 {
		return true, nil
	}
	return refresh.PutClusterScaling(ctx, s.Runtime, h.Plan.Cluster, h.Plan.Carry.Scaling)
}
