package rds

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

const unverifiedScope = "resources asked after the Service Authorization Reference, db resources of members left out"

func (s *Service) proxyOps() []awsworld.Op {
	register := row("RegisterDBProxyTargets", s.registerTargets, s.registerResources, "§7.3",
		"clusters only; a second cluster is DBProxyTargetAlreadyRegisteredFault (unverified), a cluster without instances InvalidDBClusterStateFault (unverified); "+
			"times to AVAILABLE are modelled, AWS publishes none; the user rdsproxyadmin is not created; "+unverifiedScope)
	deregister := row("DeregisterDBProxyTargets", s.deregisterTargets, s.deregisterResources, "§7.3",
		"takes effect at once and ends every client session, which AWS does not document; "+unverifiedScope)
	return []awsworld.Op{
		row("DescribeDBProxies", s.describeProxies, s.proxyResources(func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DescribeDBProxiesInput](c).DBProxyName
		}), "§7.3", "no endpoints beyond the default one, no IAM authentication"),
		row("DescribeDBProxyTargetGroups", s.describeTargetGroups, s.groupResources(func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DescribeDBProxyTargetGroupsInput](c).DBProxyName
		}), "§7.3", ""),
		row("DescribeDBProxyTargets", s.describeTargets, s.groupResources(func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DescribeDBProxyTargetsInput](c).DBProxyName
		}), "§7.3", "health is checked anew at most every Timing.Proxy.HealthCheck; a target is AVAILABLE when one of the secrets logs in (which one AWS tries is not documented); "+
			"texts of Description are ours; AWS's sample replies carry no TargetHealth"),
		register, deregister,
		row("ModifyDBProxy", s.modifyProxy, s.modifyProxyResources, "§7.3", "Auth, RoleArn and SecurityGroups; the time in modifying is modelled; open sessions stay"),
	}
}

// findProxy is a proxy by name.
func (s *Service) findProxy(account string, name *string) (*proxy, error) {
	p := s.account(account).proxies[aws.ToString(name)]
	if p == nil {
		return nil, proxyNotFound(aws.ToString(name))
	}
	return p, nil
}

// proxyResources is the proxy that an input names.
func (s *Service) proxyResources(name func(*awsworld.Call) *string) func(*awsworld.Call) []awsworld.Resource {
	return func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{s.atProxy(c, "db-proxy:prx-", name(c))}
	}
}

// groupResources is the proxy and its target group.
func (s *Service) groupResources(name func(*awsworld.Call) *string) func(*awsworld.Call) []awsworld.Resource {
	return func(c *awsworld.Call) []awsworld.Resource { return s.proxyAndGroup(c, name(c)) }
}

func (s *Service) proxyAndGroup(c *awsworld.Call, name *string) []awsworld.Resource {
	return []awsworld.Resource{s.atProxy(c, "db-proxy:prx-", name), s.atProxy(c, "target-group:prx-tg-", name)}
}

// atProxy names a proxy's resource by its id, which is all that an ARN holds;
// one that does not exist is asked as any.
func (s *Service) atProxy(c *awsworld.Call, kind string, name *string) awsworld.Resource {
	r := awsworld.Resource{ARN: s.w.ARN("rds", c.Account.ID, kind+"*"), Owner: c.Account.ID, Kind: iam.NoPolicy}
	if p := s.account(c.Account.ID).proxies[aws.ToString(name)]; p != nil {
		r.ARN, r.Context = s.w.ARN("rds", c.Account.ID, kind+p.id), service.TagContext(p.Tags)
	}
	return r
}

func (s *Service) registerResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[rds.RegisterDBProxyTargetsInput](c)
	return append(s.proxyAndGroup(c, in.DBProxyName), s.targetResources(c, in.DBClusterIdentifiers, in.DBInstanceIdentifiers)...)
}

func (s *Service) deregisterResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[rds.DeregisterDBProxyTargetsInput](c)
	return append(s.proxyAndGroup(c, in.DBProxyName), s.targetResources(c, in.DBClusterIdentifiers, in.DBInstanceIdentifiers)...)
}

func (s *Service) targetResources(c *awsworld.Call, clusters, instances []string) []awsworld.Resource {
	var out []awsworld.Resource
	for _, id := range clusters {
		out = append(out, s.at(c, "cluster", shortID(id)))
	}
	for _, id := range instances {
		out = append(out, s.at(c, "db", shortID(id)))
	}
	return out
}

