package refresh

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// Credentials is the fact that reset-credentials leaves: names, never values.
type Credentials struct {
	Proved []string `json:"proved"` // accounts that logged in with the target's secret
	Locked []string `json:"locked"` // accounts that can no longer log in

	// Secrets are the ARNs of those that this refresh made, by user.
	Secrets map[string]string `json:"secrets,omitempty"`
}

type resetCredentials struct {
	clusterStep
	secrets *secretsmanager.Client
}

// NewResetCredentials builds reset-credentials: while the cluster is still in
// quarantine, every account gets the target's own password or is locked, and
// each password is proved by logging in.
func NewResetCredentials(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newClusterStep(rt)
	s := &resetCredentials{clusterStep: base, secrets: secretsmanager.NewFromConfig(rt.AWS)}
	return s.perItem(s.do), err
}

// access is what the step needs to log in.
type access struct {
	login  dbconn.Login // the master user's
	master credential
	users  map[string]credential // by user name
	made   map[string]string     // ARNs of the secrets that this refresh made, by user name
}

// kept is what an account of this name logs in with from now on. A MySQL master
// user may have more hosts than the one that RDS looks after.
func (a access) kept(user string) (credential, bool) {
	if user == a.master.User {
		return a.master, true
	}
	cred, ok := a.users[user]
	return cred, ok
}

func (s *resetCredentials) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	it, err := s.item(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	set, err := s.t.ClusterSettings(in.Item.ID)
	if err != nil {
		return converge.Answer{}, nil, &fault.Error{Name: fault.BadRequest, Op: "reset credentials", Cause: err}
	}
	c, err := s.restored(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	acc, err := s.access(ctx, in, set, it, c)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	db, err := dbconn.Open(ctx, s.Dialer, acc.login)
	if dbconn.IsAuth(err) {
		a, err := s.setMaster(ctx, in, c, acc.master)
		return a, nil, err
	}
	if err != nil {
		return s.unreachable(in, c, err)
	}
	defer db.Close()
	fact, err := s.setAll(ctx, db, acc)
	return converge.DoneNow(), fact, err
}

// access reads all secrets, and makes those of the generation, before the
// database is changed.
func (s *resetCredentials) access(ctx context.Context, in ItemInput, set config.ClusterSettings, it ManifestItem, c *rdstypes.DBCluster) (access, error) {
	master, err := readSecret(ctx, s.secrets, set.MasterSecret)
	if err != nil {
		return access{}, err
	}
	if err := master.usableMaster(set.MasterSecret, it.Settings.Cluster.MasterUser); err != nil {
		return access{}, err
	}
	acc := access{master: master, users: map[string]credential{}, made: map[string]string{}, login: dbconn.Login{
		Engine: it.Settings.Cluster.Engine, Host: aws.ToString(c.Endpoint), Port: int(aws.ToInt32(c.Port)), User: master.User, Password: master.password,
	}}
	for _, l := range set.Logins {
		cred, err := readSecret(ctx, s.secrets, l.Secret)
		if err != nil {
			return access{}, err
		}
		if cred.User != l.User {
			return access{}, fault.New(fault.LoginFailed, "use the secret", l.Secret, "correct the secret or logins in dbferry.json", "it is for user %q, not for %q", cred.User, l.User)
		}
		acc.users[l.User] = cred
	}
	for _, l := range set.Logins {
		if !l.Rotates() {
			continue
		}
		arn, cred, err := s.rotated(ctx, in, l)
		if err != nil {
			return access{}, err
		}
		acc.users[l.User], acc.made[l.User] = cred, arn
	}
	return acc, nil
}

// passwordRequest is when the master password was last asked to be set.
type passwordRequest struct {
	At    time.Time `json:"at"`
	Times int       `json:"times"`
}

// How long RDS is given to apply a password, and how often it is asked. RDS
// applies it asynchronously and publishes no time; a status of "available"
// proves nothing, only a login does.
const (
	passwordPatience = 5 * time.Minute
	passwordAttempts = 6
)

func (s *resetCredentials) setMaster(ctx context.Context, in ItemInput, c *rdstypes.DBCluster, master credential) (converge.Answer, error) {
	key := intentKey(in.RefreshID, in.Item.Kind, in.Item.ID, s.Function)
	var req passwordRequest
	if _, _, err := s.ledger.Get(ctx, key, &req); err != nil {
		return converge.Answer{}, err
	}
	id := aws.ToString(c.DBClusterIdentifier)
	switch {
	case aws.ToString(c.Status) != "available", !req.At.IsZero() && s.Now().Sub(req.At) < passwordPatience:
		return quickWait, nil
	case req.Times >= passwordAttempts:
		return converge.Answer{}, fault.New(fault.LoginFailed, "replace the master password of "+id, id,
			"look at the cluster's events; try the secret's password by hand from inside the VPC, then continue with resume", "RDS was asked %d times and the login is still refused", req.Times)
	}
	if err := s.ledger.Put(ctx, key, passwordRequest{At: s.Now().UTC(), Times: req.Times + 1}); err != nil {
		return converge.Answer{}, err
	}
	_, err := s.rds.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: &id, MasterUserPassword: &master.password, ApplyImmediately: aws.Bool(true)})
	if err != nil && !fault.HasCode(err, "InvalidDBClusterStateFault") {
		return converge.Answer{}, fault.AWS("replace the master password", id, err)
	}
	return quickWait, nil
}

