package switchover

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/fault"
)

// How long RDS Proxy is given to make a registered cluster AVAILABLE, and how
// long it may say AUTH_FAILURE before that is believed: a fresh target shows
// passing trouble (docs/aws.md §7.3).
const (
	proxyPatience = 20 * time.Minute
	authPatience  = 3 * time.Minute
)

// begun is when a move was begun, and what AWS calls what it began.
type begun struct {
	At     time.Time `json:"at"`
	Before string    `json:"before,omitempty"` // what was there
	ID     string    `json:"id,omitempty"`     // what AWS made: a deployment, a change, an execution
	Done   bool      `json:"done,omitempty"`
	Result string    `json:"result,omitempty"`
}

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
	key := startedKey(p, m, d)
	if _, err := s.ledger.Create(ctx, key, begun{At: s.Now().UTC()}); err != nil {
		return err
	}
	_, err := s.rds.RegisterDBProxyTargets(ctx, &rds.RegisterDBProxyTargetsInput{DBProxyName: &m.Name, DBClusterIdentifiers: []string{cluster}})
	// A writer in a passing state and a proxy that is changing are refused; the
	// next look tries again (docs/aws.md §7.3).
	if fault.HasCode(err, "DBProxyTargetAlreadyRegisteredFault", "InvalidDBInstanceState", "InvalidDBClusterStateFault", "InvalidDBProxyStateFault") {
		return s.overdue(ctx, key, m, cluster, err.Error())
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

// proxyReady looks at the writer's row. AWS's own samples carry no health on
// any row, so a writer without one counts as ready; logging in proves it.
func (s *step) proxyReady(ctx context.Context, p *Plan, m Move, d Direction, rows []rdstypes.DBProxyTarget) (bool, error) {
	said := "it has no writer yet"
	auth := false
	for _, r := range rows {
		if r.Type != rdstypes.TargetTypeRdsInstance || r.Role == rdstypes.TargetRoleReadOnly {
			continue
		}
		if r.TargetHealth == nil && r.Role == rdstypes.TargetRoleReadWrite || r.TargetHealth != nil && r.TargetHealth.State == rdstypes.TargetStateAvailable {
			return true, nil
		}
		if h := r.TargetHealth; h != nil {
			said = string(h.State) + " " + string(h.Reason) + " " + aws.ToString(h.Description)
			auth = h.Reason == rdstypes.TargetHealthReasonAuthFailure
		}
	}
	key := startedKey(p, m, d)
	if auth {
		return false, s.tooLong(ctx, key, m, authPatience, said,
			"the proxy's secret does not have the database's password: reset-credentials sets the secrets of clusters[].logins, so the proxy must use one of those")
	}
	_, to := m.ends(d)
	return false, s.overdue(ctx, key, m, to, said)
}

func (s *step) overdue(ctx context.Context, key string, m Move, cluster, said string) error {
	return s.tooLong(ctx, key, m, proxyPatience, said,
		"look at the target's health in the RDS console: the database's security groups must admit the proxy; "+cluster+" must be available")
}

// tooLong is an error once a move has been under way for longer than patience.
func (s *step) tooLong(ctx context.Context, key string, m Move, patience time.Duration, said, next string) error {
	var b begun
	_, found, err := s.ledger.Get(ctx, key, &b)
	if err != nil {
		return err
	}
	if !found { // it led there already; count from now
		_, err := s.ledger.Create(ctx, key, begun{At: s.Now().UTC()})
		return err
	}
	if s.Now().Sub(b.At) <= patience {
		return nil
	}
	return fault.New(fault.DeadlineExceeded, "move "+m.String(), m.Name, next, "not done after %s: %s", patience, said)
}