func (s *Service) modifyProxyResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[rds.ModifyDBProxyInput](c)
	out := []awsworld.Resource{s.atProxy(c, "db-proxy:prx-", in.DBProxyName)}
	if in.RoleArn != nil {
		out = append(out, passRole(*in.RoleArn, c.Account.ID, "rds.amazonaws.com"))
	}
	return out
}

func (s *Service) describeProxies(c *awsworld.Call, in *rds.DescribeDBProxiesInput) (*rds.DescribeDBProxiesOutput, error) {
	if err := service.OnlyFields(c, "DBProxyName", "Marker", "MaxRecords"); err != nil {
		return nil, err
	}
	all := sorted(s.account(c.Account.ID).proxies)
	if in.DBProxyName != nil {
		p, err := s.findProxy(c.Account.ID, in.DBProxyName)
		if err != nil {
			return nil, err
		}
		all = []*proxy{p}
	}
	rows, next, err := page(all, func(p *proxy) string { return p.Name }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBProxiesOutput{Marker: next}
	for _, p := range rows {
		out.DBProxies = append(out.DBProxies, s.proxyView(p))
	}
	return out, nil
}

func (s *Service) describeTargetGroups(c *awsworld.Call, in *rds.DescribeDBProxyTargetGroupsInput) (*rds.DescribeDBProxyTargetGroupsOutput, error) {
	if err := service.OnlyFields(c, "DBProxyName", "TargetGroupName", "MaxRecords"); err != nil {
		return nil, err
	}
	p, err := s.withGroup(c.Account.ID, in.DBProxyName, in.TargetGroupName)
	if err != nil {
		return nil, err
	}
	return &rds.DescribeDBProxyTargetGroupsOutput{TargetGroups: []types.DBProxyTargetGroup{s.targetGroupView(p)}}, nil
}

// withGroup finds a proxy; its target group is always called default.
func (s *Service) withGroup(account string, name, group *string) (*proxy, error) {
	p, err := s.findProxy(account, name)
	if err == nil && group != nil && *group != defaultTargetGroup {
		err = &types.DBProxyTargetGroupNotFoundFault{Message: aws.String(fmt.Sprintf("DB Proxy Target Group %s of proxy %s not found", *group, p.Name))}
	}
	return p, err
}

func (s *Service) modifyProxy(c *awsworld.Call, in *rds.ModifyDBProxyInput) (*rds.ModifyDBProxyOutput, error) {
	if err := service.OnlyFields(c, "DBProxyName", "Auth", "RoleArn", "SecurityGroups"); err != nil {
		return nil, err
	}
	p, err := s.findProxy(c.Account.ID, in.DBProxyName)
	if err != nil {
		return nil, err
	}
	if err := p.mayChange(); err != nil {
		return nil, err
	}
	var secrets []string
	for _, a := range in.Auth {
		if a.AuthScheme != types.AuthSchemeSecrets && a.AuthScheme != "" || a.SecretArn == nil || a.IAMAuth != "" && a.IAMAuth != types.IAMAuthModeDisabled {
			return nil, &awsworld.Unsimulated{Service: "RDS", Operation: "ModifyDBProxy with other authentication than secrets"}
		}
		secrets = append(secrets, *a.SecretArn)
	}
	if err := p.account.checkGroups(in.SecurityGroups, p.vpc); err != nil {
		return nil, err
	}
	p.status = types.DBProxyStatusModifying
	s.w.Kernel.After(s.Timing.Proxy.Modify.draw(s.w), func() { s.proxyModified(p, secrets, in) })
	v := s.proxyView(p)
	return &rds.ModifyDBProxyOutput{DBProxy: &v}, nil
}

func (s *Service) proxyModified(p *proxy, secrets []string, in *rds.ModifyDBProxyInput) {
	if len(secrets) > 0 {
		p.Secrets = secrets
	}
	if in.RoleArn != nil {
		p.RoleARN = *in.RoleArn
	}
	if len(in.SecurityGroups) > 0 {
		p.SecurityGroups = in.SecurityGroups
	}
	p.status, p.updated = types.DBProxyStatusAvailable, s.w.Now()
	p.stale()
	s.emit(p.account.id, s.proxyARN(p), event{"RDS-EVENT-0204", "configuration change", "RDS modified DB proxy " + p.Name + "."})
}

// mayChange: a proxy takes changes only while it is available.
func (p *proxy) mayChange() error {
	if p.status == types.DBProxyStatusAvailable {
		return nil
	}
	return &types.InvalidDBProxyStateFault{Message: aws.String(fmt.Sprintf("DB Proxy %s is in an unsupported state - %s, needs to be in [available]", p.Name, p.status))}
}
