package switchover

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/refresh"
)

// provePatience is how long a login may be refused or a host may not answer
// before that is believed: proxies and writers that have just become available
// need a moment.
const provePatience = 3 * time.Minute

// door is where a cluster is reached: its own endpoint or a proxy's.
type door struct {
	host   string
	port   int
	engine string
}

// login proves a cluster through a door with the application's own login, and
// runs the smoke queries. A cluster without a login has nothing to be proved by.
func (s *step) login(ctx context.Context, source string, c *rdstypes.DBCluster, at door) error {
	set, err := s.t.ClusterSettings(source)
	if err != nil {
		return &fault.Error{Name: fault.BadRequest, Op: "prove " + source, Cause: err}
	}
	pointer := s.t.Switch.Pointer(source)
	l, ok := set.ProofLogin(pointer.Login)
	if !ok {
		return nil
	}
	secret, err := s.secretOf(ctx, c, source, l)
	if err != nil {
		return err
	}
	cred, err := refresh.ReadSecret(ctx, s.secrets, secret)
	if err != nil {
		return err
	}
	db, err := dbconn.Open(ctx, s.Dialer, dbconn.Login{Engine: at.engine, Host: at.host, Port: at.port, User: cred.User, Password: cred.Password()})
	if err != nil {
		return notYet{fault.New(fault.LoginFailed, "log in to "+source+" as "+l.User, at.host,
			"the door's security groups must admit dbferry's functions; through a proxy one of its secrets must be "+secret, "%v", err)}
	}
	defer db.Close()
	for _, q := range pointer.Smoke {
		rows, err := db.QueryContext(ctx, q)
		if err != nil {
			return fault.New(fault.VerifyFailed, "run a smoke query on "+source, at.host, "correct targets[].switch.clusters[].smoke, or look at the data", "%q failed for %s: %v", q, l.User, err)
		}
		some := rows.Next()
		rows.Close()
		if !some {
			return fault.New(fault.VerifyFailed, "run a smoke query on "+source, at.host, "look at the data before you switch to it", "%q returned no row", q)
		}
	}
	return nil
}

// notYet marks a failure that may pass.
type notYet struct{ error }

func (n notYet) Unwrap() error { return n.error }

// patient turns a failure that may pass into "not done" until its time is over.
func (s *step) patient(since time.Time, err error) (bool, error) {
	var n notYet
	if errors.As(err, &n) && s.Now().Sub(since) < provePatience {
		return false, nil
	}
	return err == nil, err
}

// proxyPort is where RDS Proxy listens, whatever port the database has.
func proxyPort(engine string) int {
	if engine == dbconn.AuroraPostgres {
		return 5432
	}
	return 3306
}

func ownDoor(c *rdstypes.DBCluster) door {
	return door{aws.ToString(c.Endpoint), int(aws.ToInt32(c.Port)), aws.ToString(c.Engine)}
}

func (s *step) proxyDoor(ctx context.Context, name string, c *rdstypes.DBCluster) (door, error) {
	p, err := s.proxy(ctx, name)
	engine := aws.ToString(c.Engine)
	return door{p.endpoint, proxyPort(engine), engine}, err
}

// writerReady says whether a cluster has a writer that is available: a cluster
// is "available" long before (docs/aws.md §4.2).
func (s *step) writerReady(ctx context.Context, c *rdstypes.DBCluster) (bool, error) {
	for _, m := range c.DBClusterMembers {
		if !aws.ToBool(m.IsClusterWriter) {
			continue
		}
		out, err := s.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: m.DBInstanceIdentifier})
		if err != nil {
			return false, fault.AWS("look at the writer", aws.ToString(m.DBInstanceIdentifier), err)
		}
		return aws.ToString(out.DBInstances[0].DBInstanceStatus) == "available", nil
	}
	return false, nil
}
