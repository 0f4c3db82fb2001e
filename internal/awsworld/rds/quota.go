package rds

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// Names of the quotas as DescribeAccountAttributes gives them.
const (
	QuotaClusters  = "DBClusters"
	QuotaInstances = "DBInstances"
	QuotaSnapshots = "ManualClusterSnapshots"
	QuotaSubnets   = "DBSubnetGroups"
	QuotaGroups    = "DBClusterParameterGroups"
)

// maxCopies is how many snapshot copies may be in progress into an account
// (docs/aws.md §3).
const maxCopies = 5

// defaultQuotas are AWS's defaults (docs/aws.md §3). Snapshots of AWS Backup
// do not count.
func defaultQuotas() map[string]int64 {
	return map[string]int64{QuotaClusters: 40, QuotaInstances: 40, QuotaSnapshots: 100, QuotaSubnets: 50, QuotaGroups: 50}
}

// SetQuota changes a quota of an account.
func (s *Service) SetQuota(account, name string, limit int64) {
	s.account(account).quotas[name] = limit
}

func (a *account) used(quota string) int64 {
	switch quota {
	case QuotaClusters:
		return int64(len(a.clusters))
	case QuotaInstances:
		return int64(len(a.instances))
	case QuotaSubnets:
		return int64(len(a.subnetGroups))
	case QuotaGroups:
		return int64(len(a.clusterGroups))
	}
	n := int64(0)
	for _, sn := range a.snapshots {
		if sn.kind == manual {
			n++
		}
	}
	return n
}

func (a *account) full(quota string) bool { return a.used(quota) >= a.quotas[quota] }

func (s *Service) describeAccountAttributes(c *awsworld.Call, _ *rds.DescribeAccountAttributesInput) (*rds.DescribeAccountAttributesOutput, error) {
	a := s.account(c.Account.ID)
	out := &rds.DescribeAccountAttributesOutput{}
	for _, name := range []string{QuotaGroups, QuotaClusters, QuotaInstances, QuotaSubnets, QuotaSnapshots} {
		out.AccountQuotas = append(out.AccountQuotas, types.AccountQuota{
			AccountQuotaName: aws.String(name), Max: aws.Int64(a.quotas[name]), Used: aws.Int64(a.used(name)),
		})
	}
	return out, nil
}
