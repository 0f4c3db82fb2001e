package discover

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
)

// network chooses where restored clusters live: the DB subnet group that the
// target's own clusters use most, else one that spans two zones. Security groups
// are those of its clusters there; no other API that init uses knows any.
func (l *look) network(ctx context.Context) error {
	n := &l.target.Network
	*n = config.Network{VPC: config.PlaceholderVPC, DBSubnetGroup: config.PlaceholderName,
		FunctionSubnets: []string{config.PlaceholderSubnet}, DatabaseSecurityGroups: []string{config.PlaceholderSecurityGroup}}
	groups, err := l.subnetGroups(ctx)
	if err != nil {
		return err
	}
	if len(groups) == 0 {
		l.leave("targets[0].network: account %s has no DB subnet group over two zones; fill in vpc, dbSubnetGroup and functionSubnets", l.target.Account)
	} else {
		g := groups[0]
		n.VPC, n.DBSubnetGroup, n.FunctionSubnets = aws.ToString(g.VpcId), aws.ToString(g.DBSubnetGroupName), oneAZone(g)
		l.chose("targets[0].network.dbSubnetGroup: %s in %s, of %d that would do; it has %d of the account's clusters", n.DBSubnetGroup, n.VPC, len(groups), l.clustersIn(n.DBSubnetGroup))
		l.chose("targets[0].network.functionSubnets: subnets of that group; they must reach the AWS APIs by NAT or VPC endpoints, which staging-ready proves")
	}
	l.securityGroups(n)
	return nil
}

// subnetGroups are those over two zones, those with the most clusters first.
func (l *look) subnetGroups(ctx context.Context) ([]rdstypes.DBSubnetGroup, error) {
	var out []rdstypes.DBSubnetGroup
	pages := rds.NewDescribeDBSubnetGroupsPaginator(rds.NewFromConfig(l.Target), &rds.DescribeDBSubnetGroupsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("list the DB subnet groups", l.target.Account, err)
		}
		for _, g := range page.DBSubnetGroups {
			if len(oneAZone(g)) >= 2 {
				out = append(out, g)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b rdstypes.DBSubnetGroup) int {
		return l.clustersIn(aws.ToString(b.DBSubnetGroupName)) - l.clustersIn(aws.ToString(a.DBSubnetGroupName))
	})
	return out, nil
}

func (l *look) clustersIn(group string) int {
	n := 0
	for _, c := range l.theirs {
		if aws.ToString(c.DBSubnetGroup) == group {
			n++
		}
	}
	return n
}

// oneAZone takes the first subnet of each zone.
func oneAZone(g rdstypes.DBSubnetGroup) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range g.Subnets {
		if s.SubnetAvailabilityZone == nil || seen[aws.ToString(s.SubnetAvailabilityZone.Name)] {
			continue
		}
		seen[aws.ToString(s.SubnetAvailabilityZone.Name)] = true
		out = append(out, aws.ToString(s.SubnetIdentifier))
	}
	return out
}

func (l *look) securityGroups(n *config.Network) {
	var found []string
	for _, c := range l.theirs {
		if aws.ToString(c.DBSubnetGroup) != n.DBSubnetGroup {
			continue
		}
		for _, g := range c.VpcSecurityGroups {
			if id := aws.ToString(g.VpcSecurityGroupId); !slices.Contains(found, id) {
				found = append(found, id)
			}
		}
	}
	if len(found) == 0 {
		l.leave("targets[0].network.databaseSecurityGroups: the groups that admit your applications to a restored cluster; no cluster of the account shows any")
		return
	}
	n.DatabaseSecurityGroups = found
	l.chose("targets[0].network.databaseSecurityGroups: those that the account's clusters in %s wear", n.DBSubnetGroup)
}
