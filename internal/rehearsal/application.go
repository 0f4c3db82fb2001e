package rehearsal

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/route53"
	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/ssm"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/names"
)

// Roles of the application in a target; they are the user's, not dbferry's.
const (
	proxyRole     = "shop-proxies"
	executionRole = "shop-execution"
	taskRole      = "shop-task"
)

// site is a target with the application that its ground describes.
type site struct {
	target config.Target
	app    *ground.Application
}

// applications are the targets that have an application, in the configuration's order.
func (s *stage) applications() []site {
	var out []site
	for _, t := range s.config.Targets {
		if a := s.ground.Account(t.Account); a != nil && a.Application != nil {
			out = append(out, site{t, a.Application})
		}
	}
	return out
}

// setApplications puts what the applications use into the targets.
func (s *stage) setApplications() error {
	s.rds.Names = func(vpc, host string) string { return s.route53.Resolver(vpc).Canonical(host) }
	for _, x := range s.applications() {
		for _, step := range []func(site) error{s.putRoles, s.putGenerations, s.putProxies, s.putRecords, s.putParameters, s.putHooks} {
			if err := step(x); err != nil {
				return fmt.Errorf("ground, application of %s: %w", x.target.Name, err)
			}
		}
	}
	return nil
}

// putRoles makes the roles that an application of this kind has.
func (s *stage) putRoles(x site) error {
	p := s.config.Place(x.target)
	allow := func(action, resource string) string {
		return fmt.Sprintf(`{"Effect":"Allow","Action":%q,"Resource":%q}`, action, resource)
	}
	secrets := allow("secretsmanager:GetSecretValue", s.w.ARN("secretsmanager", p.Account, "secret:*"))
	parameters := allow("ssm:GetParameters", s.w.ARN("ssm", p.Account, "parameter/*"))
	tables := s.w.ARN("dynamodb", p.Account, "table/*")
	for _, r := range []struct{ name, service, statements string }{
		{proxyRole, "rds.amazonaws.com", secrets},
		{executionRole, "ecs-tasks.amazonaws.com", parameters + "," + secrets},
		{taskRole, "ecs-tasks.amazonaws.com", allow("dynamodb:GetItem", tables) + "," + allow("dynamodb:Query", tables) + "," + secrets},
	} {
		if err := s.putUserRole(p.Account, r.name, r.service, r.statements); err != nil {
			return err
		}
	}
	return nil
}

// putUserRole makes a role of the user's for a service.
func (s *stage) putUserRole(account, name, principal, statements string) error {
	trust, err := service.Policy("trust of "+name, account, []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"`+principal+`"},"Action":"sts:AssumeRole"}]}`))
	if err != nil {
		return err
	}
	may, err := service.Policy("policy of "+name, account, []byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`))
	if err != nil {
		return err
	}
	s.w.Account(account).PutRole(&awsworld.Role{ARN: "arn:aws:iam::" + account + ":role/" + name, Name: name, Account: account, Trust: *trust, Policies: []iam.Policy{*may}})
	return nil
}

// generationTags are the tags that a refresh leaves on what it restored.
func generationTags(target, refreshID, source string) map[string]string {
	return map[string]string{names.TagOwner: names.Prefix, names.TagRefresh: refreshID, names.TagSource: source, names.TagTarget: target}
}

