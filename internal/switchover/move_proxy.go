package switchover

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/fault"
)

// moveProxy converges a proxy's target on a cluster. A proxy has one cluster, so
// the old one is deregistered first; the new one is there when its writer is
// AVAILABLE.
func (s *step) moveProxy(ctx context.Context, p *Plan, m Move, d Direction) (bool, error) {
	from, to := m.ends(d)
	rows, err := s.targets(ctx, m.Name)
	if err != nil {
		return false, err
	}
	switch tracked := trackedCluster(rows); tracked {
	case to:
		if to == "" {
			return true, nil
		}
		return s.proxyReady(ctx, p, m, d, rows)
	case "":
		return false, s.register(ctx, p, m, d, to)
	case from:
		return false, s.deregister(ctx, m.Name, from)
	default:
		return false, fault.New(fault.NameTaken, "point proxy "+m.Name, m.Name,
			"find out who registered it; deregister it if it is not needed, then start again", "it leads to %s, which is neither %q nor %q", tracked, from, to)
	}
}

// targets are the rows of a proxy's only target group.
func (s *step) targets(ctx context.Context, proxy string) ([]rdstypes.DBProxyTarget, error) {
	var all []rdstypes.DBProxyTarget
	pages := rds.NewDescribeDBProxyTargetsPaginator(s.rds, &rds.DescribeDBProxyTargetsInput{DBProxyName: &proxy})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("look at the targets of proxy "+proxy, proxy, err)
		}
		all = append(all, page.Targets...)
	}
	return all, nil
}

func trackedCluster(rows []rdstypes.DBProxyTarget) string {
	for _, r := range rows {
		if r.Type == rdstypes.TargetTypeTrackedCluster {
			if id := aws.ToString(r.RdsResourceId); id != "" {
				return id
			}
			return aws.ToString(r.TrackedClusterId)
		}
	}
	return ""
}

func (s *step) register(ctx context.Context, p *Plan, m Move, d Direction, cluster string) error {
	if _, err := s.intend(ctx, p, startedKey(p, m, d), ""); err != nil {
		return err
	}
	_, err := s.rds.RegisterDBProxyTargets(ctx, &rds.RegisterDBProxyTargetsInput{DBProxyName: &m.Name, DBClusterIdentifiers: []string{cluster}})
	// A writer in a passing state and a proxy that is changing are refused; the
	// next look tries again (docs/aws.md §7.3).
	if fault.HasCode(err, "DBProxyTargetAlreadyRegisteredFault", "InvalidDBInstanceState", "InvalidDBClusterStateFault", "InvalidDBProxyStateFault") {
		return s.tooLong(ctx, p, m, d, proxyPatience, err.Error(), "look at the states of proxy "+m.Name+" and of the writer of "+cluster+" in the RDS console; both must be available")
	}
	return fault.AWS("register "+cluster+" with proxy "+m.Name, m.Name, err)
}

func (s *step) deregister(ctx context.Context, proxy, cluster string) error {
	_, err := s.rds.DeregisterDBProxyTargets(ctx, &rds.DeregisterDBProxyTargetsInput{DBProxyName: &proxy, DBClusterIdentifiers: []string{cluster}})
	if fault.HasCode(err, "DBProxyTargetNotFoundFault", "InvalidDBProxyStateFault") {
		return nil // the next look decides
	}
	return fault.AWS("deregister "+cluster+" from proxy "+proxy, proxy, err)
}
