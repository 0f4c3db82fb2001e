package switchover

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
)

// secretsOf are the ARNs of the secrets that a refresh made for the logins of a
// cluster, by user; none for a generation whose passwords were not rotated.
func (s *step) secretsOf(ctx context.Context, refreshID, source string) (map[string]string, error) {
	if !refresh.ValidID(refreshID) {
		return nil, nil
	}
	c, _, err := refresh.ReadCandidate(ctx, s.ledger, refreshID)
	if err != nil {
		return nil, err
	}
	for _, it := range c.Items {
		if it.Kind == refresh.Cluster && it.Source == source {
			return it.Secrets, nil
		}
	}
	return nil, nil
}

// secretOf is the secret with which a login opens a cluster.
func (s *step) secretOf(ctx context.Context, c *rdstypes.DBCluster, source string, l config.Login) (string, error) {
	made, err := s.secretsOf(ctx, refresh.RDSTags(c.TagList)[names.TagRefresh], source)
	if err != nil || made[l.User] == "" {
		return l.Secret, err
	}
	return made[l.User], nil
}

// secretMoves lists which of the proxy's secrets must be another one before it
// can serve a cluster: a proxy logs in with what its secrets say, one a user.
func (s *planSwitch) secretMoves(ctx context.Context, p *Plan, kind MoveKind, proxy, source string, live pointers, made map[string]string) error {
	set, err := s.t.ClusterSettings(source)
	if err != nil {
		return &fault.Error{Name: fault.BadRequest, Op: "plan the secrets of proxy " + proxy, Cause: err}
	}
	for _, l := range set.Logins {
		from, to := "", made[l.User]
		for _, arn := range live.proxies[proxy].secrets {
			if names.IsSecret(arn, l.Secret) || names.IsLoginSecret(arn, s.t.Name, source, l.User) {
				from = arn
			}
		}
		switch {
		case from == "" && to != "":
			return fault.New(fault.BadRequest, "plan the secrets of proxy "+proxy, proxy, "give the proxy the secret "+l.Secret+" once; from then on the switch replaces it",
				"none of its secrets is of the login %s", l.User)
		case from == "" || from == to, to == "" && names.IsSecret(from, l.Secret):
			continue
		case to == "":
			if to, err = s.arnOf(ctx, l.Secret); err != nil {
				return err
			}
		}
		p.Moves = append(p.Moves, Move{Kind: kind, Name: proxy + "/" + l.User, Item: source, From: from, To: to})
	}
	return nil
}

// arnOf is the ARN of a secret; its value is not read.
func (s *step) arnOf(ctx context.Context, secret string) (string, error) {
	out, err := s.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if err != nil {
		return "", fault.AWS("look at the secret", secret, err)
	}
	return aws.ToString(out.ARN), nil
}

// moveSecret converges a proxy's secret of one user on another one. The others,
// and how clients log in, stay what they are.
func (s *step) moveSecret(ctx context.Context, p *Plan, m Move, d Direction) (bool, error) {
	from, to := m.ends(d)
	name := m.proxy()
	now, err := s.describeProxy(ctx, name)
	if err != nil {
		return false, err
	}
	has := secretsIn(now.Auth)
	const next = "look at the proxy in the RDS console; it must be available"
	switch {
	case now.Status != rdstypes.DBProxyStatusAvailable:
		return false, s.tooLong(ctx, p, m, d, proxyPatience, "the proxy is "+string(now.Status), next)
	case replacedIn(has, from, to):
		return true, nil
	case !slices.Contains(has, from):
		return false, foreign("the secrets of proxy "+name, strings.Join(has, ", "), from, to)
	}
	_, err = s.rds.ModifyDBProxy(ctx, &rds.ModifyDBProxyInput{DBProxyName: &name, Auth: replaced(now.Auth, from, to)})
	if fault.HasCode(err, "InvalidDBProxyStateFault") {
		return false, s.tooLong(ctx, p, m, d, proxyPatience, err.Error(), next)
	}
	return false, fault.AWS("replace a secret of proxy "+name, name, err)
}

// secretsIn are the ARNs of a proxy's secrets.
func secretsIn(auth []rdstypes.UserAuthConfigInfo) []string {
	var all []string
	for _, a := range auth {
		all = append(all, aws.ToString(a.SecretArn))
	}
	return all
}

// replacedIn says whether one secret stands in place of another.
func replacedIn(secrets []string, from, to string) bool {
	return slices.Contains(secrets, to) && !slices.Contains(secrets, from)
}

// replaced is how a proxy lets clients in, with one secret in place of another:
// AWS takes the whole list.
func replaced(auth []rdstypes.UserAuthConfigInfo, from, to string) []rdstypes.UserAuthConfig {
	var out []rdstypes.UserAuthConfig
	for _, a := range auth {
		arn := aws.ToString(a.SecretArn)
		if arn == to {
			continue
		}
		if arn == from {
			arn = to
		}
		out = append(out, rdstypes.UserAuthConfig{AuthScheme: a.AuthScheme, ClientPasswordAuthType: a.ClientPasswordAuthType, Description: a.Description,
			IAMAuth: a.IAMAuth, SecretArn: &arn, UserName: a.UserName})
	}
	return out
}