// putGenerations makes the clusters and tables of earlier refreshes.
func (s *stage) putGenerations(x site) error {
	key, err := s.kms.PutKey(x.target.Account, kms.KeySpec{Aliases: []string{"alias/" + x.target.Name + "-databases"}, Description: "storage of earlier generations"})
	if err != nil {
		return err
	}
	for _, g := range x.app.Generations {
		for _, c := range s.ground.Clusters {
			if slices.Contains(g.Clusters, c.ID) {
				if err := s.putGenerationCluster(x.target, g.RefreshID, key, c); err != nil {
					return err
				}
				if err := s.putLoginSecrets(x.target, g, c.ID); err != nil {
					return err
				}
			}
		}
		for _, t := range s.ground.Tables {
			if slices.Contains(g.Tables, t.Name) {
				if err := s.putGenerationTable(x.target, g.RefreshID, t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *stage) putGenerationCluster(t config.Target, refreshID, key string, c ground.Cluster) error {
	set, err := t.ClusterSettings(c.ID)
	if err != nil {
		return err
	}
	master, err := s.loginOf(t.Account, set.MasterSecret)
	if err != nil {
		return err
	}
	id, tags := names.RestoredCluster(c.ID, refreshID), generationTags(t.Name, refreshID, c.ID)
	spec := rds.ClusterSpec{
		ID: id, Engine: c.Engine, EngineVersion: c.EngineVersion, MasterUser: master.Username, MasterPassword: master.Password, KeyARN: key,
		SubnetGroup: t.Network.DBSubnetGroup, SecurityGroups: t.Network.DatabaseSecurityGroups, ParameterGroup: set.ParameterGroup,
		Tags: tags, VolumeBytes: c.VolumeGB * 1_000_000_000, DeletionProtection: set.DeletionProtection,
	}
	if a := c.Settings.Serverless; a != nil {
		spec.Serverless = rds.Scaling{Min: a.Min, Max: a.Max, AutoPause: a.AutoPause}
	}
	if err := s.rds.PutCluster(t.Account, spec); err != nil {
		return err
	}
	for n := 1; n <= set.Instances; n++ {
		spec := rds.InstanceSpec{ID: names.RestoredInstance(id, n), Cluster: id, Class: c.InstanceClass, ParameterGroup: set.InstanceParameterGroup, Tags: tags}
		if set.InstanceClass != "" {
			spec.Class = set.InstanceClass
		}
		if err := s.rds.PutInstance(t.Account, spec); err != nil {
			return err
		}
	}
	return nil
}

// rotated are the logins of a cluster that have a secret of a generation.
func rotated(t config.Target, g ground.Generation, cluster string) []config.Login {
	set, err := t.ClusterSettings(cluster)
	if err != nil || !g.Rotated {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(set.Logins), func(l config.Login) bool { return !l.Rotates() })
}

func (s *stage) putLoginSecrets(t config.Target, g ground.Generation, cluster string) error {
	for _, l := range rotated(t, g, cluster) {
		value, err := json.Marshal(map[string]string{"username": l.User, "password": s.w.Hex(24)})
		if err != nil {
			return err
		}
		spec := secretsmanager.SecretSpec{Name: names.LoginSecret(t.Name, cluster, g.RefreshID, l.User), Value: string(value), Tags: generationTags(t.Name, g.RefreshID, cluster)}
		if _, err := s.secrets.PutSecret(t.Account, spec); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) putGenerationTable(t config.Target, refreshID string, table ground.Table) error {
	spec := dynamodb.TableSpec{
		Name: names.RestoredTable(table.Name, refreshID), Hash: cartKey, TTLAttribute: table.TTLAttribute, Tags: generationTags(t.Name, refreshID, table.Name),
		DeletionProtection: t.TableSettings(table.Name).DeletionProtection, Stream: types.StreamViewType(table.Settings.Stream),
	}
	for i := range table.Items {
		spec.Items = append(spec.Items, cart(cartID(i), i))
	}
	return s.dynamodb.PutTable(t.Account, spec)
}

// credentials are what a database secret holds.
type credentials struct{ Username, Password string }

func (s *stage) loginOf(account, secret string) (credentials, error) {
	value, ok := s.secrets.Value(account, secret)
	var l credentials
	if !ok || json.Unmarshal([]byte(value), &l) != nil {
		return l, fmt.Errorf("secret %s is not there, or not one of a database", secret)
	}
	return l, nil
}

func (s *stage) putProxies(x site) error {
	p := s.config.Place(x.target)
	for _, g := range x.app.Proxies {
		spec := rds.ProxySpec{
			Name: g.Name, Family: rds.FamilyMySQL, RoleARN: p.RoleARN(proxyRole), Subnets: g.Subnets, SecurityGroups: g.Groups, Cluster: g.Cluster,
			Tags: map[string]string{"team": "shop"},
		}
		if g.Engine == rds.AuroraPostgreSQL {
			spec.Family = rds.FamilyPostgreSQL
		}
		for _, name := range g.Secrets {
			arn, ok := s.secrets.ARN(p.Account, name)
			if !ok {
				return fmt.Errorf("proxy %s: there is no secret %s", g.Name, name)
			}
			spec.Secrets = append(spec.Secrets, arn)
		}
		if err := s.rds.PutProxy(p.Account, spec); err != nil {
			return err
		}
	}
	return nil
}

// resolve fills a value of an application with what only the simulated AWS knows.
func (s *stage) resolve(account, value string) (string, error) {
	return config.Fill(value, func(r config.Reference) (string, error) {
		found, ok := "", false
		switch r.What {
		case ground.AskProxy:
			found, _, ok = s.rds.ProxyEndpoint(account, r.Item)
		case ground.AskCluster:
			found, _, ok = s.rds.ClusterEndpoints(account, r.Item)
		case ground.AskReader:
			_, found, ok = s.rds.ClusterEndpoints(account, r.Item)
		case ground.AskSecret:
			found, ok = s.secrets.ARN(account, r.Item)
		case ground.AskStream:
			found, ok = s.dynamodb.StreamARN(account, r.Item)
		}
		if !ok {
			return "", fmt.Errorf("%q: account %s has no %s %s", value, account, r.What, r.Item)
		}
		return found, nil
	})
}

func (s *stage) putRecords(x site) error {
	for _, z := range x.app.Zones {
		var records []route53.Record
		for _, r := range z.Records {
			host, err := s.resolve(x.target.Account, r.Value)
			if err != nil {
				return err
			}
			records = append(records, route53.Record{Name: r.Name, Type: "CNAME", TTL: r.TTL, Values: []string{host}})
		}
		if err := s.route53.PutZone(x.target.Account, route53.Zone{ID: z.ID, Name: z.Name, VPCs: []string{z.VPC}}, records...); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) putParameters(x site) error {
	for _, p := range x.app.Parameters {
		value, err := s.resolve(x.target.Account, p.Value)
		if err != nil {
			return err
		}
		if err := s.ssm.PutParameter(x.target.Account, ssm.ParameterSpec{Name: p.Name, Value: value, Tags: map[string]string{"team": "shop"}}); err != nil {
			return err
		}
	}
	return nil
}

// fillGenerations gives the clusters of earlier generations the sample and the
// target's own users.
func (s *stage) fillGenerations(ctx context.Context) error {
	for _, x := range s.applications() {
		for _, g := range x.app.Generations {
			for _, c := range s.ground.Clusters {
				if !slices.Contains(g.Clusters, c.ID) {
					continue
				}
				if err := s.fillGeneration(ctx, x.target, g, c); err != nil {
					return fmt.Errorf("data of %s: %w", names.RestoredCluster(c.ID, g.RefreshID), err)
				}
			}
		}
	}
	return nil
}

// fillGeneration works as the target's master user on what a refresh would have
// left there: the data set's data, and the target's own users.
func (s *stage) fillGeneration(ctx context.Context, t config.Target, g ground.Generation, c ground.Cluster) error {
	set, err := t.ClusterSettings(c.ID)
	if err != nil {
		return err
	}
	master, err := s.loginOf(t.Account, set.MasterSecret)
	if err != nil {
		return err
	}
	c.Master, c.Users, c.SQL = ground.User{Name: master.Username, Password: master.Password}, nil, nil
	for _, l := range set.Logins {
		secret := l.Secret
		if slices.ContainsFunc(rotated(t, g, c.ID), func(r config.Login) bool { return r.User == l.User }) {
			secret = names.LoginSecret(t.Name, c.ID, g.RefreshID, l.User)
		}
		own, err := s.loginOf(t.Account, secret)
		if err != nil {
			return err
		}
		c.Users = append(c.Users, ground.User{Name: l.User, Password: own.Password})
	}
	server, err := s.databases.server(t.Account + "/" + names.RestoredCluster(c.ID, g.RefreshID))
	if err != nil {
		return err
	}
	return s.fillOne(ctx, server, c)
}