// unreachable waits a while for a database that does not answer: a writer that
// has just become available may not take connections yet.
func (s *resetCredentials) unreachable(in ItemInput, c *rdstypes.DBCluster, cause error) (converge.Answer, any, error) {
	if s.Now().UnixMilli() < in.Deadline {
		s.Log.Warn("database does not answer", "cluster", aws.ToString(c.DBClusterIdentifier), "err", cause.Error())
		return converge.Answer{Status: converge.Waiting, WaitSeconds: 30}, nil, nil
	}
	return converge.Answer{}, nil, fault.New(fault.LoginFailed, "reach the restored cluster", aws.ToString(c.Endpoint),
		"check that the quarantine group admits the functions' group and that the function subnets route to the DB subnets", "%v", cause)
}

// setAll gives every listed user its password and locks everybody else; then it
// proves both.
func (s *resetCredentials) setAll(ctx context.Context, db *sql.DB, acc access) (Credentials, error) {
	accounts := dbconn.AccountsOf(acc.login.Engine, db)
	all, err := accounts.List(ctx)
	if err != nil {
		return Credentials{}, s.databaseError("list the accounts", acc, err)
	}
	fact := Credentials{Proved: []string{acc.master.User}, Locked: []string{}, Secrets: acc.made}
	for _, a := range all {
		if a.User == acc.master.User && (a.Host == "" || a.Host == "%") {
			continue // RDS has set it
		}
		cred, keep := acc.kept(a.User)
		if keep {
			err = accounts.SetPassword(ctx, a, cred.password)
		} else {
			fact.Locked = append(fact.Locked, a.String())
			err = accounts.Lock(ctx, a)
		}
		if err != nil {
			return Credentials{}, s.databaseError("secure the accounts", acc, err)
		}
	}
	if err := s.prove(ctx, accounts, acc, &fact); err != nil {
		return Credentials{}, err
	}
	return fact, nil
}

func (s *resetCredentials) prove(ctx context.Context, accounts dbconn.Accounts, acc access, fact *Credentials) error {
	for _, user := range slices.Sorted(maps.Keys(acc.users)) {
		login := acc.login
		login.User, login.Password = user, acc.users[user].password
		db, err := dbconn.Open(ctx, s.Dialer, login)
		if err != nil && !dbconn.IsForbidden(err) {
			return fault.New(fault.LoginFailed, "log in as "+user, login.Host, "does the user exist in production, and may it log in from the functions' subnets?", "%v", err)
		}
		if err == nil {
			db.Close()
		}
		fact.Proved = append(fact.Proved, user)
	}
	left, err := accounts.List(ctx)
	if err != nil {
		return s.databaseError("list the accounts", acc, err)
	}
	for _, a := range left {
		if _, keep := acc.kept(a.User); !keep {
			return fault.New(fault.LoginFailed, "lock every other account", acc.login.Host, "lock it by hand and continue with resume", "%s can still log in", a)
		}
	}
	return nil
}

func (s *resetCredentials) databaseError(op string, acc access, err error) error {
	return fault.New(fault.LoginFailed, op, acc.login.Host, "the master user needs CREATE USER on Aurora MySQL; on Aurora PostgreSQL CREATEROLE and, from version 16 on, ADMIN OPTION on every role that can log in", "%v", err)
}
