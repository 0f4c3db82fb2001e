package survey

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/fault"
)

func (v *visit) subnetGroup(ctx context.Context) error {
	name := v.f.Target.Network.DBSubnetGroup
	out, err := v.rds.DescribeDBSubnetGroups(ctx, &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: &name})
	if fault.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fault.AWS("describe the DB subnet group", name, err)
	}
	g := out.DBSubnetGroups[0]
	zones := map[string]bool{}
	for _, sub := range g.Subnets {
		if sub.SubnetAvailabilityZone != nil {
			zones[aws.ToString(sub.SubnetAvailabilityZone.Name)] = true
		}
	}
	v.f.Subnets = &check.SubnetGroupFacts{Name: name, VPC: aws.ToString(g.VpcId), Zones: slices.Sorted(maps.Keys(zones))}
	return nil
}

// groups looks for the configured parameter groups.
func (v *visit) groups(ctx context.Context) error {
	v.f.Groups = map[string]check.GroupFacts{}
	for _, set := range v.f.Target.Clusters {
		if g := set.ParameterGroup; g != "" {
			family, err := v.clusterGroup(ctx, g)
			if err := v.noteGroup(g, family, err); err != nil {
				return err
			}
		}
		if g := set.InstanceParameterGroup; g != "" {
			family, err := v.instanceGroup(ctx, g)
			if err := v.noteGroup(g, family, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *visit) clusterGroup(ctx context.Context, name string) (family string, err error) {
	out, err := v.rds.DescribeDBClusterParameterGroups(ctx, &rds.DescribeDBClusterParameterGroupsInput{DBClusterParameterGroupName: &name})
	if err != nil || len(out.DBClusterParameterGroups) == 0 {
		return "", err
	}
	return aws.ToString(out.DBClusterParameterGroups[0].DBParameterGroupFamily), nil
}

func (v *visit) instanceGroup(ctx context.Context, name string) (family string, err error) {
	out, err := v.rds.DescribeDBParameterGroups(ctx, &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: &name})
	if err != nil || len(out.DBParameterGroups) == 0 {
		return "", err
	}
	return aws.ToString(out.DBParameterGroups[0].DBParameterGroupFamily), nil
}

func (v *visit) noteGroup(name, family string, err error) error {
	missing := fault.IsNotFound(err) || fault.HasCode(err, "DBParameterGroupNotFound")
	if err != nil && !missing {
		return fault.AWS("describe the parameter group", name, err)
	}
	v.f.Groups[name] = check.GroupFacts{Family: family, Missing: missing}
	if family != "" {
		v.f.Receives.Families[strings.ToLower(name)] = family
	}
	return nil
}

// engines are those that dbferry restores.
var engines = []string{"aurora-mysql", "aurora-postgresql"}

// offers reads which engine versions RDS offers here, and for which of them the
// configured instance classes.
func (v *visit) offers(ctx context.Context) error {
	if len(v.config.DataSet.Clusters) == 0 {
		return nil
	}
	classes := map[string]bool{}
	for _, set := range v.f.Target.Clusters {
		classes[set.InstanceClass] = set.InstanceClass != ""
	}
	for _, engine := range engines {
		if err := v.versions(ctx, engine); err != nil {
			return err
		}
		for _, class := range slices.Sorted(maps.Keys(classes)) {
			if !classes[class] {
				continue
			}
			if err := v.orderable(ctx, engine, class); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *visit) versions(ctx context.Context, engine string) error {
	pages := rds.NewDescribeDBEngineVersionsPaginator(v.rds, &rds.DescribeDBEngineVersionsInput{Engine: &engine})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fault.AWS("list the engine versions", engine, err)
		}
		for _, e := range page.DBEngineVersions {
			v.f.Receives.Versions[engine+" "+aws.ToString(e.EngineVersion)] = aws.ToString(e.DBParameterGroupFamily)
		}
	}
	return nil
}

func (v *visit) orderable(ctx context.Context, engine, class string) error {
	pages := rds.NewDescribeOrderableDBInstanceOptionsPaginator(v.rds, &rds.DescribeOrderableDBInstanceOptionsInput{Engine: &engine, DBInstanceClass: &class})
	found := map[string]bool{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fault.AWS("list the instance classes", engine, err)
		}
		for _, o := range page.OrderableDBInstanceOptions {
			found[aws.ToString(o.EngineVersion)] = true
		}
	}
	v.f.Receives.Classes[engine+" "+class] = slices.Sorted(maps.Keys(found))
	return nil
}

func (v *visit) quotas(ctx context.Context) error {
	out, err := v.rds.DescribeAccountAttributes(ctx, &rds.DescribeAccountAttributesInput{})
	if err != nil {
		return fault.AWS("read RDS's quotas", v.here.Account, err)
	}
	for _, q := range out.AccountQuotas {
		of := check.Quota{Used: int(aws.ToInt64(q.Used)), Limit: int(aws.ToInt64(q.Max))}
		switch aws.ToString(q.AccountQuotaName) {
		case "DBClusters":
			v.f.Receives.Clusters = of
		case "DBInstances":
			v.f.Receives.Instances = of
		}
	}
	return nil
}

// secretFacts looks whether every configured secret is there to stay; it never
// reads one.
func (v *visit) secretFacts(ctx context.Context) error {
	v.f.Secrets = map[string]check.SecretFacts{}
	for _, set := range v.f.Target.Clusters {
		wanted := []string{set.MasterSecret}
		for _, l := range set.Logins {
			wanted = append(wanted, l.Secret)
		}
		for _, name := range wanted {
			out, err := v.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &name})
			switch {
			case err == nil:
				v.f.Secrets[name] = check.SecretFacts{DeletesAt: aws.ToTime(out.DeletedDate)}
			case fault.IsNotFound(err), fault.IsDenied(err) && !v.Tolerant:
				// AWS does not know the ARN of a secret that is not there, and so
				// denies it to a role that may look at secrets of this name only.
				v.f.Secrets[name] = check.SecretFacts{Missing: true}
			default:
				return fault.AWS("look for the secret", name, err)
			}
		}
	}
	return nil
}

// rules lists the rules of the default bus. The API has no paginator.
func (v *visit) rules(ctx context.Context) error {
	in := &eventbridge.ListRulesInput{EventBusName: aws.String("default")}
	for {
		page, err := v.events.ListRules(ctx, in)
		if err != nil {
			return fault.AWS("list the rules of the default event bus", v.here.Account, err)
		}
		for _, r := range page.Rules {
			v.f.Rules = append(v.f.Rules, check.RuleFacts{Name: aws.ToString(r.Name), Pattern: aws.ToString(r.EventPattern), Disabled: r.State == "DISABLED"})
		}
		if page.NextToken == nil {
			return nil
		}
		in.NextToken = page.NextToken
	}
}
