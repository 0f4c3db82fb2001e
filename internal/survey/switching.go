package survey

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/fault"
)

// switching are the questions about what a switch moves.
func (v *visit) switching() []question {
	var out []question
	s := v.f.Target.Switch
	if s == nil {
		return nil
	}
	for _, c := range s.Clusters {
		if len(c.Proxies) > 0 {
			out = []question{{check.FromProxies, "RDS", v.proxies}}
		}
	}
	if len(s.Parameters) > 0 {
		out = append(out, question{check.FromParameters, check.ParameterAPI, v.parameters})
	}
	if len(s.Records) > 0 {
		out = append(out, question{check.FromRecords, check.RecordAPI, v.records})
	}
	if len(s.Services) > 0 {
		out = append(out, question{check.FromServices, check.ServiceAPI, v.services})
	}
	return out
}

func (v *visit) proxies(ctx context.Context) error {
	v.f.Proxies = map[string]check.ProxyFacts{}
	for _, c := range v.f.Target.Switch.Clusters {
		for _, name := range c.Proxies {
			p, err := v.proxy(ctx, name)
			if err != nil {
				return err
			}
			v.f.Proxies[name] = p
		}
	}
	return nil
}

func (v *visit) proxy(ctx context.Context, name string) (check.ProxyFacts, error) {
	out, err := v.rds.DescribeDBProxies(ctx, &rds.DescribeDBProxiesInput{DBProxyName: &name})
	if fault.IsNotFound(err) {
		return check.ProxyFacts{Missing: true}, nil
	}
	if err != nil {
		return check.ProxyFacts{}, fault.AWS("look at the proxy", name, err)
	}
	d := out.DBProxies[0]
	p := check.ProxyFacts{Endpoint: aws.ToString(d.Endpoint), Status: string(d.Status), Family: aws.ToString(d.EngineFamily), VPC: aws.ToString(d.VpcId), Groups: d.VpcSecurityGroupIds}
	for _, a := range d.Auth {
		p.Secrets = append(p.Secrets, aws.ToString(a.SecretArn))
	}
	groups, err := v.rds.DescribeDBProxyTargetGroups(ctx, &rds.DescribeDBProxyTargetGroupsInput{DBProxyName: &name})
	if err != nil {
		return p, fault.AWS("look at the target groups of the proxy", name, err)
	}
	for _, g := range groups.TargetGroups {
		p.TargetGroups = append(p.TargetGroups, aws.ToString(g.TargetGroupName))
	}
	targets, err := v.rds.DescribeDBProxyTargets(ctx, &rds.DescribeDBProxyTargetsInput{DBProxyName: &name})
	if err != nil {
		return p, fault.AWS("look at the targets of the proxy", name, err)
	}
	for _, t := range targets.Targets {
		if t.Type == rdstypes.TargetTypeTrackedCluster {
			p.Cluster = aws.ToString(t.RdsResourceId)
		} else if t.TrackedClusterId == nil {
			p.Instances = append(p.Instances, aws.ToString(t.RdsResourceId))
		}
	}
	return p, nil
}

func (v *visit) parameters(ctx context.Context) error {
	v.f.Parameters = map[string]check.ParameterFacts{}
	for _, p := range v.f.Target.Switch.Parameters {
		out, err := v.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &p.Name})
		switch {
		case fault.HasCode(err, "ParameterNotFound"):
			v.f.Parameters[p.Name] = check.ParameterFacts{Missing: true}
		case err != nil:
			return fault.AWS("look for the parameter", p.Name, err)
		default:
			v.f.Parameters[p.Name] = check.ParameterFacts{Type: string(out.Parameter.Type)}
		}
	}
	return nil
}

func (v *visit) records(ctx context.Context) error {
	v.f.Records = map[string]check.RecordFacts{}
	for _, r := range v.f.Target.Switch.Records {
		out, err := v.dns.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &r.Zone, StartRecordName: &r.Name, MaxItems: aws.Int32(5)})
		found := check.RecordFacts{NoZone: fault.HasCode(err, "NoSuchHostedZone")}
		if err != nil && !found.NoZone {
			return fault.AWS("look for the record", r.Name, err)
		}
		if err == nil {
			for _, set := range out.ResourceRecordSets {
				if strings.EqualFold(strings.TrimSuffix(aws.ToString(set.Name), "."), strings.TrimSuffix(r.Name, ".")) {
					found.Types = append(found.Types, string(set.Type))
					found.Plain = set.SetIdentifier == nil && set.AliasTarget == nil && len(set.ResourceRecords) == 1
				}
			}
		}
		v.f.Records[r.Zone+"/"+r.Name] = found
	}
	return nil
}

func (v *visit) services(ctx context.Context) error {
	v.f.Services = map[string]check.ServiceFacts{}
	for _, s := range v.f.Target.Switch.Services {
		out, err := v.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &s.Cluster, Services: []string{s.Service}})
		found := check.ServiceFacts{}
		if err != nil && !fault.HasCode(err, "ClusterNotFoundException") {
			return fault.AWS("look for the service", s.Service, err)
		}
		if err == nil && len(out.Services) == 1 {
			d := out.Services[0]
			found.Status = aws.ToString(d.Status)
			if d.DeploymentController != nil {
				found.Controller = string(d.DeploymentController.Type)
			}
			if c := d.DeploymentConfiguration; c != nil && c.DeploymentCircuitBreaker != nil {
				found.Breaker = c.DeploymentCircuitBreaker.Enable
			}
		}
		v.f.Services[s.Cluster+"/"+s.Service] = found
	}
	return nil
}
